//! Whether a receiver is worth an attempt: after some failures in a row nothing is sent to it but one probe now and then.
//!
//! Pure: time and chance are arguments. It knows of a delivery the number of its event alone; what counts as a failure is
//! decided elsewhere.

use std::time::Duration;

use herald_core::retry::RetryPolicy;
use jiff::Timestamp;

/// So many failures in a row, without one answer between them, open the breaker, if they are of more than one event: a
/// receiver that fails one alone may take all others.
const FAILURES: u32 = 5;

/// How long it stays open before a probe: so long at first, doubled with each probe that fails, up to the longest.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// The breaker of one Provider; closed at first.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Breaker {
    /// Failures since the receiver last answered.
    failures: u32,
    /// The event that failed, as long as it is the only one.
    alone: Option<i64>,
    open: Option<Open>,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    /// When the next probe may start.
    until: Timestamp,
    /// How many failed.
    probes: u32,
    /// One is under way.
    probing: bool,
}

/// Whether an attempt may start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gate {
    /// As many as there is room for.
    Free,
    /// One, as a probe.
    Probe,
    /// None before this time.
    Shut(Timestamp),
    /// None until the probe under way has ended.
    Probing,
}

/// What an attempt changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// The receiver failed too often; nothing is sent before this time.
    Opened(Timestamp),
    /// A probe failed; nothing is sent before this time.
    StillOpen(Timestamp),
    /// The receiver answered again.
    Closed,
}

/// The state, as metrics and people see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Closed,
    Open,
    /// A probe is under way, or may start.
    HalfOpen,
}

impl Breaker {
    pub(super) fn gate(&self, now: Timestamp) -> Gate {
        match self.open {
            None => Gate::Free,
            Some(Open { probing: true, .. }) => Gate::Probing,
            Some(Open { until, .. }) if now < until => Gate::Shut(until),
            Some(_) => Gate::Probe,
        }
    }

