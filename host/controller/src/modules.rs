//! The modules that decide payloads, by provider type.
//!
//! Built-in modules are part of the binary and loaded when they are needed, others come from a folder or from objects.
//! Each type has a line of revisions. Whoever makes an attempt takes those that are current then; a change is one pointer
//! store, and attempts under way finish on what they took.

mod admission;
mod book;
mod builtin;
pub mod compiler;
pub(crate) mod disclosure;
pub mod folder;
pub mod grants;
mod lineage;
mod masks;
mod record;
mod revisions;
mod shadow;
mod store;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use arc_swap::ArcSwap;
use herald_core::formatter::Permission;
use herald_core::provider::{Fallback, Provider};
use herald_core::rollout::Rollout;
use herald_engine::{Engine, Limits, LoadError, Module, StartEngineError};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use thiserror::Error;
use tokio::sync::watch;

use self::book::Book;
use self::grants::Grant;
use self::lineage::Lineage;
use crate::egress::{AddressSeen, Mask};
use crate::telemetry::report;
use masks::Masks;

pub use admission::{Admission, Examine, MAX_MODULE_BYTES, RefuseModuleError};
pub use lineage::RevisionError;
pub use record::Record;
pub use store::{OpenStoreError, Store};

pub(crate) use admission::{Candidate, is_type};
pub(crate) use record::Verdict;
pub(crate) use shadow::{Said, is_its_own};

/// Where a module came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Source {
    /// It is part of the binary.
    BuiltIn,
    /// It was read from this file.
    File(PathBuf),
    /// An object names it.
    Object {
        /// The object.
        name: String,
    },
}

impl Source {
    /// The name that people see.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Source::BuiltIn => "built in".to_owned(),
            Source::File(path) => path.display().to_string(),
            Source::Object { name } => format!("ProviderModule {name}"),
        }
    }
}

/// A module that is ready to be called.
pub struct Loaded {
    /// The provider type that it serves, such as `slack`.
    pub kind: String,
    /// The module itself.
    pub module: Module,
    /// Where it came from.
    pub source: Source,
    /// What it may have beyond secrets in headers and signatures; of a built-in one, nothing is written down.
    pub grants: BTreeSet<Grant>,
    /// What it may have less of than others.
    pub limits: Limits,
    /// What became of its calls.
    pub record: Record,
    /// When its code was there and it was to be linked.
    pub(crate) compiled_at: Option<Instant>,
}

impl Loaded {
    /// A module without grants of its own, not called yet.
    #[must_use]
    pub fn new(kind: String, module: Module, source: Source) -> Self {
        let (grants, limits, record) = (BTreeSet::new(), Limits::default(), Record::default());
        Self { kind, module, source, grants, limits, record, compiled_at: None }
    }

    /// What there is to say about it, for people and programs.
    #[must_use]
    pub fn described(&self) -> Value {
        let module = &self.module;
        let description = module.description();
        let permissions: Vec<_> =
            module.permissions().iter().map(|permission| permission.name()).collect();
        let secrets: Vec<String> = description
            .secrets
            .iter()
            .map(|placement| {
                let places: Vec<String> =
                    placement.places.iter().map(|place| place.to_string()).collect();
                format!("{} ({})", placement.key, places.join(", "))
            })
            .collect();
        json!({
            "type": self.kind,
            "summary": description.summary,
            "purpose": description.purpose.name(),
            "source": self.source.name(),
            "interface": module.interface(),
            "permissions": permissions,
            "hosts": description.hosts,
            "secrets": secrets,
            "credentials": description.credentials,
            "size": module.size(),
            "digest": module.digest(),
        })
    }
}

