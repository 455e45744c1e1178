//! What a delivery says: its event as the journal has it, or the digest of all events that it names.
//!
//! It must not know when a delivery is made, nor what comes of it.

use std::sync::Arc;

use herald_core::event::Event;
use herald_core::floods::digest::{self, Member};
use herald_core::floods::gate::Notice;
use herald_core::intake;
use herald_journal::{EventId, ReadError, StoredEvent};

use super::Plan;
use super::work::Work;
use crate::egress::Transport;
use crate::telemetry::report;

/// Why the event of a delivery is not here.
pub(super) enum Missing {
    /// It cannot be read at present.
    Now,
    /// It will never be: why.
    Forever(&'static str),
}

impl<T: Transport> Work<T> {
    /// What the delivery of this event for this Alert says, and what goes with it.
    pub(super) async fn content(
        &self,
        id: i64,
        alert: &str,
        plan: Option<&Plan>,
    ) -> Result<(Arc<Event>, Notice), Missing> {
        let id = EventId(id);
        let notice = plan.map(|plan| plan.notice.clone()).unwrap_or_default();
        if plan.and_then(Plan::gathers_until).is_some() {
            self.digest(id, alert, notice).await
        } else {
            let stored = self.recorder.journal.event(id).await;
            Ok((Arc::new(self.read(id, stored)?), notice))
        }
    }

    /// The digest that begins with this event. What gathered no other event says what its own does.
    async fn digest(
        &self,
        first: EventId,
        alert: &str,
        notice: Notice,
    ) -> Result<(Arc<Event>, Notice), Missing> {
        let journal = &self.recorder.journal;
        let stored = journal.event(first).await;
        let at = stored.as_ref().ok().and_then(Option::as_ref).map(|stored| stored.at);
        let event = self.read(first, stored)?;
        let named = journal.members(first, alert).await.map_err(|err| unreadable(first, &err))?;
        let catalog = self.attempts.catalog.load();
        // Without its Alert the delivery is dead, whatever it says.
        let (Some(at), Some(alert)) = (at, catalog.alerts.get(alert)) else {
            return Ok((Arc::new(event), notice));
        };
        if named.is_empty() {
            return Ok((Arc::new(event), notice));
        }
        let mut members = vec![Member::of(event, at, notice)];
        let mut rest = &named[..];
        while !rest.is_empty() {
            let ids = rest.iter().map(|named| named.event).collect();
            let batch = journal.events(ids).await.map_err(|err| unreadable(first, &err))?;
            let (now, later) = rest.split_at(batch.len().clamp(1, rest.len()));
            for (named, stored) in now.iter().zip(batch) {
                // The journal keeps what an unfinished delivery names; a digest that is sent again by hand names the rest.
                let Some(at) = stored.as_ref().map(|stored| stored.at) else { continue };
                let event = self.read(named.event, Ok(stored))?;
                let plan = named.plan.as_deref().and_then(Plan::parse).unwrap_or_default();
                members.push(Member::of(event, at, plan.notice));
            }
            rest = later;
        }
        Ok((Arc::new(digest::digest(&alert.reference(), &members)), Notice::default()))
    }

    fn read(
        &self,
        id: EventId,
        stored: Result<Option<StoredEvent>, ReadError>,
    ) -> Result<Event, Missing> {
        let stored = match stored {
            Ok(Some(stored)) => stored,
            Ok(None) => return Err(Missing::Forever("the journal no longer has its event")),
            Err(err) => return Err(unreadable(id, &err)),
        };
        intake::accept(&stored.body).map(|intake| intake.event).map_err(|err| {
            tracing::error!(
                event.id = id.0,
                "an event in the journal cannot be read: {}",
                report(&err)
            );
            Missing::Forever("its event in the journal cannot be read")
        })
    }
}

fn unreadable(id: EventId, err: &ReadError) -> Missing {
    tracing::error!(event.id = id.0, "the journal cannot be read: {}", report(err));
    Missing::Now
}
