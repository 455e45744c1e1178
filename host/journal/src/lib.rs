//! What is accepted is kept: the journal of events and of what became of them.
//!
//! One folder holds one journal. [`Journal::append`] answers after the event is on disk; the events come out again through
//! [`Recovered::events`], those left over from the last run first. Outcomes are [`Record`]s: most of them ride along with
//! the next commit.
//!
//! The store is SQLite, and nothing of it shows in the interface, so that another store (NATS JetStream) can stand in its
//! place. This crate knows no network, no WebAssembly and not what is written in an event.

mod budget;
mod checkpoint;
mod connection;
mod dedup;
mod deliveries;
mod desk;
mod error;
mod events;
mod group;
mod integrity;
mod notes;
mod place;
mod reader;
mod recovery;
mod retention;
mod riding;
mod room;
mod schema;
mod settings;
mod shared;
mod start;
mod statements;
mod store;
mod tally;
mod types;
mod upkeep;
mod writer;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests;

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::oneshot;

pub use desk::{DeliveryKey, Figures, Filter, Listed, Repair, Repaired};
pub use error::{AppendError, OpenError, ReadError, RecordError};
pub use events::Events;
pub use settings::Settings;
pub use tally::Tally;
pub use types::{
    Appended, Attempt, DeliveryRow, EventId, Happened, Health, Mark, Member, Record, Recovered,
    RememberKey, State, StoredEvent, WaitingRow,
};

use budget::Budget;
use group::{Append, Op};
use notes::Notes;
use place::Place;
use reader::Reader;
use riding::Riding;
use shared::Shared;

/// A handle on an open journal; its clones are the same journal.
///
/// When the last handle goes, the journal closes by itself; [`Journal::close`] also waits for that.
#[derive(Clone, Debug)]
pub struct Journal {
    inner: Arc<Inner>,
}

struct Inner {
    id: [u8; 16],
    queue: flume::Sender<Op>,
    riding: Arc<Riding>,
    waiting: Arc<Budget>,
    notes: Arc<Notes>,
    reader: Arc<Reader>,
    /// For what people ask.
    desk: Reader,
    shared: Arc<Shared>,
}

impl Journal {
    /// Opens the journal in a folder, or makes a new one there, and tells what the last run left unfinished.
    ///
    /// # Errors
    /// The folder cannot be made, read or written, another process uses it, or what is there is damaged, of a newer
    /// Herald or no journal. A file that is there is never replaced by a new one.
    pub async fn open(dir: &Path, settings: Settings) -> Result<(Journal, Recovered), OpenError> {
        Self::open_place(Place::new(dir), settings).await
    }

    /// The same, but never makes a journal.
    ///
    /// # Errors
    /// As for [`Journal::open`], and when there is none.
    pub async fn open_existing(
        dir: &Path,
        settings: Settings,
    ) -> Result<(Journal, Recovered), OpenError> {
        let place = Place::new(dir);
        if !place.database.exists() && !place.log.exists() {
            return Err(OpenError::Absent { dir: place.dir });
        }
        Self::open_place(place, settings).await
    }

    pub(crate) async fn open_place(
        place: Place,
        settings: Settings,
    ) -> Result<(Journal, Recovered), OpenError> {
        let dir = place.dir.clone();
        tokio::task::spawn_blocking(move || start::open(place, settings))
            .await
            .map_err(|source| OpenError::Thread { dir, source: source.into() })?
    }

    /// The random id that was made together with this journal.
    #[must_use]
    pub fn id(&self) -> [u8; 16] {
        self.inner.id
    }

    /// Keeps an event that was seen at `at`, unless its key was seen less than one window ago.
    ///
    /// # Guarantees
    /// When this returns, the event or the first one of its key is on disk. An event that was kept comes out of
    /// [`Recovered::events`] even when nobody waits for this answer any more.
    ///
    /// # Errors
    /// The event is not kept: too much is waiting, the disk refuses it, or the journal is closed. The journal recovers
    /// from all but the last, so that the sender should try again later.
    pub async fn append(
        &self,
        key: [u8; 32],
        body: Bytes,
        at: Timestamp,
    ) -> Result<Appended, AppendError> {
        let ticket = self.inner.waiting.take(body.len()).ok_or(AppendError::Busy)?;
        let (answer, answered) = oneshot::channel();
        // The disk keeps milliseconds; the event handed over now must equal the one read after a crash.
        let at = at.as_millisecond();
        self.send(Op::Append(Append { key, body, at, answer, ticket }))
            .map_err(|Shut| AppendError::Closed)?;
        answered.await.unwrap_or(Err(AppendError::Closed))
    }

