//! Puts the rooms together and takes them apart again: the only file that knows all of them.

mod desk;

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use herald_core::delivery::JournalId;
use herald_core::policy::AddressPolicy;
use herald_core::retry::RetryPolicy;
use herald_engine::{Engine, StartEngineError};
use herald_journal::{Health, Journal, OpenError};
use serde_json::json;
use thiserror::Error;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::catalog::CatalogStore;
use crate::clock::Clock;
use crate::credentials::{Credentials, Environment};
use crate::delivery::{self, Attempts, Dispatcher, Options, Recorder};
use crate::egress::{Network, SendError};
use crate::modules::folder::{FolderSettings, ModulesFolder, ModulesFolderError};
use crate::modules::{self, Modules};
use crate::router::{Digests, Router};
use crate::server::{
    self, AdminSocket, BindSocketError, ListenAddr, ListenError, Listener, Readiness,
};
use crate::sources::folder::{Folder, FolderError, Loaded, Mistake};
use crate::telemetry::{Metrics, report};

/// What `herald serve` was told.
#[derive(Clone, Debug)]
pub struct Config {
    /// The folder with the manifests.
    pub config_dir: PathBuf,
    /// A folder with modules.
    pub modules: Option<FolderSettings>,
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
    /// What the journal keeps, and how much.
    pub journal: herald_journal::Settings,
    /// Whether Providers may reach this machine.
    pub allow_loopback: bool,
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
    let (folder, loaded) = Folder::read(&config.config_dir).map_err(ServeError::Folder)?;
    let engine = modules::engine().map_err(ServeError::Engine)?;
    let modules = Arc::new(Modules::new(engine.clone()));
    let modules_folder = open_modules(&config, engine, &modules).await?;
    let catalog = Arc::new(CatalogStore::new(checked(loaded, &modules, &metrics).await?));

    let settings = config.journal.clone();
    let (journal, recovered) =
        Journal::open(&config.data_dir, settings).await.map_err(ServeError::Journal)?;
    let policy = AddressPolicy { allow_loopback: config.allow_loopback, allow_private: true };
    let transport = Network::new(policy).map_err(ServeError::Transport)?;
    let options = Options { no_cross_namespace_refs: config.no_cross_namespace_refs };
    let journal_id = JournalId::from_bytes(journal.id());
    let memory = delivery::memory(&journal);
    let attempts = Arc::new(Attempts::new(
        Arc::clone(&catalog),
        Arc::clone(&modules),
        transport,
        Credentials::new(config.environment.clone()),
        memory,
        journal_id,
        options,
    ));
    let recorder = Arc::new(Recorder {
        journal: journal.clone(),
        policy: config.retry.clone(),
        metrics: metrics.clone(),
    });
    let clock = Clock::default();
    let dispatcher = Dispatcher::start(attempts, recorder, config.deliveries, clock.clone());
    let digests = Digests::new(journal.clone(), dispatcher.clone(), clock.clone());
    let digests = Arc::new(digests);
    // Before anybody can ask for one of them.
    let recovered = digests.adopt(recovered).await;

