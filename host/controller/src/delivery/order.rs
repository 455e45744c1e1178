//! Which delivery of one Provider comes next for each object, and when: those about one object go in the order of their
//! events, one at a time.
//!
//! While one is to be tried again, those after it wait; they pass it once it has been failing for the time that the
//! operator set, if what fails is it and not the receiver. What waits is an identity of a few bytes, not an event. Pure:
//! time is an argument. It must not know how many may run, nor how the receiver does.

use std::collections::btree_map::Range;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use herald_core::event::Event;
use jiff::Timestamp;

use super::room::Kept;
use super::{OpenEvent, Plan};

/// So many objects are looked at for a delivery that can be a probe.
const LOOKED_AT: usize = 64;

/// An object, as far as order goes: two of the same number are taken for one, which costs a wait and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ObjectId(pub(super) u64);

/// What names a delivery within its lane. The order is that in which the deliveries about an object go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key {
    pub(super) object: ObjectId,
    pub(super) event: i64,
    /// The number that the dispatcher gave the Alert.
    pub(super) alert: u32,
}

/// A delivery that is not finished.
#[derive(Debug)]
pub(super) struct Entry {
    /// How many attempts were made.
    pub(super) attempts: u32,
    pub(super) accepted_at: Timestamp,
    /// How long it lives, as far as that is known without its event.
    pub(super) life: Duration,
    /// The event, where there was room to keep it.
    pub(super) event: Option<Kept>,
    /// Set while the journal has no row of it.
    pub(super) open: Option<Arc<OpenEvent>>,
    /// Set once it failed.
    pub(super) tried: Option<Box<Tried>>,
    /// Somebody is about to write down that its life is over.
    pub(super) ending: bool,
    /// A person decided against it while it was under way.
    pub(super) is_discarded: bool,
    /// What was decided when it was routed, if that was anything.
    pub(super) plan: Option<Arc<Plan>>,
}

/// What is known of a delivery that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tried {
    /// When it is tried again.
    pub(super) due: Timestamp,
    pub(super) first_failed: Timestamp,
    /// The receiver asked for this time.
    pub(super) hinted: bool,
    /// The receiver was not reached or could not work, so that another delivery would have failed as well.
    pub(super) blames_receiver: bool,
    /// What it failed with, while a change of that is awaited.
    pub(super) condition: Option<u64>,
}

/// When deliveries may pass one that is tried again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// How long they wait for it.
    pub(super) wait: Duration,
    /// When the receiver last took a delivery, while it is not known to be down.
    pub(super) proven: Option<Timestamp>,
}

/// A delivery that is about to be attempted.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) key: Key,
    pub(super) attempts: u32,
    pub(super) accepted_at: Timestamp,
    pub(super) event: Option<Arc<Event>>,
    pub(super) open: Option<Arc<OpenEvent>>,
    /// It goes before an earlier one about the same object.
    pub(super) passes: bool,
    pub(super) plan: Option<Arc<Plan>>,
}

/// A delivery whose life seems to be over.
#[derive(Debug)]
pub(super) struct Overdue {
    pub(super) key: Key,
    pub(super) attempts: u32,
    pub(super) accepted_at: Timestamp,
    pub(super) open: Option<Arc<OpenEvent>>,
    pub(super) plan: Option<Arc<Plan>>,
}

/// What comes next for an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Nothing,
    Start {
        key: Key,
        /// It was attempted before; the time is when it became due.
        again: Option<Timestamp>,
        passes: bool,
    },
    Wait {
        until: Option<Timestamp>,
        /// Or until the receiver takes something else.
        proof: bool,
    },
}

/// In which of the sets an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// One of its deliveries is under way.
    Busy,
    /// One may start for the first time; the oldest event first.
    Fresh(i64),
    /// One may start again; the longest due first.
    Again(Timestamp, i64),
    Waiting {
        until: Option<Timestamp>,
        proof: bool,
    },
}

/// The unfinished deliveries of one Provider.
#[derive(Debug, Default)]
pub(super) struct Order {
    entries: BTreeMap<Key, Entry>,
    places: HashMap<ObjectId, Place>,
    fresh: BTreeSet<(i64, ObjectId)>,
    again: BTreeSet<(Timestamp, i64, ObjectId)>,
    timers: BTreeSet<(Timestamp, ObjectId)>,
    proof: HashSet<ObjectId>,
    /// How many entries have no row in the journal.
    n_open: usize,
}

impl ObjectId {
    /// The number of an object that is written as `kind/namespace/name`.
    pub(super) fn of(object: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        object.hash(&mut hasher);
        Self(hasher.finish())
    }
}

impl Entry {
    /// A delivery that may be attempted at once.
    pub(super) fn new(attempts: u32, accepted_at: Timestamp, life: Duration) -> Self {
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
    fn passes(self, tried: &Tried, now: Timestamp) -> Result<(), Option<Timestamp>> {
        let over = tried.first_failed.checked_add(self.wait).unwrap_or(Timestamp::MAX);
        if now < over {
            return Err(Some(over));
        }
        let proven = self.proven.is_some_and(|proven| proven > tried.first_failed);
        if !tried.blames_receiver || proven { Ok(()) } else { Err(None) }
    }
}

impl Order {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn n_open(&self) -> usize {
        self.n_open
    }