    /// Writes an outcome with the next commit, within [`Settings::ride`] at the latest.
    ///
    /// While the disk fails the record is kept in memory and written when the disk works again.
    pub fn record(&self, record: Record) {
        self.mirror(&record);
        let told = self.inner.shared.unless_closed(|| {
            let is_told = self.inner.riding.put(record);
            if is_told { self.inner.queue.send(Op::Ride).map_err(|_| Shut) } else { Ok(()) }
        });
        if !matches!(told, Some(Ok(()))) {
            tracing::debug!(
                "an outcome came after the journal was closed: its event will be delivered again"
            );
        }
    }

    /// Writes an outcome now and waits until it is on disk.
    ///
    /// # Errors
    /// It is not on disk yet. Unless the journal is closed, it is kept in memory and written when the disk works again.
    pub async fn record_now(&self, record: Record) -> Result<(), RecordError> {
        self.mirror(&record);
        let (answer, answered) = oneshot::channel();
        self.send(Op::Record(record, answer)).map_err(|Shut| RecordError::Closed)?;
        answered.await.unwrap_or(Err(RecordError::Closed))
    }

    /// An event that is still kept.
    ///
    /// # Errors
    /// The journal is closed or cannot be read.
    pub async fn event(&self, id: EventId) -> Result<Option<StoredEvent>, ReadError> {
        Ok(self.inner.reader.events(vec![id]).await?.pop().flatten())
    }

    /// The first of these events, in their order, none where one is not kept any more: at least one, and not more than fit
    /// in memory well.
    ///
    /// # Errors
    /// The journal is closed or cannot be read.
    pub async fn events(&self, ids: Vec<EventId>) -> Result<Vec<Option<StoredEvent>>, ReadError> {
        self.inner.reader.events(ids).await
    }

    /// The events that a delivery names beside its own, in their order.
    ///
    /// # Errors
    /// The journal is closed or cannot be read.
    pub async fn members(&self, event: EventId, alert: &str) -> Result<Vec<Member>, ReadError> {
        self.inner.reader.members(event, alert.to_owned()).await
    }

    /// All deliveries of an event that have a row, by Alert.
    ///
    /// # Errors
    /// The journal is closed or cannot be read.
    pub async fn rows(&self, event: EventId) -> Result<Vec<DeliveryRow>, ReadError> {
        self.inner.reader.rows(event).await
    }

    /// What happened to a delivery before what its row tells, in order. Of very much, the middle is missing.
    ///
    /// # Errors
    /// The journal is closed or cannot be read.
    pub async fn history(&self, event: EventId, alert: &str) -> Result<Vec<Happened>, ReadError> {
        self.inner.reader.history(event, alert.to_owned()).await
    }

    /// What was last remembered under a key.
    #[must_use]
    pub fn remembered(&self, key: &RememberKey) -> Option<String> {
        self.inner.notes.get(key)
    }

    /// Whether the last commit worked.
    #[must_use]
    pub fn health(&self) -> Health {
        self.inner.shared.health()
    }

    /// How many commits were made since the journal was opened; each is one or more syncs of the disk.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.inner.shared.commits()
    }

    /// Commits what was handed in so far and closes the files.
    pub async fn close(self) {
        let (answer, answered) = oneshot::channel();
        if self.send(Op::Close(answer)).is_ok() {
            // The sender is dropped when the writer has ended, whatever ended it.
            drop(answered.await);
        }
    }

    fn send(&self, op: Op) -> Result<(), Shut> {
        self.inner
            .shared
            .unless_closed(|| self.inner.queue.send(op).map_err(|_| Shut))
            .unwrap_or(Err(Shut))
    }

    /// The next attempt must see what this one remembered, also before it is on disk.
    fn mirror(&self, record: &Record) {
        for (key, value) in &record.remember {
            self.inner.notes.set(key, value);
        }
    }
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").field("health", &self.shared.health()).finish_non_exhaustive()
    }
}

/// The writer has ended.
struct Shut;