    let listeners = Listeners::bind(&config).await?;
    let socket = AdminSocket::bind(&config.data_dir).map_err(ServeError::Socket)?;
    listeners.announce(&config)?;
    let ending = CancellationToken::new();
    let tasks = TaskTracker::new();
    let router = Router {
        journal: journal.clone(),
        catalog: Arc::clone(&catalog),
        modules: Arc::clone(&modules),
        dispatcher: dispatcher.clone(),
        digests: Arc::clone(&digests),
        metrics: metrics.clone(),
        clock,
        options,
    };
    let routing = tokio::spawn(async move { router.run(recovered).await });
    listeners.serve(&config, &journal, &metrics, &tasks, &ending);
    tasks.spawn(desk::serve(
        socket,
        journal.clone(),
        desk::Running { dispatcher: dispatcher.clone(), digests },
        Arc::clone(&modules),
        ending.clone(),
    ));
    tasks.spawn(desk::count(journal.clone(), metrics.clone(), ending.clone()));
    if let Some(modules_folder) = modules_folder {
        tasks.spawn(follow_modules(
            modules_folder,
            Arc::clone(&catalog),
            Arc::clone(&modules),
            ending.clone(),
        ));
    }
    tasks.spawn(follow(folder, catalog, modules, metrics, ending.clone()));

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

/// The folder of modules, if there is one and all of its files serve.
async fn open_modules(
    config: &Config,
    engine: Engine,
    modules: &Arc<Modules>,
) -> Result<Option<ModulesFolder>, ServeError> {
    let Some(folder) = config.modules.clone() else { return Ok(None) };
    let opened = ModulesFolder::open(folder, engine, Arc::clone(modules)).await;
    let (folder, mistakes) = opened.map_err(ServeError::ModulesFolder)?;
    if mistakes.is_empty() { Ok(Some(folder)) } else { Err(ServeError::ModuleFiles { mistakes }) }
}

/// Takes over changes to the modules' folder until the service ends, and tells what the new modules find wrong.
async fn follow_modules(
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

/// The catalog of what was read at start, if nothing is wrong with it.
async fn checked(
    loaded: Loaded,
    modules: &Modules,
    metrics: &Metrics,
) -> Result<crate::catalog::Catalog, ServeError> {
    let mistakes = mistakes(&loaded, modules).await;
    metrics.catalog(loaded.catalog.providers.len(), loaded.catalog.alerts.len(), mistakes.len());
    if !mistakes.is_empty() {
        return Err(ServeError::Manifests { mistakes });
    }
    let (providers, alerts) = (loaded.catalog.providers.len(), loaded.catalog.alerts.len());
    tracing::info!(providers, alerts, "the manifests are read");
    if alerts == 0 {
        tracing::warn!("no Alert is configured, so every event is accepted and goes nowhere");
    }
    Ok(loaded.catalog)
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
async fn follow(
    folder: Folder,
    catalog: Arc<CatalogStore>,
    modules: Arc<Modules>,
    metrics: Metrics,
    ending: CancellationToken,
) {
    let take_over = |loaded: Loaded| {
        let (catalog, modules, metrics) =
            (Arc::clone(&catalog), Arc::clone(&modules), metrics.clone());
        async move {
            let mistakes = mistakes(&loaded, &modules).await;
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

/// The three doors.
struct Listeners {
    events: Listener,
    health: Listener,
    metrics: Listener,
}

impl Listeners {
    async fn bind(config: &Config) -> Result<Self, ServeError> {
        Ok(Self {
            events: Listener::bind(&config.events_addr).await.map_err(ServeError::Listen)?,
            health: Listener::bind(&config.health_addr).await.map_err(ServeError::Listen)?,
            metrics: Listener::bind(&config.metrics_addr).await.map_err(ServeError::Listen)?,
        })
    }

    /// Tells people and scripts where the doors are. The file appears whole or not at all.
    fn announce(&self, config: &Config) -> Result<(), ServeError> {
        let (events, health, metrics) = (
            self.events.reachable_addr(),
            self.health.reachable_addr(),
            self.metrics.reachable_addr(),
        );
        let path = config.data_dir.join("addresses.json");
        let text = json!({
            "events": events.to_string(),
            "health": health.to_string(),
            "metrics": metrics.to_string(),
        });
        let fresh = config.data_dir.join("addresses.json.new");
        fs::write(&fresh, format!("{text}\n"))
            .and_then(|()| fs::rename(&fresh, &path))
            .map_err(|source| ServeError::Addresses { path, source })?;
        tracing::info!(%events, %health, %metrics, "listening");
        Ok(())
    }

    fn serve(
        self,
        config: &Config,
        journal: &Journal,
        metrics: &Metrics,
        tasks: &TaskTracker,
        ending: &CancellationToken,
    ) {
        let readiness = Readiness::default();
        readiness.set("catalog", true);
        let settings = server::EventSettings::new(config.rate_limit_interval);
        let events = server::events(journal.clone(), settings, metrics.clone());
        let health = {
            let (journal, readiness) = (journal.clone(), readiness);
            server::health(move || {
                match journal.health() {
                    Health::Writable => readiness.set("journal", true),
                    Health::Failing { reason } | Health::Full { reason } => {
                        readiness.fail("journal", reason);
                    }
                }
                readiness.clone()
            })
        };
        let metrics = server::metrics(metrics.clone());
        for (listener, router) in
            [(self.events, events), (self.health, health), (self.metrics, metrics)]
        {
            let ending = ending.clone();
            tasks.spawn(async move {
                server::serve(listener, router, ending).await;
            });
        }
    }
}
