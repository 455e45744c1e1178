//! What Herald keeps of an object of the cluster: nothing that it does not look at.
//!
//! It knows the shape of Kubernetes objects and two annotations of Flux. What a field of a spec means is judged where
//! objects are read.

use herald_core::object_json::ObjectJson;
use kube::api::{DynamicObject, TypeMeta};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::crds::{GROUP, STORED};
use crate::catalog::ProviderKey as Key;

/// Asks for an object to be looked at again.
pub(super) const REQUESTED_AT: &str = "reconcile.fluxcd.io/requestedAt";
/// What the peer puts on its objects, and nobody takes away once it is gone.
pub(super) const PEER_FINALIZER: &str = "finalizers.fluxcd.io";
/// The whole object once more, as kubectl left it; an expression that looks at annotations does not look at this one.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// An object as it was last seen.
#[derive(Clone, Debug)]
pub(super) struct Seen<S> {
    pub(super) key: Key,
    pub(super) meta: Meta,
    /// The object as the API server gave it, without status and what only the server needs.
    pub(super) object: ObjectJson,
    /// Its status; the default when it has none.
    pub(super) status: S,
}

/// What the reconcilers need of an object's metadata.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Meta {
    pub(super) uid: String,
    pub(super) generation: i64,
    /// The value of [`REQUESTED_AT`].
    pub(super) requested_at: Option<String>,
    pub(super) is_deleting: bool,
    pub(super) has_peer_finalizer: bool,
}

impl<S: DeserializeOwned + Default> Seen<S> {
    /// Takes what is needed from an object of this kind; none when it has no name.
    pub(super) fn of(kind: &str, object: DynamicObject) -> Option<Self> {
        let DynamicObject { metadata, mut data, .. } = object;
        let key = Key::new(metadata.namespace.clone()?, metadata.name.clone()?);
        let annotations = metadata.annotations.as_ref();
        let meta = Meta {
            uid: metadata.uid.clone().unwrap_or_default(),
            generation: metadata.generation.unwrap_or_default(),
            requested_at: annotations
                .and_then(|annotations| annotations.get(REQUESTED_AT))
                .filter(|value| !value.is_empty())
                .cloned(),
            is_deleting: metadata.deletion_timestamp.is_some(),
            has_peer_finalizer: metadata
                .finalizers
                .as_ref()
                .is_some_and(|finalizers| finalizers.iter().any(|name| name == PEER_FINALIZER)),
        };
        let status = data.get_mut("status").map(Value::take);
        // A status that somebody else wrote in another form is as good as none.
        let status = status.and_then(|status| serde_json::from_value(status).ok());
        let mut kept = Map::new();
        kept.insert("name".to_owned(), key.name.as_str().into());
        kept.insert("namespace".to_owned(), key.namespace.as_str().into());
        kept.insert("uid".to_owned(), meta.uid.as_str().into());
        if let Some(labels) = metadata.labels.filter(|labels| !labels.is_empty()) {
            kept.insert("labels".to_owned(), json!(labels));
        }
        if let Some(mut annotations) = metadata.annotations {
            annotations.remove(LAST_APPLIED);
            if !annotations.is_empty() {
                kept.insert("annotations".to_owned(), json!(annotations));
            }
        }
        let TypeMeta { api_version, .. } = type_meta(kind);
        let mut object = Map::new();
        object.insert("apiVersion".to_owned(), api_version.into());
        object.insert("kind".to_owned(), kind.into());
        object.insert("metadata".to_owned(), Value::Object(kept));
        if let Some(spec) = data.get_mut("spec").map(Value::take) {
            object.insert("spec".to_owned(), spec);
        }
        let object = ObjectJson::new(&Value::Object(object));
        Some(Self { key, meta, object, status: status.unwrap_or_default() })
    }
}

/// The type of one of our kinds, as it is read and written.
pub(super) fn type_meta(kind: &str) -> TypeMeta {
    TypeMeta { api_version: format!("{GROUP}/{STORED}"), kind: kind.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::super::crds::ProviderStatus;
    use super::*;

    fn seen(object: Value) -> Seen<ProviderStatus> {
        Seen::of("Provider", serde_json::from_value(object).unwrap()).unwrap()
    }

    #[test]
    fn what_only_the_server_needs_is_not_kept() {
        let seen = seen(json!({
            "apiVersion": "notification.toolkit.fluxcd.io/v1beta3",
            "kind": "Provider",
            "metadata": {
                "name": "slack", "namespace": "apps", "uid": "u", "generation": 3, "resourceVersion": "7",
                "labels": {"team": "a"},
                "annotations": {
                    "kubectl.kubernetes.io/last-applied-configuration": "{}",
                    "reconcile.fluxcd.io/requestedAt": "now",
                },
                "finalizers": ["finalizers.fluxcd.io"],
                "managedFields": [{"manager": "kubectl"}],
            },
            "spec": {"type": "slack"},
            "status": {"observedGeneration": 2},
        }));
        assert_eq!(
            seen.object.value(),
            json!({
                "apiVersion": "notification.toolkit.fluxcd.io/v1beta3",
                "kind": "Provider",
                "metadata": {
                    "name": "slack", "namespace": "apps", "uid": "u", "labels": {"team": "a"},
                    "annotations": {"reconcile.fluxcd.io/requestedAt": "now"},
                },
                "spec": {"type": "slack"},
            })
        );
        assert_eq!(seen.status.observed_generation, Some(2));
        let expected = Meta {
            uid: "u".to_owned(),
            generation: 3,
            requested_at: Some("now".to_owned()),
            is_deleting: false,
            has_peer_finalizer: true,
        };
        assert_eq!(seen.meta, expected);
    }

    #[test]
    fn a_status_of_another_form_counts_as_none() {
        let seen = seen(json!({
            "metadata": {"name": "slack", "namespace": "apps", "deletionTimestamp": "2026-01-01T00:00:00Z"},
            "status": {"conditions": "none"},
        }));
        assert_eq!(seen.status, ProviderStatus::default());
        assert!(seen.meta.is_deleting);
        assert_eq!(seen.object.value().get("spec"), None);
    }
}
