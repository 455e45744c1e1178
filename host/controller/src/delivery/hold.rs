//! What is written about deliveries beside the end of an attempt: that they wait, that they passed another, that their life
//! ended. Whoever looks sees them, and their event can close.

use std::sync::Arc;

use herald_core::delivery::EventId;
use herald_core::event::Event;
use herald_journal::{DeliveryRow, Mark, Record, State};
use jiff::Timestamp;

use super::lane::Obstacle;
use super::{Job, ObjectKey, OpenEvent, Recorder};
use crate::catalog::ProviderKey;

/// A delivery without its event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) event_id: EventId,
    pub(super) alert_uid: Arc<str>,
    pub(super) provider: Arc<ProviderKey>,
    pub(super) attempts: u32,
}

/// A delivery that has no row yet.
pub(super) struct New<'a> {
    pub(super) delivery: Identity,
    pub(super) event: &'a Event,
    pub(super) open: Option<&'a Arc<OpenEvent>>,
    /// As `namespace/name`; empty where it does not exist any more.
    pub(super) alert_name: String,
}

impl Recorder {
    /// Writes down that a new delivery waits, and why; `due` is what the receiver asked for.
    pub(super) fn hold(
        &self,
        new: &New<'_>,
        obstacle: Obstacle,
        due: Option<Timestamp>,
        now: Timestamp,
    ) {
        let note = match obstacle {
            Obstacle::Earlier => "waits for an earlier delivery about its object",
            Obstacle::Breaker => "waits until the receiver answers again",
            Obstacle::Pace => "waits because the receiver asked for less",
            Obstacle::Backlog => "waits for those before it",
        };
        let object = ObjectKey::of(new.event).to_string();
        let row = row(&new.delivery, &object, State::Waiting, note, now);
        let row = DeliveryRow { due, alert_name: new.alert_name.as_str().into(), ..row };
        self.journal.record(Record::row(row));
        self.settle(new.open);
    }

    /// Writes down that a delivery to a Provider of this type ended without another attempt.
    pub(super) fn end(
        &self,
        delivery: &Identity,
        event: Option<&Event>,
        open: Option<&Arc<OpenEvent>>,
        kind: &str,
        note: &str,
        now: Timestamp,
    ) {
        self.metrics.delivery(kind, "dead");
        let object = event.map(|event| ObjectKey::of(event).to_string()).unwrap_or_default();
        tracing::error!(
            event.id = delivery.event_id.0,
            provider = %delivery.provider,
            object,
            attempts = delivery.attempts,
            reason = note,
            "delivery is dead"
        );
        let row = row(delivery, &object, State::Dead, note, now);
        self.journal.record(Record::row(row));
        self.settle(open);
    }

    /// For the history of a delivery that does not keep the order of its object.
    pub(super) fn passed(&self, job: &Job, now: Timestamp) -> Vec<Mark> {
        if !job.passes {
            return Vec::new();
        }
        vec![Mark {
            event: herald_journal::EventId(job.event_id.0),
            alert: Arc::clone(&job.alert_uid),
            at: now,
            what: "passed",
            note: "passed an earlier delivery about its object that is still being tried"
                .to_owned(),
        }]
    }

    /// A delivery has its row, or that is on its way: an event closes with the last of its deliveries. Not in one record with
    /// the row, and only after it was handed in: another delivery of the event could close it before this row is there.
    pub(super) fn settle(&self, open: Option<&Arc<OpenEvent>>) {
        if let Some(id) = open.and_then(|open| open.settle()) {
            self.journal.record(Record::closing(herald_journal::EventId(id.0)));
        }
    }
}

fn row(delivery: &Identity, object: &str, state: State, note: &str, now: Timestamp) -> DeliveryRow {
    DeliveryRow {
        event: herald_journal::EventId(delivery.event_id.0),
        alert: Arc::clone(&delivery.alert_uid),
        alert_name: "".into(),
        provider: delivery.provider.to_string().into(),
        object: object.into(),
        state,
        attempts: delivery.attempts,
        due: None,
        at: now,
        note: note.to_owned(),
        attempt: None,
        replayed: None,
        plan: None,
        digest: None,
    }
}
