//! One time to be woken at, which changes often: what waits for it is made anew only when it does.

use futures_util::future::{BoxFuture, FutureExt as _, pending};
use jiff::Timestamp;

use crate::clock::Clock;

/// Rings at one time, or never.
pub(super) struct Alarm {
    clock: Clock,
    time: Option<Timestamp>,
    sleep: BoxFuture<'static, ()>,
}

impl Alarm {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, time: None, sleep: pending().boxed() }
    }

    /// From now on it rings at this time.
    pub(super) fn set(&mut self, time: Option<Timestamp>) {
        if self.time == time {
            return;
        }
        self.time = time;
        let clock = self.clock.clone();
        self.sleep = match time {
            Some(time) => async move { clock.sleep_until(time).await }.boxed(),
            None => pending().boxed(),
        };
    }

    /// Waits until it rings; then it is to be set again.
    pub(super) async fn rings(&mut self) {
        (&mut self.sleep).await;
        (self.time, self.sleep) = (None, pending().boxed());
    }
}
