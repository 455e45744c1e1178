//! The revisions of one type: which serves, which is on trial, which served before. A value that is changed and swapped in
//! as a whole.
//!
//! It must not know where modules come from, how they are called, or where this is kept.

use std::sync::Arc;

use herald_core::rollout::{Rollout, Stage, Unfit, judge};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Loaded, Source};

/// What a revision is to its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    /// It serves.
    Active,
    /// It shows what it would send.
    Shadow,
    /// It makes a share of the deliveries.
    Canary,
    /// It served before and would again.
    Previous,
    /// It has to wait, as its type is pinned to another.
    Held,
    /// It was found unfit, or somebody went back from it.
    RolledBack,
    /// Its source does not offer it any more.
    Withdrawn,
}

impl State {
    /// The name that people see.
    pub(crate) fn name(self) -> &'static str {
        match self {
            State::Active => "active",
            State::Shadow => "shadow",
            State::Canary => "canary",
            State::Previous => "previous",
            State::Held => "held",
            State::RolledBack => "rolled-back",
            State::Withdrawn => "withdrawn",
        }
    }

    fn of(stage: Stage) -> Self {
        match stage {
            Stage::Shadow => State::Shadow,
            Stage::Canary => State::Canary,
            Stage::Whole => State::Active,
        }
    }

    fn stage(self) -> Option<Stage> {
        match self {
            State::Shadow => Some(Stage::Shadow),
            State::Canary => Some(Stage::Canary),
            State::Active
            | State::Previous
            | State::Held
            | State::RolledBack
            | State::Withdrawn => None,
        }
    }
}

/// One module that a type has or had.
#[derive(Clone)]
pub(crate) struct Revision {
    pub(crate) loaded: Arc<Loaded>,
    pub(crate) state: State,
    /// Since when it is in this state.
    pub(crate) since: Timestamp,
    /// Why, where that is not plain.
    pub(crate) reason: String,
    /// What it goes through before it serves.
    pub(crate) rollout: Rollout,
    /// What was done already when its stage began.
    done_before: u64,
}

impl Revision {
    /// A revision in a state that it had before.
    pub(super) fn known(
        loaded: Arc<Loaded>,
        state: State,
        since: Timestamp,
        reason: String,
    ) -> Self {
        Self { loaded, state, since, reason, rollout: Rollout::default(), done_before: 0 }
    }

    /// What it did in its stage.
    fn done(&self) -> u64 {
        let all = match self.state {
            State::Shadow => self.loaded.record.shadow().0,
            _ => self.loaded.record.tally().taken,
        };
        all.saturating_sub(self.done_before)
    }

    fn turn_into(&mut self, state: State, reason: &str, now: Timestamp) {
        (self.state, self.since) = (state, now);
        reason.clone_into(&mut self.reason);
        self.done_before = 0;
        self.done_before = self.done();
    }
}

/// Why a type's revisions stay as they are.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RevisionError {
    /// No revision is called so.
    #[error("there is no revision {wanted}; there are: {there}")]
    Unknown {
        /// What was asked for.
        wanted: String,
        /// What there is.
        there: String,
    },
    /// Several are.
    #[error("{0} is the beginning of several revisions; give more digits")]
    Ambiguous(String),
    /// There is none to go back to.
    #[error("no earlier revision of it served here, so there is none to go back to")]
    NoneBefore,
    /// It is pinned.
    #[error("it is pinned to {0}; unpin it first")]
    Pinned(String),
}

/// The revisions of a type, the newest first.
#[derive(Clone, Default)]
pub(crate) struct Lineage {
    revisions: Vec<Revision>,
    pinned: Option<String>,
}

impl Lineage {
    pub(crate) fn revisions(&self) -> &[Revision] {
        &self.revisions
    }

    pub(crate) fn pinned(&self) -> Option<&str> {
        self.pinned.as_deref()
    }

    pub(crate) fn active(&self) -> Option<&Revision> {
        self.revisions.iter().find(|revision| revision.state == State::Active)
    }

    /// The one on trial.
    pub(crate) fn candidate(&self) -> Option<&Revision> {
        self.revisions.iter().find(|revision| revision.state.stage().is_some())
    }

