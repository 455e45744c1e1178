//! The words of the journal. Knows nothing of how they are stored.

use std::sync::Arc;
use std::time::Duration;

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

/// Where one delivery of one event stands. Its texts mean nothing to the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryRow {
    /// The event.
    pub event: EventId,
    /// The uid of the Alert that asked for it.
    pub alert: Arc<str>,
    /// The Alert as `namespace/name`; an empty one leaves what an earlier row said.
    pub alert_name: Arc<str>,
    /// Where it goes, as `namespace/name`.
    pub provider: Arc<str>,
    /// What the event is about, as `kind/namespace/name`; empty in rows of a Herald that did not keep it.
    pub object: Arc<str>,
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
    /// The attempt that this row tells of; none where it was written without one.
    pub attempt: Option<Attempt>,
    /// When a person last asked for it again; none leaves what an earlier row said.
    pub replayed: Option<Timestamp>,
    /// What was decided about it when it was routed; none leaves what an earlier row said.
    pub plan: Option<Arc<str>>,
    /// The event of the delivery that names this event too; none leaves what an earlier row said. While that one waits or
    /// is dead, this event is kept.
    pub digest: Option<EventId>,
}

/// The facts of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The revision of the module that was asked; empty where none was.
    pub revision: String,
    /// The status of the last answer.
    pub status: Option<u16>,
    /// How long it took; the journal keeps whole milliseconds.
    pub took: Duration,
}

/// Something that happened to a delivery and is no attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The event.
    pub event: EventId,
    /// The uid of the Alert that asked for the delivery.
    pub alert: Arc<str>,
    /// When.
    pub at: Timestamp,
    /// A word from a closed set of the one who writes it, such as `replayed`; not `attempt`.
    pub what: &'static str,
    /// More about it, for people.
    pub note: String,
}

/// One line of the history of a delivery: an attempt or a [`Mark`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happened {
    /// When it ended.
    pub at: Timestamp,
    /// `attempt`, or the word of a mark.
    pub what: String,
    /// The number of the attempt and its facts.
    pub attempt: Option<(u32, Attempt)>,
    /// Why it ended so.
    pub note: String,
}

/// What a start must know of a delivery that is not finished. Equal texts are one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingRow {
    /// The event.
    pub event: EventId,
    /// The uid of the Alert that asked for it.
    pub alert: Arc<str>,
    /// Where it goes, as `namespace/name`.
    pub provider: Arc<str>,
    /// What the event is about, as `kind/namespace/name`; empty in rows of a Herald that did not keep it.
    pub object: Arc<str>,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is to be tried again; none where it waits for a change.
    pub due: Option<Timestamp>,
    /// When its row last changed.
    pub at: Timestamp,
    /// When a person last asked for it again.
    pub replayed: Option<Timestamp>,
    /// When its event was accepted.
    pub accepted_at: Timestamp,
    /// What was decided about it when it was routed.
    pub plan: Option<Arc<str>>,
}

/// An event that a delivery names beside its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The event.
    pub event: EventId,
    /// What was decided about it when it was routed.
    pub plan: Option<Arc<str>>,
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
    /// A person decided against it.
    Discarded,
}

impl State {
    /// Every state.
    pub const ALL: [State; 6] = [
        State::Waiting,
        State::Delivered,
        State::Accepted,
        State::Skipped,
        State::Dead,
        State::Discarded,
    ];

    /// Its word, as it stands in the file.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            State::Waiting => "waiting",
            State::Delivered => "delivered",
            State::Accepted => "accepted",
            State::Skipped => "skipped",
            State::Dead => "dead",
            State::Discarded => "discarded",
        }
    }

    /// The state with this word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<State> {
        State::ALL.into_iter().find(|state| state.word() == word)
    }

    /// Nothing more happens to it by itself.
    #[must_use]
    pub fn is_finished(self) -> bool {
        match self {
            State::Waiting => false,
            State::Delivered
            | State::Accepted
            | State::Skipped
            | State::Dead
            | State::Discarded => true,
        }
    }
}

/// One or more changes that are written together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Each replaces the row of its event and Alert, and what that said of an attempt becomes history.
    ///
    /// A waiting row leaves a discarded one as it is: a person's decision outlives an attempt that was under way.
    pub rows: Vec<DeliveryRow>,
    /// What there is to tell beside the rows.
    pub marks: Vec<Mark>,
    /// Every delivery of these events has a row: they need not be routed again after a crash.
    pub closes: Vec<EventId>,
    /// Each replaces what is remembered under its key.
    pub remember: Vec<(RememberKey, String)>,
}

impl Record {
    /// A record of one row.
    #[must_use]
    pub fn row(row: DeliveryRow) -> Self {
        Record { rows: vec![row], ..Record::default() }
    }

    /// A record that closes an event.
    #[must_use]
    pub fn closing(event: EventId) -> Self {
        Record { closes: vec![event], ..Record::default() }
    }
}

/// Under what a note is remembered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RememberKey {
    /// The uid of what it belongs to: a Provider or an Alert.
    pub owner: String,
    /// The name of the module, or of what else wrote it.
    pub module: String,
    /// The object that the event is about.
    pub object: String,
}

/// What the last run left, and the way on from there.
#[derive(Debug)]
pub struct Recovered {
    /// Every event that is to be routed, once: those left open by the last run, then each one when it is on disk.
    pub events: Events,
    /// The deliveries that are not finished, in the order of their events.
    pub waiting: Vec<WaitingRow>,
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
    /// The disk works, and no new event is taken: a limit is reached.
    Full {
        /// Which one, and what ends this.
        reason: String,
    },
}
