//! What is known of the cluster: its Providers and Alerts, and the Secrets that Providers name. Pure: it asks nobody.
//!
//! Each Provider is made anew when its object or a Secret of it changes, and nothing else is; the catalog is put together
//! of what was made. It must not know how objects are watched or statuses are written.

mod faults;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use herald_core::alert::Alert;
use herald_core::matching::AlertIndex;
use herald_core::object_json::ObjectJson;
use herald_core::provider::Provider;

use self::faults::{fault_of_mistakes, fault_of_states, texts};
use super::crds::{AlertStatus, ProviderStatus};
use super::seen::{Meta, Seen};
use super::verdict::{Reason, Verdict};
use crate::catalog::{Catalog, ProviderKey as Key};
use crate::sources::Mistake;
use crate::sources::assemble::{Identities, assemble_provider};
use crate::sources::manifest::{ProviderObject, SecretObject};
use crate::sources::read::read_object;

/// All of it.
#[derive(Default)]
pub(super) struct Mirror {
    pub(super) providers: HashMap<Key, ProviderEntry>,
    pub(super) alerts: HashMap<Key, AlertEntry>,
    secrets: HashMap<Key, SecretEntry>,
    /// By Provider, the Alerts that name it.
    alerts_of: HashMap<Key, Vec<Key>>,
    index: Arc<AlertIndex>,
    is_index_old: bool,
    is_catalog_old: bool,
    identities: Identities,
}

/// A Provider.
pub(super) struct ProviderEntry {
    pub(super) meta: Meta,
    pub(super) status: ProviderStatus,
    /// None when its object has no spec.
    pub(super) provider: Option<Arc<Provider>>,
    /// What is wrong with it, as far as that shows without its module.
    pub(super) fault: Option<Verdict>,
    secrets: Vec<Key>,
}

/// An Alert.
pub(super) struct AlertEntry {
    pub(super) meta: Meta,
    pub(super) status: AlertStatus,
    /// None when it names no Provider.
    pub(super) alert: Option<Arc<Alert>>,
    /// What is wrong with its object.
    pub(super) fault: Option<Verdict>,
    /// What is wrong with it and does no harm to the rest, such as a pattern that does not compile.
    pub(super) warnings: Vec<String>,
    object: ObjectJson,
}

/// A Secret that at least one Provider names.
struct SecretEntry {
    users: Vec<Key>,
    state: SecretState,
}

/// What is known of a Secret.
pub(super) enum SecretState {
    /// Nobody asked for it yet.
    Unread,
    /// It is not there.
    Absent,
    /// The API server does not give it, and why.
    Unreadable(String),
    /// It is there.
    Known {
        /// What it holds.
        object: Box<SecretObject>,
        /// The resource version of what it holds.
        version: String,
    },
}

impl Mirror {
    /// One that knows nothing yet, of a cluster whose identities may be used like that.
    pub(super) fn new(identities: Identities) -> Self {
        Self { identities, ..Self::default() }
    }

    /// Takes over a Provider. Whether it, and not only its status, is another now.
    pub(super) fn put_provider(&mut self, seen: Seen<ProviderStatus>) -> bool {
        let Seen { key, meta, object, status } = seen;
        if let Some(entry) = self.providers.get_mut(&key)
            && entry.provider.as_ref().is_some_and(|provider| provider.json == object)
        {
            let is_asked_again = entry.meta.requested_at != meta.requested_at;
            (entry.meta, entry.status) = (meta, status);
            return is_asked_again;
        }
        let (object, mistakes) = read_provider(&object);
        let secrets = object.as_ref().map(|object| secrets_of(&key, object)).unwrap_or_default();
        let before = self.providers.remove(&key).map(|entry| entry.secrets).unwrap_or_default();
        for secret in &secrets {
            let entry = self
                .secrets
                .entry(secret.clone())
                .or_insert_with(|| SecretEntry { users: Vec::new(), state: SecretState::Unread });
            if !entry.users.contains(&key) {
                entry.users.push(key.clone());
            }
        }
        self.release(&key, before.iter().filter(|secret| !secrets.contains(secret)));
        let (provider, fault) = self.make(object, &secrets, &mistakes);
        self.providers.insert(key, ProviderEntry { meta, status, provider, fault, secrets });
        self.is_catalog_old = true;
        true
    }

    /// Forgets a Provider.
    pub(super) fn remove_provider(&mut self, key: &Key) {
        if let Some(entry) = self.providers.remove(key) {
            self.release(key, entry.secrets.iter());
            self.is_catalog_old = true;
        }
    }

