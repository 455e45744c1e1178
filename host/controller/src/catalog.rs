//! What the router and delivery know of the user's objects: a snapshot, and the place where the current one lies.
//!
//! It must not know where Providers and Alerts come from, nor what is done with them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::future::BoxFuture;
use herald_core::alert::Alert;
use herald_core::event::ObjectReference;
use herald_core::matching::{AlertIndex, Labels};
use herald_core::provider::Provider;
use thiserror::Error;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout_at};

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

/// Reads the labels of an object that the catalog does not know.
pub trait LabelReader: Send + Sync {
    /// The labels of the object that an event is about.
    fn read<'a>(
        &'a self,
        object: &'a ObjectReference,
    ) -> BoxFuture<'a, Result<Arc<BTreeMap<String, String>>, UnreadableLabels>>;
}

/// Why labels are not to be had.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{reason}")]
pub struct UnreadableLabels {
    /// Why, for people.
    pub reason: String,
    /// Whether asking again would change nothing.
    pub is_final: bool,
}

/// The user's objects at one moment.
#[derive(Default)]
pub struct Catalog {
    /// Every Alert, also one whose Provider does not exist.
    pub alerts: Arc<AlertIndex>,
    /// Every Provider, also one that cannot be used.
    pub providers: HashMap<ProviderKey, Arc<Provider>>,
    /// Those of the Providers of which a Secret was not read yet.
    pub incomplete: HashSet<ProviderKey>,
    /// The labels that `matchLabels` looks at.
    pub objects: ObjectLabels,
}

/// The current [`Catalog`]; readers never wait.
pub struct CatalogStore {
    current: ArcSwap<Catalog>,
    revision: watch::Sender<u64>,
    demands: Option<mpsc::UnboundedSender<ProviderKey>>,
}

/// How long an attempt waits until its Provider is complete. What takes longer is a misconfigured attempt, which waits for
/// the Provider to change.
const COMPLETION: Duration = Duration::from_secs(10);

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

    /// The namespaces and names of the objects of a kind, in order.
    #[must_use]
    pub fn of_kind(&self, kind: &str) -> Vec<(&str, &str)> {
        let namespaces = self.kinds.get(kind).into_iter().flatten();
        let mut names: Vec<(&str, &str)> = namespaces
            .flat_map(|(namespace, names)| {
                names.keys().map(|name| (namespace.as_str(), name.as_str()))
            })
            .collect();
        names.sort_unstable();
        names
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
        Self {
            current: ArcSwap::from_pointee(catalog),
            revision: watch::Sender::new(0),
            demands: None,
        }
    }

    /// An empty store whose source reads Secrets when a Provider is used; the receiver tells it which those are.
    #[must_use]
    pub fn on_demand() -> (Self, mpsc::UnboundedReceiver<ProviderKey>) {
        let (demands, received) = mpsc::unbounded_channel();
        (Self { demands: Some(demands), ..Self::new(Catalog::default()) }, received)
    }

    /// The current catalog with all that this Provider needs, as far as that can be had within a few seconds.
    pub async fn load_complete(&self, key: &ProviderKey) -> Arc<Catalog> {
        let catalog = self.load();
        let Some(demands) = self.demands.as_ref().filter(|_| catalog.incomplete.contains(key))
        else {
            return catalog;
        };
        let mut revision = self.subscribe();
        let deadline = Instant::now() + COMPLETION;
        // Whoever follows the cluster ends only with the process.
        drop(demands.send(key.clone()));
        loop {
            let catalog = self.load();
            let is_over = !catalog.incomplete.contains(key)
                || !matches!(timeout_at(deadline, revision.changed()).await, Ok(Ok(())));
            if is_over {
                return self.load();
            }
        }
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

    #[tokio::test]
    async fn who_needs_a_provider_waits_until_it_is_complete() {
        let (store, mut demands) = CatalogStore::on_demand();
        let key = ProviderKey::new("apps", "slack");
        assert!(store.load_complete(&key).await.providers.is_empty());
        let incomplete = || Catalog { incomplete: [key.clone()].into(), ..Catalog::default() };
        store.replace(incomplete());
        let source = async {
            assert_eq!(demands.recv().await, Some(key.clone()));
            // Another change in between completes nothing.
            store.replace(incomplete());
            tokio::task::yield_now().await;
            store.replace(Catalog::default());
        };
        let (catalog, ()) = tokio::join!(store.load_complete(&key), source);
        assert!(catalog.incomplete.is_empty());
        assert!(demands.try_recv().is_err(), "it is asked for once");
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
