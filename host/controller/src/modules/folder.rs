//! Modules from a folder: `DIR/<type>.wasm` adds a type or replaces a built-in one, `DIR/grants.yaml` says what each may
//! have.
//!
//! A file is read, compiled (in a process of its own), linked, checked and described before anything changes; only then is it swapped in. A file
//! that fails a step leaves what served before it, and the error says which step and why. A file that goes away gives
//! its type back to the built-in module, if there is one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use herald_engine::{Engine, LoadError};
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use super::compiler::{self, CompileError, CompileLimits};
use super::grants::{Grant, Grants, ParseGrantsError, missing};
use super::{Loaded, Modules, Source};
use crate::telemetry::report;
use crate::watch::FolderWatch;

/// The file with the grants.
const GRANTS: &str = "grants.yaml";
/// The largest module that is read, in bytes. Modules of interpreted languages have 2 to 20 MB.
const MAX_MODULE_BYTES: u64 = 64 << 20;
/// The longest name of a type.
const MAX_TYPE_CHARS: usize = 63;

/// Why a file of the folder does not serve.
#[derive(Debug, Error)]
pub enum RefuseModuleError {
    /// The file cannot be read.
    #[error("read: the file cannot be read")]
    Read(#[source] io::Error),
    /// The file is too large.
    #[error("read: the file is larger than {MAX_MODULE_BYTES} bytes")]
    TooLarge,
    /// Its name is that of no type.
    #[error(
        "name: a type's name has lower-case letters, digits, dots and dashes, {MAX_TYPE_CHARS} at most"
    )]
    Name,
    /// It cannot be compiled within the limits for that.
    #[error(transparent)]
    Compile(CompileError),
    /// It is no module, or none that may be linked.
    #[error("{}", .0.kind())]
    Load(#[source] LoadError),
    /// It wants what it was not granted.
    #[error("grants: it asks for {}; grant it in {GRANTS} with\n{}{}", listed(wanted), example(kind, wanted), for_another(*other_file))]
    NotGranted {
        /// The type.
        kind: String,
        /// What is missing.
        wanted: Vec<Grant>,
        /// There are grants, but for a file with another digest.
        other_file: bool,
    },
}

fn listed(wanted: &[Grant]) -> String {
    wanted.iter().map(Grant::to_string).collect::<Vec<_>>().join(", ")
}

fn example(kind: &str, wanted: &[Grant]) -> String {
    let quoted: Vec<String> = wanted.iter().map(|grant| format!("\"{grant}\"")).collect();
    format!("  {kind}: {{grants: [{}]}}", quoted.join(", "))
}

fn for_another(other_file: bool) -> &'static str {
    if other_file { "\nThe grants that are there are for a file with another digest." } else { "" }
}

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
    /// What compiling one of its files may take.
    pub limits: CompileLimits,
}

/// A folder with modules, and what was made of its files.
pub struct ModulesFolder {
    settings: FolderSettings,
    engine: Engine,
    modules: Arc<Modules>,
    grants: Grants,
    /// By type: the file and the grants that were last tried, so that nothing is compiled twice or reported twice.
    tried: BTreeMap<String, Tried>,
}

#[derive(Clone, PartialEq, Eq)]
struct Tried {
    digest: String,
    granted: BTreeSet<Grant>,
}

impl ModulesFolder {
    /// Reads a folder and loads what is in it. Returns a line for each file that does not serve.
    ///
    /// # Errors
    /// The folder or its grants cannot be read.
    pub async fn open(
        settings: FolderSettings,
        engine: Engine,
        modules: Arc<Modules>,
    ) -> Result<(Self, Vec<String>), ModulesFolderError> {
        let grants = Grants::default();
        let mut folder = Self { settings, engine, modules, grants, tried: BTreeMap::new() };
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
            match self.modules.restore(&kind).await {
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
            let tried = Tried { digest: String::new(), granted: BTreeSet::new() };
            let told = known(&tried);
            self.tried.insert(kind.to_owned(), tried);
            return if told { Ok(false) } else { Err(RefuseModuleError::Name) };
        }
        let wasm = read(path.to_owned()).await?;
        let digest = digest(&wasm);
        let tried = Tried { granted: self.grants.of(kind, &digest), digest };
        if known(&tried) {
            return Ok(false);
        }
        self.tried.insert(kind.to_owned(), tried.clone());
        let loaded = self.load(kind, path, wasm, &tried).await?;
        tracing::info!(kind, digest = %tried.digest, "a module is swapped in");
        self.modules.replace(loaded);
        Ok(true)
    }

    async fn load(
        &self,
        kind: &str,
        path: &Path,
        wasm: Vec<u8>,
        tried: &Tried,
    ) -> Result<Loaded, RefuseModuleError> {
        let not_granted = |wanted| RefuseModuleError::NotGranted {
            kind: kind.to_owned(),
            wanted,
            other_file: self.grants.are_for_another_file(kind, &tried.digest),
        };
        let permissions: Vec<_> = tried
            .granted
            .iter()
            .filter_map(|grant| match grant {
                Grant::Permission(permission) => Some(*permission),
                Grant::SecretsIn(_) | Grant::Host(_) | Grant::Credential(_) => None,
            })
            .collect();
        let compiled =
            compiler::compile(wasm, self.settings.limits).await.map_err(|err| match err {
                CompileError::Load(err) => RefuseModuleError::Load(err),
                other => RefuseModuleError::Compile(other),
            })?;
        let loaded = self.engine.load_compiled(compiled, &permissions).await;
        let module = loaded.map_err(|err| match err {
            LoadError::NotPermitted(permission) => not_granted(vec![Grant::Permission(permission)]),
            other => RefuseModuleError::Load(other),
        })?;
        let wanted = missing(module.description(), module.permissions(), &tried.granted);
        if !wanted.is_empty() {
            return Err(not_granted(wanted));
        }
        Ok(Loaded { kind: kind.to_owned(), module, source: Source::File(path.to_owned()) })
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
async fn read(path: PathBuf) -> Result<Vec<u8>, RefuseModuleError> {
    let size = tokio::fs::metadata(&path).await.map_err(RefuseModuleError::Read)?.len();
    if size > MAX_MODULE_BYTES {
        return Err(RefuseModuleError::TooLarge);
    }
    tokio::fs::read(&path).await.map_err(RefuseModuleError::Read)
}

fn digest(wasm: &[u8]) -> String {
    let hex: String = Sha256::digest(wasm).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

fn is_type(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.' || c == '-';
    name.len() <= MAX_TYPE_CHARS
        && name.chars().all(plain)
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.ends_with(|c: char| c.is_ascii_alphanumeric())
}
