//! Modules from a folder: `DIR/<type>.wasm` adds a type or replaces a built-in one, `DIR/grants.yaml` says what each may
//! have and how it takes over.
//!
//! A file goes through every step of `admission` before anything changes; only then is it swapped in. A file that fails a
//! step leaves what served before it, and the error says which step and why. A file that goes away gives its type back to
//! what served before.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use herald_core::rollout::Rollout;
use herald_engine::{Limits, digest};
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use super::admission::is_type;
use super::grants::{Grant, Grants, ParseGrantsError};
use super::{Admission, Candidate, MAX_MODULE_BYTES, Modules, RefuseModuleError, Source};
use crate::telemetry::report;
use crate::watch::FolderWatch;

/// The file with the grants.
pub(crate) const GRANTS: &str = "grants.yaml";

/// The folder cannot be used at all.
#[derive(Debug, Error)]
pub enum ModulesFolderError {
    /// It cannot be listed.
    #[error("cannot read the modules' folder {}", dir.display())]
    List {
        /// The folder.
        dir: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The grants cannot be read.
    #[error("{}", path.display())]
    Grants {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// A folder with modules and what is said about it.
#[derive(Clone, Debug)]
pub struct FolderSettings {
    /// The folder.
    pub dir: PathBuf,
    /// What is granted on top of the folder's own file, by type.
    pub grants: Vec<(String, Grant)>,
}

/// A folder with modules, and what was made of its files.
pub struct ModulesFolder {
    settings: FolderSettings,
    admission: Admission,
    modules: Arc<Modules>,
    grants: Grants,
    /// By type: the file, the grants and the rollout that were last tried, so that nothing is compiled twice or reported twice.
    tried: BTreeMap<String, Tried>,
}

#[derive(Clone, Default, PartialEq, Eq)]
struct Tried {
    digest: String,
    granted: BTreeSet<Grant>,
    rollout: Rollout,
}

impl ModulesFolder {
    /// Reads a folder and loads what is in it. Returns a line for each file that does not serve.
    ///
    /// # Errors
    /// The folder or its grants cannot be read.
    pub async fn open(
        settings: FolderSettings,
        admission: Admission,
        modules: Arc<Modules>,
    ) -> Result<(Self, Vec<String>), ModulesFolderError> {
        let grants = Grants::default();
        let mut folder = Self { settings, admission, modules, grants, tried: BTreeMap::new() };
        for (kind, path) in folder.list()? {
            folder.modules.recall(&kind, &Source::File(path), &folder.admission).await;
        }
        let mistakes = folder.reread().await?.refused;
        Ok((folder, mistakes))
    }

    /// Takes over changes until `ending`; `on_change` is told the types that changed.
    pub async fn follow<F>(
        mut self,
        ending: CancellationToken,
        mut on_change: impl FnMut(Vec<String>) -> F,
    ) where
        F: Future<Output = ()>,
    {
        let watch = FolderWatch::new(&self.settings.dir);
        let mut told = String::new();
        loop {
            tokio::select! {
                () = ending.cancelled() => return,
                () = watch.changed() => {}
            }
            match self.reread().await {
                Ok(changes) => {
                    told.clear();
                    for line in changes.refused {
                        tracing::error!("{line}; what served before goes on");
                    }
                    if !changes.types.is_empty() {
                        on_change(changes.types).await;
                    }
                }
                // The same trouble at every look is told once.
                Err(err) => {
                    let text = report(&err);
                    if text != told {
                        tracing::error!("{text}; the modules that serve go on");
                        told = text;
                    }
                }
            }
        }
    }

    /// Looks at every file anew and takes over what changed.
    async fn reread(&mut self) -> Result<Changes, ModulesFolderError> {
        self.grants = self.read_grants()?;
        let files = self.list()?;
        let mut changes = Changes::default();
        let gone: Vec<String> =
            self.tried.keys().filter(|kind| !files.contains_key(*kind)).cloned().collect();
        for kind in gone {
            self.tried.remove(&kind);
            match self.modules.withdraw(&kind, &Source::File(self.file_of(&kind))).await {
                Ok(true) => {
                    tracing::info!(kind, "the module's file is gone");
                    changes.types.push(kind);
                }
                Ok(false) => {}
                Err(err) => changes.refused.push(report(&err)),
            }
        }
        for (kind, path) in files {
            match self.take(&kind, &path).await {
                Ok(true) => changes.types.push(kind),
                Ok(false) => {}
                Err(err) => changes.refused.push(format!(
                    "{}: not loaded: {}",
                    path.display(),
                    report(&err)
                )),
            }
        }
        Ok(changes)
    }

    /// Loads a file if it is new, changed, or granted something else than before. Whether its type has a new module.
    async fn take(&mut self, kind: &str, path: &Path) -> Result<bool, RefuseModuleError> {
        let known = |tried: &Tried| self.tried.get(kind) == Some(tried);
        if !is_type(kind) {
            let tried = Tried::default();
            let told = known(&tried);
            self.tried.insert(kind.to_owned(), tried);
            return if told { Ok(false) } else { Err(RefuseModuleError::Name) };
        }
        let wasm = read(path.to_owned()).await?;
        let digest = digest(&wasm);
        let granted = self.grants.of(kind, &digest);
        let tried = Tried { granted: granted.clone(), rollout: self.grants.rollout(kind), digest };
        if known(&tried) {
            return Ok(false);
        }
        self.tried.insert(kind.to_owned(), tried.clone());
        let candidate = Candidate {
            kind: kind.to_owned(),
            wasm,
            source: Source::File(path.to_owned()),
            grants: granted,
            other_file: self.grants.are_for_another_file(kind, &tried.digest),
            digest: None,
            limits: Limits::default(),
        };
        let loaded = self.admission.admit(candidate).await?;
        self.modules.offer(loaded, tried.rollout);
        Ok(true)
    }

    /// The file of a type.
    fn file_of(&self, kind: &str) -> PathBuf {
        self.settings.dir.join(format!("{kind}.wasm"))
    }

    fn read_grants(&self) -> Result<Grants, ModulesFolderError> {
        let path = self.settings.dir.join(GRANTS);
        let mut grants = match fs::read_to_string(&path) {
            Ok(text) => Grants::parse(&text).map_err(|err: ParseGrantsError| {
                ModulesFolderError::Grants { path, source: Box::new(err) }
            })?,
            Err(err) if err.kind() == io::ErrorKind::NotFound => Grants::default(),
            Err(err) => return Err(ModulesFolderError::Grants { path, source: Box::new(err) }),
        };
        for (kind, grant) in &self.settings.grants {
            grants.add(kind, [grant.clone()]);
        }
        Ok(grants)
    }

    /// The files by their type.
    fn list(&self) -> Result<BTreeMap<String, PathBuf>, ModulesFolderError> {
        let failed = |source| ModulesFolderError::List { dir: self.settings.dir.clone(), source };
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(&self.settings.dir).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if let Some(kind) =
                name.strip_suffix(".wasm").filter(|kind| !kind.is_empty() && !kind.starts_with('.'))
            {
                files.insert(kind.to_owned(), path.clone());
            }
        }
        Ok(files)
    }
}

/// What a look at the folder came to.
#[derive(Default)]
struct Changes {
    /// The types that have another module than before.
    types: Vec<String>,
    /// A line for each file that does not serve.
    refused: Vec<String>,
}

/// Files are read on a thread for that, as a slow disk must not hold up deliveries.
pub(crate) async fn read(path: PathBuf) -> Result<Vec<u8>, RefuseModuleError> {
    let size = tokio::fs::metadata(&path).await.map_err(RefuseModuleError::Read)?.len();
    if size > MAX_MODULE_BYTES {
        return Err(RefuseModuleError::TooLarge);
    }
    tokio::fs::read(&path).await.map_err(RefuseModuleError::Read)
}
