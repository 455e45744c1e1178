//! Joins the objects of all places into one catalog and finds what does not fit together.
//!
//! It must not know where objects come from: the same rules hold for a folder and for a cluster.

mod connection;
mod modules;
mod wiring;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use herald_core::alert::Alert;
use herald_core::floods::Floods;
use herald_core::matching::AlertIndex;
use herald_core::object_json::ObjectJson;
use herald_core::provider::Provider;

use super::Mistake;
use super::manifest::{
    AlertObject, Declared, ObjectId, Objects, Origin, ProviderObject, SecretObject,
};
use super::nearest::did_you_mean;
use crate::catalog::{Catalog, ProviderKey};
pub use modules::ModuleWanted;

/// What was read, and what is wrong with it.
pub struct Loaded {
    /// All that can be used, and with it what waits for a correction.
    pub catalog: Catalog,
    /// Every mistake, sorted by file and line.
    pub mistakes: Vec<Mistake>,
    /// The modules that are asked for.
    pub modules: Vec<ModuleWanted>,
    origins: HashMap<ProviderKey, (String, u64)>,
    /// Where those Alerts were written, by uid, that have annotations of Herald's own.
    annotated: HashMap<String, (ObjectId, Origin)>,
}

impl Loaded {
    /// The file and line of a Provider, for a later check that finds fault with it.
    #[must_use]
    pub fn origin(&self, key: &ProviderKey) -> Option<(String, u64)> {
        self.origins.get(key).cloned()
    }

    /// What a later check finds wrong with an annotation of an Alert.
    #[must_use]
    pub fn mistake_in_annotation(
        &self,
        alert: &Alert,
        name: &str,
        message: &str,
    ) -> Option<Mistake> {
        let (id, origin) = self.annotated.get(&alert.uid)?;
        let field = format!("metadata.annotations[{name}]");
        Some(origin.mistake(id, &field, message.to_owned()))
    }
}

/// Whether Providers may use the identities of ServiceAccounts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Identities {
    /// There is no cluster that could give them.
    #[default]
    None,
    /// Whoever runs Herald does not allow it.
    Off,
    /// They may.
    On,
}

impl Identities {
    /// What to say of a Provider that names a ServiceAccount; none when it may.
    fn refusal(self) -> Option<&'static str> {
        match self {
            Self::None => Some(
                "only a cluster gives identities to ServiceAccounts; remove it, and put the credentials into the Secret that `spec.secretRef` names, or start Herald with an identity in its environment",
            ),
            Self::Off => Some(
                "is not allowed here: start Herald with --feature-gates=ObjectLevelWorkloadIdentity=true and the rights of deploy/kustomize/workload-identity, or remove it and put the credentials into the Secret that `spec.secretRef` names",
            ),
            Self::On => None,
        }
    }
}

/// The Secrets by namespace and name.
struct Secrets<'a>(HashMap<(&'a str, &'a str), &'a SecretObject>);

impl<'a> Secrets<'a> {
    fn get(&self, namespace: &str, name: &str) -> Option<&'a SecretObject> {
        self.0.get(&(namespace, name)).copied()
    }
}

/// Joins the objects; `mistakes` are those that were found when they were read.
///
/// Of an object that is declared twice the first counts, in the order of `places`.
pub(crate) fn assemble<'a>(
    places: impl Iterator<Item = &'a Objects> + Clone,
    identities: Identities,
    mut mistakes: Vec<Mistake>,
) -> Loaded {
    let secrets = declared(places.clone().flat_map(|place| &place.secrets), &mut mistakes);
    let secrets = Secrets(
        secrets
            .into_iter()
            .map(|secret| ((secret.id.namespace.as_str(), secret.id.name.as_str()), secret))
            .collect(),
    );
    let modules = declared(places.clone().flat_map(|place| &place.modules), &mut mistakes);
    let config_maps = places.clone().flat_map(|place| &place.config_maps);
    let modules = modules::wanted(&modules, &secrets, config_maps);
    let objects = declared(places.clone().flat_map(|place| &place.providers), &mut mistakes);
    let mut catalog = Catalog::default();
    let mut origins = HashMap::new();
    let mut uids: HashMap<&str, &ProviderObject> = HashMap::new();
    for object in &objects {
        let mut provider = wiring::wire(object, &secrets, identities, &mut mistakes);
        if let Some(first) = uids.get(object.uid.as_str()) {
            mistakes.push(shared_uid(*object, *first));
            provider.uid = object.id.derived_uid();
            set_uid(&mut provider.json, &provider.uid);
        } else {
            uids.insert(&object.uid, object);
        }
        let key = ProviderKey::of(&provider);
        if let Some(line) = object.origin.line {
            origins.insert(key.clone(), (object.origin.file.as_ref().to_owned(), line));
        }
        catalog.providers.insert(key, Arc::new(provider));
    }
    let alerts = declared(places.clone().flat_map(|place| &place.alerts), &mut mistakes);
    let distinct = distinct_alerts(&alerts, &objects, &mut mistakes);
    let annotated = alerts
        .iter()
        .zip(&distinct)
        .filter(|(_, alert)| alert.floods != Floods::default())
        .map(|(object, alert)| (alert.uid.clone(), (object.id.clone(), object.origin.clone())))
        .collect();
    catalog.alerts = Arc::new(AlertIndex::new(distinct));
    for object in places.flat_map(|place| &place.labelled) {
        catalog.objects.insert(
            &object.kind,
            &object.namespace,
            &object.name,
            object.labels.clone(),
        );
    }
    mistakes.sort();
    // Two Providers with one Secret find the same fault in it.
    mistakes.dedup();
    Loaded { catalog, mistakes, modules, origins, annotated }
}

