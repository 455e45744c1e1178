//! The way of a module that is not built in, from its bytes to one that may serve: each step, and why a module that fails
//! one does not serve.
//!
//! It must not know where the bytes came from beyond a name, or what serves now.

use std::collections::BTreeSet;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use herald_core::formatter::Permission;
use herald_engine::{Compiled, Engine, Limits, LoadError, Module, digest};
use thiserror::Error;

use super::compiler::{self, CompileError, CompileLimits};
use super::grants::{self, Grant, missing};
use super::store::Store;
use super::{Loaded, Source};

/// The largest module that is taken, in bytes. Modules of interpreted languages have 2 to 20 MB.
pub const MAX_MODULE_BYTES: u64 = 64 << 20;
/// The longest name of a type.
const MAX_TYPE_CHARS: usize = 63;

/// Why a module does not serve. Each text begins with the step.
#[derive(Debug, Error)]
pub enum RefuseModuleError {
    /// It cannot be read.
    #[error("read: the file cannot be read")]
    Read(#[source] io::Error),
    /// It is too large.
    #[error("read: the file is larger than {MAX_MODULE_BYTES} bytes")]
    TooLarge,
    /// Its name is that of no type.
    #[error(
        "name: a type's name has lower-case letters, digits, dots and dashes, {MAX_TYPE_CHARS} at most"
    )]
    Name,
    /// It is not the file that was asked for.
    #[error("digest: it has the digest {found}, not {expected}")]
    Digest {
        /// What was asked for.
        expected: String,
        /// What it has.
        found: String,
    },
    /// It cannot be compiled within the limits for that.
    #[error(transparent)]
    Compile(CompileError),
    /// It is no module, or none that may be linked.
    #[error("{}", .0.kind())]
    Load(#[source] LoadError),
    /// It wants what it was not granted.
    #[error("grants: it asks for {}; grant it {}{}", grants::listed(wanted), how(kind, source_of, wanted), for_another(*other_file))]
    NotGranted {
        /// The type.
        kind: String,
        /// Where it is from.
        source_of: Source,
        /// What is missing.
        wanted: Vec<Grant>,
        /// There are grants, but for a file with another digest.
        other_file: bool,
    },
    /// What it carries to show that it works shows that it does not.
    #[error("cases: {0}")]
    Cases(String),
    /// It shows values of Secrets where they do not belong.
    #[error("leaks: {0}")]
    Leaks(String),
}

fn how(kind: &str, source: &Source, wanted: &[Grant]) -> String {
    match source {
        Source::BuiltIn | Source::File(_) => {
            format!("in grants.yaml with\n{}", grants::example(kind, wanted))
        }
        Source::Object { .. } => {
            let quoted: Vec<String> = wanted.iter().map(|grant| format!("\"{grant}\"")).collect();
            format!("in its ProviderModule with\n  grants: [{}]", quoted.join(", "))
        }
    }
}

fn for_another(other_file: bool) -> &'static str {
    if other_file { "\nThe grants that are there are for a file with another digest." } else { "" }
}

/// Runs what a module carries to show that it works.
pub trait Examine: Send + Sync {
    /// Says what is wrong with a module by its own cases, as [`RefuseModuleError::Cases`] or [`RefuseModuleError::Leaks`].
    fn examine<'a>(
        &'a self,
        candidate: &'a Loaded,
        wasm: &'a [u8],
    ) -> Pin<Box<dyn Future<Output = Result<(), RefuseModuleError>> + Send + 'a>>;
}

/// A module that asks to be taken in.
pub(crate) struct Candidate {
    /// The type that it would serve.
    pub(crate) kind: String,
    /// Its bytes.
    pub(crate) wasm: Vec<u8>,
    /// Where they came from.
    pub(crate) source: Source,
    /// What it may have.
    pub(crate) grants: BTreeSet<Grant>,
    /// There are more grants, but for a file with another digest.
    pub(crate) other_file: bool,
    /// The digest that it must have, if somebody says so.
    pub(crate) digest: Option<String>,
    /// What it may have less of than others.
    pub(crate) limits: Limits,
}

/// Takes modules in.
#[derive(Clone)]
pub struct Admission {
    engine: Engine,
    limits: CompileLimits,
    store: Option<Store>,
    examiner: Option<Arc<dyn Examine>>,
}

