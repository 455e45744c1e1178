//! What became of a revision's calls, counted where they are made. It must not judge them.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use herald_core::rollout::Tally;

/// How many differences a shadow keeps to be looked at.
const SAMPLES: usize = 10;

/// How an attempt went, as far as its module is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// A receiver took the message, or the module rightly had nothing to send.
    Taken,
    /// The module or the receiver refused for good.
    Refused,
    /// The call trapped or met a limit.
    Broken,
}

/// The counts of one revision.
#[derive(Debug, Default)]
pub struct Record {
    taken: AtomicU64,
    refused: AtomicU64,
    broken: AtomicU64,
    shadowed: AtomicU64,
    different: AtomicU64,
    samples: Mutex<Vec<String>>,
    last_trap: Mutex<Option<String>>,
}

impl Record {
    /// Goes on from earlier counts.
    pub(super) fn from(tally: Tally) -> Self {
        Self {
            taken: tally.taken.into(),
            refused: tally.refused.into(),
            broken: tally.broken.into(),
            ..Self::default()
        }
    }

    pub(super) fn count(&self, verdict: Verdict) {
        let counter = match verdict {
            Verdict::Taken => &self.taken,
            Verdict::Refused => &self.refused,
            Verdict::Broken => &self.broken,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a delivery that was only looked at, and keeps the first differences.
    pub(super) fn shadowed(&self, difference: Option<String>) {
        self.shadowed.fetch_add(1, Ordering::Relaxed);
        if let Some(difference) = difference {
            self.different.fetch_add(1, Ordering::Relaxed);
            let mut samples = self.samples.lock().expect("no holder of this lock panics");
            if samples.len() < SAMPLES {
                samples.push(difference);
            }
        }
    }

    /// Keeps how a call failed, masked.
    pub(crate) fn trapped(&self, text: String) {
        *self.last_trap.lock().expect("no holder of this lock panics") = Some(text);
    }

    /// How a call of it failed last, with the functions that were running.
    #[must_use]
    pub fn last_trap(&self) -> Option<String> {
        self.last_trap.lock().expect("no holder of this lock panics").clone()
    }

    /// What its calls came to.
    #[must_use]
    pub fn tally(&self) -> Tally {
        Tally {
            taken: self.taken.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            broken: self.broken.load(Ordering::Relaxed),
        }
    }

    /// For how many deliveries it only showed what it would have sent, and for how many of them that was something else.
    #[must_use]
    pub fn shadow(&self) -> (u64, u64) {
        (self.shadowed.load(Ordering::Relaxed), self.different.load(Ordering::Relaxed))
    }

    /// The first differences between what it would have sent and what was sent.
    #[must_use]
    pub fn samples(&self) -> Vec<String> {
        self.samples.lock().expect("no holder of this lock panics").clone()
    }
}
