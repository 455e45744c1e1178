//! Where Providers and Alerts come from: a folder or a cluster, which the rest of the service need not tell apart.

use std::path::PathBuf;
use std::sync::Arc;

use herald_journal::Journal;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::follow_cluster::{self, ModulesJudge};
use super::module_objects::ModuleObjects;
use super::{ServeError, manifests};
use crate::catalog::{CatalogStore, LabelReader};
use crate::modules::Modules;
use crate::notices::Observer;
use crate::server::Readiness;
use crate::service_accounts::ServiceAccounts;
use crate::sources::cluster::{self, Cluster};
use crate::sources::folder::Folder;
use crate::telemetry::Metrics;

/// Where Providers, Alerts and Secrets come from.
#[derive(Clone, Debug)]
pub enum SourceConfig {
    /// Manifests in this folder.
    Folder(PathBuf),
    /// A cluster.
    Cluster(cluster::Settings),
}

/// A source that can be followed.
pub(super) struct Source {
    catalog: Arc<CatalogStore>,
    followed: Followed,
}

enum Followed {
    Folder(Folder),
    Cluster(Box<Cluster>),
}

impl Source {
    /// Reads a folder, or prepares the way to a cluster.
    pub(super) async fn open(
        config: &SourceConfig,
        modules: &Arc<Modules>,
        installer: &ModuleObjects,
        metrics: &Metrics,
    ) -> Result<Self, ServeError> {
        match config {
            SourceConfig::Folder(dir) => {
                let (folder, catalog) = manifests::open(dir, modules, installer, metrics).await?;
                let catalog = Arc::new(CatalogStore::new(catalog));
                Ok(Self { catalog, followed: Followed::Folder(folder) })
            }
            SourceConfig::Cluster(settings) => {
                let judge = Arc::new(ModulesJudge(Arc::clone(modules)));
                let (cluster, catalog) =
                    Cluster::prepare(settings, judge).await.map_err(ServeError::Cluster)?;
                Ok(Self { catalog, followed: Followed::Cluster(Box::new(cluster)) })
            }
        }
    }

    /// Where the current catalog lies.
    pub(super) fn catalog(&self) -> Arc<CatalogStore> {
        Arc::clone(&self.catalog)
    }

    /// Whoever wants to hear of deliveries.
    pub(super) fn observer(&self) -> Option<Arc<dyn Observer>> {
        match &self.followed {
            Followed::Folder(_) => None,
            Followed::Cluster(cluster) => Some(cluster.observer()),
        }
    }

    /// Whoever knows the labels that the catalog does not have.
    pub(super) fn labels(&self) -> Option<Arc<dyn LabelReader>> {
        match &self.followed {
            Followed::Folder(_) => None,
            Followed::Cluster(cluster) => Some(cluster.labels()),
        }
    }

    /// Whoever speaks for ServiceAccounts, where Providers may use them.
    pub(super) fn accounts(&self) -> Option<Arc<dyn ServiceAccounts>> {
        match &self.followed {
            Followed::Folder(_) => None,
            Followed::Cluster(cluster) => cluster.accounts(),
        }
    }

    /// Waits until there is a catalog.
    pub(super) fn loaded(&self) -> impl Future<Output = ()> + Send + use<> {
        let state = match &self.followed {
            Followed::Folder(_) => None,
            Followed::Cluster(cluster) => Some(cluster.state()),
        };
        async move {
            if let Some(mut state) = state
                && state.wait_for(|state| state.is_synced).await.is_err()
            {
                // Nobody follows the cluster any more: the process ends, and what is in the journal stays there.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Follows the source until `ending`.
    pub(super) fn follow(
        self,
        installer: Arc<ModuleObjects>,
        journal: &Journal,
        metrics: &Metrics,
        readiness: &Readiness,
        tasks: &TaskTracker,
        ending: &CancellationToken,
    ) {
        match self.followed {
            Followed::Folder(folder) => {
                readiness.set("catalog", true);
                let (modules, metrics) = (installer.modules(), metrics.clone());
                tasks.spawn(manifests::follow(
                    folder,
                    self.catalog,
                    modules,
                    Arc::clone(&installer),
                    metrics,
                    ending.clone(),
                ));
                tasks.spawn(installer.ask_again(ending.clone()));
            }
            Followed::Cluster(cluster) => {
                let show =
                    follow_cluster::show(cluster.state(), readiness.clone(), metrics.clone());
                tasks.spawn(show);
                let counts = Arc::new(follow_cluster::JournalCounts(journal.clone()));
                tasks.spawn(cluster.follow(counts, installer, ending.clone()));
            }
        }
    }
}