/// All modules, by type.
///
/// A built-in module is compiled when the first Provider needs it, as most installations use three types of thirty.
pub struct Modules {
    engine: Engine,
    store: Option<Store>,
    /// How many revisions of a type stay loaded besides the one that serves.
    keep: usize,
    by_type: Arc<ArcSwap<BTreeMap<String, Lineage>>>,
    /// Built-in modules that serve in the place of others that cannot.
    spares: ArcSwap<BTreeMap<String, Arc<Loaded>>>,
    /// By type, the namespaces whose Providers may use it, where that is not all.
    allowed: ArcSwap<BTreeMap<String, Vec<String>>>,
    book: Arc<Mutex<Book>>,
    changes: watch::Sender<u64>,
    masks: Masks,
}

/// A module that cannot be loaded.
#[derive(Debug, Error)]
#[error("cannot load the module for the type {kind}")]
pub struct LoadModuleError {
    /// The type.
    pub kind: String,
    /// Which step failed.
    #[source]
    pub source: LoadError,
}

/// The component of a built-in type, as it could stand in a folder.
#[must_use]
pub fn built_in(kind: &str) -> Option<&'static [u8]> {
    builtin::MODULES.iter().find(|(name, _)| *name == kind).map(|(_, wasm)| *wasm)
}

/// An engine with the limits of the house.
///
/// # Errors
/// WebAssembly does not run on this machine.
pub fn engine() -> Result<Engine, StartEngineError> {
    Engine::new(herald_engine::Settings::default())
}

/// How many revisions of a type stay loaded besides the one that serves, unless somebody says otherwise.
pub const KEEP_REVISIONS: usize = 3;

impl Modules {
    /// Knows the built-in modules and has none of them loaded.
    #[must_use]
    pub fn new(engine: Engine) -> Self {
        Self {
            engine,
            store: None,
            keep: KEEP_REVISIONS,
            by_type: Arc::default(),
            spares: ArcSwap::default(),
            allowed: ArcSwap::default(),
            book: Arc::default(),
            changes: watch::Sender::new(0),
            masks: Masks::default(),
        }
    }

    /// The same, and remembers over a restart what became of revisions.
    #[must_use]
    pub fn kept_in(self, store: Store, keep: usize) -> Self {
        let book = Arc::new(Mutex::new(Book::open(store.dir())));
        Self { store: Some(store), keep, book, ..self }
    }

