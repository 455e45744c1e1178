//! The deliveries of one Provider: which starts next, and when. It joins order per object ([`Order`]), the receiver's
//! health ([`Breaker`]), the pace that it allows ([`Pace`]) and the places that there are.
//!
//! Pure: time and chance are arguments. It must not know attempts, the journal or other Providers.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::OpenEvent;
use super::breaker::{Breaker, Change, Gate, State};
use super::order::{Begun, Entry, Key, ObjectId, Order, Overdue, Patience, Rowless, Tried};
use super::pace::Pace;

/// A new delivery that waits for so long gets its row in the journal, where people see it. Where the receiver keeps up none
/// waits so long, and one row tells all of a delivery: that it arrived.
const ROWLESS: SignedDuration = SignedDuration::from_secs(10);

/// The lane of one Provider.
#[derive(Debug)]
pub(super) struct Lane {
    order: Order,
    breaker: Breaker,
    pace: Pace,
    running: HashMap<ObjectId, Running>,
    /// How many of those were attempted before.
    n_again: usize,
    /// What started last, so that the other kind is next where all else is equal.
    was_again: bool,
    /// The most that run at a time.
    places: usize,
    /// How long a delivery waits for an earlier one about its object.
    patience: Duration,
    /// When the receiver last took a delivery.
    last_success: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug)]
struct Running {
    key: Key,
    began: Timestamp,
    is_again: bool,
    is_probe: bool,
}

/// Why a new delivery does not start at once, other than that all places are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// An earlier one about its object is to be tried again.
    Earlier,
    /// The receiver does not answer.
    Breaker,
    /// The receiver asked for less.
    Pace,
    /// Too many are before it.
    Backlog,
}

/// What an attempt told about the receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contact {
    /// It was not asked.
    None,
    /// It answered.
    Answered,
    /// It could not be reached, did not answer in time, or answered that it cannot work.
    Failed,
    /// It answered that it is sent too much.
    Limited,
}

/// How an attempt ended, as far as the lane goes.
#[derive(Clone, Debug)]
pub(super) struct Ended {
    pub(super) key: Key,
    pub(super) contact: Contact,
    /// The receiver took it.
    pub(super) is_success: bool,
    /// How long the receiver asked to wait.
    pub(super) hint: Option<Duration>,
    pub(super) then: Then,
}

/// What becomes of the delivery.
#[derive(Clone, Debug)]
pub(super) enum Then {
    Finished,
    /// It is tried again at this time.
    Again(Timestamp),
    /// It is tried again when what it depends on is no longer this, and at this time.
    OnChange(Timestamp, u64),
    /// No attempt was made; it goes back as it came, to be taken up at this time.
    Back(Timestamp, Option<Arc<OpenEvent>>),
    /// It lives longer than was known.
    Lives(Duration, Option<Arc<OpenEvent>>),
}

impl Lane {
    pub(super) fn new(places: usize, patience: Duration) -> Self {
        Self {
            order: Order::default(),
            breaker: Breaker::default(),
            pace: Pace::default(),
            running: HashMap::new(),
            n_again: 0,
            was_again: false,
            places,
            patience,
            last_success: None,
        }
    }

    /// The most attempts at a time; those under way are not ended.
    pub(super) fn set_places(&mut self, places: usize) {
        self.places = places;
    }

    /// What keeps a new delivery about this object from starting.
    pub(super) fn obstacle(&self, object: ObjectId, now: Timestamp) -> Option<Obstacle> {
        if self.order.is_held_up(object) {
            Some(Obstacle::Earlier)
        } else if !self.breaker.is_closed() {
            Some(Obstacle::Breaker)
        } else if self.pace.wait(now).is_some() {
            Some(Obstacle::Pace)
        } else {
            None
        }
    }

    pub(super) fn insert(&mut self, key: Key, entry: Entry, now: Timestamp) {
        let patience = self.patience();
        self.order.insert(key, entry, now, patience);
    }