/// Makes one Provider of its object and those of its Secrets that there are.
///
/// A Secret that is not among them is said to be missing. Others of the same namespace need not be known.
pub(crate) fn assemble_provider<'a>(
    object: &ProviderObject,
    secrets: impl Iterator<Item = &'a SecretObject>,
    identities: Identities,
) -> (Provider, Vec<Mistake>) {
    let secrets = Secrets(
        secrets
            .map(|secret| ((secret.id.namespace.as_str(), secret.id.name.as_str()), secret))
            .collect(),
    );
    let mut mistakes = Vec::new();
    let provider = wiring::wire(object, &secrets, identities, &mut mistakes);
    (provider, mistakes)
}

/// The objects whose name was not taken before.
fn declared<'a, T: Declared>(
    objects: impl Iterator<Item = &'a T>,
    mistakes: &mut Vec<Mistake>,
) -> Vec<&'a T> {
    let mut first = HashMap::new();
    let mut kept = Vec::new();
    for object in objects {
        match first.entry(object.id()) {
            Entry::Vacant(vacant) => {
                vacant.insert(object);
                kept.push(object);
            }
            Entry::Occupied(taken) => {
                let message = format!(
                    "is declared a second time, first at {}; remove or rename one of the two",
                    taken.get().origin()
                );
                mistakes.push(object.origin().mistake(object.id(), "metadata.name", message));
            }
        }
    }
    kept
}

/// The Alerts in their order, each with a uid of its own, also those whose Provider does not exist.
fn distinct_alerts(
    objects: &[&AlertObject],
    providers: &[&ProviderObject],
    mistakes: &mut Vec<Mistake>,
) -> Vec<Arc<Alert>> {
    let by_name: HashMap<(&str, &str), &ProviderObject> = providers
        .iter()
        .map(|object| ((object.id.namespace.as_str(), object.id.name.as_str()), *object))
        .collect();
    let mut uids: HashMap<&str, &AlertObject> = HashMap::new();
    let mut alerts = Vec::new();
    for object in objects {
        let alert = &object.alert;
        if !by_name.contains_key(&(alert.namespace.as_str(), alert.provider.as_str())) {
            let message = missing_provider(alert, providers);
            mistakes.push(object.origin.mistake(&object.id, "spec.providerRef.name", message));
        }
        if let Some(first) = uids.get(alert.uid.as_str()) {
            // Deliveries are told apart by the Alert's uid, so those of the second would pass for those of the first.
            mistakes.push(shared_uid(*object, *first));
            let mut alert = Alert { uid: object.id.derived_uid(), ..Alert::clone(alert) };
            set_uid(&mut alert.json, &alert.uid);
            alerts.push(Arc::new(alert));
        } else {
            uids.insert(&alert.uid, object);
            alerts.push(Arc::clone(alert));
        }
    }
    alerts
}

/// In a cluster a uid cannot be given, so one that was copied along with an object does no harm there.
fn shared_uid<T: Declared>(object: &T, first: &T) -> Mistake {
    let message = format!(
        "is also the uid of {} at {}, so one made of the name is used; remove it",
        first.id(),
        first.origin()
    );
    let mistake = object.origin().mistake(object.id(), "metadata.uid", message);
    Mistake { tolerated: true, ..mistake }
}

fn set_uid(object: &mut ObjectJson, uid: &str) {
    let mut value = object.value();
    if let Some(metadata) = value.get_mut("metadata").and_then(serde_json::Value::as_object_mut) {
        metadata.insert("uid".to_owned(), uid.into());
    }
    *object = ObjectJson::new(&value);
}

fn missing_provider(alert: &Alert, providers: &[&ProviderObject]) -> String {
    let known =
        providers.iter().map(|object| (object.id.namespace.as_str(), object.id.name.as_str()));
    missing("Provider", &alert.namespace, &alert.provider, known)
}

/// What to say of a reference that leads nowhere; `known` are the namespaces and names that there are.
fn missing<'a>(
    kind: &str,
    namespace: &str,
    name: &str,
    known: impl Iterator<Item = (&'a str, &'a str)> + Clone,
) -> String {
    let here = known.clone().filter(|(other, _)| *other == namespace).map(|(_, name)| name);
    // The smallest, so that the text does not change from one reading to the next.
    let elsewhere = known.filter(|(_, other)| *other == name).map(|(namespace, _)| namespace).min();
    let advice = match (did_you_mean(name, here), elsewhere) {
        (Some(guess), _) => guess,
        (None, Some(elsewhere)) => {
            format!(
                "the one in namespace `{elsewhere}` cannot be used from `{namespace}`; move one of the two"
            )
        }
        (None, None) => "add it or correct the name".to_owned(),
    };
    format!("there is no {kind} {namespace}/{name}; {advice}")
}
