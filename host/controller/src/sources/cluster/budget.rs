//! How many requests may be made: so many a second on average, and a number of them at once.
//!
//! It does not know what is requested.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// A bucket that fills at a steady rate; each request takes one drop of it.
#[derive(Debug)]
pub(super) struct Budget {
    per_second: f64,
    burst: f64,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug)]
struct State {
    left: f64,
    at: Instant,
}

impl Budget {
    /// A full bucket. A rate below one request in a hundred seconds counts as that.
    pub(super) fn new(per_second: f64, burst: f64) -> Self {
        let burst = burst.max(1.0);
        let state = State { left: burst, at: Instant::now() };
        Self { per_second: per_second.max(0.01), burst, state: Mutex::new(state) }
    }

    /// A bucket of its own with half the rate and half the burst.
    pub(super) fn half(&self) -> Self {
        Self::new(self.per_second / 2.0, self.burst / 2.0)
    }

    /// Waits until another request may be made.
    pub(super) async fn take(&self) {
        loop {
            match self.try_take(Instant::now()) {
                Ok(()) => return,
                Err(wait) => tokio::time::sleep(wait).await,
            }
        }
    }

    /// Takes a drop, or says how long to wait for one.
    pub(super) fn try_take(&self, now: Instant) -> Result<(), Duration> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = now.saturating_duration_since(state.at).as_secs_f64();
        state.left = (state.left + passed * self.per_second).min(self.burst);
        state.at = now;
        if state.left >= 1.0 {
            state.left -= 1.0;
            Ok(())
        } else {
            Err(Duration::from_secs_f64((1.0 - state.left) / self.per_second))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_the_rate_counts() {
        let budget = Budget::new(10.0, 2.0);
        let start = Instant::now();
        assert_eq!(budget.try_take(start), Ok(()));
        assert_eq!(budget.try_take(start), Ok(()));
        let wait = budget.try_take(start).unwrap_err();
        assert!(wait > Duration::from_millis(50) && wait <= Duration::from_millis(100), "{wait:?}");
        assert_eq!(budget.try_take(start + Duration::from_millis(110)), Ok(()));
        // A long rest fills the bucket and no more.
        let later = start + Duration::from_secs(60);
        assert_eq!(budget.try_take(later), Ok(()));
        assert_eq!(budget.try_take(later), Ok(()));
        assert!(budget.try_take(later).is_err());
    }
}