    /// Whom to ask for a delivery, one after the other until one gives an answer.
    pub(crate) fn line(&self, lot: impl FnOnce() -> u64) -> impl Iterator<Item = &Arc<Loaded>> {
        let canary = self
            .candidate()
            .filter(|candidate| candidate.state == State::Canary && candidate.rollout.takes(lot()));
        let others = if self.pinned.is_some() { &[][..] } else { &self.revisions };
        let previous = others.iter().filter(|revision| revision.state == State::Previous);
        canary.into_iter().chain(self.active()).chain(previous).map(|revision| &revision.loaded)
    }

    /// Takes a module that passed every check. A digest that was rolled back stays so.
    pub(super) fn offer(&mut self, loaded: Arc<Loaded>, rollout: Rollout, now: Timestamp) {
        let digest = loaded.module.digest().to_owned();
        let known = self.revisions.iter().position(|old| old.loaded.module.digest() == digest);
        let old = known.map(|at| self.revisions.remove(at));
        if let Some(mut old) = old {
            let stays = match old.state {
                State::Active | State::Shadow | State::Canary | State::RolledBack => true,
                State::Held => self.pinned.is_some(),
                State::Previous | State::Withdrawn => false,
            };
            if stays {
                // The counts go on unless it is called in another way.
                let same = |old: &Loaded, new: &Loaded| {
                    (&old.grants, &old.source, old.limits) == (&new.grants, &new.source, new.limits)
                };
                if !same(&old.loaded, &loaded) {
                    old.loaded = loaded;
                }
                self.revisions.insert(0, old);
                return;
            }
        }
        let state = match (&self.pinned, self.active()) {
            (Some(pinned), _) if *pinned != digest => State::Held,
            (Some(_), _) | (None, None) => State::Active,
            (None, Some(_)) => State::of(rollout.first()),
        };
        for other in &mut self.revisions {
            match other.state {
                State::Active if state == State::Active => {
                    other.turn_into(State::Previous, "", now)
                }
                State::Shadow | State::Canary => {
                    other.turn_into(State::Withdrawn, "a newer one came before it served", now);
                }
                _ => {}
            }
        }
        let mut revision =
            Revision { rollout, ..Revision::known(loaded, state, now, String::new()) };
        revision.turn_into(state, "", now);
        self.revisions.insert(0, revision);
    }

    /// Takes back a revision of an earlier run, older than all that are there.
    pub(super) fn recall(&mut self, revision: Revision) {
        self.revisions.push(revision);
    }

    pub(super) fn recall_pin(&mut self, pinned: Option<String>) {
        self.pinned = pinned;
    }

    /// Moves the one on trial on if it did enough. Whether anything changed.
    pub(super) fn advance(&mut self, now: Timestamp) -> bool {
        let Some(at) = self.revisions.iter().position(|revision| revision.state.stage().is_some())
        else {
            return false;
        };
        let candidate = &self.revisions[at];
        let Some(stage) = candidate.state.stage() else { return false };
        let next = State::of(candidate.rollout.next(stage, candidate.done()));
        if next == candidate.state {
            return false;
        }
        if next == State::Active {
            self.step_down(now);
        }
        self.revisions[at].turn_into(next, "", now);
        true
    }

    /// Why a revision has to go now, if it has a predecessor that may serve in its place.
    pub(super) fn unfit(&self, digest: &str) -> Option<Unfit> {
        if self.pinned.is_some() {
            return None;
        }
        let at = self.find(digest)?;
        let revision = &self.revisions[at];
        let predecessor = match revision.state {
            State::Active => self.before(at)?,
            State::Canary | State::Shadow => {
                self.revisions.iter().position(|other| other.state == State::Active)?
            }
            State::Previous | State::Held | State::RolledBack | State::Withdrawn => return None,
        };
        let tally = |at: usize| self.revisions[at].loaded.record.tally();
        judge(tally(at), tally(predecessor))
    }

    /// Goes back from a revision to the one that served before it.
    pub(super) fn roll_back(
        &mut self,
        digest: &str,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), RevisionError> {
        if let Some(pinned) = &self.pinned {
            return Err(RevisionError::Pinned(herald_engine::short(pinned).to_owned()));
        }
        let at = self.find(digest).ok_or(RevisionError::NoneBefore)?;
        if self.revisions[at].state == State::Active {
            let before = self.before(at).ok_or(RevisionError::NoneBefore)?;
            self.revisions[before].turn_into(State::Active, "", now);
        }
        self.revisions[at].turn_into(State::RolledBack, reason, now);
        Ok(())
    }