    /// The next to start, if there is room for one. `is_crowded`: the process as a whole has room for one of this lane.
    pub(super) fn start(&mut self, now: Timestamp, is_crowded: bool) -> Option<Begun> {
        let patience = self.patience();
        self.order.wake(now, patience);
        let places = if is_crowded { self.places.min(1) } else { self.places };
        loop {
            if self.running.len() >= places || self.closed_until(now).is_some() {
                return None;
            }
            let Some((object, is_again)) = self.pick() else {
                // A receiver whose deliveries all wait for their own times is asked whether it is back all the same.
                if self.breaker.gate(now) == Gate::Probe && self.order.hasten(now, patience) {
                    continue;
                }
                return None;
            };
            let Some(begun) = self.order.begin(object, now, patience) else { continue };
            let is_probe = self.breaker.start();
            self.pace.start(now);
            let running = Running { key: begun.key, began: now, is_again, is_probe };
            self.running.insert(object, running);
            self.n_again += usize::from(is_again);
            self.was_again = is_again;
            return Some(begun);
        }
    }

    /// New deliveries and those that are tried again share the places evenly while there are both, and a quarter of the
    /// places is kept free of the second kind, whose attempts may take long to fail.
    fn pick(&self) -> Option<(ObjectId, bool)> {
        let most = (self.places - self.places / 4).max(1);
        let again = self.order.first_again().filter(|_| self.n_again < most);
        let (fresh, again) = match (self.order.first_fresh(), again) {
            (Some(fresh), Some(again)) => (fresh, again),
            (fresh, again) => {
                return fresh.map(|object| (object, false)).or(again.map(|object| (object, true)));
            }
        };
        let n_fresh = self.running.len() - self.n_again;
        let is_again = match self.n_again.cmp(&n_fresh) {
            std::cmp::Ordering::Less => true,
            std::cmp::Ordering::Greater => false,
            std::cmp::Ordering::Equal => !self.was_again,
        };
        Some(if is_again { (again, true) } else { (fresh, false) })
    }

    /// An attempt ended, or an entry that was to be ended was looked at.
    pub(super) fn finish(&mut self, ended: Ended, now: Timestamp, jitter: f64) -> Option<Change> {
        let Ended { key, contact, is_success, hint, then } = ended;
        // The end of a delivery's life is written down beside what may be under way for its object.
        let ran = self.running.get(&key.object).copied().filter(|running| running.key == key);
        let change = ran.and_then(|running| self.learn(running, contact, hint, now, jitter));
        if is_success {
            self.last_success = Some(now);
            self.pace.succeeded(now);
        }
        self.settle(key, contact, hint.is_some(), then, now);
        let patience = self.patience();
        if ran.is_some() {
            self.order.release(key.object, now, patience);
        } else {
            self.order.refresh(key.object, now, patience);
        }
        if change == Some(Change::Closed) {
            self.order.revive(now, patience);
        } else if is_success {
            self.order.prove(now, patience);
        }
        change
    }

    fn learn(
        &mut self,
        running: Running,
        contact: Contact,
        hint: Option<Duration>,
        now: Timestamp,
        jitter: f64,
    ) -> Option<Change> {
        self.running.remove(&running.key.object);
        self.n_again -= usize::from(running.is_again);
        match contact {
            Contact::None => {
                self.breaker.untried(running.is_probe);
                None
            }
            Contact::Answered => self.breaker.answered(),
            Contact::Limited => {
                self.pace.limited(running.began, now, hint);
                self.breaker.answered()
            }
            Contact::Failed => {
                let not_before = hint.and_then(|hint| now.checked_add(hint).ok());
                self.breaker.failed(running.key.event, running.is_probe, not_before, now, jitter)
            }
        }
    }

    fn settle(&mut self, key: Key, contact: Contact, hinted: bool, then: Then, now: Timestamp) {
        if let Then::Finished = then {
            return self.order.remove(key);
        }
        let blames_receiver = matches!(contact, Contact::Failed | Contact::Limited);
        let failed = |tried: Option<Box<Tried>>, due, condition| {
            let first_failed = tried.map_or(now, |tried| tried.first_failed);
            Box::new(Tried { due, first_failed, hinted, blames_receiver, condition })
        };
        let Some(entry) = self.order.get_mut(key) else { return };
        if entry.is_discarded {
            return self.order.remove(key);
        }
        entry.ending = false;
        let mut reopened = None;
        match then {
            Then::Finished => {}
            Then::Again(due) => {
                entry.attempts = entry.attempts.saturating_add(1);
                entry.tried = Some(failed(entry.tried.take(), due, None));
            }
            Then::OnChange(end, condition) => {
                entry.attempts = entry.attempts.saturating_add(1);
                entry.tried = Some(failed(entry.tried.take(), end, Some(condition)));
            }
            Then::Back(due, open) => {
                entry.tried = Some(failed(entry.tried.take(), due, None));
                reopened = open;
            }
            Then::Lives(life, open) => {
                entry.life = life;
                reopened = open;
            }
        }
        if reopened.is_some() {
            entry.open = reopened;
        }
    }

