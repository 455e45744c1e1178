//! What the receiver answers, decided by the seed alone: the same request of the same run gets the same answer, whatever
//! else happens. Knows no socket and no clock.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use fastrand::Rng;

/// Requests to one Provider that follow each other and share their luck; a rest ends it.
pub(super) const BLOCK: u64 = 24;
/// From this request for an event on it is taken, so that back-off stays short.
const PATIENCE: u32 = 4;

/// How one request is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// 200.
    Take,
    /// 500.
    Fail,
    /// 429 with a number of seconds.
    LaterIn(Duration),
    /// 429 with a date that far ahead, in whole seconds.
    LaterAt(Duration),
    /// 400, as every other time: the event is dead.
    Never,
    /// Nothing, until the client goes away.
    Hang,
    /// Half an answer, and then a reset; the event is not taken.
    Reset,
    /// 200, a byte at a time, in all so long.
    Drip(Duration),
    /// The event is taken, and the connection closed without an answer.
    Lose,
}

/// The answers of one run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Script {
    seed: u64,
}

impl Script {
    /// The script of a seed.
    #[must_use]
    pub(super) fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// Whether the receiver never takes this event.
    #[must_use]
    pub(super) fn is_cursed(&self, provider: usize, event: u32) -> bool {
        self.chance(("curse", provider, event)).u32(..500) == 0
    }

    /// The answer to the `visit`-th request for an event, the first being 0, which is the `nth` request to its Provider.
    #[must_use]
    pub(super) fn answer(&self, provider: usize, event: u32, visit: u32, nth: u64) -> Answer {
        if self.is_cursed(provider, event) {
            return Answer::Never;
        }
        if visit >= PATIENCE {
            return Answer::Take;
        }
        // A receiver that is down is down for all.
        if self.chance(("block", provider, nth / BLOCK)).u32(..30) == 0 {
            return Answer::Fail;
        }
        let mut chance = self.chance(("visit", provider, event, visit));
        match chance.u32(..1000) {
            0..4 => Answer::LaterIn(Duration::from_secs(1)),
            4..8 => Answer::LaterAt(Duration::from_secs(chance.u64(1..=2))),
            8..10 => Answer::Hang,
            10..16 => Answer::Reset,
            16..19 => Answer::Drip(Duration::from_millis(chance.u64(100..3000))),
            19..26 => Answer::Lose,
            _ => Answer::Take,
        }
    }

    fn chance(&self, about: impl std::hash::Hash) -> Rng {
        let mut hasher = DefaultHasher::new();
        (self.seed, about).hash(&mut hasher);
        Rng::with_seed(hasher.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_says_it_all_and_every_answer_occurs() {
        let answers = |seed| -> Vec<Answer> {
            let script = Script::new(seed);
            (0..20_000).map(|n| script.answer(1, n, 0, n.into())).collect()
        };
        let first = answers(1);
        assert_eq!(first, answers(1));
        assert_ne!(first, answers(2));
        let kinds: std::collections::HashSet<_> =
            first.iter().map(std::mem::discriminant).collect();
        assert_eq!(kinds.len(), 9, "one for each kind of answer");
        let share = first.iter().filter(|answer| **answer == Answer::Take).count();
        assert!(share > 17_000, "most are taken: {share}");
    }
}
