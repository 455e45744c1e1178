//! The three doors: where events, health and metrics are asked for.

use std::{fs, io};

use herald_journal::{Health, Journal};
use serde_json::json;
use tokio::runtime::Builder;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Config, ServeError};
use crate::server::{self, Listener, Readiness};
use crate::telemetry::Metrics;

/// The three doors.
pub(super) struct Doors {
    events: Listener,
    health: Listener,
    metrics: Listener,
}

impl Doors {
    pub(super) async fn bind(config: &Config) -> Result<Self, ServeError> {
        Ok(Self {
            events: Listener::bind(&config.events_addr).await.map_err(ServeError::Listen)?,
            health: Listener::bind(&config.health_addr).await.map_err(ServeError::Listen)?,
            metrics: Listener::bind(&config.metrics_addr).await.map_err(ServeError::Listen)?,
        })
    }

    /// Tells people and scripts where the doors are. The file appears whole or not at all.
    pub(super) fn announce(&self, config: &Config) -> Result<(), ServeError> {
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

    pub(super) fn serve(
        self,
        config: &Config,
        journal: &Journal,
        metrics: &Metrics,
        readiness: &Readiness,
        tasks: &TaskTracker,
        ending: &CancellationToken,
    ) -> Result<(), ServeError> {
        let settings = server::EventSettings {
            paths_in_metrics: config.paths_in_metrics,
            ..server::EventSettings::new(config.rate_limit_interval)
        };
        let events = server::events(journal.clone(), settings, metrics.clone());
        let health = {
            let (journal, readiness) = (journal.clone(), readiness.clone());
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
        for (listener, router) in [(self.health, health), (self.metrics, metrics)] {
            tasks.spawn(server::serve(listener, router, ending.clone()));
        }
        let (listener, ending) = (self.events, ending.clone());
        let intake = on_a_thread("intake", async move {
            match listener.rehomed() {
                Ok(listener) => server::serve(listener, events, ending).await,
                Err(error) => tracing::error!("no events can be taken: {error}"),
            }
        });
        tasks.spawn(intake.map_err(ServeError::Threads)?);
        Ok(())
    }
}

/// Runs this on a thread of its own, so that a 202 waits for no delivery. What comes back ends with it.
fn on_a_thread(
    name: &str,
    work: impl Future<Output = ()> + Send + 'static,
) -> io::Result<impl Future<Output = ()> + Send + 'static> {
    // The runtime of one thread alone would be woken by a system call for every answer of the journal.
    let mut builder = Builder::new_multi_thread();
    let runtime = builder.worker_threads(1).thread_name(name).enable_all().build()?;
    let work = runtime.spawn(work);
    Ok(async move {
        if let Err(error) = work.await {
            tracing::error!("{error}");
        }
        runtime.shutdown_background();
    })
}
