//! The words of the journal. Knows nothing of how they are stored.

use bytes::Bytes;
use jiff::Timestamp;

use crate::events::Events;

/// The position of an event in its journal; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(pub i64);

impl std::fmt::Display for EventId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// What became of an event that was to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// It is on disk.
    New(EventId),
    /// An event with its key is on disk already.
    Duplicate {
        /// From then on the key counts as new.
        until: Timestamp,
    },
}

/// An event that is on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// Its position.
    pub id: EventId,
    /// When it was accepted, in whole milliseconds.
    pub at: Timestamp,
    /// The bytes as they were received.
    pub body: Bytes,
    /// It was accepted by an earlier run: some of its deliveries may have a row already.
    pub recovered: bool,
}

/// Where one delivery of one event stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryRow {
    /// The event.
    pub event: EventId,
    /// The uid of the Alert that asked for it.
    pub alert: String,
    /// Where it goes, as `namespace/name`.
    pub provider: String,
    /// What was decided so far.
    pub state: State,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is to be tried again.
    pub due: Option<Timestamp>,
    /// When this row last changed.
    pub at: Timestamp,
    /// Why it stands there, for people.
    pub note: String,
}

/// The state of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// It is to be tried (again).
    Waiting,
    /// The receiver has it.
    Delivered,
    /// The receiver took it, and will work on it later.
    Accepted,
    /// It was not to be sent.
    Skipped,
    /// It was given up.
    Dead,
}

impl State {
    /// Nothing more happens to it by itself.
    #[must_use]
    pub fn is_finished(self) -> bool {
        match self {
            State::Waiting => false,
            State::Delivered | State::Accepted | State::Skipped | State::Dead => true,
        }
    }
}

/// One or more changes that are written together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Replaces the row of its event and Alert.
    pub row: Option<DeliveryRow>,
    /// Every delivery of this event has a row: it need not be routed again after a crash.
    pub closes: Option<EventId>,
    /// Replaces what is remembered under the key.
    pub remember: Option<(RememberKey, String)>,
}

/// Under what a module's note is remembered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RememberKey {
    /// The uid of the Provider.
    pub provider_uid: String,
    /// The module's name.
    pub module: String,
    /// The object that the event is about.
    pub object: String,
}

/// What the last run left, and the way on from there.
#[derive(Debug)]
pub struct Recovered {
    /// Every event that is to be routed, once: those left open by the last run, then each one when it is on disk.
    pub events: Events,
    /// The deliveries that are not finished, by the time they are due.
    pub waiting: Vec<DeliveryRow>,
    /// How many of the events come from the last run.
    pub n_open: usize,
}

/// Whether the journal can keep what it is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// The last commit worked.
    Writable,
    /// The last commit failed, and none has worked since.
    Failing {
        /// Why, with all causes.
        reason: String,
    },
}
