//! A clock for tests: it stands still until it is moved to the next time that somebody waits for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use tokio::sync::oneshot;

use super::Clock;

/// The hand of the clock, and who waits for it.
#[derive(Debug)]
pub(crate) struct Manual {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    now: Timestamp,
    /// By time and then by the order in which they came.
    sleepers: BTreeMap<(Timestamp, u64), oneshot::Sender<()>>,
    next: u64,
}

impl Manual {
    /// A clock that stands at `now`, and its hand.
    pub(crate) fn at(now: Timestamp) -> (Clock, Arc<Manual>) {
        let state = State { now, sleepers: BTreeMap::new(), next: 0 };
        let manual = Arc::new(Manual { state: Mutex::new(state) });
        (Clock { manual: Some(Arc::clone(&manual)) }, manual)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.state.lock().unwrap().now
    }

    pub(super) async fn sleep_until(&self, time: Timestamp) {
        let woken = {
            let mut state = self.state.lock().unwrap();
            if time <= state.now {
                return;
            }
            let (wake, woken) = oneshot::channel();
            let number = state.next;
            state.next += 1;
            state.sleepers.insert((time, number), wake);
            woken
        };
        drop(woken.await);
    }

    /// The next time that somebody waits for, up to `limit`.
    pub(crate) fn next(&self, limit: Timestamp) -> Option<Timestamp> {
        let mut state = self.state.lock().unwrap();
        state.sleepers.retain(|_, wake| !wake.is_closed());
        let (time, _) = state.sleepers.keys().next()?;
        (*time <= limit).then_some(*time)
    }

    /// Moves the hand to `time` and wakes who waits for that or less.
    pub(crate) fn move_to(&self, time: Timestamp) {
        let mut state = self.state.lock().unwrap();
        state.now = state.now.max(time);
        let later = state.sleepers.split_off(&(time, u64::MAX));
        for (_, wake) in std::mem::replace(&mut state.sleepers, later) {
            // Whoever slept may have gone.
            wake.send(()).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_hand_moves_to_what_is_waited_for() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let (clock, hand) = Manual::at(at(10));
        clock.sleep_until(at(9)).await;
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep_until(at(20)).await }
        });
        while hand.next(at(30)).is_none() {
            tokio::task::yield_now().await;
        }
        assert_eq!(hand.next(at(19)), None, "nobody waits for less");
        hand.move_to(at(20));
        sleeper.await.unwrap();
        assert_eq!((clock.now(), hand.next(at(30))), (at(20), None));
    }
}