    /// Has one revision serve, whatever comes.
    pub(super) fn pin(&mut self, digest: &str, now: Timestamp) {
        let Some(at) = self.find(digest) else { return };
        for other in &mut self.revisions {
            match other.state {
                State::Active => other.turn_into(State::Previous, "", now),
                State::Shadow | State::Canary => other.turn_into(State::Held, "", now),
                _ => {}
            }
        }
        self.revisions[at].turn_into(State::Active, "pinned", now);
        self.pinned = Some(digest.to_owned());
    }

    /// Has the newest revision serve again that was not found unfit. Whether it was pinned.
    pub(super) fn unpin(&mut self, now: Timestamp) -> bool {
        let was = self.pinned.take().is_some();
        let may = |state| matches!(state, State::Active | State::Previous | State::Held);
        let newest = self.revisions.iter().position(|revision| may(revision.state));
        if let Some(newest) = newest.filter(|_| was) {
            if self.revisions[newest].state != State::Active {
                self.step_down(now);
            }
            self.revisions[newest].turn_into(State::Active, "", now);
        }
        was
    }

    /// Nothing of this source may serve any more, but what is pinned. Whether that changes what serves.
    pub(super) fn withdraw(&mut self, source: &Source, now: Timestamp) -> bool {
        let mut changed = false;
        for revision in &mut self.revisions {
            let goes = revision.loaded.source == *source
                && self.pinned.as_deref() != Some(revision.loaded.module.digest())
                && !matches!(revision.state, State::Withdrawn | State::RolledBack);
            if goes {
                changed |= matches!(revision.state, State::Active | State::Canary);
                revision.turn_into(State::Withdrawn, "", now);
            }
        }
        if self.active().is_none()
            && let Some(before) = self.before_all()
        {
            self.revisions[before].turn_into(State::Active, "", now);
        }
        changed
    }

    /// Forgets all but so many of those that neither serve nor are on trial.
    pub(super) fn trim(&mut self, keep: usize) {
        let mut left = keep;
        self.revisions.retain(|revision| {
            let needed = matches!(revision.state, State::Active | State::Shadow | State::Canary);
            let stays = needed || left > 0;
            left = if needed { left } else { left.saturating_sub(1) };
            stays
        });
    }

    /// The digest that begins with these digits.
    pub(super) fn digest_of(&self, wanted: &str) -> Result<String, RevisionError> {
        let digits = wanted.strip_prefix("sha256:").unwrap_or(wanted);
        let mut found =
            self.revisions.iter().map(|revision| revision.loaded.module.digest()).filter(
                |digest| {
                    !digits.is_empty() && digest.trim_start_matches("sha256:").starts_with(digits)
                },
            );
        match (found.next(), found.next()) {
            (Some(one), None) => Ok(one.to_owned()),
            (Some(_), Some(_)) => Err(RevisionError::Ambiguous(wanted.to_owned())),
            (None, _) => {
                let there = self.revisions.iter().map(|one| one.loaded.module.revision());
                let there = there.collect::<Vec<_>>().join(", ");
                Err(RevisionError::Unknown { wanted: wanted.to_owned(), there })
            }
        }
    }

    fn find(&self, digest: &str) -> Option<usize> {
        self.revisions.iter().position(|revision| revision.loaded.module.digest() == digest)
    }

    /// The newest one that served before the one at this place.
    fn before(&self, at: usize) -> Option<usize> {
        let older = self.revisions.iter().enumerate().skip(at + 1);
        older.into_iter().find(|(_, other)| other.state == State::Previous).map(|(at, _)| at)
    }

    fn before_all(&self) -> Option<usize> {
        self.revisions.iter().position(|revision| revision.state == State::Previous)
    }

    fn step_down(&mut self, now: Timestamp) {
        for other in &mut self.revisions {
            if other.state == State::Active {
                other.turn_into(State::Previous, "", now);
            }
        }
    }
}
