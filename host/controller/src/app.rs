//! Puts the rooms together and takes them apart again: the only place that knows all of them.

mod desk;
mod doors;
mod follow_cluster;
mod manifests;
mod module_objects;
mod own_modules;
mod source;

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use herald_core::delivery::JournalId;
use herald_core::policy::AddressPolicy;
use herald_core::retry::RetryPolicy;
use herald_engine::StartEngineError;
use herald_journal::{Journal, OpenError, Recovered};
use thiserror::Error;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::doors::Doors;
use self::module_objects::ModuleObjects;
use self::source::Source;
pub use self::source::SourceConfig;
use crate::clock::Clock;
use crate::credentials::{Credentials, Environment};
use crate::delivery::{self, Attempts, Dispatcher, Options, Recorder};
use crate::egress::{Network, SendError};
use crate::modules::compiler::CompileLimits;
use crate::modules::folder::{FolderSettings, ModulesFolderError};
use crate::modules::{self, Admission, MAX_MODULE_BYTES, Modules, OpenStoreError, Store};
use crate::registry::Registries;
use crate::rehearsal::examine::Examiner;
use crate::router::{Digests, Router};
use crate::server::{AdminSocket, BindSocketError, ListenAddr, ListenError, Readiness};
use crate::sources::cluster::ConnectError;
use crate::sources::folder::FolderError;
use crate::telemetry::Metrics;

/// What `herald serve` was told.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where Providers, Alerts and Secrets come from.
    pub source: SourceConfig,
    /// A folder with modules.
    pub modules: Option<FolderSettings>,
    /// What compiling a module may take.
    pub compile_limits: CompileLimits,
    /// The registries that are asked without TLS.
    pub insecure_registries: BTreeSet<String>,
    /// How many revisions of a type stay loaded besides the one that serves.
    pub module_revisions: usize,
    /// The folder of the journal.
    pub data_dir: PathBuf,
    /// Where events are taken.
    pub events_addr: ListenAddr,
    /// Where health is told.
    pub health_addr: ListenAddr,
    /// Where metrics are told.
    pub metrics_addr: ListenAddr,
    /// How long an identical event is a duplicate.
    pub rate_limit_interval: Duration,
    /// Whether the peer's metrics tell the paths of posted events apart.
    pub paths_in_metrics: bool,
    /// What the journal keeps, and how much.
    pub journal: herald_journal::Settings,
    /// Whether Providers may reach this machine.
    pub allow_loopback: bool,
    /// Whether Providers may reach private addresses.
    pub allow_private: bool,
    /// Whether events reach only Alerts of their own namespace.
    pub no_cross_namespace_refs: bool,
    /// How deliveries are paced.
    pub deliveries: delivery::Settings,
    /// When they are tried again, and for how long.
    pub retry: RetryPolicy,
    /// How long attempts under way may go on when the service ends.
    pub shutdown_grace: Duration,
    /// The operator's identity, for Providers without credentials of their own.
    pub environment: Environment,
}