impl Admission {
    /// Takes modules into this engine.
    #[must_use]
    pub fn new(engine: Engine, limits: CompileLimits) -> Self {
        Self { engine, limits, store: None, examiner: None }
    }

    /// The same, and keeps modules and what is compiled of them.
    #[must_use]
    pub fn kept_in(self, store: Option<Store>) -> Self {
        Self { store, ..self }
    }

    /// The same, and has modules run their own cases.
    #[must_use]
    pub fn examined_by(self, examiner: Arc<dyn Examine>) -> Self {
        Self { examiner: Some(examiner), ..self }
    }

    /// Goes through all steps.
    pub(crate) async fn admit(&self, candidate: Candidate) -> Result<Loaded, RefuseModuleError> {
        let Candidate { kind, mut wasm, source, grants, other_file, digest: expected, limits } =
            candidate;
        if !is_type(&kind) {
            return Err(RefuseModuleError::Name);
        }
        if wasm.len() as u64 > MAX_MODULE_BYTES {
            return Err(RefuseModuleError::TooLarge);
        }
        let digest = digest(&wasm);
        if let Some(expected) = expected.filter(|expected| *expected != digest) {
            return Err(RefuseModuleError::Digest { expected, found: digest });
        }
        let not_granted = |wanted| RefuseModuleError::NotGranted {
            kind: kind.clone(),
            source_of: source.clone(),
            wanted,
            other_file,
        };
        let compiled = self.compiled(&digest, &wasm).await?;
        let compiled_at = Some(Instant::now());
        let module = self.engine.load_limited(compiled, &permissions(&grants), limits).await;
        let module = module.map_err(|err| match err {
            LoadError::NotPermitted(permission) => not_granted(vec![Grant::Permission(permission)]),
            other => RefuseModuleError::Load(other),
        })?;
        let wanted = missing(module.description(), module.permissions(), &grants);
        if !wanted.is_empty() {
            return Err(not_granted(wanted));
        }
        let loaded = Loaded { grants, limits, compiled_at, ..Loaded::new(kind, module, source) };
        if let Some(examiner) = &self.examiner {
            examiner.examine(&loaded, &wasm).await?;
        }
        if let Some(store) = &self.store {
            wasm = store.keep_file(&digest, wasm).await;
        }
        drop(wasm);
        Ok(loaded)
    }

    /// A module that passed all steps in an earlier run, if it is still kept.
    pub(super) async fn readmit(
        &self,
        digest: &str,
        grants: &BTreeSet<Grant>,
        limits: Limits,
    ) -> Option<Module> {
        let store = self.store.as_ref()?;
        let compiled = match store.code(digest).await {
            Some(compiled) => compiled,
            None => {
                let wasm = store.file(digest).await?;
                self.compiled(digest, &wasm).await.ok()?
            }
        };
        self.engine.load_limited(compiled, &permissions(grants), limits).await.ok()
    }

    async fn compiled(&self, digest: &str, wasm: &[u8]) -> Result<Compiled, RefuseModuleError> {
        if let Some(store) = &self.store
            && let Some(compiled) = store.code(digest).await
        {
            return Ok(compiled);
        }
        let compiled = compiler::compile(wasm.to_vec(), self.limits).await;
        let compiled = compiled.map_err(|err| match err {
            CompileError::Load(err) => RefuseModuleError::Load(err),
            other => RefuseModuleError::Compile(other),
        })?;
        match &self.store {
            Some(store) => Ok(store.keep_code(compiled).await),
            None => Ok(compiled),
        }
    }
}

fn permissions(grants: &BTreeSet<Grant>) -> Vec<Permission> {
    let permission = |grant: &Grant| match grant {
        Grant::Permission(permission) => Some(*permission),
        Grant::SecretsIn(_) | Grant::Host(_) | Grant::Credential(_) => None,
    };
    grants.iter().filter_map(permission).collect()
}

/// Whether a text can be the name of a type.
pub(crate) fn is_type(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.' || c == '-';
    name.len() <= MAX_TYPE_CHARS
        && name.chars().all(plain)
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.ends_with(|c: char| c.is_ascii_alphanumeric())
}
