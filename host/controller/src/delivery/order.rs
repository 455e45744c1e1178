//! Which delivery of one Provider comes next for each object, and when: those about one object go in the order of their
//! events, one at a time.
//!
//! While one is to be tried again, those after it wait; they pass it once it has been failing for the time that the
//! operator set, if what fails is it and not the receiver. Pure: time is an argument. It must not know how many may run,
//! nor how the receiver does.

mod entry;

use std::collections::btree_map::Range;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use jiff::Timestamp;

use super::room::Kept;
pub(super) use entry::{Begun, Entry, Key, ObjectId, Overdue, Patience, Rowless, Tried};

/// So many objects are looked at for a delivery that can be a probe.
const LOOKED_AT: usize = 64;

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
    /// Entries that came without a row in the journal, and when; in that order. Those in front may have begun since.
    rowless: VecDeque<(Timestamp, Key)>,
}

impl Order {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// When the first of those came that the journal has no row of.
    pub(super) fn first_rowless(&self) -> Option<Timestamp> {
        self.rowless.iter().find(|(_, key)| self.is_rowless(*key)).map(|(came, _)| *came)
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
        if entry.open.is_some() {
            self.rowless.push_back((now, key));
        }
        self.entries.insert(key, entry);
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
        self.skip_begun();
        self.put(object, Some(Place::Busy));
        Some(begun)
    }

    /// It is finished.
    pub(super) fn remove(&mut self, key: Key) {
        self.entries.remove(&key);
        self.skip_begun();
    }

    /// Takes those that came before then and have no row yet, as they get one now. Their events are not kept any longer.
    pub(super) fn take_rowless(&mut self, before: Timestamp) -> Vec<Rowless> {
        let mut taken = Vec::new();
        while let Some((came, key)) = self.rowless.front().copied()
            && came < before
        {
            self.rowless.pop_front();
            let Some(entry) = self.entries.get_mut(&key) else { continue };
            if let Some(event) = entry.event.take()
                && let Some(open) = entry.open.take()
            {
                taken.push(Rowless { key, event: event.into_event(), open });
            }
        }
        taken
    }

    fn is_rowless(&self, key: Key) -> bool {
        self.entries.get(&key).is_some_and(|entry| entry.open.is_some())
    }

    fn skip_begun(&mut self) {
        while let Some((_, key)) = self.rowless.front()
            && !self.is_rowless(*key)
        {
            self.rowless.pop_front();
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
        let Self { entries, places, .. } = self;
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
