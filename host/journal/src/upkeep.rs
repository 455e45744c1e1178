//! What the writer does when the answers are given: it ends checkpoints, measures the files, and removes what is old or too
//! much.

use std::time::{Duration, Instant};

use crate::checkpoint::log_bytes;
use crate::dedup::millis;
use crate::error::report;
use crate::notes;
use crate::schema::Copied;
use crate::statements;
use crate::writer::Writer;

/// After a checkpoint that failed, or that a long reader kept from its end, the next one waits so long.
const CHECKPOINT_PAUSE: Duration = Duration::from_millis(100);

/// How often old notes and keys are looked for, and how long after the start.
const PRUNE_FROM: Duration = Duration::from_secs(60);
const PRUNE_EVERY: Duration = Duration::from_secs(60 * 60);

/// So often at most is told that dead letters had to go.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// When each of these is to be done again.
#[derive(Debug)]
pub(crate) struct Upkeep {
    checkpoint_after: Instant,
    prune_after: Instant,
    n_dead_removed: usize,
    tell_after: Instant,
}

impl Upkeep {
    pub(crate) fn new() -> Self {
        let now = Instant::now();
        Upkeep {
            checkpoint_after: now,
            prune_after: now + PRUNE_FROM,
            n_dead_removed: 0,
            tell_after: now,
        }
    }
}

impl Writer {
    pub(crate) fn tidy(&mut self) {
        self.end_checkpoint();
        if self.store.broken().is_some() {
            return;
        }
        if self.room.is_stale() {
            self.measure();
        }
        let is_quiet = self.queue.is_empty();
        if (is_quiet || self.sweep.is_pressed())
            && self.sweep.due(self.newest_at).is_some_and(|at| at <= Instant::now())
        {
            self.remove_old();
        }
        if is_quiet && self.upkeep.prune_after <= Instant::now() {
            self.prune();
        }
    }

    fn end_checkpoint(&mut self) {
        let is_too_long = log_bytes(self.shared.log_pages()) > self.settings.max_log_bytes;
        if (self.shared.take_finish_checkpoint() || is_too_long)
            && self.upkeep.checkpoint_after <= Instant::now()
        {
            let copied = self.store.checkpoint();
            if let Err(error) = &copied {
                tracing::warn!(%error, "the journal's log could not be copied");
            }
            if !matches!(copied, Ok(Copied::All | Copied::ByAnother)) {
                self.upkeep.checkpoint_after = Instant::now() + CHECKPOINT_PAUSE;
            }
        }
    }

    /// Looks how large the files are, and what follows from that.
    fn measure(&mut self) {
        match self.store.sizes() {
            Ok(sizes) => {
                self.room.set(sizes);
                self.shared.set_sizes(sizes);
            }
            Err(error) => {
                tracing::warn!(error = report(&error), "the journal could not be measured")
            }
        }
        self.sweep.press(self.room.pressure());
        let refusal = self.room.refusal().map(|error| report(&error));
        if self.shared.set_full(refusal.clone()) {
            match refusal {
                Some(reason) => tracing::error!(reason, "the journal is full: events are refused"),
                None => tracing::info!("the journal has room again"),
            }
        }
    }

    fn remove_old(&mut self) {
        let (sweep, last_id, newest_at) = (&self.sweep, self.last_id, self.newest_at);
        let part = match self.store.read(|connection| sweep.look(connection, last_id, newest_at)) {
            Ok(part) => part,
            Err(error) => {
                tracing::warn!(error = report(&error), "old events could not be looked for");
                return self.sweep.postpone();
            }
        };
        if !part.finished.is_empty()
            && self.store.transact(|connection| part.remove(connection)).is_err()
        {
            return self.sweep.postpone();
        }
        self.sweep.advance(&part);
        if self.sweep.is_pressed() {
            self.tell_of_dead(part.n_dead);
            self.measure();
        }
    }

    /// Dead letters that a person might still have wanted are not removed without a word.
    fn tell_of_dead(&mut self, n_removed: usize) {
        let upkeep = &mut self.upkeep;
        upkeep.n_dead_removed += n_removed;
        if upkeep.n_dead_removed > 0 && upkeep.tell_after <= Instant::now() {
            tracing::warn!(
                events = upkeep.n_dead_removed,
                "the oldest dead letters were removed, as there was no room for new events otherwise"
            );
            (upkeep.n_dead_removed, upkeep.tell_after) = (0, Instant::now() + TELL_EVERY);
        }
    }

    /// Removes notes and keys that are of no use any more.
    fn prune(&mut self) {
        self.upkeep.prune_after = Instant::now() + PRUNE_EVERY;
        let newest_at = self.newest_at;
        let from = newest_at.saturating_sub(millis(self.settings.dedup_window));
        let superfluous = self.store.read(|connection| {
            Ok((
                notes::superfluous(connection, newest_at)?,
                statements::has_keys_before(connection, from)?,
            ))
        });
        let done = superfluous.and_then(|(superfluous, has_keys)| {
            if superfluous.is_empty() && !has_keys {
                return Ok(());
            }
            self.store.transact(|connection| {
                notes::remove(connection, &superfluous)?;
                statements::forget_keys(connection, from)
            })?;
            self.notes.forget(&superfluous);
            Ok(())
        });
        if let Err(error) = done {
            tracing::warn!(error = report(&error), "old notes could not be removed");
        }
    }
}