    /// Takes over an Alert. Whether it, and not only its status, is another now.
    pub(super) fn put_alert(&mut self, seen: Seen<AlertStatus>) -> bool {
        let Seen { key, meta, object, status } = seen;
        if let Some(entry) = self.alerts.get_mut(&key)
            && entry.object() == &object
        {
            let is_asked_again = entry.meta.requested_at != meta.requested_at;
            (entry.meta, entry.status) = (meta, status);
            return is_asked_again;
        }
        let mut content = read_object(&object.value());
        let alert = content.objects.alerts.pop().map(|object| object.alert);
        let (warnings, mistakes): (Vec<Mistake>, Vec<Mistake>) =
            content.mistakes.into_iter().partition(|mistake| mistake.tolerated);
        let fault = (!mistakes.is_empty())
            .then(|| Verdict::of_problems(Reason::InvalidSpec, &texts(&mistakes)));
        // An Alert that was read has the object in it, and one copy is enough.
        let object = if alert.is_some() { ObjectJson::default() } else { object };
        let warnings = texts(&warnings);
        self.unlink_alert(&key);
        if let Some(alert) = &alert {
            self.alerts_of.entry(Key::named_by(alert)).or_default().push(key.clone());
        }
        let entry = AlertEntry { meta, status, alert, fault, warnings, object };
        self.alerts.insert(key, entry);
        (self.is_catalog_old, self.is_index_old) = (true, true);
        true
    }

    /// Forgets an Alert.
    pub(super) fn remove_alert(&mut self, key: &Key) {
        self.unlink_alert(key);
        if self.alerts.remove(key).is_some() {
            (self.is_catalog_old, self.is_index_old) = (true, true);
        }
    }

    /// The Alerts that name a Provider.
    pub(super) fn alerts_of(&self, provider: &Key) -> Vec<Key> {
        self.alerts_of.get(provider).cloned().unwrap_or_default()
    }

    fn unlink_alert(&mut self, key: &Key) {
        let alert = self.alerts.get(key).and_then(|entry| entry.alert.as_ref());
        if let Some(provider) = alert.map(|alert| Key::named_by(alert))
            && let Some(alerts) = self.alerts_of.get_mut(&provider)
        {
            alerts.retain(|alert| alert != key);
            if alerts.is_empty() {
                self.alerts_of.remove(&provider);
            }
        }
    }

    /// The Secrets that a Provider needs and nobody has read.
    pub(super) fn unread_of(&self, provider: &Key) -> Vec<Key> {
        let secrets = self.providers.get(provider).map(|entry| entry.secrets.as_slice());
        secrets
            .unwrap_or_default()
            .iter()
            .filter(|secret| self.is_unread(secret))
            .cloned()
            .collect()
    }

    /// The Secrets that a Provider names.
    pub(super) fn secrets_of(&self, provider: &Key) -> &[Key] {
        self.providers.get(provider).map(|entry| entry.secrets.as_slice()).unwrap_or_default()
    }

    /// All Secrets that some Provider needs and nobody has read.
    pub(super) fn unread(&self) -> Vec<Key> {
        let is_unread = |entry: &SecretEntry| matches!(entry.state, SecretState::Unread);
        self.secrets
            .iter()
            .filter(|(_, entry)| is_unread(entry))
            .map(|(key, _)| key.clone())
            .collect()
    }

    /// Whether what is known of a Secret is older than this version of it; none when it is not there.
    ///
    /// A Secret that nobody names or has asked for is not read because of a change.
    pub(super) fn is_outdated(&self, secret: &Key, version: Option<&str>) -> bool {
        match self.secrets.get(secret).map(|entry| &entry.state) {
            None | Some(SecretState::Unread) => false,
            Some(SecretState::Absent) => version.is_some(),
            Some(SecretState::Unreadable(_)) => true,
            Some(SecretState::Known { version: known, .. }) => version != Some(known.as_str()),
        }
    }

