//! The module that a command is about: a file or a built-in one, loaded as a service loads it, with the cases inside.
//!
//! It must not know what is done with it. Permissions are given to whoever asks, as nothing is sent; `check` says what a
//! host would have to grant.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, Instant};

use herald_core::formatter::Permission;
use herald_engine::{Engine, Module};

use crate::cli::Failed;
use crate::modules::compiler::{self, CompileLimits};
use crate::modules::{self, folder};
use crate::rehearsal::cases::Cases;
use crate::telemetry::report;

/// Everything that can be imported.
const ALL: [Permission; 2] = [Permission::FullAddress, Permission::SecretValues];
/// What the name of a built-in module begins with.
const BUILT_IN: &str = "built-in:";

/// What names a module on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// The module of the binary for this type.
    BuiltIn(String),
    /// A file.
    File(PathBuf),
}

impl FromStr for Name {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text.strip_prefix(BUILT_IN) {
            Some(kind) => Name::BuiltIn(kind.to_owned()),
            None => Name::File(text.into()),
        })
    }
}

/// A loaded module and what there is to know of its file.
pub(super) struct Subject {
    /// The type that it would serve: its file's name, or the built-in type.
    pub(super) kind: String,
    /// Where it lies; none when it is built in.
    pub(super) path: Option<PathBuf>,
    pub(super) wasm: Vec<u8>,
    pub(super) module: Module,
    /// The cases inside; none when it has no section for them.
    pub(super) cases: Option<Cases>,
    /// How long compiling it took, in a process of its own unless it is built in.
    pub(super) compiled_in: Duration,
}

impl Subject {
    /// Reads, compiles, links and asks a module for its description.
    pub(super) async fn load(
        engine: &Engine,
        name: &Name,
        limits: CompileLimits,
    ) -> Result<Self, Failed> {
        match name {
            Name::BuiltIn(kind) => Self::built_in(engine, kind).await,
            Name::File(path) => Self::of_file(engine, path, limits).await,
        }
    }

    async fn built_in(engine: &Engine, kind: &str) -> Result<Self, Failed> {
        let Some(wasm) = modules::built_in(kind) else {
            return Err(Failed::Usage(format!(
                "there is no built-in module {kind:?}; `herald modules` lists them"
            )));
        };
        let began = Instant::now();
        let module = engine.load(wasm.to_vec(), &ALL).await.map_err(|err| Failed::run(&err))?;
        let compiled_in = began.elapsed();
        let (kind, path, cases) = (kind.to_owned(), None, None);
        Ok(Self { kind, path, wasm: wasm.to_vec(), module, cases, compiled_in })
    }

    async fn of_file(engine: &Engine, path: &Path, limits: CompileLimits) -> Result<Self, Failed> {
        let failed = |err: &dyn std::error::Error| {
            Failed::Run(format!("{} cannot serve: {}", path.display(), report(err)))
        };
        let wasm = folder::read(path.to_owned())
            .await
            .map_err(|err| Failed::Usage(format!("{}: {}", path.display(), report(&err))))?;
        let began = Instant::now();
        let compiled = compiler::compile(wasm.clone(), limits).await.map_err(|err| failed(&err))?;
        let compiled_in = began.elapsed();
        let module = engine.load_compiled(compiled, &ALL).await.map_err(|err| failed(&err))?;
        let cases = Cases::of_wasm(&wasm).map_err(|err| failed(&err))?;
        let kind = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { kind, path: Some(path.to_owned()), wasm, module, cases, compiled_in })
    }

    /// Its cases: those of a folder where one is given, else those inside.
    pub(super) fn cases(&self, dir: Option<&Path>) -> Result<Cases, Failed> {
        if let Some(dir) = dir {
            return Cases::read(dir).map_err(|err| Failed::usage(&err));
        }
        self.cases.clone().filter(|cases| !cases.is_empty()).ok_or_else(|| {
            Failed::Usage(format!(
                "{} has no cases inside: give a folder of them with --cases DIR, or put them into the project's folder \
                 cases/ and build it",
                self.kind
            ))
        })
    }
}

/// The engine for a command.
pub(super) fn engine() -> Result<Engine, Failed> {
    modules::engine().map_err(|err| Failed::run(&err))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_file_or_a_built_in_type() {
        assert_eq!("built-in:slack".parse(), Ok(Name::BuiltIn("slack".to_owned())));
        assert_eq!("a/b.wasm".parse(), Ok(Name::File("a/b.wasm".into())));
    }
}
