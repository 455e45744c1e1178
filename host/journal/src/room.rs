//! Whether there is room for another event: within the journal's own limit, and on its volume.
//!
//! The sizes are measured now and then; between two measurements what was let in is added up. Outcomes are always written:
//! a part of the limit is kept for them, so that what was accepted can be finished when no new event is taken any more.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::error::AppendError;
use crate::place::Place;
use crate::settings::Settings;

/// Measured again after so long, as long as something happens.
const FRESH: Duration = Duration::from_millis(200);

/// While events are refused it is measured so often, also when nothing happens.
const WHILE_FULL: Duration = Duration::from_millis(500);

/// What an event takes beside its body: its key, its place in the tables and the rows of a few deliveries.
const OVERHEAD: u64 = 1 << 10;

/// One very large event that finds no room does not make the whole journal full.
const MAX_WANTED: u64 = 256 << 10;

/// How large the files are, and what their volume has left. All in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sizes {
    /// The database.
    pub(crate) database: u64,
    /// The part of it that is free for new rows.
    pub(crate) free: u64,
    /// The write-ahead log.
    pub(crate) log: u64,
    /// Free on the volume; none where the system does not tell.
    pub(crate) volume: Option<u64>,
}

impl Sizes {
    pub(crate) fn measure(connection: &Connection, place: &Place) -> rusqlite::Result<Self> {
        let number = |pragma: &str| -> rusqlite::Result<u64> {
            let mut statement = connection.prepare_cached(pragma)?;
            let number: i64 = statement.query_row([], |row| row.get(0))?;
            Ok(u64::try_from(number).unwrap_or(0))
        };
        let page = u64::from(crate::connection::PAGE_BYTES);
        Ok(Sizes {
            database: number("pragma page_count")?.saturating_mul(page),
            free: number("pragma freelist_count")?.saturating_mul(page),
            log: std::fs::metadata(&place.log).map_or(0, |metadata| metadata.len()),
            volume: volume(place),
        })
    }

    /// What is in use of the database.
    pub(crate) fn used(&self) -> u64 {
        self.database.saturating_sub(self.free)
    }
}

/// How much less than wanted there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Pressure {
    None,
    /// More than the history may take: the oldest of it goes, dead letters aside.
    History,
    /// New events will soon be refused: the oldest dead letters go as well.
    DeadLetters,
}

/// The room that is left.
#[derive(Debug)]
pub(crate) struct Room {
    dir: PathBuf,
    path: PathBuf,
    max_bytes: u64,
    history_bytes: u64,
    min_free_bytes: u64,
    sizes: Sizes,
    measured_at: Instant,
    /// What was let in since then.
    taken: u64,
    /// The largest event that was refused since there was room for all.
    wanted: u64,
    is_full: bool,
}

impl Room {
    pub(crate) fn new(settings: &Settings, place: &Place, sizes: Sizes) -> Self {
        Room {
            dir: place.dir.clone(),
            path: place.database.clone(),
            max_bytes: settings.max_bytes,
            history_bytes: settings.max_history_bytes.min(settings.max_bytes / 4 * 3),
            min_free_bytes: settings.min_free_bytes,
            sizes,
            measured_at: Instant::now(),
            taken: 0,
            wanted: 0,
            is_full: false,
        }
    }

    /// Takes room for an event.
    pub(crate) fn take(&mut self, body: usize) -> Result<(), AppendError> {
        let bytes = u64::try_from(body).unwrap_or(u64::MAX).saturating_add(OVERHEAD);
        let taken = self.taken.saturating_add(bytes);
        match self.check(taken) {
            Ok(()) => self.taken = taken,
            Err(error) => {
                self.wanted = self.wanted.max(bytes.min(MAX_WANTED));
                return Err(error);
            }
        }
        Ok(())
    }

    /// Why so much more cannot be kept.
    fn check(&self, bytes: u64) -> Result<(), AppendError> {
        if self.in_use().saturating_add(bytes) > self.for_events() {
            let limit = self.max_bytes;
            return Err(AppendError::Limit { path: self.path.clone(), limit });
        }
        // What is written goes to the log first and into the database later.
        let left = self.sizes.volume.map(|free| free.saturating_sub(bytes.saturating_mul(2)));
        if left.is_some_and(|left| left < self.min_free_bytes) {
            let reserve = self.min_free_bytes;
            return Err(AppendError::VolumeFull { dir: self.dir.clone(), reserve });
        }
        Ok(())
    }

