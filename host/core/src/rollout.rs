//! How a new revision of a module takes over from its predecessor, and when it has to go again. Pure.
//!
//! It must not know what a module is or how one is called: it counts.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// How many of its calls must fail before a revision is judged: one may be the event's fault.
const BROKEN: u64 = 3;
/// How many refusals are too few to tell.
const REFUSED: u64 = 5;
/// Refusals are compared only among this many first answers: later ones tell of the receiver, whose token ends or whose
/// channel goes, and no longer of the new form.
const FIRST_ANSWERS: u64 = 100;
/// By how much, in hundredths of its answers, a revision may be refused more often than its predecessor.
const TOLERANCE: u64 = 10;

/// What a new revision goes through before every delivery is its.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Rollout {
    /// For so many deliveries it only shows what it would have sent.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub shadow: u32,
    /// Then it makes a share of the deliveries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<Canary>,
}

/// A share of the deliveries for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Canary {
    /// Of a hundred deliveries, from 1 to 99.
    pub percent: u8,
    /// After so many that went well all deliveries are its.
    pub deliveries: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// A rollout that makes no sense.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum RolloutError {
    /// None or all of the deliveries are no share.
    #[error("rollout.canary.percent: must be from 1 to 99")]
    Percent,
    /// It would be over before it began.
    #[error("rollout.canary.deliveries: must be at least 1")]
    Deliveries,
}

impl Rollout {
    /// Checks its numbers.
    ///
    /// # Errors
    /// Names the one that makes no sense.
    pub fn validate(self) -> Result<Self, RolloutError> {
        match self.canary {
            Some(Canary { percent: 0 | 100.., .. }) => Err(RolloutError::Percent),
            Some(Canary { deliveries: 0, .. }) => Err(RolloutError::Deliveries),
            Some(_) | None => Ok(self),
        }
    }

    /// What a new revision begins with.
    #[must_use]
    pub fn first(&self) -> Stage {
        if self.shadow > 0 { Stage::Shadow } else { self.after_shadow() }
    }

    fn after_shadow(&self) -> Stage {
        if self.canary.is_some() { Stage::Canary } else { Stage::Whole }
    }

    /// Where a revision stands that has done this much in its stage.
    #[must_use]
    pub fn next(&self, stage: Stage, done: u64) -> Stage {
        match (stage, self.canary) {
            (Stage::Shadow, _) if done >= u64::from(self.shadow) => self.after_shadow(),
            (Stage::Canary, Some(canary)) if done < u64::from(canary.deliveries) => Stage::Canary,
            (Stage::Canary | Stage::Whole, _) => Stage::Whole,
            (Stage::Shadow, _) => Stage::Shadow,
        }
    }

    /// Whether a delivery is among those that a canary makes. Each delivery is or is not for all of its attempts.
    #[must_use]
    pub fn takes(&self, lot: u64) -> bool {
        self.canary.is_some_and(|canary| lot % 100 < u64::from(canary.percent))
    }
}

/// How far a revision has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// It sends nothing.
    Shadow,
    /// It makes a share of the deliveries.
    Canary,
    /// It makes all of them.
    Whole,
}

/// What became of the calls of one revision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Attempts whose message a receiver took.
    pub taken: u64,
    /// Attempts that the module or the receiver refused for good.
    pub refused: u64,
    /// Calls that trapped or met a limit.
    pub broken: u64,
}

impl Tally {
    fn answers(&self) -> u64 {
        self.taken + self.refused
    }

    fn calls(&self) -> u64 {
        self.answers() + self.broken
    }
}

/// Why a revision has to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// Its calls fail more often.
    Breaks {
        /// What it did.
        new: Tally,
        /// What its predecessor did.
        old: Tally,
    },
    /// What it sends is refused more often.
    IsRefused {
        /// What it did.
        new: Tally,
        /// What its predecessor did.
        old: Tally,
    },
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unfit::Breaks { new, old } => write!(
                f,
                "{} of its {} calls trapped or met a limit, of its predecessor's {} of {}",
                new.broken,
                new.calls(),
                old.broken,
                old.calls()
            ),
            Unfit::IsRefused { new, old } => write!(
                f,
                "{} of its first {} messages were refused for good, of its predecessor's {} of {}",
                new.refused,
                new.answers(),
                old.refused,
                old.answers()
            ),
        }
    }
}

