//! The modules that decide payloads, by provider type.
//!
//! Built-in modules are part of the binary and loaded when they are needed, others come from a folder. Whoever makes an
//! attempt takes the module that is current then; a module is replaced by one pointer store, and attempts under way
//! finish on the old one.

mod builtin;
pub mod compiler;
pub(crate) mod disclosure;
pub mod folder;
pub mod grants;
mod masks;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use herald_core::formatter::Permission;
use herald_core::provider::Provider;
use herald_engine::{Engine, LoadError, Module, StartEngineError};
use serde_json::{Value, json};
use thiserror::Error;
use tokio::sync::watch;

use crate::egress::{AddressSeen, Mask};
use crate::telemetry::report;
use masks::Masks;

/// Where a module came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// It is part of the binary.
    BuiltIn,
    /// It was read from this file.
    File(PathBuf),
}

impl Source {
    /// The name that people see.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Source::BuiltIn => "built in".to_owned(),
            Source::File(path) => path.display().to_string(),
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
}

impl Loaded {
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
    by_type: ArcSwap<BTreeMap<String, Arc<Loaded>>>,
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

impl Modules {
    /// Knows the built-in modules and has none of them loaded.
    #[must_use]
    pub fn new(engine: Engine) -> Self {
        let by_type = ArcSwap::default();
        Self { engine, by_type, changes: watch::Sender::new(0), masks: Masks::default() }
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
            let loaded = Arc::new(loaded);
            // Another may have been faster, or a file may have come in between.
            self.edit(|by_type| {
                by_type.entry(loaded.kind.clone()).or_insert_with(|| Arc::clone(&loaded));
            });
        }
        Ok(())
    }

    async fn load_built_in(
        &self,
        kind: &str,
        wasm: &'static [u8],
    ) -> Result<Loaded, LoadModuleError> {
        // Bundled modules come granted: they were read with the code that runs them.
        let module = self.engine.load(wasm.to_vec(), &[Permission::FullAddress]).await;
        let kind = kind.to_owned();
        match module {
            Ok(module) => Ok(Loaded { kind, module, source: Source::BuiltIn }),
            Err(source) => Err(LoadModuleError { kind, source }),
        }
    }

    /// Gives a type another module. Attempts under way finish on the one that they took.
    pub(crate) fn replace(&self, loaded: Loaded) {
        let loaded = Arc::new(loaded);
        self.change(|by_type| {
            by_type.insert(loaded.kind.clone(), Arc::clone(&loaded));
        });
    }

    /// Gives a type its built-in module back, or takes it away when there is none. Whether that changed anything.
    ///
    /// # Errors
    /// The built-in module does not load; the type keeps the one that it has.
    pub(crate) async fn restore(&self, kind: &str) -> Result<bool, LoadModuleError> {
        if self.get(kind).is_none_or(|loaded| loaded.source == Source::BuiltIn) {
            return Ok(false);
        }
        let built_in = match built_in(kind) {
            Some(wasm) => Some(Arc::new(self.load_built_in(kind, wasm).await?)),
            None => None,
        };
        self.change(|by_type| {
            match &built_in {
                Some(built_in) => by_type.insert(kind.to_owned(), Arc::clone(built_in)),
                None => by_type.remove(kind),
            };
        });
        Ok(true)
    }

    fn change(&self, edit: impl Fn(&mut BTreeMap<String, Arc<Loaded>>)) {
        self.edit(edit);
        self.changes.send_modify(|changes| *changes += 1);
    }

    fn edit(&self, edit: impl Fn(&mut BTreeMap<String, Arc<Loaded>>)) {
        self.by_type.rcu(|by_type| {
            let mut by_type = BTreeMap::clone(by_type);
            edit(&mut by_type);
            by_type
        });
    }

    /// Tells of every change of a module.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// The current module of a type, if it is loaded.
    #[must_use]
    pub fn get(&self, kind: &str) -> Option<Arc<Loaded>> {
        self.by_type.load().get(kind).cloned()
    }

    /// Everything wrong with a Provider that its module can tell without an event.
    pub async fn check(&self, provider: &Provider) -> Vec<String> {
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
        let loaded = self.by_type.load();
        let built_in = builtin::MODULES.iter().map(|(kind, _)| (*kind).to_owned());
        let types: BTreeSet<String> = built_in.chain(loaded.keys().cloned()).collect();
        types.into_iter().collect()
    }

    /// All modules that are loaded, sorted by type.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Loaded>> {
        self.by_type.load().values().cloned().collect()
    }
}
