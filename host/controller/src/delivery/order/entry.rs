//! A delivery as its lane keeps it, and what is taken out of it: what waits is an identity of a few bytes, and its event
//! only where there is room. It must not know which comes next.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use herald_core::event::Event;
use jiff::Timestamp;

use crate::delivery::room::Kept;
use crate::delivery::{OpenEvent, Plan};

/// An object, as far as order goes: two of the same number are taken for one, which costs a wait and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::delivery) struct ObjectId(pub(in crate::delivery) u64);

/// What names a delivery within its lane. The order is that in which the deliveries about an object go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::delivery) struct Key {
    pub(in crate::delivery) object: ObjectId,
    pub(in crate::delivery) event: i64,
    /// The number that the dispatcher gave the Alert.
    pub(in crate::delivery) alert: u32,
}

/// A delivery that is not finished.
#[derive(Debug)]
pub(in crate::delivery) struct Entry {
    /// How many attempts were made.
    pub(in crate::delivery) attempts: u32,
    pub(in crate::delivery) accepted_at: Timestamp,
    /// How long it lives, as far as that is known without its event.
    pub(in crate::delivery) life: Duration,
    /// The event, where there was room to keep it.
    pub(in crate::delivery) event: Option<Kept>,
    /// Set while the journal has no row of it.
    pub(in crate::delivery) open: Option<Arc<OpenEvent>>,
    /// Set once it failed.
    pub(in crate::delivery) tried: Option<Box<Tried>>,
    /// Somebody is about to write down that its life is over.
    pub(in crate::delivery) ending: bool,
    /// A person decided against it while it was under way.
    pub(in crate::delivery) is_discarded: bool,
    /// What was decided when it was routed, if that was anything.
    pub(in crate::delivery) plan: Option<Arc<Plan>>,
}

/// What is known of a delivery that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::delivery) struct Tried {
    /// When it is tried again.
    pub(in crate::delivery) due: Timestamp,
    pub(in crate::delivery) first_failed: Timestamp,
    /// The receiver asked for this time.
    pub(in crate::delivery) hinted: bool,
    /// The receiver was not reached or could not work, so that another delivery would have failed as well.
    pub(in crate::delivery) blames_receiver: bool,
    /// What it failed with, while a change of that is awaited.
    pub(in crate::delivery) condition: Option<u64>,
}

/// When deliveries may pass one that is tried again.
#[derive(Clone, Copy, Debug)]
pub(in crate::delivery) struct Patience {
    /// How long they wait for it.
    pub(in crate::delivery) wait: Duration,
    /// When the receiver last took a delivery, while it is not known to be down.
    pub(in crate::delivery) proven: Option<Timestamp>,
}

/// A delivery that is about to be attempted.
#[derive(Debug)]
pub(in crate::delivery) struct Begun {
    pub(in crate::delivery) key: Key,
    pub(in crate::delivery) attempts: u32,
    pub(in crate::delivery) accepted_at: Timestamp,
    pub(in crate::delivery) event: Option<Arc<Event>>,
    pub(in crate::delivery) open: Option<Arc<OpenEvent>>,
    /// It goes before an earlier one about the same object.
    pub(in crate::delivery) passes: bool,
    pub(in crate::delivery) plan: Option<Arc<Plan>>,
}

/// A new delivery that the journal has no row of.
#[derive(Debug)]
pub(in crate::delivery) struct Rowless {
    pub(in crate::delivery) key: Key,
    pub(in crate::delivery) event: Arc<Event>,
    pub(in crate::delivery) open: Arc<OpenEvent>,
}

/// A delivery whose life seems to be over.
#[derive(Debug)]
pub(in crate::delivery) struct Overdue {
    pub(in crate::delivery) key: Key,
    pub(in crate::delivery) attempts: u32,
    pub(in crate::delivery) accepted_at: Timestamp,
    pub(in crate::delivery) open: Option<Arc<OpenEvent>>,
    pub(in crate::delivery) plan: Option<Arc<Plan>>,
}

impl ObjectId {
    /// The number of an object that is written as `kind/namespace/name`.
    pub(in crate::delivery) fn of(object: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        object.hash(&mut hasher);
        Self(hasher.finish())
    }
}

impl Entry {
    /// A delivery that may be attempted at once.
    pub(in crate::delivery) fn new(attempts: u32, accepted_at: Timestamp, life: Duration) -> Self {
        Self {
            attempts,
            accepted_at,
            life,
            event: None,
            open: None,
            tried: None,
            ending: false,
            is_discarded: false,
            plan: None,
        }
    }
}

impl Patience {
    /// Whether those after it may go, or when that is to be asked again; none: when the receiver takes something.
    pub(super) fn passes(self, tried: &Tried, now: Timestamp) -> Result<(), Option<Timestamp>> {
        let over = tried.first_failed.checked_add(self.wait).unwrap_or(Timestamp::MAX);
        if now < over {
            return Err(Some(over));
        }
        let proven = self.proven.is_some_and(|proven| proven > tried.first_failed);
        if !tried.blames_receiver || proven { Ok(()) } else { Err(None) }
    }
}
