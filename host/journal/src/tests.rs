//! Tests of the whole journal, on real files. Here is what they share.

mod appending;
mod crash;
mod desk;
mod digests;
mod failing;
mod growth;
mod history;
mod opening;
mod recording;
mod tally;

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::Timestamp;
use rusqlite::Connection;
use tempfile::TempDir;

use crate::place::Place;
use crate::{
    AppendError, Appended, Attempt, DeliveryRow, EventId, Events, Health, Journal, Recovered,
    Settings, State, StoredEvent,
};

/// What the disk is to do wrong from the next transaction on. The tests run as root, whom no permission stops.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    is_full: AtomicBool,
    is_read_only: AtomicBool,
    n_tries: AtomicU32,
    /// What is free on the volume, if a test says so.
    volume: Mutex<Option<u64>>,
}

impl Faults {
    pub(crate) fn apply(&self, connection: &Connection) {
        // SQLite raises a limit that is too low to the size that the file has.
        let max_pages = if self.is_full.load(Ordering::SeqCst) { 1_i64 } else { 0xffff_fffe };
        connection
            .query_row(&format!("pragma max_page_count={max_pages}"), [], |_| Ok(()))
            .expect("the pragma answers");
        let read_only = self.is_read_only.load(Ordering::SeqCst);
        connection
            .execute_batch(&format!("pragma query_only={read_only}"))
            .expect("the pragma is known");
    }

    pub(crate) fn volume(&self) -> Option<u64> {
        *self.volume.lock().unwrap()
    }

    pub(crate) fn count_try(&self) {
        self.n_tries.fetch_add(1, Ordering::SeqCst);
    }
}

/// A journal in a folder of its own that goes with it.
struct Bench {
    dir: TempDir,
    place: Place,
    journal: Journal,
    recovered: Recovered,
}

impl Bench {
    async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    async fn with(settings: Settings) -> Self {
        Self::over(TempDir::new().expect("a folder for the test"), settings).await
    }

    async fn over(dir: TempDir, settings: Settings) -> Self {
        let place = Place::new(&dir.path().join("journal"));
        let (journal, recovered) =
            Journal::open_place(place.clone(), settings).await.expect("the journal opens");
        Bench { dir, place, journal, recovered }
    }

    /// Closes the journal and opens it again.
    async fn again(self) -> Self {
        self.again_with(Settings::default()).await
    }

    async fn again_with(self, settings: Settings) -> Self {
        let dir = self.close().await;
        Self::over(dir, settings).await
    }

    async fn close(self) -> TempDir {
        self.journal.close().await;
        self.dir
    }

    /// Appends the event of this number, which must be new.
    async fn append(&self, number: u32) -> EventId {
        match append(&self.journal, number).await {
            Ok(Appended::New(id)) => id,
            other => panic!("event {number} should be new: {other:?}"),
        }
    }

    async fn refused(&self, number: u32) -> AppendError {
        append(&self.journal, number).await.expect_err("the append should fail")
    }

    async fn next(&mut self) -> StoredEvent {
        next(&mut self.recovered.events).await
    }

    /// Holds up the writer until it is dropped.
    fn hold_up(&self) -> Connection {
        let connection = Connection::open(&self.place.database).expect("the database opens");
        connection.execute_batch("begin immediate").expect("nobody writes");
        connection
    }

    fn count(&self, table: &str) -> i64 {
        let connection = Connection::open(&self.place.database).expect("the database opens");
        connection
            .query_row(&format!("select count(*) from {table}"), [], |row| row.get(0))
            .expect("the table is there")
    }

    /// Waits until the writer has tried twice to come back.
    async fn tries_again(&self) {
        let n_tries = || self.place.faults.n_tries.load(Ordering::SeqCst);
        let before = n_tries();
        eventually("the writer tries again", || n_tries() >= before + 2).await;
    }

    async fn becomes_writable(&self) {
        eventually("the journal can be written again", || {
            self.journal.health() == Health::Writable
        })
        .await;
    }

    fn reason(&self) -> String {
        match self.journal.health() {
            Health::Failing { reason } | Health::Full { reason } => reason,
            Health::Writable => panic!("the journal should be failing"),
        }
    }
}

async fn append(journal: &Journal, number: u32) -> Result<Appended, AppendError> {
    journal.append(key(number), body(number), at(i64::from(number))).await
}

async fn next(events: &mut Events) -> StoredEvent {
    within("an event comes", events.recv()).await.expect("the journal is open")
}

fn key(number: u32) -> [u8; 32] {
    let mut key = [7; 32];
    key[..4].copy_from_slice(&number.to_be_bytes());
    key
}

fn body(number: u32) -> Bytes {
    Bytes::from(format!("event {number}"))
}

/// So many milliseconds into 2026.
fn at(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(1_767_225_600_000 + millis).expect("a time in this century")
}

pub(crate) fn row(event: EventId, alert: &str, state: State) -> DeliveryRow {
    DeliveryRow {
        event,
        alert: alert.into(),
        alert_name: format!("apps/{alert}").into(),
        provider: "apps/chat".into(),
        object: "Kustomization/apps/storefront".into(),
        state,
        attempts: 1,
        due: (!state.is_finished()).then(|| at(5000)),
        at: at(100),
        note: "status 503".to_owned(),
        attempt: Some(Attempt {
            revision: "0123456789ab".to_owned(),
            status: Some(503),
            took: Duration::from_millis(20),
        }),
        replayed: None,
        plan: None,
        digest: None,
    }
}

async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future)
        .await
        .unwrap_or_else(|_| panic!("in vain: {what}"))
}

async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Overwrites a part of a file.
fn scribble(path: &Path, offset: u64, bytes: usize) {
    use std::os::unix::fs::FileExt;
    let file = std::fs::File::options().write(true).open(path).expect("the file is there");
    file.write_all_at(&vec![0xa5; bytes], offset).expect("the file can be written");
}
