//! How fast a receiver may be sent to, learnt from its answers that it was too fast (429).
//!
//! Such an answer stops everything to that receiver for as long as it asks for, and lowers the rate to half of what it took
//! lately; each success raises it again a little, and after ten minutes without another such answer it is forgotten. Pure:
//! time is an argument. It must not know deliveries.

use std::time::Duration;

use jiff::Timestamp;

/// What the receiver took is counted over so many seconds.
const WINDOW_SECONDS: i64 = 10;
/// A receiver that took nothing yet begins with half of this, a second.
const UNKNOWN: f64 = 2.0;
/// The lowest rate and the highest, a second. What was taken lately may have been little for other reasons, and one answer
/// must not silence a Provider for minutes; a receiver that needs more time says how much, or makes single deliveries wait.
/// Above the highest there is nothing to limit.
const SLOWEST: f64 = 0.5;
const FASTEST: f64 = 1000.0;
/// In so many seconds of successes the rate grows by what it was lowered to, in steps of a tenth at most.
const GROWTH_SECONDS: f64 = 30.0;
const STEP: f64 = 0.1;
/// Among so many that were taken, one 429 is none of a rate: others use the receiver too, or it limits something else.
const STRAY: u32 = 20;
/// So many in a row are one of a rate, whatever was taken before.
const IN_A_ROW: u32 = 3;
/// After so long without a 429 the rate is forgotten.
const MEMORY: Duration = Duration::from_secs(600);

/// The pace of one Provider; without a limit at first.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    /// Nothing starts before.
    paused_until: Option<Timestamp>,
    rate: Option<Rate>,
    taken: Taken,
}

#[derive(Clone, Copy, Debug)]
struct Rate {
    per_second: f64,
    /// What it was lowered to, and when.
    lowered_to: f64,
    lowered_at: Timestamp,
    raised_at: Timestamp,
    /// When the next one may start.
    next: Timestamp,
}

/// Successes and refusals of this window of time and of the one before it.
#[derive(Clone, Copy, Debug, Default)]
struct Taken {
    window: i64,
    /// When this window was first looked at.
    since: Timestamp,
    now: u32,
    before: u32,
    /// Refused, in the same two windows.
    refused: (u32, u32),
    refused_in_a_row: u32,
}

impl Pace {
    /// When the next attempt may start, if not now.
    pub(super) fn wait(&self, now: Timestamp) -> Option<Timestamp> {
        let next = self.rate.map(|rate| rate.next);
        self.paused_until.max(next).filter(|time| *time > now)
    }

    /// Until when the receiver asked for nothing more.
    pub(super) fn paused_until(&self) -> Option<Timestamp> {
        self.paused_until
    }

    /// An attempt starts.
    pub(super) fn start(&mut self, now: Timestamp) {
        if let Some(rate) = &mut self.rate {
            rate.next = later(rate.next.max(now), 1.0 / rate.per_second);
        }
    }

    /// The receiver took one.
    pub(super) fn succeeded(&mut self, now: Timestamp) {
        self.taken.turn(now);
        self.taken.now = self.taken.now.saturating_add(1);
        self.taken.refused_in_a_row = 0;
        let Some(rate) = &mut self.rate else { return };
        if now >= later(rate.lowered_at, MEMORY.as_secs_f64()) {
            self.rate = None;
            return;
        }
        let passed = now.duration_since(rate.raised_at).as_secs_f64().max(0.0);
        rate.per_second += rate.lowered_to * (passed / GROWTH_SECONDS).min(STEP);
        rate.raised_at = now;
        if rate.per_second >= FASTEST {
            self.rate = None;
        }
    }

    /// The receiver answered an attempt that began at `began` that it was too fast, and may have said how long to wait.
    pub(super) fn limited(&mut self, began: Timestamp, now: Timestamp, hint: Option<Duration>) {
        if let Some(until) = hint.and_then(|hint| now.checked_add(hint).ok()) {
            self.paused_until = self.paused_until.max(Some(until));
        }
        self.taken.turn(now);
        if self.taken.is_stray() {
            return;
        }
        // Those that were under way together are one mistake, not many.
        if self.rate.is_some_and(|rate| began < rate.lowered_at) {
            return;
        }
        let taken = match self.taken.per_second(now) {
            0.0 => UNKNOWN,
            taken => taken,
        };
        let current = self.rate.map_or(f64::INFINITY, |rate| rate.per_second);
        let lowered = (current.min(taken) / 2.0).clamp(SLOWEST, FASTEST);
        self.rate = Some(Rate {
            per_second: lowered,
            lowered_to: lowered,
            lowered_at: now,
            raised_at: now,
            next: later(now, 1.0 / lowered),
        });
    }

    /// When all that was learnt counts no more; none when there is nothing.
    pub(super) fn expires(&self) -> Option<Timestamp> {
        let rate = self.rate.map(|rate| later(rate.lowered_at, MEMORY.as_secs_f64()));
        self.paused_until.max(rate)
    }
}

impl Taken {
    fn turn(&mut self, now: Timestamp) {
        let window = now.as_second().div_euclid(WINDOW_SECONDS);
        if window != self.window {
            self.since = now;
        }
        match window - self.window {
            0 => {}
            1 => {
                (self.before, self.now) = (self.now, 0);
                self.refused = (self.refused.1, 0);
            }
            _ => (self.before, self.now, self.refused) = (0, 0, (0, 0)),
        }
        self.window = window;
    }

