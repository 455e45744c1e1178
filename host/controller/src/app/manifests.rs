//! Manifests in a folder as the source: a mistake at start ends the command, a later one is told.

use std::path::Path;
use std::sync::Arc;

use herald_core::provider_module::Failure;
use tokio_util::sync::CancellationToken;

use super::ServeError;
use super::module_objects::ModuleObjects;
use crate::catalog::{Catalog, CatalogStore};
use crate::modules::Modules;
use crate::sources::cluster::Installer as _;
use crate::sources::folder::{Folder, Loaded, Mistake, ModuleWanted};
use crate::telemetry::{Metrics, report};

/// The folder and its catalog, if nothing is wrong with it.
pub(super) async fn open(
    dir: &Path,
    modules: &Modules,
    installer: &ModuleObjects,
    metrics: &Metrics,
) -> Result<(Folder, Catalog), ServeError> {
    let (folder, mut loaded) = Folder::read(dir).map_err(ServeError::Folder)?;
    // Providers are checked by their modules, so these come first.
    let mut mistakes = install(std::mem::take(&mut loaded.modules), installer).await;
    mistakes.extend(self::mistakes(&loaded, modules).await);
    metrics.catalog(loaded.catalog.providers.len(), loaded.catalog.alerts.len(), mistakes.len());
    if !mistakes.is_empty() {
        return Err(ServeError::Manifests { mistakes });
    }
    let (providers, alerts) = (loaded.catalog.providers.len(), loaded.catalog.alerts.len());
    tracing::info!(providers, alerts, "the manifests are read");
    if alerts == 0 {
        tracing::warn!("no Alert is configured, so every event is accepted and goes nowhere");
    }
    Ok((folder, loaded.catalog))
}

/// Installs the modules that ProviderModules of the folder ask for, and takes away what is asked for no longer. Returns a
/// line for each that cannot serve as it is; what may pass, such as a registry that is away, is only told.
async fn install(wanted: Vec<ModuleWanted>, installer: &ModuleObjects) -> Vec<String> {
    installer.keep_only(wanted.iter().map(|module| module.name.as_str())).await;
    let mut lines = Vec::new();
    for ModuleWanted { place, name, wish } in wanted {
        let failure = match wish {
            Ok((wish, materials)) => installer.install(wish, materials).await.failure,
            Err(message) => Some(Failure { reason: "SourceNotReady", message, is_final: true }),
        };
        let Some(failure) = failure else { continue };
        let line = format!("{place}: ProviderModule {name}: {}", failure.message);
        if failure.is_final {
            lines.push(line);
        } else {
            tracing::error!("{line}");
        }
    }
    lines
}

/// Everything wrong with the manifests, what the modules find included.
async fn mistakes(loaded: &Loaded, modules: &Modules) -> Vec<String> {
    let mut lines: Vec<String> = loaded.mistakes.iter().map(Mistake::to_string).collect();
    // Also those of Providers that cannot be used: an attempt asks the module whether there is anything to send.
    let kinds = loaded.catalog.providers.values().map(|provider| provider.kind.as_str());
    if let Err(err) = modules.load(kinds).await {
        lines.push(report(&err));
    }
    let mut providers: Vec<_> = loaded.catalog.providers.iter().collect();
    providers.sort_by_key(|(key, _)| key.to_string());
    for (key, provider) in providers {
        // What is wrong already is said already, and a module could only say it again.
        if !provider.problems.is_empty() {
            continue;
        }
        let place =
            loaded.origin(key).map_or_else(String::new, |(file, line)| format!("{file}:{line}: "));
        for problem in modules.check(provider).await {
            lines.push(format!("{place}Provider {key}: {problem}"));
        }
    }
    lines.extend(misplaced_annotations(loaded, modules));
    lines
}

/// The annotations of Alerts that make no sense for what their Provider's module is for.
fn misplaced_annotations(loaded: &Loaded, modules: &Modules) -> Vec<String> {
    let mut lines = Vec::new();
    for alert in loaded.catalog.alerts.iter() {
        let module =
            loaded.catalog.provider_of(alert).and_then(|provider| modules.get(&provider.kind));
        let Some(module) = module else { continue };
        for (name, problem) in alert.floods.problems(module.module.description().purpose) {
            lines.extend(
                loaded
                    .mistake_in_annotation(alert, name, problem)
                    .map(|mistake| mistake.to_string()),
            );
        }
    }
    lines
}

/// Takes over changes to the folder until the service ends.
pub(super) async fn follow(
    folder: Folder,
    catalog: Arc<CatalogStore>,
    modules: Arc<Modules>,
    installer: Arc<ModuleObjects>,
    metrics: Metrics,
    ending: CancellationToken,
) {
    let take_over = |mut loaded: Loaded| {
        let (catalog, modules, metrics) =
            (Arc::clone(&catalog), Arc::clone(&modules), metrics.clone());
        let installer = Arc::clone(&installer);
        async move {
            let mut mistakes = install(std::mem::take(&mut loaded.modules), &installer).await;
            mistakes.extend(self::mistakes(&loaded, &modules).await);
            for mistake in &mistakes {
                tracing::error!("{mistake}");
            }
            let (providers, alerts) = (loaded.catalog.providers.len(), loaded.catalog.alerts.len());
            metrics.catalog(providers, alerts, mistakes.len());
            catalog.replace(loaded.catalog);
            tracing::info!(
                providers,
                alerts,
                mistakes = mistakes.len(),
                "the manifests are read again"
            );
        }
    };
    folder.follow(ending, take_over).await;
}