    fn in_use(&self) -> u64 {
        self.sizes.used().saturating_add(self.sizes.log)
    }

    /// The part of the limit that events may fill.
    fn for_events(&self) -> u64 {
        self.max_bytes - self.max_bytes / 16
    }

    pub(crate) fn pressure(&self) -> Pressure {
        if self.in_use() > self.for_events() / 16 * 15 {
            Pressure::DeadLetters
        } else if self.sizes.used() > self.history_bytes {
            Pressure::History
        } else {
            Pressure::None
        }
    }

    pub(crate) fn is_stale(&self) -> bool {
        let is_much = self.taken > self.max_bytes / 64;
        is_much || (self.wanted > 0 && !self.is_full) || self.measured_at.elapsed() >= FRESH
    }

    /// When it must be measured although nothing happens.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.is_full.then(|| self.measured_at + WHILE_FULL)
    }

    pub(crate) fn set(&mut self, sizes: Sizes) {
        (self.sizes, self.taken, self.measured_at) = (sizes, 0, Instant::now());
    }

    /// Why an event is refused now: one of usual size, or one as large as those that were refused already.
    pub(crate) fn refusal(&mut self) -> Option<AppendError> {
        let refusal = self.check(self.taken.saturating_add(self.wanted.max(OVERHEAD))).err();
        self.is_full = refusal.is_some();
        if !self.is_full {
            self.wanted = 0;
        }
        refusal
    }
}

fn volume(place: &Place) -> Option<u64> {
    #[cfg(test)]
    if let Some(free) = place.faults.volume() {
        return Some(free);
    }
    free_on_volume(&place.dir)
}

/// What an unprivileged process may still write to the volume of a folder.
fn free_on_volume(dir: &Path) -> Option<u64> {
    let volume = rustix::fs::statvfs(dir).ok()?;
    Some(volume.f_bavail.saturating_mul(volume.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn room(settings: Settings, sizes: Sizes) -> Room {
        Room::new(&settings, &Place::new(Path::new("j")), sizes)
    }

    #[test]
    fn events_are_refused_before_the_limit_is_reached() {
        let settings = Settings { max_bytes: 16 * MIB, min_free_bytes: 0, ..Settings::default() };
        let sizes = Sizes { database: 20 * MIB, free: 10 * MIB, log: 4 * MIB, volume: None };
        let mut room = room(settings, sizes);
        // 15 of 16 are for events, and 14 are in use.
        assert!(room.take(MIB as usize / 2).is_ok());
        assert!(room.refusal().is_none());
        let refused = room.take(MIB as usize / 2).expect_err("it is full");
        assert!(refused.to_string().contains("16777216 bytes"), "{refused}");
        assert!(room.take(100).is_ok(), "a small one has room");
        assert!(room.is_stale(), "the refusal must be told");
        room.set(Sizes { free: 8 * MIB, ..sizes });
        assert!(room.refusal().is_some() && room.due().is_some());
        room.set(sizes);
        assert!(room.refusal().is_none() && room.due().is_none());
    }

    #[test]
    fn events_are_refused_while_the_volume_is_nearly_full() {
        let settings = Settings { min_free_bytes: 10 * MIB, ..Settings::default() };
        let sizes = |volume| Sizes { volume, ..Sizes::default() };
        assert!(room(settings.clone(), sizes(Some(10 * MIB))).refusal().is_some());
        assert!(room(settings.clone(), sizes(Some(11 * MIB))).refusal().is_none());
        assert!(room(settings, sizes(None)).refusal().is_none());
    }

    #[test]
    fn the_pressure_grows_with_what_is_in_use() {
        let settings =
            Settings { max_bytes: 100 * MIB, max_history_bytes: 50 * MIB, ..Settings::default() };
        let sizes = |mib| Sizes { database: mib * MIB, ..Sizes::default() };
        for (mib, pressure) in
            [(50, Pressure::None), (51, Pressure::History), (88, Pressure::DeadLetters)]
        {
            assert_eq!(room(settings.clone(), sizes(mib)).pressure(), pressure, "{mib} MiB");
        }
    }
}
