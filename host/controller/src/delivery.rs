//! Deliveries on their way: one lane for each Provider, one attempt after another until a delivery is finished.
//!
//! [`Attempts`] makes one attempt: it reads the catalog as it is now, asks the module, and sends through a
//! [`Transport`](crate::egress::Transport). The [`Dispatcher`] decides when: order, concurrency, and the wait between
//! attempts. Every outcome goes to the journal. Nothing here knows where Providers come from or who posted the event.

mod attempt;
mod breaker;
mod content;
mod dispatcher;
mod failure;
mod hold;
mod lane;
mod order;
mod pace;
mod plan;
mod record;
mod room;
mod work;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use herald_core::delivery::EventId;
use herald_core::event::{Event, ObjectReference};
use herald_core::floods::gate::Notice;
use herald_journal::RememberKey;
use jiff::Timestamp;

use crate::catalog::ProviderKey;

pub(crate) use attempt::MAX_QUESTIONS;
pub use attempt::{Attempts, Options};
pub use dispatcher::{Dispatcher, Settings};
pub use lane::Contact;
pub use plan::Plan;
pub use record::Recorder;
pub(crate) use record::{Forgetful, memory};

/// One delivery that is to be attempted.
#[derive(Clone, Debug)]
pub struct Job {
    /// The event, cleaned and not yet merged with the Alert's metadata.
    pub event: Arc<Event>,
    /// Its place in the journal.
    pub event_id: EventId,
    /// When it was accepted; its life is counted from here.
    pub accepted_at: Timestamp,
    /// The Alert that asked for it.
    pub alert_uid: Arc<str>,
    /// Where it goes.
    pub provider: Arc<ProviderKey>,
    /// How many attempts were made before.
    pub attempts: u32,
    /// Set while no row of this delivery is in the journal.
    pub open: Option<Arc<OpenEvent>>,
    /// It goes before an earlier one about the same object, which is still being tried.
    pub passes: bool,
    /// What goes with the event.
    pub notice: Notice,
}

impl Job {
    /// What later events must not overtake: the involved object.
    #[must_use]
    pub fn object(&self) -> ObjectKey<'_> {
        ObjectKey::of(&self.event)
    }
}

/// The object of an event, as far as the order of deliveries goes: `kind/namespace/name`.
#[derive(Clone, Copy, Debug)]
pub struct ObjectKey<'a>(&'a ObjectReference);

impl<'a> ObjectKey<'a> {
    /// The object that an event is about.
    #[must_use]
    pub fn of(event: &'a Event) -> Self {
        Self(&event.involved_object)
    }
}

impl fmt::Display for ObjectKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(object) = self;
        write!(f, "{}/{}/{}", object.kind, object.namespace, object.name)
    }
}

/// Counts the deliveries of an event that have no row in the journal yet.
///
/// The event stays open in the journal until the last of them has one; a crash before that routes it again.
#[derive(Debug)]
pub struct OpenEvent {
    id: EventId,
    without_row: AtomicUsize,
}

impl OpenEvent {
    /// An event with this many deliveries to come.
    #[must_use]
    pub fn new(id: EventId, deliveries: usize) -> Arc<Self> {
        Arc::new(Self { id, without_row: AtomicUsize::new(deliveries) })
    }

    /// One delivery gets its row; the event's id when it was the last.
    fn settle(&self) -> Option<EventId> {
        (self.without_row.fetch_sub(1, Ordering::AcqRel) == 1).then_some(self.id)
    }
}

/// What one attempt came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver has it.
    Delivered,
    /// The receiver took it and will act later.
    Accepted,
    /// There is nothing to send, and why.
    Skipped(String),
    /// Another attempt may succeed.
    Retry {
        /// How long to wait at least, when the receiver or the module said so.
        after: Option<Duration>,
        /// Why this one failed.
        reason: String,
    },
    /// It waits until its Provider, a Secret or an Alert changes.
    Misconfigured(String),
    /// It will never succeed.
    Dead(String),
}

impl Report {
    /// A report with nothing to keep yet.
    pub(crate) fn of(outcome: Outcome) -> Self {
        Self {
            outcome,
            alert: String::new(),
            revision: String::new(),
            kind: String::new(),
            contact: Contact::None,
            remember: None,
            status: None,
            module_failure: None,
            passed_over: Vec::new(),
        }
    }
}

impl Outcome {
    /// A label from a closed set.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Outcome::Delivered => "delivered",
            Outcome::Accepted => "accepted",
            Outcome::Skipped(_) => "skipped",
            Outcome::Retry { .. } => "retry",
            Outcome::Misconfigured(_) => "misconfigured",
            Outcome::Dead(_) => "dead",
        }
    }
}

/// One attempt and what there is to keep of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What it came to.
    pub outcome: Outcome,
    /// The Alert as `namespace/name`; empty where it does not exist any more.
    pub alert: String,
    /// The revision of the module that was asked; empty where none was.
    pub revision: String,
    /// The provider's type, or nothing where the Provider does not exist.
    pub kind: String,
    /// What it told about the receiver.
    pub contact: Contact,
    /// What the module asked to remember.
    pub remember: Option<(RememberKey, String)>,
    /// The status of the last answer.
    pub status: Option<u16>,
    /// Why the module gave no answer, when that is how the attempt ended.
    pub module_failure: Option<ModuleFailure>,
    /// How the modules failed in whose place another answered; from a closed set.
    pub passed_over: Vec<&'static str>,
}

/// A call of a module that gave no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleFailure {
    /// Which limit, or a trap; from a closed set.
    pub kind: &'static str,
    /// The functions that were running when it trapped, a line each.
    pub backtrace: String,
}

/// What modules asked to remember.
pub trait Memory: Send + Sync {
    /// What is kept under this key.
    fn recall(&self, key: &RememberKey) -> Option<String>;
}
