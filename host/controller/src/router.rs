//! From an event to its deliveries: every Alert that matches gets one.
//!
//! The router reads what the journal hands over: first the events that were open when the process ended, then each event
//! as it is committed. An event stays open in the journal until each of its deliveries has a row.

use std::collections::HashSet;
use std::sync::Arc;

use herald_core::alert::Alert;
use herald_core::delivery::EventId;
use herald_core::event::Event;
use herald_core::intake;
use herald_core::matching::{Match, matches};
use herald_journal::{Events, Journal, Record, Recovered, StoredEvent};

use crate::catalog::{Catalog, CatalogStore, ProviderKey};
use crate::delivery::{Dispatcher, Job, OpenEvent};
use crate::telemetry::report;

/// The Alerts that want this event.
pub fn route<'a>(event: &Event, catalog: &'a Catalog) -> Vec<&'a Arc<Alert>> {
    let mut wanted = Vec::new();
    for alert in catalog.alerts.candidates(event) {
        match matches(alert, event, &catalog.objects) {
            Match::Yes => wanted.push(alert),
            Match::No => {}
            Match::UnknownLabels { kind, namespace, name } => tracing::warn!(
                alert.name = %alert.name,
                alert.namespace = %alert.namespace,
                "the Alert selects by matchLabels, and the labels of {kind} {namespace}/{name} are not known: no match"
            ),
        }
    }
    wanted
}

/// The Provider that an Alert names.
#[must_use]
pub fn provider_of(alert: &Alert) -> ProviderKey {
    ProviderKey { namespace: alert.namespace.clone(), name: alert.provider.clone() }
}

/// Takes events from the journal and offers their deliveries.
pub struct Router {
    /// Where the events come from.
    pub journal: Journal,
    /// What there is to deliver to.
    pub catalog: Arc<CatalogStore>,
    /// Who makes the deliveries.
    pub dispatcher: Dispatcher,
}

impl Router {
    /// Goes on with what the last run left, then routes each event as it is accepted, until the journal closes.
    pub async fn run(&self, recovered: Recovered) {
        let mut events = self.resume(recovered).await;
        while let Some(stored) = events.recv().await {
            self.take(stored).await;
        }
    }

    /// Goes on with what the last run left; the events that come after that.
    ///
    /// It comes back in the order in which it was accepted, so that the deliveries about one object keep it: a delivery that
    /// waits may be younger than an event that was not routed yet.
    pub(crate) async fn resume(&self, recovered: Recovered) -> Events {
        let Recovered { mut events, waiting, n_open } = recovered;
        if n_open > 0 || !waiting.is_empty() {
            tracing::info!(
                events = n_open,
                deliveries = waiting.len(),
                "going on with what was not finished"
            );
        }
        let mut waiting = waiting.into_iter().peekable();
        while let Some(stored) = events.recv_recovered().await {
            while let Some(earlier) = waiting.next_if(|row| row.event <= stored.id) {
                self.dispatcher.resume(earlier).await;
            }
            self.take(stored).await;
        }
        for left in waiting {
            self.dispatcher.resume(left).await;
        }
        events
    }

    /// Routes one event.
    pub async fn take(&self, stored: StoredEvent) {
        let id = EventId(stored.id.0);
        let event = match intake::accept(&stored.body) {
            Ok(intake) => Arc::new(intake.event),
            Err(err) => {
                // It was read before it was accepted, so this is a journal of another version: keep it for one that can.
                tracing::error!(
                    event.id = id.0,
                    "an accepted event cannot be read: {}",
                    report(&err)
                );
                return;
            }
        };
        let settled = if stored.recovered { self.settled(stored.id).await } else { HashSet::new() };
        let catalog = self.catalog.load();
        let alerts: Vec<&Arc<Alert>> = route(&event, &catalog)
            .into_iter()
            .filter(|alert| !settled.contains(&alert.uid))
            .collect();
        if alerts.is_empty() {
            let object = &event.involved_object;
            tracing::debug!(
                event.id = id.0,
                object = %format!("{}/{}/{}", object.kind, object.namespace, object.name),
                "no Alert wants the event"
            );
            self.journal.record(Record::closing(stored.id));
            return;
        }
        let open = OpenEvent::new(id, alerts.len());
        for alert in alerts {
            let job = Job {
                event: Arc::clone(&event),
                event_id: id,
                accepted_at: stored.at,
                alert_uid: alert.uid.as_str().into(),
                provider: provider_of(alert).into(),
                attempts: 0,
                open: Some(Arc::clone(&open)),
                passes: false,
            };
            self.dispatcher.offer(job).await;
        }
    }

    /// The Alerts whose delivery of this event has a row already.
    async fn settled(&self, event: herald_journal::EventId) -> HashSet<String> {
        match self.journal.rows(event).await {
            Ok(rows) => rows.into_iter().map(|row| row.alert.to_string()).collect(),
            Err(err) => {
                tracing::error!(
                    event.id = event.0,
                    "the journal cannot be read, so a delivery may repeat: {}",
                    report(&err)
                );
                HashSet::new()
            }
        }
    }
}
