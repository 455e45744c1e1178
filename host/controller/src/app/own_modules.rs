//! The folder of modules: opened at start, followed while the service runs.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{Config, ServeError};
use crate::catalog::CatalogStore;
use crate::modules::folder::ModulesFolder;
use crate::modules::{Admission, Modules};

/// The folder of modules, if there is one and all of its files serve.
pub(super) async fn open(
    config: &Config,
    admission: &Admission,
    modules: &Arc<Modules>,
) -> Result<Option<ModulesFolder>, ServeError> {
    let Some(folder) = config.modules.clone() else { return Ok(None) };
    let opened = ModulesFolder::open(folder, admission.clone(), Arc::clone(modules)).await;
    let (folder, mistakes) = opened.map_err(ServeError::ModulesFolder)?;
    if mistakes.is_empty() { Ok(Some(folder)) } else { Err(ServeError::ModuleFiles { mistakes }) }
}

/// Takes over changes to the modules' folder until the service ends, and tells what the new modules find wrong.
pub(super) async fn follow(
    folder: ModulesFolder,
    catalog: Arc<CatalogStore>,
    modules: Arc<Modules>,
    ending: CancellationToken,
) {
    let check = |types: Vec<String>| {
        let (catalog, modules) = (catalog.load(), Arc::clone(&modules));
        async move {
            for (key, provider) in &catalog.providers {
                if types.contains(&provider.kind) && provider.problems.is_empty() {
                    for problem in modules.check(provider).await {
                        tracing::error!("Provider {key}: {problem}");
                    }
                }
            }
        }
    };
    folder.follow(ending, check).await;
}