    /// Counts a refusal, and says whether it is one of those that happen to everybody.
    fn is_stray(&mut self) -> bool {
        self.refused.1 = self.refused.1.saturating_add(1);
        self.refused_in_a_row = self.refused_in_a_row.saturating_add(1);
        let refused = self.refused.0.saturating_add(self.refused.1);
        let taken = self.before.saturating_add(self.now);
        refused.saturating_mul(STRAY) <= taken && self.refused_in_a_row < IN_A_ROW
    }

    /// In this window or in the one before it, whichever is more. A burst counts as if it had taken a second.
    fn per_second(&self, now: Timestamp) -> f64 {
        let passed = now.duration_since(self.since).as_secs_f64().max(1.0);
        let before = f64::from(self.before) / WINDOW_SECONDS as f64;
        before.max(f64::from(self.now) / passed)
    }
}

fn later(time: Timestamp, seconds: f64) -> Timestamp {
    time.checked_add(Duration::from_secs_f64(seconds)).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(1_800_000_000_000 + millis).unwrap()
    }

    #[test]
    fn a_hint_stops_everything_for_exactly_as_long() {
        let mut pace = Pace::default();
        assert_eq!(pace.wait(at(0)), None);
        pace.limited(at(0), at(0), Some(Duration::from_secs(30)));
        assert_eq!(pace.wait(at(0)), Some(at(30_000)));
        assert_eq!(pace.wait(at(30_000)), None);
        pace.limited(at(0), at(1_000), Some(Duration::from_secs(5)));
        assert_eq!(pace.wait(at(1_000)), Some(at(30_000)), "a shorter one does not shorten it");
    }

    #[test]
    fn without_a_hint_the_rate_is_half_of_what_was_taken() {
        let mut pace = Pace::default();
        // 20 a second for 10 seconds.
        for n in 0..200 {
            pace.succeeded(at(n * 50));
        }
        // The first two could be anybody's.
        for _ in 0..2 {
            pace.limited(at(9_990), at(10_000), None);
            assert_eq!(pace.wait(at(10_000)), None);
        }
        pace.limited(at(9_990), at(10_000), None);
        let mut starts = Vec::new();
        let mut now = at(10_000);
        for _ in 0..3 {
            now = pace.wait(now).unwrap_or(now);
            starts.push(now);
            pace.start(now);
        }
        assert_eq!(starts, [at(10_100), at(10_200), at(10_300)]);
    }

    #[test]
    fn answers_to_what_was_under_way_together_lower_it_once() {
        let mut pace = Pace::default();
        for _ in 0..8 {
            pace.limited(at(0), at(100), None);
        }
        assert_eq!(pace.wait(at(100)), Some(at(1_100)), "one a second");
        pace.limited(at(200), at(300), None);
        assert_eq!(pace.wait(at(300)), Some(at(2_300)), "one in two seconds");
    }

    #[test]
    fn it_is_never_lowered_to_a_standstill() {
        let mut pace = Pace::default();
        for n in 0..10 {
            let now = at(n * 20_000);
            pace.succeeded(now);
            pace.limited(now, now, None);
            assert!(pace.wait(now) <= Some(at(n * 20_000 + 2_000)), "{:?}", pace.wait(now));
        }
    }

    #[test]
    fn successes_raise_it_until_it_is_forgotten() {
        let mut pace = Pace::default();
        pace.limited(at(0), at(0), None);
        let rate = |pace: &Pace| pace.rate.map(|rate| (rate.per_second * 100.0).round() / 100.0);
        for second in 1..=30 {
            pace.succeeded(at(second * 1_000));
        }
        assert_eq!(rate(&pace), Some(2.0), "doubled after 30 seconds");
        pace.succeeded(at(300_000));
        assert_eq!(rate(&pace), Some(2.1), "a long silence is one step");
        assert_eq!(pace.expires(), Some(at(600_000)));
        pace.succeeded(at(600_000));
        assert_eq!((rate(&pace), pace.wait(at(600_000))), (None, None));
    }

    #[test]
    fn a_refusal_among_many_successes_lowers_nothing_and_is_obeyed() {
        let mut pace = Pace::default();
        for n in 0..10_000 {
            let now = at(n * 10);
            if n % 50 == 49 {
                pace.limited(now, now, Some(Duration::from_millis(5)));
                assert_eq!(pace.wait(now), Some(at(n * 10 + 5)));
            } else {
                assert_eq!(pace.wait(now), None);
                pace.succeeded(now);
            }
        }
    }

    /// A receiver that takes one a second, told nothing but by 429: it is met, and what it refuses stays rare.
    #[test]
    fn a_receiver_of_one_a_second_is_found_and_kept() {
        let mut pace = Pace::default();
        let (mut now, mut allowed_at) = (at(0), at(0));
        let (mut taken, mut refused) = (0, 0);
        while now < at(600_000) {
            pace.start(now);
            if now >= allowed_at {
                taken += 1;
                allowed_at = now + Duration::from_secs(1);
                pace.succeeded(now);
            } else {
                refused += 1;
                pace.limited(now, now, None);
            }
            now = pace.wait(now).unwrap_or(now + Duration::from_millis(10));
        }
        assert!(taken > 300, "{taken} of 600 were taken");
        assert!(refused < 60, "{refused} were refused");
    }
}