/// Whether a revision has to go, compared with its predecessor.
#[must_use]
pub fn judge(new: Tally, old: Tally) -> Option<Unfit> {
    if new.broken >= BROKEN && exceeds((new.broken, new.calls()), (old.broken, old.calls()), 0) {
        return Some(Unfit::Breaks { new, old });
    }
    let early = new.answers() <= FIRST_ANSWERS;
    let more = exceeds((new.refused, new.answers()), (old.refused, old.answers()), TOLERANCE);
    (early && new.refused >= REFUSED && more).then_some(Unfit::IsRefused { new, old })
}

/// Whether one share is larger than another by more than so many hundredths. Nothing of nothing is none.
fn exceeds(new: (u64, u64), old: (u64, u64), hundredths: u64) -> bool {
    let wide = |number: u64| u128::from(number);
    let (new_all, old_all) = (wide(new.1.max(1)), wide(old.1.max(1)));
    100 * wide(new.0) * old_all > (100 * wide(old.0) + wide(hundredths) * old_all) * new_all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(taken: u64, refused: u64, broken: u64) -> Tally {
        Tally { taken, refused, broken }
    }

    #[test]
    fn a_revision_goes_through_the_stages_that_were_asked_for() {
        let canary = Some(Canary { percent: 10, deliveries: 3 });
        let check = |rollout: Rollout, stages: &[Stage]| {
            let (mut stage, mut done) = (rollout.first(), 0);
            for expected in stages {
                assert_eq!(stage, *expected, "{rollout:?}");
                done += 1;
                let next = rollout.next(stage, done);
                if next != stage {
                    (stage, done) = (next, 0);
                }
            }
        };
        use Stage::{Canary as C, Shadow as S, Whole as W};
        check(Rollout::default(), &[W, W]);
        check(Rollout { shadow: 2, canary: None }, &[S, S, W]);
        check(Rollout { shadow: 0, canary }, &[C, C, C, W]);
        check(Rollout { shadow: 1, canary }, &[S, C, C, C, W, W]);
    }

    #[test]
    fn a_canary_takes_its_share_of_the_deliveries() {
        let rollout = Rollout { shadow: 0, canary: Some(Canary { percent: 7, deliveries: 1 }) };
        assert_eq!((0..1_000).filter(|lot| rollout.takes(*lot)).count(), 70);
        assert!(!Rollout::default().takes(0));
    }

    #[test]
    fn numbers_that_make_no_sense_are_named() {
        let of = |percent, deliveries| {
            Rollout { shadow: 0, canary: Some(Canary { percent, deliveries }) }.validate()
        };
        assert!(of(1, 1).is_ok() && of(99, 1).is_ok() && Rollout::default().validate().is_ok());
        assert_eq!(of(0, 1), Err(RolloutError::Percent));
        assert_eq!(of(100, 1), Err(RolloutError::Percent));
        assert_eq!(of(50, 0), Err(RolloutError::Deliveries));
    }

    #[test]
    fn what_breaks_more_often_than_its_predecessor_goes() {
        let check = |new, old, goes: bool| {
            let found = judge(new, old);
            assert_eq!(matches!(found, Some(Unfit::Breaks { .. })), goes, "{new:?} {old:?}");
        };
        check(tally(6, 0, 3), tally(100, 0, 0), true);
        check(tally(6, 0, 2), tally(100, 0, 0), false);
        check(tally(0, 0, 3), tally(0, 0, 0), true);
        check(tally(9_997, 0, 3), tally(10_000, 0, 0), true);
        check(tally(70, 0, 30), tally(60, 0, 40), false);
        check(tally(60, 0, 40), tally(70, 0, 30), true);
    }

    #[test]
    fn what_is_refused_more_often_at_first_goes() {
        let check = |new, old, goes: bool| {
            let found = judge(new, old);
            assert_eq!(matches!(found, Some(Unfit::IsRefused { .. })), goes, "{new:?} {old:?}");
        };
        check(tally(0, 5, 0), tally(100, 0, 0), true);
        check(tally(0, 4, 0), tally(100, 0, 0), false);
        check(tally(90, 10, 0), tally(100, 0, 0), false);
        check(tally(89, 11, 0), tally(100, 0, 0), true);
        check(tally(90, 11, 0), tally(100, 0, 0), false);
        check(tally(50, 50, 0), tally(50, 50, 0), false);
    }

    #[test]
    fn the_reason_has_the_numbers() {
        let unfit = judge(tally(6, 0, 3), tally(100, 0, 0)).unwrap();
        assert_eq!(
            unfit.to_string(),
            "3 of its 9 calls trapped or met a limit, of its predecessor's 0 of 100"
        );
    }
}
