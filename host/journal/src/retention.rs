//! Removal of what is finished and old, a little at a time. Never of what is not finished, and never of the newest event:
//! its id tells the next run where to go on.

use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::statements;

/// A larger part would hold up the next commit for too long.
const CHUNK: i32 = 100;

/// Bodies are up to 3 MiB, and all their pages must be read to free them.
const CHUNK_BYTES: i64 = 4 << 20;

/// Between two parts, so that the commits of others come first.
const PAUSE: Duration = Duration::from_millis(50);

/// After this time the unfinished events that were passed over are looked at again.
const AGAIN: Duration = Duration::from_secs(60 * 60);

/// After a failure the next part waits so long.
const POSTPONED: Duration = Duration::from_secs(60);

/// How far the removal is.
#[derive(Debug)]
pub(crate) struct Sweep {
    retention: i64,
    /// Everything up to this id is gone or was passed over.
    cursor: i64,
    /// The time of the event after the cursor, when it is known to be too new.
    next_at: Option<i64>,
    next_run: Instant,
    again: Instant,
}

impl Sweep {
    pub(crate) fn new(retention: i64) -> Self {
        let now = Instant::now();
        Sweep { retention, cursor: 0, next_at: None, next_run: now + PAUSE, again: now + AGAIN }
    }

    /// When there is something to do, if there is. `newest_at` stands for the present: a journal that gets nothing new
    /// need not lose anything old.
    pub(crate) fn due(&self, newest_at: i64) -> Option<Instant> {
        let is_due = self.next_at.is_none_or(|at| at.saturating_add(self.retention) <= newest_at);
        is_due.then_some(self.next_run)
    }

    /// Finds the next part.
    pub(crate) fn look(
        &self,
        connection: &Connection,
        newest_id: i64,
        newest_at: i64,
    ) -> rusqlite::Result<Part> {
        let mut part = Part { finished: Vec::new(), cursor: self.cursor, next_at: Some(newest_at) };
        let mut statement = connection.prepare_cached(
            "select id, at, length(body),
                exists (select 1 from open where open.id = events.id)
                or exists (select 1 from deliveries where event = events.id and state = 'waiting')
             from events where id > ?1 and id < ?2 order by id limit ?3",
        )?;
        let mut rows = statement.query((self.cursor, newest_id, CHUNK))?;
        let (mut n_seen, mut bytes) = (0, 0);
        while let Some(row) = rows.next()? {
            let (id, at): (i64, i64) = (row.get(0)?, row.get(1)?);
            if at.saturating_add(self.retention) > newest_at {
                part.next_at = Some(at);
                break;
            }
            n_seen += 1;
            part.cursor = id;
            let is_unfinished: bool = row.get(3)?;
            if !is_unfinished {
                bytes += row.get::<_, i64>(2)?;
                part.finished.push(id);
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
        (self.cursor, self.next_at, self.next_run) = (part.cursor, part.next_at, now + PAUSE);
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
    cursor: i64,
    next_at: Option<i64>,
}

impl Part {
    pub(crate) fn remove(&self, connection: &Connection) -> rusqlite::Result<()> {
        self.finished.iter().try_for_each(|id| statements::delete_event(connection, *id))
    }
}
