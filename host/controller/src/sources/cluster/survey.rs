//! Reads a cluster once, to say what Herald would make of it: nothing is followed and nothing is written.
//!
//! It reads with the rights of whoever asks. It must not know what is said of the objects.

use std::collections::BTreeSet;

use kube::api::{ApiResource, DynamicObject, ListParams};
use kube::discovery;
use kube::discovery::ApiGroup;
use thiserror::Error;

use super::connection::{ConnectError, ConnectSettings, Connection};
use super::crds::GROUP;
use super::mirror::SecretState;
use super::secrets::{self, ReadSecret};
use super::watches::PAGE;
use crate::catalog::ProviderKey as Key;
use crate::sources::assemble::{Identities, Loaded, assemble};
use crate::sources::manifest::Objects;
use crate::sources::read::read_object;

/// What a cluster holds.
pub struct Survey {
    /// Its Providers, Alerts and those of their Secrets that could be read.
    pub loaded: Loaded,
    /// The namespaces and names of its Receivers.
    pub receivers: Vec<String>,
    /// Secrets that could not be read, and why.
    pub unread: Vec<String>,
}

/// Why a cluster cannot be read.
#[derive(Debug, Error)]
pub enum SurveyError {
    /// There is no way to it.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// Objects cannot be listed.
    #[error("cannot list the {kind}s of the cluster")]
    List {
        /// Of which kind.
        kind: &'static str,
        /// Why.
        #[source]
        source: kube::Error,
    },
    /// The cluster knows no Providers.
    #[error("the cluster has no Providers and Alerts of Flux, so there is nothing to migrate")]
    NoGroup(#[source] kube::Error),
}

/// Reads a cluster.
///
/// # Errors
/// There is no way to it, or its objects cannot be listed.
pub async fn survey(settings: &ConnectSettings) -> Result<Survey, SurveyError> {
    let connection = Connection::prepare(settings).await?;
    let group = discovery::group(&connection.client, GROUP).await.map_err(SurveyError::NoGroup)?;
    let mut objects = Objects::default();
    let mut mistakes = Vec::new();
    for kind in ["Provider", "Alert"] {
        for object in list(&connection, &group, kind).await? {
            let mut content = read_object(&object);
            objects.providers.append(&mut content.objects.providers);
            objects.alerts.append(&mut content.objects.alerts);
            mistakes.append(&mut content.mistakes);
        }
    }
    let receivers = list(&connection, &group, "Receiver").await?;
    let receivers = receivers
        .iter()
        .filter_map(|object| {
            let text = |pointer| object.pointer(pointer).and_then(serde_json::Value::as_str);
            Some(format!("{}/{}", text("/metadata/namespace")?, text("/metadata/name")?))
        })
        .collect();
    let mut unread = Vec::new();
    for key in named(&objects) {
        match secrets::read(&connection, &key).await {
            ReadSecret::Read(SecretState::Known { object, .. }) => objects.secrets.push(*object),
            // That it is missing is said of the Providers that name it.
            ReadSecret::Read(SecretState::Absent | SecretState::Unread) => {}
            ReadSecret::Read(SecretState::Unreadable(reason)) | ReadSecret::Later(reason) => {
                unread.push(format!("Secret {key}: {reason}"));
            }
        }
    }
    let loaded = assemble(std::iter::once(&objects), Identities::On, mistakes);
    Ok(Survey { loaded, receivers, unread })
}

/// The objects of a kind, in the newest version that the cluster serves of it; none when it does not know the kind.
async fn list(
    connection: &Connection,
    group: &ApiGroup,
    kind: &'static str,
) -> Result<Vec<serde_json::Value>, SurveyError> {
    // Not the group's own favourite version: of Flux's that has Receivers alone.
    let newest = group.resources_by_stability();
    let Some((resource, _)) = newest.into_iter().find(|(resource, _)| resource.kind == kind) else {
        return Ok(Vec::new());
    };
    let api = connection.ours_as(&resource);
    let mut objects = Vec::new();
    let mut params = ListParams::default().limit(PAGE);
    loop {
        let page = api.list(&params).await.map_err(|source| SurveyError::List { kind, source })?;
        let next = page.metadata.continue_.clone().filter(|token| !token.is_empty());
        objects.extend(page.items.into_iter().filter_map(|object| plain(object, &resource)));
        match next {
            Some(token) => params = params.continue_token(&token),
            None => return Ok(objects),
        }
    }
}

/// An object as a manifest would have it.
fn plain(mut object: DynamicObject, resource: &ApiResource) -> Option<serde_json::Value> {
    object.metadata.managed_fields = None;
    let mut value = serde_json::to_value(object).ok()?;
    let fields = value.as_object_mut()?;
    fields.insert("apiVersion".to_owned(), resource.api_version.clone().into());
    fields.insert("kind".to_owned(), resource.kind.clone().into());
    Some(value)
}

/// The Secrets that the Providers name, each once.
fn named(objects: &Objects) -> BTreeSet<Key> {
    let of_provider = |object: &crate::sources::manifest::ProviderObject| {
        let names = [&object.secret, &object.cert_secret, &object.proxy_secret];
        let namespace = object.id.namespace.clone();
        names
            .into_iter()
            .flatten()
            .map(|name| Key::new(namespace.as_str(), name.as_str()))
            .collect::<Vec<_>>()
    };
    objects.providers.iter().flat_map(of_provider).collect()
}
