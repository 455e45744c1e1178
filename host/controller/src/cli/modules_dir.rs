//! The flags that say where modules come from, the same for every command that uses them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, value_parser};

use super::{Failed, duration};
use crate::modules::compiler::CompileLimits;
use crate::modules::folder::{FolderSettings, ModulesFolder};
use crate::modules::grants::Grant;
use crate::modules::{self, Admission, Modules};
use crate::rehearsal::examine::Examiner;

/// Where modules come from besides the binary.
#[derive(Clone, Debug, Args)]
pub(super) struct ModuleFlags {
    /// A folder with modules: DIR/TYPE.wasm adds a type or replaces a built-in one, and DIR/grants.yaml says what each
    /// may have. Changes take effect while the service runs; a bad file leaves what served before.
    #[arg(long, value_name = "DIR", env = "HERALD_MODULES_DIR")]
    modules_dir: Option<PathBuf>,
    /// Grant a module of the folder more than secrets in headers and signatures: full-address, secret-values,
    /// secrets-in-path, secrets-in-query, secrets-in-body, host:NAME or credential:NAME. May be given several times.
    #[arg(long, value_name = "TYPE=GRANT", value_parser = grant, requires = "modules_dir")]
    module_grant: Vec<(String, Grant)>,
    #[command(flatten)]
    compile: CompileFlags,
}

/// What compiling a module that comes from a file may take.
#[derive(Clone, Debug, Args)]
pub(super) struct CompileFlags {
    /// The most memory that compiling a module may take, in MiB of address space.
    #[arg(long, value_name = "MIB", env = "HERALD_MODULE_COMPILE_MEMORY_MIB", default_value_t = 1024, value_parser = value_parser!(u64).range(1..))]
    module_compile_memory_mib: u64,
    /// The most time on a CPU that compiling a module may take.
    #[arg(long, value_name = "DURATION", env = "HERALD_MODULE_COMPILE_CPU_TIME", default_value = "60s", value_parser = duration::parse)]
    module_compile_cpu_time: Duration,
}

fn grant(text: &str) -> Result<(String, Grant), String> {
    let (kind, grant) =
        text.split_once('=').ok_or("write it as TYPE=GRANT, such as ntfy=secrets-in-path")?;
    Ok((
        kind.to_owned(),
        grant.parse().map_err(|err: modules::grants::ParseGrantError| err.to_string())?,
    ))
}

impl CompileFlags {
    pub(super) fn limits(&self) -> CompileLimits {
        CompileLimits {
            memory_mib: self.module_compile_memory_mib,
            // The kernel counts whole seconds, and 0 would be no limit.
            cpu_seconds: self.module_compile_cpu_time.as_secs().max(1),
        }
    }
}

impl ModuleFlags {
    /// What compiling a module may take.
    pub(super) fn limits(&self) -> CompileLimits {
        self.compile.limits()
    }

    /// The folder and what is said about it, if there is one.
    pub(super) fn into_folder(self) -> Option<FolderSettings> {
        let grants = self.module_grant;
        self.modules_dir.map(|dir| FolderSettings { dir, grants })
    }

    /// The modules of the folder, and the built-in ones as they are needed.
    pub(super) async fn load(&self) -> Result<Arc<Modules>, Failed> {
        let engine = modules::engine().map_err(|err| Failed::run(&err))?;
        let modules = Arc::new(Modules::new(engine.clone()));
        if let Some(folder) = self.clone().into_folder() {
            let admission = Admission::new(engine.clone(), self.limits());
            let admission = admission.examined_by(Examiner::new(engine));
            let opened = ModulesFolder::open(folder, admission, Arc::clone(&modules)).await;
            let (_, mistakes) = opened.map_err(|err| Failed::usage(&err))?;
            if !mistakes.is_empty() {
                return Err(Failed::Usage(mistakes.join("\n")));
            }
        }
        Ok(modules)
    }

    /// The same, each of them loaded.
    pub(super) async fn load_all(&self) -> Result<Arc<Modules>, Failed> {
        let modules = self.load().await?;
        let types = modules.types();
        modules.load(types.iter().map(String::as_str)).await.map_err(|err| Failed::run(&err))?;
        Ok(modules)
    }
}
