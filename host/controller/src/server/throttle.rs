//! Keeps a failure that repeats from filling the log: one line in a while, with the number of those left out.
//!
//! It knows nothing of what is logged.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Admits one line in each span of time.
pub(super) struct Throttle {
    every: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    last: Option<Instant>,
    n_suppressed: u64,
}

impl Throttle {
    pub(super) fn new(every: Duration) -> Throttle {
        Throttle { every, state: Mutex::default() }
    }

    /// How many lines were left out since the last one, if one is due now.
    pub(super) fn admit(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.last.is_some_and(|last| now.duration_since(last) < self.every) {
            state.n_suppressed += 1;
            return None;
        }
        state.last = Some(now);
        Some(std::mem::take(&mut state.n_suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_passes_in_each_span_and_tells_how_many_did_not() {
        let throttle = Throttle::new(Duration::from_secs(1));
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        assert_eq!(throttle.admit(at(0)), Some(0));
        assert_eq!(throttle.admit(at(1)), None);
        assert_eq!(throttle.admit(at(999)), None);
        assert_eq!(throttle.admit(at(1000)), Some(2));
        assert_eq!(throttle.admit(at(2500)), Some(0));
    }
}
