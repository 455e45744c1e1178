//! When Herald was killed, stopped, or had a disk that failed; and whether that explains that something was sent again.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::events::TIMEOUT_SECONDS;
use super::ledger::Visit;

/// Within this time an outcome is on disk: it rides along for 50 ms, and a commit on a busy machine takes a while.
const RECORDED: Duration = Duration::from_secs(1);
/// An answer that took so long may have come too late.
const SLOW: Duration = Duration::from_millis(TIMEOUT_SECONDS * 1000 / 2);

/// The moments of one run.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    moments: Mutex<Moments>,
}

#[derive(Debug, Default)]
struct Moments {
    kills: Vec<Instant>,
    /// Herald did not run.
    stops: Vec<(Instant, Instant)>,
    /// Nothing could be recorded.
    outages: Vec<(Instant, Instant)>,
}

/// Why a delivery may be made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Reason {
    /// The answer never got through.
    Lost,
    /// The answer came when the attempt's time was nearly over.
    Slow,
    /// Herald was stopped while it waited for the answer.
    Stopped,
    /// Herald was killed before the outcome was on disk.
    Killed,
}

impl Timeline {
    /// Herald is dead since now.
    pub(super) fn killed(&self) {
        self.moments.lock().unwrap().kills.push(Instant::now());
    }

    /// It did not run since then.
    pub(super) fn stopped(&self, since: Instant) {
        self.moments.lock().unwrap().stops.push((since, Instant::now()));
    }

    /// Its disk failed since then.
    pub(super) fn failed(&self, since: Instant) {
        self.moments.lock().unwrap().outages.push((since, Instant::now()));
    }

    /// Why what this visit told Herald may not be known to it later.
    #[must_use]
    pub(super) fn explain(&self, visit: Visit) -> Option<Reason> {
        let Some(answered) = visit.answered else { return Some(Reason::Lost) };
        if answered.duration_since(visit.asked) >= SLOW {
            return Some(Reason::Slow);
        }
        let moments = self.moments.lock().unwrap();
        let overlaps =
            |&(from, to): &(Instant, Instant), end: Instant| from <= end && to >= visit.asked;
        let recorded = answered + RECORDED;
        if moments.stops.iter().any(|stop| overlaps(stop, recorded)) {
            return Some(Reason::Stopped);
        }
        // While the disk fails nothing is recorded, and afterwards it takes its time again. In order of time, so that one
        // outage after the other moves the end.
        let recorded = moments.outages.iter().fold(recorded, |recorded, outage| {
            if overlaps(outage, recorded) { recorded.max(outage.1 + RECORDED) } else { recorded }
        });
        // An answer may be written to somebody who has just died.
        let is_between = |kill: &Instant| visit.asked <= *kill && *kill <= recorded;
        moments.kills.iter().any(is_between).then_some(Reason::Killed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_ambiguous_moment_explains_a_second_delivery() {
        let began = Instant::now();
        let at = |millis| began + Duration::from_millis(millis);
        let timeline = Timeline::default();
        *timeline.moments.lock().unwrap() = Moments {
            kills: vec![at(10_000), at(40_000)],
            stops: vec![(at(20_000), at(21_000))],
            outages: vec![(at(30_000), at(39_500))],
        };
        let visit = |asked, answered| Visit { asked: at(asked), answered: Some(at(answered)) };
        let explain = |asked, answered| timeline.explain(visit(asked, answered));
        let lost = Visit { asked: at(0), answered: None };
        assert_eq!(timeline.explain(lost), Some(Reason::Lost));
        assert_eq!(explain(0, 5), None);
        assert_eq!(explain(0, 1500), Some(Reason::Slow));
        assert_eq!(explain(8_000, 8_010), None, "on disk long before the kill");
        assert_eq!(explain(9_500, 9_510), Some(Reason::Killed));
        assert_eq!(explain(9_990, 10_005), Some(Reason::Killed), "while it waited for the answer");
        assert_eq!(explain(10_400, 10_410), None, "after the kill");
        assert_eq!(explain(19_500, 19_510), Some(Reason::Stopped));
        assert_eq!(explain(31_000, 31_010), Some(Reason::Killed), "the disk failed until the kill");
        assert_eq!(explain(28_000, 28_010), None);
    }
}