/// Why the service does not start.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The folder of the manifests cannot be read.
    #[error("cannot read the manifests")]
    Folder(#[source] FolderError),
    /// There are mistakes in the manifests.
    #[error("{} in the manifests; correct them and start again:\n{}", counted(mistakes.len()), mistakes.join("\n"))]
    Manifests {
        /// A line for each.
        mistakes: Vec<String>,
    },
    /// The folder of the modules cannot be read.
    #[error("cannot read the modules")]
    ModulesFolder(#[source] ModulesFolderError),
    /// Files of the modules' folder do not serve.
    #[error("{} in the modules' folder; correct or remove the files and start again:\n{}", counted(mistakes.len()), mistakes.join("\n"))]
    ModuleFiles {
        /// A line for each.
        mistakes: Vec<String>,
    },
    /// Modules cannot be kept.
    #[error("cannot open the store of modules")]
    Store(#[source] OpenStoreError),
    /// There is no way to a cluster.
    #[error("cannot follow the cluster")]
    Cluster(#[source] ConnectError),
    /// WebAssembly does not run here.
    #[error("cannot start the module engine")]
    Engine(#[source] StartEngineError),
    /// The journal cannot be opened.
    #[error("cannot open the journal")]
    Journal(#[source] OpenError),
    /// No requests can be sent.
    #[error("cannot prepare outgoing connections")]
    Transport(#[source] SendError),
    /// An address cannot be listened on.
    #[error("cannot listen")]
    Listen(#[source] ListenError),
    /// The file with the addresses cannot be written.
    #[error("cannot write {}", path.display())]
    Addresses {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// There is no socket for the person who runs it.
    #[error("cannot take questions about deliveries")]
    Socket(#[source] BindSocketError),
    /// The system gives no more threads.
    #[error("cannot start a thread for events")]
    Threads(#[source] io::Error),
    /// The process cannot wait for signals.
    #[error("cannot wait for signals")]
    Signals(#[source] io::Error),
}

fn counted(mistakes: usize) -> String {
    if mistakes == 1 {
        "there is a mistake".to_owned()
    } else {
        format!("there are {mistakes} mistakes")
    }
}

/// Runs the service until SIGTERM or Ctrl-C.
///
/// # Errors
/// It could not start; nothing was accepted then.
pub async fn serve(config: Config) -> Result<(), ServeError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(ServeError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(ServeError::Signals)?;
    let metrics = Metrics::new(env!("CARGO_PKG_VERSION"));
    let engine = modules::engine().map_err(ServeError::Engine)?;
    // First of all, as no two processes may write below the data folder.
    let settings = config.journal.clone();
    let (journal, recovered) =
        Journal::open(&config.data_dir, settings).await.map_err(ServeError::Journal)?;
    let store = Store::open(&config.data_dir, engine.clone()).map_err(ServeError::Store)?;
    let modules = Modules::new(engine.clone()).kept_in(store.clone(), config.module_revisions);
    let modules = Arc::new(modules);
    let admission = Admission::new(engine.clone(), config.compile_limits)
        .kept_in(Some(store))
        .examined_by(Examiner::new(engine));
    let own_modules = own_modules::open(&config, &admission, &modules).await?;
    let registries = Registries::new(config.insecure_registries.clone(), MAX_MODULE_BYTES);
    let installer = Arc::new(ModuleObjects::new(Arc::clone(&modules), admission, registries));
    let source = Source::open(&config.source, &modules, &installer, &metrics).await?;
    modules.tidy_up().await;
    let policy = AddressPolicy {
        allow_loopback: config.allow_loopback,
        allow_private: config.allow_private,
    };
    let transport = Network::new(policy).map_err(ServeError::Transport)?;
    let options = Options { no_cross_namespace_refs: config.no_cross_namespace_refs };
    let catalog = source.catalog();
    let attempts = Attempts::new(
        Arc::clone(&catalog),
        Arc::clone(&modules),
        transport,
        Credentials::new(config.environment.clone())
            .with_accounts(source.accounts())
            .counted_by(metrics.clone()),
        delivery::memory(&journal),
        JournalId::from_bytes(journal.id()),
        options,
    );
    let attempts = Arc::new(attempts.observed_by(source.observer()));
    let recorder = Arc::new(Recorder {
        journal: journal.clone(),
        policy: config.retry.clone(),
        metrics: metrics.clone(),
        observer: source.observer(),
    });
    let clock = Clock::default();
    let dispatcher = Dispatcher::start(attempts, recorder, config.deliveries, clock.clone());
    let digests = Digests::new(journal.clone(), dispatcher.clone(), clock.clone());
    let digests = Arc::new(digests);
    // Before anybody can ask for one of them.
    let recovered = digests.adopt(recovered).await;

    let doors = Doors::bind(&config).await?;
    let socket = AdminSocket::bind(&config.data_dir).map_err(ServeError::Socket)?;
    doors.announce(&config)?;
    let ending = CancellationToken::new();
    let tasks = TaskTracker::new();
    let readiness = Readiness::default();
    doors.serve(&config, &journal, &metrics, &readiness, &tasks, &ending)?;
    let router = Router {
        journal: journal.clone(),
        catalog: Arc::clone(&catalog),
        modules: Arc::clone(&modules),
        dispatcher: dispatcher.clone(),
        digests: Arc::clone(&digests),
        metrics: metrics.clone(),
        clock,
        options,
        labels: source.labels(),
        observer: source.observer(),
    };
    let routing = tokio::spawn(route(router, recovered, source.loaded()));
    tasks.spawn(desk::serve(
        socket,
        journal.clone(),
        desk::Running { dispatcher: dispatcher.clone(), digests },
        Arc::clone(&modules),
        ending.clone(),
    ));
    tasks.spawn(desk::count(journal.clone(), metrics.clone(), ending.clone()));
    if let Some(folder) = own_modules {
        let (catalog, modules) = (Arc::clone(&catalog), Arc::clone(&modules));
        tasks.spawn(own_modules::follow(folder, catalog, modules, ending.clone()));
    }
    source.follow(installer, &journal, &metrics, &readiness, &tasks, &ending);

    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping: no more events are taken");
    ending.cancel();
    tasks.close();
    tasks.wait().await;
    if !dispatcher.drain(config.shutdown_grace).await {
        tracing::warn!(
            "some attempts did not end within the grace period; they are made again at the next start"
        );
    }
    routing.abort();
    journal.close().await;
    tracing::info!("stopped");
    Ok(())
}

/// Routes what the journal hands over, once there is a catalog, until the process ends.
async fn route(router: Router, recovered: Recovered, loaded: impl Future<Output = ()>) {
    // An event that is routed by an empty catalog would go nowhere.
    loaded.await;
    router.run(recovered).await;
}
