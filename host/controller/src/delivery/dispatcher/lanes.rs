//! The lanes of all Providers that have something to deliver, and when each wants to be woken. A Provider without any has
//! no lane and costs nothing.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;

use crate::catalog::ProviderKey;
use crate::delivery::breaker::State;
use crate::delivery::lane::Lane;

/// A lane and what is kept beside it.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) provider: Arc<ProviderKey>,
    pub(super) lane: Lane,
    /// What attempts depended on when that was last looked at.
    pub(super) condition: u64,
    /// Why the receiver failed last.
    pub(super) failure: Arc<str>,
    /// It had more to start when the process was full.
    pub(super) is_crowded_out: bool,
    /// It is among those that are looked at next.
    pub(super) is_touched: bool,
    is_queued: bool,
    alarm: Option<Timestamp>,
    shown: Totals,
}

/// What metrics show of one or of all lanes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) waiting: usize,
    pub(super) open: usize,
    pub(super) half_open: usize,
}

/// All lanes.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    slots: HashMap<Arc<ProviderKey>, Slot>,
    alarms: BTreeSet<(Timestamp, Arc<ProviderKey>)>,
    /// Those that wait until fewer attempts are under way in all.
    crowded_out: VecDeque<Arc<ProviderKey>>,
    totals: Totals,
}

impl Slot {
    pub(super) fn new(provider: Arc<ProviderKey>, lane: Lane, condition: u64) -> Self {
        Self {
            provider,
            lane,
            condition,
            failure: "".into(),
            is_crowded_out: false,
            is_touched: false,
            is_queued: false,
            alarm: None,
            shown: Totals::default(),
        }
    }
}

impl Lanes {
    pub(super) fn get_mut(&mut self, provider: &Arc<ProviderKey>) -> Option<&mut Slot> {
        self.slots.get_mut(provider)
    }

    pub(super) fn insert(&mut self, slot: Slot) {
        self.slots.insert(Arc::clone(&slot.provider), slot);
    }

    pub(super) fn providers(&self) -> Vec<Arc<ProviderKey>> {
        self.slots.keys().cloned().collect()
    }

    pub(super) fn next_alarm(&self) -> Option<Timestamp> {
        self.alarms.first().map(|(time, _)| *time)
    }

    /// The Providers whose time has come.
    pub(super) fn pop_due(&mut self, now: Timestamp) -> Vec<Arc<ProviderKey>> {
        let mut due = Vec::new();
        while let Some((time, _)) = self.alarms.first()
            && *time <= now
            && let Some((_, provider)) = self.alarms.pop_first()
        {
            if let Some(slot) = self.slots.get_mut(&provider) {
                slot.alarm = None;
            }
            due.push(provider);
        }
        due
    }

    /// One that waits until fewer attempts are under way; each gets its turn.
    pub(super) fn pop_crowded_out(&mut self) -> Option<Arc<ProviderKey>> {
        let provider = self.crowded_out.pop_front()?;
        if let Some(slot) = self.slots.get_mut(&provider) {
            slot.is_queued = false;
        }
        Some(provider)
    }

    /// Forgets these deliveries, by event and Alert; the Providers that they were for.
    pub(super) fn discard(
        &mut self,
        unwanted: &HashSet<(i64, u32)>,
        now: Timestamp,
    ) -> Vec<Arc<ProviderKey>> {
        let mut changed = Vec::new();
        for slot in self.slots.values_mut() {
            let keys: Vec<_> =
                slot.lane.keys().filter(|key| unwanted.contains(&(key.event, key.alert))).collect();
            for key in &keys {
                slot.lane.discard(*key, now);
            }
            if !keys.is_empty() {
                changed.push(Arc::clone(&slot.provider));
            }
        }
        changed
    }

    /// After anything happened to a lane: sets its alarm, or drops it when nothing is left of it. What all lanes come to,
    /// and what this one comes to if its breaker has turned.
    pub(super) fn settle(
        &mut self,
        provider: &Arc<ProviderKey>,
        now: Timestamp,
    ) -> (Totals, Option<Totals>) {
        let Self { slots, alarms, crowded_out, totals } = self;
        let Some(slot) = slots.get_mut(provider) else { return (*totals, None) };
        let alarm = slot.lane.next_wake(now);
        if alarm != slot.alarm {
            if let Some(old) = slot.alarm {
                alarms.remove(&(old, Arc::clone(provider)));
            }
            if let Some(new) = alarm {
                alarms.insert((new, Arc::clone(provider)));
            }
            slot.alarm = alarm;
        }
        if slot.is_crowded_out && !slot.is_queued {
            slot.is_queued = true;
            crowded_out.push_back(Arc::clone(provider));
        }
        let is_idle = slot.lane.is_idle(now);
        let state = if is_idle { State::Closed } else { slot.lane.breaker(now) };
        let shown = Totals {
            waiting: slot.lane.n_waiting(),
            open: usize::from(state == State::Open),
            half_open: usize::from(state == State::HalfOpen),
        };
        totals.waiting = totals.waiting - slot.shown.waiting + shown.waiting;
        totals.open = totals.open - slot.shown.open + shown.open;
        totals.half_open = totals.half_open - slot.shown.half_open + shown.half_open;
        let has_turned = (slot.shown.open, slot.shown.half_open) != (shown.open, shown.half_open);
        slot.shown = shown;
        if is_idle {
            slots.remove(provider);
        }
        (*totals, has_turned.then_some(shown))
    }
}
