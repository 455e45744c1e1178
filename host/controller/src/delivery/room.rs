//! Room in memory for the events of deliveries that wait for a place. The events of the rest are read from the journal when
//! it is their turn. It must not know what the deliveries wait for.

use std::sync::Arc;

use herald_core::event::Event;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A number of bytes, shared by all lanes.
#[derive(Clone, Debug)]
pub(super) struct Room(Arc<Semaphore>);

/// An event that has its room until it is taken out or dropped.
#[derive(Debug)]
pub(super) struct Kept {
    event: Arc<Event>,
    /// Given back with it, whichever way it goes.
    _bytes: OwnedSemaphorePermit,
}

impl Room {
    pub(super) fn of_bytes(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes)))
    }

    /// Keeps the event, if there is room.
    pub(super) fn keep(&self, event: Arc<Event>) -> Option<Kept> {
        let bytes = weight(&event).try_into().ok()?;
        let bytes = Arc::clone(&self.0).try_acquire_many_owned(bytes).ok()?;
        Some(Kept { event, _bytes: bytes })
    }
}

impl Kept {
    pub(super) fn into_event(self) -> Arc<Event> {
        self.event
    }
}

/// About how many bytes an event takes in memory.
fn weight(event: &Event) -> usize {
    let metadata: usize = event.metadata.iter().map(|(key, value)| key.len() + value.len()).sum();
    512 + event.message.len() + event.reason.len() + metadata
}

#[cfg(test)]
mod tests {
    use herald_core::intake;

    use super::*;

    #[test]
    fn what_is_taken_out_or_dropped_gives_its_room_back() {
        let body =
            br#"{"involvedObject":{"kind":"Kustomization","namespace":"apps","name":"storefront"},
            "severity":"info","timestamp":"2026-01-01T00:00:00Z","message":"m","reason":"R",
            "reportingController":"kustomize-controller"}"#;
        let event = Arc::new(intake::accept(body).unwrap().event);
        let room = Room::of_bytes(2 * weight(&event));
        let keep = || room.keep(Arc::clone(&event));
        let (first, second) = (keep().unwrap(), keep().unwrap());
        assert!(keep().is_none(), "no room for a third");
        assert_eq!(first.into_event(), event);
        drop(second);
        let kept = [keep(), keep()];
        assert!(kept.iter().all(Option::is_some) && keep().is_none());
    }
}