    /// The Provider or its module changed; `condition` is what attempts depend on now.
    pub(super) fn change(&mut self, condition: u64, now: Timestamp) {
        self.breaker.probe_soon(now);
        let patience = self.patience();
        self.order.change(condition, now, patience);
    }

    /// Forgets a delivery; one that is under way is forgotten when it ends.
    pub(super) fn discard(&mut self, key: Key, now: Timestamp) {
        if self.running.get(&key.object).is_some_and(|running| running.key == key) {
            if let Some(entry) = self.order.get_mut(key) {
                entry.is_discarded = true;
            }
        } else {
            let patience = self.patience();
            self.order.remove(key);
            self.order.refresh(key.object, now, patience);
        }
    }

    /// The new deliveries that have waited for long and have no row yet; they are to get it now.
    pub(super) fn take_rowless(&mut self, now: Timestamp) -> Vec<Rowless> {
        now.checked_sub(ROWLESS).map(|before| self.order.take_rowless(before)).unwrap_or_default()
    }

    /// The keys of all that is not finished.
    pub(super) fn keys(&self) -> impl Iterator<Item = Key> {
        self.order.keys()
    }

    /// The deliveries that outlived their life while the receiver does not answer. They stay until their end is written
    /// down.
    pub(super) fn overdue(&mut self, now: Timestamp) -> Vec<Overdue> {
        let patience = self.patience();
        self.order.overdue(now, patience)
    }

    /// When something may start without anything else happening, or the lane may be dropped.
    pub(super) fn next_wake(&self, now: Timestamp) -> Option<Timestamp> {
        if self.order.len() == 0 {
            return self.remembers_until().filter(|time| *time > now);
        }
        let gate = self
            .closed_until(now)
            .flatten()
            .filter(|_| self.running.len() < self.places && self.has_candidate());
        [self.order.next_timer(), gate, self.rows_due()].into_iter().flatten().min()
    }

    /// When a new delivery will have waited for long. In whole seconds, as it changes with every delivery that begins.
    fn rows_due(&self) -> Option<Timestamp> {
        let second = self.order.first_rowless()?.as_second();
        Timestamp::from_second(second + ROWLESS.as_secs() + 1).ok()
    }

    /// Whether something could start once the gate opens.
    fn has_candidate(&self) -> bool {
        self.order.first_fresh().or(self.order.first_again()).is_some()
            || !self.breaker.is_closed() && self.order.can_hasten()
    }

    /// Whether nothing is left of it, so that it can be dropped.
    pub(super) fn is_idle(&self, now: Timestamp) -> bool {
        self.order.len() == 0
            && self.running.is_empty()
            && self.remembers_until().is_none_or(|time| time <= now)
    }

    pub(super) fn n_waiting(&self) -> usize {
        self.order.len() - self.running.len().min(self.order.len())
    }

    #[cfg(test)]
    pub(super) fn n_running(&self) -> usize {
        self.running.len()
    }

    pub(super) fn breaker(&self, now: Timestamp) -> State {
        self.breaker.state(now)
    }

    /// Until when nothing more is sent, as the receiver asked.
    pub(super) fn paused_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.pace.paused_until().filter(|until| *until > now)
    }

    /// Whether nothing may start, and until when, if that is known.
    fn closed_until(&self, now: Timestamp) -> Option<Option<Timestamp>> {
        match self.breaker.gate(now) {
            Gate::Probing => Some(None),
            Gate::Shut(until) => Some(self.pace.wait(now).max(Some(until))),
            Gate::Free | Gate::Probe => self.pace.wait(now).map(Some),
        }
    }

    /// What was learnt about the receiver counts so long.
    fn remembers_until(&self) -> Option<Timestamp> {
        self.breaker.until().max(self.pace.expires())
    }

    fn patience(&self) -> Patience {
        let proven = self.last_success.filter(|_| self.breaker.is_closed());
        Patience { wait: self.patience, proven }
    }
}

#[cfg(test)]
mod tests;
