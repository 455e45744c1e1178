//! The desk of the running service: its socket, whom it tells, and the journal's numbers for Prometheus.

use std::sync::Arc;
use std::time::Duration;

use herald_journal::{DeliveryKey, Journal, WaitingRow};
use jiff::Timestamp;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::delivery::Dispatcher;
use crate::desk::{Desk, Told};
use crate::modules::Modules;
use crate::router::Digests;
use crate::server::{self, AdminSocket, ModuleOrder, ModulesDesk};
use crate::telemetry::{JournalNumbers, Metrics, report};

/// How often the numbers are looked up.
const EVERY: Duration = Duration::from_secs(10);

/// Who makes deliveries in this process.
pub(super) struct Running {
    pub(super) dispatcher: Dispatcher,
    pub(super) digests: Arc<Digests>,
}

impl Told for Running {
    async fn replayed(&self, rows: Vec<WaitingRow>) {
        self.digests.replayed(&rows).await;
        for row in rows {
            self.dispatcher.resume(row).await;
        }
    }

    async fn discarded(&self, keys: Vec<DeliveryKey>) {
        self.digests.discarded(&keys);
        self.dispatcher.discard(keys.into_iter().map(|key| (key.event, key.alert)).collect()).await;
    }
}

/// Answers at the socket until the service ends.
pub(super) async fn serve(
    socket: AdminSocket,
    journal: Journal,
    running: Running,
    modules: Arc<Modules>,
    ending: CancellationToken,
) {
    let desk = Desk::new(journal, running);
    socket.serve(server::admin(desk, Arc::new(Types(modules))), ending).await;
}

/// The modules, for the socket.
struct Types(Arc<Modules>);

impl ModulesDesk for Types {
    fn list(&self) -> Value {
        self.0.all().iter().map(|loaded| loaded.described()).collect()
    }

    fn history(&self, kind: Option<&str>) -> Value {
        self.0.history(kind)
    }

    fn carry_out(&self, order: &ModuleOrder) -> Result<String, String> {
        let done = match order {
            ModuleOrder::RollBack { kind } => self.0.roll_back(kind),
            ModuleOrder::Pin { kind, revision } => self.0.pin(kind, revision),
            ModuleOrder::Unpin { kind } => self.0.unpin(kind),
        };
        done.map_err(|err| report(&err))
    }
}

/// Keeps the journal's numbers up to date until the service ends.
pub(super) async fn count(journal: Journal, metrics: Metrics, ending: CancellationToken) {
    let mut every = tokio::time::interval(EVERY);
    loop {
        tokio::select! {
            () = ending.cancelled() => return,
            _ = every.tick() => {}
        }
        let now = Timestamp::now();
        match journal.figures(now).await {
            Ok(figures) => {
                let age = |at: Timestamp| now.duration_since(at);
                let oldest = figures.oldest_waiting.map(age);
                metrics.journal(&JournalNumbers {
                    dead_letters: figures.dead,
                    oldest_waiting: oldest
                        .and_then(|age| Duration::try_from(age).ok())
                        .unwrap_or_default(),
                    bytes: figures.database_bytes + figures.log_bytes,
                    free_bytes: figures.free_bytes,
                    volume_free_bytes: figures.volume_bytes,
                });
            }
            Err(err) => tracing::warn!("the journal cannot be counted: {}", report(&err)),
        }
    }
}