    /// The first that may start for the first time.
    pub(super) fn first_fresh(&self) -> Option<ObjectId> {
        self.fresh.first().map(|(_, object)| *object)
    }

    /// The first that may start again.
    pub(super) fn first_again(&self) -> Option<ObjectId> {
        self.again.first().map(|(.., object)| *object)
    }

    pub(super) fn next_timer(&self) -> Option<Timestamp> {
        self.timers.first().map(|(time, _)| *time)
    }

    /// Whether a new delivery about this object would wait for one that is to be tried again.
    pub(super) fn is_held_up(&self, object: ObjectId) -> bool {
        matches!(self.places.get(&object), Some(Place::Waiting { .. }))
    }

    pub(super) fn insert(&mut self, key: Key, entry: Entry, now: Timestamp, patience: Patience) {
        self.n_open += usize::from(entry.open.is_some());
        if let Some(twin) = self.entries.insert(key, entry) {
            self.n_open -= usize::from(twin.open.is_some());
        }
        self.refresh(key.object, now, patience);
    }

    /// Takes the next of this object, if one may start.
    pub(super) fn begin(
        &mut self,
        object: ObjectId,
        now: Timestamp,
        patience: Patience,
    ) -> Option<Begun> {
        let Next::Start { key, passes, .. } = self.next(object, now, patience) else {
            self.refresh(object, now, patience);
            return None;
        };
        let entry = self.entries.get_mut(&key)?;
        let (event, open) = (entry.event.take().map(Kept::into_event), entry.open.take());
        let begun = Begun {
            key,
            attempts: entry.attempts,
            accepted_at: entry.accepted_at,
            event,
            open,
            passes,
            plan: entry.plan.clone(),
        };
        self.n_open -= usize::from(begun.open.is_some());
        self.put(object, Some(Place::Busy));
        Some(begun)
    }

    /// It is finished.
    pub(super) fn remove(&mut self, key: Key) {
        if let Some(entry) = self.entries.remove(&key) {
            self.n_open -= usize::from(entry.open.is_some());
        }
    }

    /// The journal still has no row of it.
    pub(super) fn reopen(&mut self, key: Key, open: Arc<OpenEvent>) {
        if let Some(entry) = self.entries.get_mut(&key) {
            self.n_open += usize::from(entry.open.replace(open).is_none());
        }
    }

    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut Entry> {
        self.entries.get_mut(&key)
    }

    /// The delivery about this object is no longer under way.
    pub(super) fn release(&mut self, object: ObjectId, now: Timestamp, patience: Patience) {
        self.put(object, None);
        self.refresh(object, now, patience);
    }

    /// The keys of all that is not finished.
    pub(super) fn keys(&self) -> impl Iterator<Item = Key> {
        self.entries.keys().copied()
    }

    /// Looks again at the objects whose time has come.
    pub(super) fn wake(&mut self, now: Timestamp, patience: Patience) {
        while let Some((time, object)) = self.timers.first().copied()
            && time <= now
        {
            self.refresh(object, now, patience);
        }
    }

    /// The receiver took something: looks again at the objects that waited for that.
    pub(super) fn prove(&mut self, now: Timestamp, patience: Patience) {
        for object in std::mem::take(&mut self.proof) {
            self.refresh(object, now, patience);
        }
    }

    /// The receiver works again: what it failed and set no time for is due now.
    pub(super) fn revive(&mut self, now: Timestamp, patience: Patience) {
        for tried in self.entries.values_mut().filter_map(|entry| entry.tried.as_mut()) {
            if tried.blames_receiver && !tried.hinted {
                tried.due = tried.due.min(now);
            }
        }
        self.refresh_all(now, patience);
    }

    /// Whether [`Order::hasten`] would find one.
    pub(super) fn can_hasten(&self) -> bool {
        self.next_blamed().is_some()
    }

    /// The receiver may work again and nothing is due to find out: what it failed, set no time for, and is due first is due
    /// now. Whether there was one.
    pub(super) fn hasten(&mut self, now: Timestamp, patience: Patience) -> bool {
        let Some(key) = self.next_blamed() else { return false };
        if let Some(tried) = self.entries.get_mut(&key).and_then(|entry| entry.tried.as_mut()) {
            tried.due = tried.due.min(now);
        }
        self.refresh(key.object, now, patience);
        true
    }

    /// Among the objects that are due next; behind very many for which the receiver set a time none is looked for.
    fn next_blamed(&self) -> Option<Key> {
        self.timers.iter().take(LOOKED_AT).find_map(|(_, object)| {
            let (key, entry) = self.of(*object).next()?;
            let tried = entry.tried.as_ref()?;
            (tried.blames_receiver && !tried.hinted && !entry.ending).then_some(*key)
        })
    }

