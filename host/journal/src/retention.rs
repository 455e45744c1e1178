//! Removal of what is finished and old, or finished and in the way, a little at a time. Never of what is not finished, and
//! never of the newest event: its id tells the next run where to go on.
//!
//! An event that another event's delivery names is not finished while that delivery waits or is dead.
//!
//! By age goes what is older than the history is kept, dead letters by an age of their own. By size the oldest goes first,
//! dead letters only when new events would have to be refused otherwise.

use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::dedup::millis;
use crate::room::Pressure;
use crate::settings::Settings;
use crate::statements;

/// A larger part would hold up the next commit for too long.
const CHUNK: i32 = 100;

/// Bodies are up to 3 MiB, and all their pages must be read to free them.
const CHUNK_BYTES: i64 = 4 << 20;

/// Between two parts, so that the commits of others come first.
const PAUSE: Duration = Duration::from_millis(50);

/// Between two parts while the journal is too large.
const PRESSED_PAUSE: Duration = Duration::from_millis(5);

/// After this time what was passed over is looked at again.
const AGAIN: Duration = Duration::from_secs(60 * 60);

/// The same while the journal is too large.
const PRESSED_AGAIN: Duration = Duration::from_secs(1);

/// After a failure the next part waits so long.
const POSTPONED: Duration = Duration::from_secs(60);

/// How far the removal is.
#[derive(Debug)]
pub(crate) struct Sweep {
    history_age: i64,
    dead_age: i64,
    window: i64,
    pressure: Pressure,
    /// This pass has found something besides dead letters.
    has_found: bool,
    /// The last whole pass has found nothing besides dead letters.
    is_exhausted: bool,
    /// Everything up to this id is gone or was passed over.
    cursor: i64,
    /// The time of the event after the cursor, when it is known to be too new.
    next_at: Option<i64>,
    next_run: Instant,
    again: Instant,
}

impl Sweep {
    pub(crate) fn new(settings: &Settings) -> Self {
        let now = Instant::now();
        Sweep {
            history_age: millis(settings.max_history_age),
            dead_age: millis(settings.max_dead_age),
            window: millis(settings.dedup_window),
            pressure: Pressure::None,
            has_found: false,
            is_exhausted: false,
            cursor: 0,
            next_at: None,
            next_run: now + PAUSE,
            again: now + AGAIN,
        }
    }

    /// How much the journal is too large. What was passed over for a lesser reason is looked at again.
    pub(crate) fn press(&mut self, pressure: Pressure) {
        if pressure > self.pressure {
            (self.cursor, self.next_at, self.next_run) = (0, None, Instant::now());
            (self.has_found, self.is_exhausted) = (false, false);
        }
        self.pressure = pressure;
    }

    /// What it removes must not wait for a quiet moment.
    pub(crate) fn is_pressed(&self) -> bool {
        self.pressure > Pressure::None
    }

    /// When there is something to do, if there is. `newest_at` stands for the present: a journal that gets nothing new
    /// need not lose anything old.
    pub(crate) fn due(&self, newest_at: i64) -> Option<Instant> {
        let is_old = |at: i64| at.saturating_add(self.history_age) <= newest_at;
        (self.is_pressed() || self.next_at.is_none_or(is_old)).then_some(self.next_run)
    }

    fn takes_dead(&self) -> bool {
        self.pressure == Pressure::DeadLetters && self.is_exhausted
    }

    /// Finds the next part.
    pub(crate) fn look(
        &self,
        connection: &Connection,
        newest_id: i64,
        newest_at: i64,
    ) -> rusqlite::Result<Part> {
        let mut part = Part {
            finished: Vec::new(),
            n_dead: 0,
            seen_from: newest_at.saturating_sub(self.window),
            cursor: self.cursor,
            next_at: Some(newest_at),
        };
        let mut statement = connection.prepare_cached(
            "select id, at, length(body),
                exists (select 1 from open where open.id = events.id)
                or exists (select 1 from deliveries where event = events.id and state = 'waiting')
                or exists (
                    select 1 from deliveries named join deliveries naming
                        on naming.event = named.digest and naming.alert = named.alert
                    where named.event = events.id and named.digest is not null
                        and naming.state in ('waiting', 'dead')
                ),
                (select max(at) from deliveries where event = events.id and state = 'dead')
             from events where id > ?1 and id < ?2 order by id limit ?3",
        )?;
        let mut rows = statement.query((self.cursor, newest_id, CHUNK))?;
        let (mut n_seen, mut bytes) = (0, 0);
        while let Some(row) = rows.next()? {
            let (id, at): (i64, i64) = (row.get(0)?, row.get(1)?);
            if !self.is_pressed() && at.saturating_add(self.history_age) > newest_at {
                part.next_at = Some(at);
                break;
            }
            n_seen += 1;
            part.cursor = id;
            let (is_unfinished, dead_at): (bool, Option<i64>) = (row.get(3)?, row.get(4)?);
            let is_kept = dead_at.is_some_and(|dead_at| {
                !self.takes_dead() && dead_at.saturating_add(self.dead_age) > newest_at
            });
            if !is_unfinished && !is_kept {
                bytes += row.get::<_, i64>(2)?;
                part.finished.push(id);
                part.n_dead += usize::from(dead_at.is_some());
            }
            if n_seen == CHUNK || bytes >= CHUNK_BYTES {
                part.next_at = None;
                break;
            }
        }
        Ok(part)
    }

    /// Goes on after that part.
    pub(crate) fn advance(&mut self, part: &Part) {
        let now = Instant::now();
        (self.cursor, self.next_at) = (part.cursor, part.next_at);
        let is_at_end = self.next_at.is_some();
        self.has_found |= part.finished.len() > part.n_dead;
        self.next_run = now + if self.is_pressed() { PRESSED_PAUSE } else { PAUSE };
        if self.is_pressed() && is_at_end {
            let pause =
                if self.takes_dead() || self.has_found { PRESSED_AGAIN } else { PRESSED_PAUSE };
            (self.cursor, self.next_at, self.next_run) = (0, None, now + pause);
            (self.is_exhausted, self.has_found) = (!self.has_found, false);
        }
        if now >= self.again {
            (self.cursor, self.next_at, self.again) = (0, None, now + AGAIN);
        }
    }

    /// The disk has failed: tries the same part again, much later.
    pub(crate) fn postpone(&mut self) {
        self.next_run = Instant::now() + POSTPONED;
    }
}

/// What is to be removed together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) finished: Vec<i64>,
    /// How many of them hold a dead letter.
    pub(crate) n_dead: usize,
    /// The keys of events from then on still count as seen.
    seen_from: i64,
    cursor: i64,
    next_at: Option<i64>,
}

impl Part {
    pub(crate) fn remove(&self, connection: &Connection) -> rusqlite::Result<()> {
        for id in &self.finished {
            statements::keep_key(connection, *id, self.seen_from)?;
            statements::delete_event(connection, *id)?;
        }
        Ok(())
    }
}