    /// Loads the built-in modules of these types that have none yet; types that there are not are passed over. Whoever
    /// makes a catalog current has called this for its types, so that an attempt finds its module.
    ///
    /// # Errors
    /// Names the first type whose module does not load.
    pub async fn load<'a>(
        &self,
        kinds: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), LoadModuleError> {
        let kinds: BTreeSet<&str> = kinds.into_iter().collect();
        let missing = kinds.into_iter().filter(|kind| self.get(kind).is_none());
        let loads = missing.filter_map(|kind| Some(self.load_built_in(kind, built_in(kind)?)));
        for loaded in futures_util::future::try_join_all(loads).await? {
            let (kind, loaded) = (loaded.kind.clone(), Arc::new(loaded));
            self.edit(|by_type| {
                let lineage = by_type.entry(kind.clone()).or_default();
                // Another may have been faster, or a file may have come in between.
                if lineage.active().is_none() {
                    lineage.offer(Arc::clone(&loaded), Rollout::default(), Timestamp::now());
                }
            });
        }
        Ok(())
    }

    async fn load_built_in(
        &self,
        kind: &str,
        wasm: &'static [u8],
    ) -> Result<Loaded, LoadModuleError> {
        let failed = |source| LoadModuleError { kind: kind.to_owned(), source };
        let kept = match &self.store {
            Some(store) => store.code(&herald_engine::digest(wasm)).await,
            None => None,
        };
        let compiled = match (kept, &self.store) {
            (Some(compiled), _) => compiled,
            (None, Some(store)) => {
                let compiled = self.engine.compile(wasm.to_vec()).await.map_err(failed)?;
                store.keep_code(compiled).await
            }
            (None, None) => self.engine.compile(wasm.to_vec()).await.map_err(failed)?,
        };
        // Bundled modules come granted: they were read with the code that runs them.
        let module = self.engine.load_compiled(compiled, &[Permission::FullAddress]).await;
        Ok(Loaded::new(kind.to_owned(), module.map_err(failed)?, Source::BuiltIn))
    }

    /// The built-in module that a Provider allows in the place of one that cannot format an event.
    pub(crate) async fn fallback(&self, provider: &Provider) -> Option<Arc<Loaded>> {
        let kind = match provider.fallback? {
            Fallback::BuiltIn => provider.kind.as_str(),
            Fallback::Generic => "generic",
        };
        if let Some(spare) = self.spares.load().get(kind) {
            return Some(Arc::clone(spare));
        }
        let spare = match self.load_built_in(kind, built_in(kind)?).await {
            Ok(loaded) => Arc::new(loaded),
            Err(err) => {
                tracing::error!("there is no fallback: {}", report(&err));
                return None;
            }
        };
        self.spares.rcu(|spares| {
            let mut spares = BTreeMap::clone(spares);
            spares.insert(kind.to_owned(), Arc::clone(&spare));
            spares
        });
        Some(spare)
    }

    /// Tells of every change of what serves.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// The current module of a type, if it is loaded.
    #[must_use]
    pub fn get(&self, kind: &str) -> Option<Arc<Loaded>> {
        let by_type = self.by_type.load();
        by_type.get(kind)?.active().map(|active| Arc::clone(&active.loaded))
    }

    /// Everything wrong with a Provider that its module can tell without an event.
    pub async fn check(&self, provider: &Arc<Provider>) -> Vec<String> {
        if let Err(err) = self.load([provider.kind.as_str()]).await {
            return vec![report(&err)];
        }
        let Some(loaded) = self.get(&provider.kind) else {
            let known = self.types().join(", ");
            return vec![format!(
                "spec.type: there is no module for the type {}; there are: {known}",
                provider.kind
            )];
        };
        if let Some(problem) = self.forbids(&provider.kind, &provider.namespace) {
            return vec![problem];
        }
        let mask = self.mask(provider);
        let problems = loaded.module.config_schema().problems(&provider.config);
        if !problems.is_empty() {
            // The module relies on it, so it is not asked.
            return problems.iter().map(|problem| mask.text(problem)).collect();
        }
        let disclosure = disclosure::of(provider, Arc::clone(&mask));
        match loaded.module.check(&provider.view(), disclosure).await {
            Ok(problems) => problems.iter().map(|problem| mask.text(problem)).collect(),
            Err(err) => {
                vec![format!("the module for the type {} failed: {}", provider.kind, report(&err))]
            }
        }
    }

    /// The mask for what a Provider's module, and whoever reads of its deliveries, may see. It is kept until the Provider
    /// or a Secret of it changes.
    #[must_use]
    pub fn mask(&self, provider: &Provider) -> Arc<Mask> {
        let loaded = self.get(&provider.kind);
        let whole = loaded
            .is_some_and(|loaded| loaded.module.permissions().contains(&Permission::FullAddress));
        self.masks.of(provider, if whole { AddressSeen::Whole } else { AddressSeen::Origin })
    }

    /// The types that there are, loaded or not, sorted.
    #[must_use]
    pub fn types(&self) -> Vec<String> {
        let by_type = self.by_type.load();
        let loaded = by_type.iter().filter(|(_, lineage)| lineage.active().is_some());
        let built_in = builtin::MODULES.iter().map(|(kind, _)| (*kind).to_owned());
        let types: BTreeSet<String> =
            built_in.chain(loaded.map(|(kind, _)| kind.clone())).collect();
        types.into_iter().collect()
    }

    /// All modules that serve now, sorted by type.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Loaded>> {
        let by_type = self.by_type.load();
        let active = by_type.values().filter_map(Lineage::active);
        active.map(|active| Arc::clone(&active.loaded)).collect()
    }
}