    pub(super) fn state(&self, now: Timestamp) -> State {
        match self.gate(now) {
            Gate::Free => State::Closed,
            Gate::Shut(_) => State::Open,
            Gate::Probe | Gate::Probing => State::HalfOpen,
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.open.is_none()
    }

    /// When an open breaker would let a probe through.
    pub(super) fn until(&self) -> Option<Timestamp> {
        self.open.map(|open| open.until)
    }

    /// An attempt starts; whether it is the probe.
    pub(super) fn start(&mut self) -> bool {
        self.open.as_mut().is_some_and(|open| !std::mem::replace(&mut open.probing, true))
    }

    /// The receiver gave an answer that says it is there, to whichever attempt.
    pub(super) fn answered(&mut self) -> Option<Change> {
        self.failures = 0;
        self.open.take().map(|_| Change::Closed)
    }

    /// The receiver was not reached, did not answer in time, or answered that it cannot work. `not_before` is what it
    /// asked for.
    pub(super) fn failed(
        &mut self,
        event: i64,
        is_probe: bool,
        not_before: Option<Timestamp>,
        now: Timestamp,
        jitter: f64,
    ) -> Option<Change> {
        self.alone = Some(event).filter(|_| self.failures == 0 || self.alone == Some(event));
        self.failures = self.failures.saturating_add(1);
        let rest = |probes: u32| {
            let policy = RetryPolicy { first: FIRST, max: LONGEST, ..RetryPolicy::default() };
            let until = now.checked_add(policy.backoff(probes + 1, jitter)).unwrap_or(now);
            not_before.map_or(until, |time| time.max(until))
        };
        match &mut self.open {
            Some(open) if is_probe => {
                open.probes = open.probes.saturating_add(1);
                open.probing = false;
                open.until = rest(open.probes);
                Some(Change::StillOpen(open.until))
            }
            // It began before the breaker opened and tells nothing new but what the receiver asks for.
            Some(open) => {
                open.until = not_before.map_or(open.until, |time| time.max(open.until));
                None
            }
            None if self.failures >= FAILURES && self.alone.is_none() => {
                let until = rest(0);
                self.open = Some(Open { until, probes: 0, probing: false });
                Some(Change::Opened(until))
            }
            None => None,
        }
    }

    /// An attempt ended without having asked the receiver; if it was the probe, another may be made at once.
    pub(super) fn untried(&mut self, is_probe: bool) {
        if let Some(open) = self.open.as_mut().filter(|_| is_probe) {
            open.probing = false;
        }
    }

    /// The Provider changed: whatever kept the receiver from answering may be mended.
    pub(super) fn probe_soon(&mut self, now: Timestamp) {
        if let Some(open) = &mut self.open {
            open.until = open.until.min(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn opened() -> Breaker {
        let mut breaker = Breaker::default();
        for event in 1..FAILURES {
            assert_eq!(breaker.failed(event.into(), false, None, at(0), 1.0), None);
        }
        assert_eq!(breaker.failed(0, false, None, at(0), 1.0), Some(Change::Opened(at(1))));
        breaker
    }

    #[test]
    fn failures_in_a_row_open_it_and_an_answer_between_them_does_not() {
        let mut breaker = Breaker::default();
        for _ in 0..3 {
            for event in 1..FAILURES {
                assert_eq!(breaker.failed(event.into(), false, None, at(0), 1.0), None);
            }
            assert_eq!(breaker.answered(), None);
        }
        assert_eq!(opened().gate(at(0)), Gate::Shut(at(1)));
    }

    #[test]
    fn one_event_alone_does_not_open_it() {
        let mut breaker = Breaker::default();
        for _ in 0..3 * FAILURES {
            assert_eq!(breaker.failed(7, false, None, at(0), 1.0), None);
        }
        assert_eq!(breaker.failed(8, false, None, at(0), 1.0), Some(Change::Opened(at(1))));
    }

    #[test]
    fn one_probe_at_a_time_goes_through_and_its_answer_closes_it() {
        let mut breaker = opened();
        assert_eq!(breaker.state(at(0)), State::Open);
        assert_eq!((breaker.gate(at(1)), breaker.state(at(1))), (Gate::Probe, State::HalfOpen));
        assert!(breaker.start());
        assert_eq!(breaker.gate(at(1)), Gate::Probing);
        assert_eq!(breaker.failed(1, true, None, at(5), 1.0), Some(Change::StillOpen(at(7))));
        assert!(breaker.start());
        assert_eq!(breaker.failed(1, true, None, at(7), 1.0), Some(Change::StillOpen(at(11))));
        assert!(breaker.start());
        assert_eq!(breaker.answered(), Some(Change::Closed));
        assert_eq!(breaker.state(at(11)), State::Closed);
    }

    #[test]
    fn the_rest_between_probes_has_a_longest_and_the_receiver_may_ask_for_more() {
        let mut breaker = opened();
        for _ in 0..20 {
            breaker.start();
            breaker.failed(1, true, None, at(0), 1.0);
        }
        assert_eq!(breaker.until(), Some(at(60)));
        breaker.start();
        breaker.failed(1, true, Some(at(900)), at(60), 1.0);
        assert_eq!(breaker.gate(at(899)), Gate::Shut(at(900)));
    }

    #[test]
    fn what_began_before_it_opened_changes_nothing_unless_it_is_an_answer() {
        let mut breaker = opened();
        assert_eq!(breaker.failed(1, false, None, at(0), 1.0), None);
        assert_eq!(breaker.failed(1, false, Some(at(30)), at(0), 1.0), None);
        assert_eq!(breaker.gate(at(29)), Gate::Shut(at(30)));
        assert_eq!(breaker.answered(), Some(Change::Closed));
    }

    #[test]
    fn a_probe_that_asked_nobody_leaves_room_for_another() {
        let mut breaker = opened();
        assert!(breaker.start());
        breaker.untried(true);
        assert_eq!(breaker.gate(at(1)), Gate::Probe);
    }

    #[test]
    fn a_changed_provider_is_probed_at_once() {
        let mut breaker = opened();
        breaker.probe_soon(at(0));
        assert_eq!(breaker.gate(at(0)), Gate::Probe);
    }
}
