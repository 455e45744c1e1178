//! What the router and delivery know of the user's objects: a snapshot, and the place where the current one lies.
//!
//! It must not know where Providers and Alerts come from, nor what is done with them.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use herald_core::alert::Alert;
use herald_core::matching::{AlertIndex, Labels};
use herald_core::provider::Provider;
use thiserror::Error;
use tokio::sync::watch;

/// What names a Provider: its namespace and its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProviderKey {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// Why a text names no Provider.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the name of a Provider is written NAMESPACE/NAME, such as default/slack")]
pub struct ParseProviderKeyError;

/// The labels of the objects that events are about, as far as the source of objects knows them.
#[derive(Default)]
pub struct ObjectLabels {
    // By kind, namespace and name; nested, so that a lookup for an event copies no text.
    kinds: HashMap<String, HashMap<String, LabelsByName>>,
}

type LabelsByName = HashMap<String, BTreeMap<String, String>>;

/// The user's objects at one moment.
#[derive(Default)]
pub struct Catalog {
    /// Every Alert, also one whose Provider does not exist.
    pub alerts: AlertIndex,
    /// Every Provider, also one that cannot be used.
    pub providers: HashMap<ProviderKey, Arc<Provider>>,
    /// The labels that `matchLabels` looks at.
    pub objects: ObjectLabels,
}

/// The current [`Catalog`]; readers never wait.
pub struct CatalogStore {
    current: ArcSwap<Catalog>,
    revision: watch::Sender<u64>,
}

impl ProviderKey {
    /// The key of this name in this namespace.
    #[must_use]
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }

    /// The key of this Provider.
    #[must_use]
    pub fn of(provider: &Provider) -> Self {
        Self::new(provider.namespace.as_str(), provider.name.as_str())
    }

    /// The key of the Provider that this Alert names; it lies in the Alert's own namespace.
    #[must_use]
    pub fn named_by(alert: &Alert) -> Self {
        Self::new(alert.namespace.as_str(), alert.provider.as_str())
    }
}

impl fmt::Display for ProviderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

impl FromStr for ProviderKey {
    type Err = ParseProviderKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('/') {
            Some((namespace, name))
                if !namespace.is_empty() && !name.is_empty() && !name.contains('/') =>
            {
                Ok(Self::new(namespace, name))
            }
            _ => Err(ParseProviderKeyError),
        }
    }
}

impl ObjectLabels {
    /// Sets the labels of an object, which may have none.
    pub fn insert(
        &mut self,
        kind: &str,
        namespace: &str,
        name: &str,
        labels: BTreeMap<String, String>,
    ) {
        self.kinds
            .entry(kind.to_owned())
            .or_default()
            .entry(namespace.to_owned())
            .or_default()
            .insert(name.to_owned(), labels);
    }
}

impl Labels for ObjectLabels {
    fn labels(&self, kind: &str, namespace: &str, name: &str) -> Option<&BTreeMap<String, String>> {
        self.kinds.get(kind)?.get(namespace)?.get(name)
    }
}

impl Catalog {
    /// The Provider of this key.
    #[must_use]
    pub fn provider(&self, key: &ProviderKey) -> Option<&Arc<Provider>> {
        self.providers.get(key)
    }

    /// The Provider that this Alert names, if there is one.
    #[must_use]
    pub fn provider_of(&self, alert: &Alert) -> Option<&Arc<Provider>> {
        self.providers.get(&ProviderKey::named_by(alert))
    }
}

impl CatalogStore {
    /// A store that begins with `catalog`, as revision 0.
    #[must_use]
    pub fn new(catalog: Catalog) -> Self {
        Self { current: ArcSwap::from_pointee(catalog), revision: watch::Sender::new(0) }
    }

    /// The current catalog; who holds it keeps seeing it as it is.
    #[must_use]
    pub fn load(&self) -> Arc<Catalog> {
        self.current.load_full()
    }

    /// Puts `catalog` in place of the current one and tells every subscriber.
    pub fn replace(&self, catalog: Catalog) {
        self.current.store(Arc::new(catalog));
        self.revision.send_modify(|revision| *revision += 1);
    }

    /// Counts the replacements; whoever sees a change finds a catalog at least as new.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_written_as_namespace_and_name() {
        let key: ProviderKey = "flux-system/slack".parse().unwrap();
        assert_eq!(key, ProviderKey::new("flux-system", "slack"));
        assert_eq!(key.to_string(), "flux-system/slack");
        for text in ["", "slack", "/slack", "default/", "a/b/c"] {
            assert_eq!(text.parse::<ProviderKey>(), Err(ParseProviderKeyError), "{text}");
        }
    }

    #[test]
    fn a_replacement_is_seen_by_readers_and_subscribers() {
        let store = CatalogStore::new(Catalog::default());
        let before = store.load();
        let mut revision = store.subscribe();
        assert!(!revision.has_changed().unwrap());
        let mut catalog = Catalog::default();
        catalog.objects.insert("Kustomization", "apps", "podinfo", BTreeMap::new());
        store.replace(catalog);
        assert!(revision.has_changed().unwrap());
        assert_eq!(*revision.borrow_and_update(), 1);
        assert!(before.objects.labels("Kustomization", "apps", "podinfo").is_none());
        assert!(store.load().objects.labels("Kustomization", "apps", "podinfo").is_some());
    }
}
