//! Deliveries that wait: for a moment, or for a change of their Provider. Pure: time is an argument.
//!
//! What waits is kept small, without its event: the journal has that.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;

use herald_core::delivery::EventId;
use jiff::Timestamp;

use crate::catalog::ProviderKey;

/// A delivery that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parked {
    pub(super) event_id: EventId,
    pub(super) alert_uid: Arc<str>,
    pub(super) provider: ProviderKey,
    pub(super) attempts: u32,
    /// What it failed with; only set while a change of that is awaited.
    pub(super) failed_with: Option<Condition>,
}

/// What a delivery depends on besides its receiver.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Condition {
    /// The Provider with its Secrets; none when there is none.
    pub(super) provider: Option<u64>,
    /// The digest of the module for its type; none when there is none.
    pub(super) module: Option<String>,
}

/// Everything that waits.
#[derive(Default)]
pub(super) struct Waiting {
    parked: HashMap<u64, Parked>,
    /// Numbers whose entry was woken by a change stay here until they are due, and are passed over then.
    due: BinaryHeap<Reverse<(Timestamp, u64)>>,
    next: u64,
}

impl Waiting {
    /// Keeps a delivery until `due`.
    pub(super) fn park(&mut self, due: Timestamp, parked: Parked) {
        let number = self.next;
        self.next += 1;
        self.parked.insert(number, parked);
        self.due.push(Reverse((due, number)));
    }

    /// When the next one is due.
    pub(super) fn next_due(&mut self) -> Option<Timestamp> {
        while let Some(Reverse((due, number))) = self.due.peek() {
            if self.parked.contains_key(number) {
                return Some(*due);
            }
            self.due.pop();
        }
        None
    }

    /// One that is due now.
    pub(super) fn pop_due(&mut self, now: Timestamp) -> Option<Parked> {
        if self.next_due()? > now {
            return None;
        }
        let Reverse((_, number)) = self.due.pop()?;
        self.parked.remove(&number)
    }

    /// Those whose Provider or module is another now than when they failed.
    pub(super) fn pop_changed(
        &mut self,
        condition: impl Fn(&ProviderKey) -> Condition,
    ) -> Vec<Parked> {
        let changed: Vec<u64> = self
            .parked
            .iter()
            .filter(|(_, parked)| {
                parked.failed_with.as_ref().is_some_and(|then| *then != condition(&parked.provider))
            })
            .map(|(number, _)| *number)
            .collect();
        let mut woken: Vec<Parked> =
            changed.iter().filter_map(|number| self.parked.remove(number)).collect();
        woken.sort_by_key(|parked| parked.event_id.0);
        woken
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.parked.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(provider: Option<u64>) -> Condition {
        Condition { provider, module: None }
    }

    fn parked(id: i64, failed_with: Option<Condition>) -> Parked {
        let provider = ProviderKey { namespace: "n".to_owned(), name: "p".to_owned() };
        Parked { event_id: EventId(id), alert_uid: "a".into(), provider, attempts: 1, failed_with }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn the_earliest_comes_first_and_none_before_it_is_due() {
        let mut waiting = Waiting::default();
        waiting.park(at(20), parked(1, None));
        waiting.park(at(10), parked(2, None));
        assert_eq!(waiting.next_due(), Some(at(10)));
        assert_eq!(waiting.pop_due(at(9)), None);
        assert_eq!(waiting.pop_due(at(10)).map(|parked| parked.event_id.0), Some(2));
        assert_eq!(waiting.pop_due(at(10)), None);
        assert_eq!(waiting.pop_due(at(30)).map(|parked| parked.event_id.0), Some(1));
        assert_eq!(waiting.len(), 0);
    }

    #[test]
    fn a_change_of_the_provider_wakes_what_waits_for_it_once() {
        let mut waiting = Waiting::default();
        waiting.park(at(100), parked(3, Some(with(Some(7)))));
        waiting.park(at(100), parked(2, Some(with(None))));
        waiting.park(at(100), parked(1, None));
        assert_eq!(
            waiting.pop_changed(|_| with(Some(7))).iter().map(|p| p.event_id.0).collect::<Vec<_>>(),
            [2]
        );
        assert_eq!(
            waiting.pop_changed(|_| with(Some(8))).iter().map(|p| p.event_id.0).collect::<Vec<_>>(),
            [3]
        );
        assert_eq!(waiting.pop_changed(|_| with(Some(9))), []);
        assert_eq!(waiting.pop_due(at(100)).map(|parked| parked.event_id.0), Some(1));
        assert_eq!(waiting.next_due(), None, "woken entries are passed over");
    }
}
