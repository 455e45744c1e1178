//! The flags that say where modules come from, the same for every command that uses them.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::Failed;
use crate::modules::folder::ModulesFolder;
use crate::modules::grants::Grant;
use crate::modules::{self, Modules};

/// Where modules come from besides the binary.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct ModuleFlags {
    /// A folder with modules: DIR/TYPE.wasm adds a type or replaces a built-in one, and DIR/grants.yaml says what each
    /// may have. Changes take effect while the service runs; a bad file leaves what served before.
    #[arg(long, value_name = "DIR", env = "HERALD_MODULES_DIR")]
    modules_dir: Option<PathBuf>,
    /// Grant a module of the folder more than secrets in headers and signatures: full-address, secret-values,
    /// secrets-in-path, secrets-in-query, secrets-in-body, host:NAME or credential:NAME. May be given several times.
    #[arg(long, value_name = "TYPE=GRANT", value_parser = grant, requires = "modules_dir")]
    module_grant: Vec<(String, Grant)>,
}

fn grant(text: &str) -> Result<(String, Grant), String> {
    let (kind, grant) =
        text.split_once('=').ok_or("write it as TYPE=GRANT, such as ntfy=secrets-in-path")?;
    Ok((
        kind.to_owned(),
        grant.parse().map_err(|err: modules::grants::ParseGrantError| err.to_string())?,
    ))
}

impl ModuleFlags {
    /// Where the folder is, and what is granted on the command line.
    pub(super) fn into_parts(self) -> (Option<PathBuf>, Vec<(String, Grant)>) {
        (self.modules_dir, self.module_grant)
    }

    /// The modules of the folder, and the built-in ones as they are needed.
    pub(super) async fn load(&self) -> Result<Arc<Modules>, Failed> {
        let engine = modules::engine().map_err(|err| Failed::run(&err))?;
        let modules = Arc::new(Modules::new(engine.clone()));
        if let Some(dir) = &self.modules_dir {
            let opened =
                ModulesFolder::open(dir, self.module_grant.clone(), engine, Arc::clone(&modules))
                    .await;
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