    /// The Secrets that were read and are not among `listed`.
    pub(super) fn gone_from<'a>(&'a self, listed: &'a BTreeSet<Key>) -> Vec<Key> {
        self.secrets
            .iter()
            .filter(|(key, entry)| {
                matches!(entry.state, SecretState::Known { .. }) && !listed.contains(key)
            })
            .map(|(key, _)| key.clone())
            .collect()
    }

    /// The Secrets that the API server does not give.
    pub(super) fn unreadable(&self) -> Vec<Key> {
        let is_unreadable = |entry: &SecretEntry| matches!(entry.state, SecretState::Unreadable(_));
        let secrets = self.secrets.iter().filter(|(_, entry)| is_unreadable(entry));
        secrets.map(|(key, _)| key.clone()).collect()
    }

    /// Takes over what was read of a Secret, and makes the Providers that name it anew. Which those are.
    pub(super) fn put_secret(&mut self, key: &Key, state: SecretState) -> Vec<Key> {
        let Some(entry) = self.secrets.get_mut(key) else { return Vec::new() };
        let is_better = matches!(entry.state, SecretState::Known { .. })
            && matches!(state, SecretState::Unreadable(_));
        if is_better || entry.state.is_same(&state) {
            return Vec::new();
        }
        entry.state = state;
        let users = entry.users.clone();
        for user in &users {
            let Some(provider) = self.providers.get(user).and_then(|entry| entry.provider.clone())
            else {
                continue;
            };
            let (object, mistakes) = read_provider(&provider.json);
            let secrets = self.secrets_of(user).to_vec();
            let (provider, fault) = self.make(object, &secrets, &mistakes);
            if let Some(entry) = self.providers.get_mut(user) {
                (entry.provider, entry.fault) = (provider, fault);
            }
        }
        self.is_catalog_old = true;
        users
    }

    /// The catalog, if it is another than the last one that was given out.
    pub(super) fn changed_catalog(&mut self) -> Option<Catalog> {
        if !std::mem::take(&mut self.is_catalog_old) {
            return None;
        }
        if std::mem::take(&mut self.is_index_old) {
            let alerts = self.alerts.values().filter_map(|entry| entry.alert.clone()).collect();
            self.index = Arc::new(AlertIndex::new(alerts));
        }
        let mut catalog = Catalog { alerts: Arc::clone(&self.index), ..Catalog::default() };
        for (key, entry) in &self.providers {
            if let Some(provider) = &entry.provider {
                catalog.providers.insert(key.clone(), Arc::clone(provider));
                if entry.secrets.iter().any(|secret| self.is_unread(secret)) {
                    catalog.incomplete.insert(key.clone());
                }
            }
        }
        Some(catalog)
    }

    /// How many Providers and Alerts have a fault.
    pub(super) fn n_faults(&self) -> usize {
        let providers = self.providers.values().filter(|entry| {
            entry.fault.as_ref().is_some_and(|fault| fault.reason != Reason::Progressing)
        });
        let alerts = self.alerts.values().filter(|entry| entry.fault.is_some());
        providers.count() + alerts.count()
    }

    /// Whether some Provider needs a Secret that is not known.
    pub(super) fn is_wanted(&self, secret: &Key) -> bool {
        self.secrets.get(secret).is_some_and(|entry| {
            matches!(entry.state, SecretState::Unread | SecretState::Unreadable(_))
        })
    }

    fn is_unread(&self, secret: &Key) -> bool {
        self.secrets.get(secret).is_some_and(|entry| matches!(entry.state, SecretState::Unread))
    }

    /// A Provider no longer names these Secrets. What nobody names is forgotten.
    fn release<'a>(&mut self, provider: &Key, secrets: impl Iterator<Item = &'a Key>) {
        for secret in secrets {
            if let Some(entry) = self.secrets.get_mut(secret) {
                entry.users.retain(|user| user != provider);
                if entry.users.is_empty() {
                    self.secrets.remove(secret);
                }
            }
        }
    }

    /// Makes a Provider of its object and what is known of its Secrets.
    fn make(
        &self,
        object: Option<ProviderObject>,
        secrets: &[Key],
        mistakes: &[Mistake],
    ) -> (Option<Arc<Provider>>, Option<Verdict>) {
        let problems: Vec<Mistake> =
            mistakes.iter().filter(|mistake| !mistake.tolerated).cloned().collect();
        let spec_fault = (!problems.is_empty())
            .then(|| Verdict::of_problems(Reason::InvalidSpec, &texts(&problems)));
        let Some(object) = object else { return (None, spec_fault) };
        let states: Vec<(&Key, &SecretState)> =
            secrets.iter().filter_map(|key| Some((key, &self.secrets.get(key)?.state))).collect();
        let known = states.iter().filter_map(|(_, state)| match state {
            SecretState::Known { object, .. } => Some(object.as_ref()),
            SecretState::Unread | SecretState::Absent | SecretState::Unreadable(_) => None,
        });
        let (mut provider, mistakes) = assemble_provider(&object, known, self.identities);
        let fault = spec_fault
            .or_else(|| fault_of_states(&states))
            .or_else(|| fault_of_mistakes(&mistakes));
        if let Some(fault) = &fault {
            // To say that a Secret is missing which was not looked for would be wrong.
            provider.problems = vec![fault.message.clone()];
        }
        (Some(Arc::new(provider)), fault)
    }
}

impl AlertEntry {
    /// The object that it was read from.
    pub(super) fn object(&self) -> &ObjectJson {
        self.alert.as_ref().map_or(&self.object, |alert| &alert.json)
    }
}

impl SecretState {
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Absent, Self::Absent) | (Self::Unread, Self::Unread) => true,
            (Self::Unreadable(this), Self::Unreadable(that)) => this == that,
            (Self::Known { version: this, .. }, Self::Known { version: that, .. }) => this == that,
            _ => false,
        }
    }
}

/// The Secret in an object of the API server, if that is one.
pub(super) fn read_secret(object: &serde_json::Value) -> Option<SecretObject> {
    read_object(object).objects.secrets.pop()
}

fn read_provider(object: &ObjectJson) -> (Option<ProviderObject>, Vec<Mistake>) {
    let mut content = read_object(&object.value());
    (content.objects.providers.pop(), content.mistakes)
}

/// The Secrets that a Provider names, each once.
fn secrets_of(key: &Key, object: &ProviderObject) -> Vec<Key> {
    let names: BTreeSet<&String> =
        [&object.secret, &object.cert_secret, &object.proxy_secret].into_iter().flatten().collect();
    names.into_iter().map(|name| Key::new(key.namespace.as_str(), name.as_str())).collect()
}

#[cfg(test)]
mod tests;