    /// What a delivery depends on besides its receiver is another now: those that failed with something else are due.
    pub(super) fn change(&mut self, condition: u64, now: Timestamp, patience: Patience) {
        let mut woken = false;
        for tried in self.entries.values_mut().filter_map(|entry| entry.tried.as_mut()) {
            if tried.condition.is_some_and(|failed_with| failed_with != condition) {
                (tried.due, tried.condition, woken) = (tried.due.min(now), None, true);
            }
        }
        if woken {
            self.refresh_all(now, patience);
        }
    }

    /// Takes out for ending what outlived its life while the receiver is down, but not what the receiver itself asked to
    /// wait for longer.
    pub(super) fn overdue(&mut self, now: Timestamp, patience: Patience) -> Vec<Overdue> {
        let Self { entries, places, n_open, .. } = self;
        let mut overdue = Vec::new();
        for (key, entry) in entries.iter_mut() {
            let is_over = entry.accepted_at.checked_add(entry.life).is_ok_and(|end| end <= now);
            let is_asked_for =
                entry.tried.as_ref().is_some_and(|tried| tried.hinted && tried.due > now);
            // Its attempt decides, if one is under way.
            let is_busy = places.get(&key.object) == Some(&Place::Busy);
            if is_over && !is_asked_for && !is_busy && !entry.ending {
                entry.ending = true;
                let open = entry.open.take();
                *n_open -= usize::from(open.is_some());
                let Entry { attempts, accepted_at, .. } = *entry;
                let plan = entry.plan.clone();
                overdue.push(Overdue { key: *key, attempts, accepted_at, open, plan });
            }
        }
        for overdue in &overdue {
            self.refresh(overdue.key.object, now, patience);
        }
        overdue
    }

    /// Finds out anew what comes next for an object.
    pub(super) fn refresh(&mut self, object: ObjectId, now: Timestamp, patience: Patience) {
        if self.places.get(&object) == Some(&Place::Busy) {
            return;
        }
        let place = match self.next(object, now, patience) {
            Next::Nothing => None,
            Next::Start { key, again: None, .. } => Some(Place::Fresh(key.event)),
            Next::Start { key, again: Some(due), .. } => Some(Place::Again(due, key.event)),
            Next::Wait { until, proof } => Some(Place::Waiting { until, proof }),
        };
        self.put(object, place);
    }

    fn refresh_all(&mut self, now: Timestamp, patience: Patience) {
        let objects: Vec<ObjectId> = self.places.keys().copied().collect();
        for object in objects {
            self.refresh(object, now, patience);
        }
    }

    fn next(&self, object: ObjectId, now: Timestamp, patience: Patience) -> Next {
        let mut before: Option<&Tried> = None;
        let (mut until, mut passes) = (None, false);
        for (key, entry) in self.of(object) {
            if let Some(tried) = before.take() {
                match patience.passes(tried, now) {
                    Ok(()) => passes = true,
                    Err(later) => {
                        until = earlier(until, later);
                        return Next::Wait { until, proof: later.is_none() };
                    }
                }
            }
            if entry.ending {
                return Next::Wait { until, proof: false };
            }
            match &entry.tried {
                Some(tried) if tried.due > now => {
                    until = earlier(until, Some(tried.due));
                    before = Some(tried);
                }
                Some(tried) => return Next::Start { key: *key, again: Some(tried.due), passes },
                // It was attempted by the last run.
                None if entry.attempts > 0 => {
                    return Next::Start { key: *key, again: Some(entry.accepted_at), passes };
                }
                None => return Next::Start { key: *key, again: None, passes },
            }
        }
        if until.is_some() { Next::Wait { until, proof: false } } else { Next::Nothing }
    }

    fn of(&self, object: ObjectId) -> Range<'_, Key, Entry> {
        let first = Key { object, event: i64::MIN, alert: u32::MIN };
        let last = Key { object, event: i64::MAX, alert: u32::MAX };
        self.entries.range(first..=last)
    }

    fn put(&mut self, object: ObjectId, place: Option<Place>) {
        let old = match place {
            Some(place) => self.places.insert(object, place),
            None => self.places.remove(&object),
        };
        if old == place {
            return;
        }
        match old {
            Some(Place::Fresh(event)) => {
                self.fresh.remove(&(event, object));
            }
            Some(Place::Again(due, event)) => {
                self.again.remove(&(due, event, object));
            }
            Some(Place::Waiting { until, .. }) => {
                if let Some(until) = until {
                    self.timers.remove(&(until, object));
                }
                self.proof.remove(&object);
            }
            Some(Place::Busy) | None => {}
        }
        match place {
            Some(Place::Fresh(event)) => {
                self.fresh.insert((event, object));
            }
            Some(Place::Again(due, event)) => {
                self.again.insert((due, event, object));
            }
            Some(Place::Waiting { until, proof }) => {
                if let Some(until) = until {
                    self.timers.insert((until, object));
                }
                if proof {
                    self.proof.insert(object);
                }
            }
            Some(Place::Busy) | None => {}
        }
    }
}

fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    [one, other].into_iter().flatten().min()
}
