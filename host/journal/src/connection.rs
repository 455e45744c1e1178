//! Connections to the database: how each kind is set up, and what SQLite's errors mean.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::error::{AppendError, OpenError, ReadError};
use crate::place::Place;
use crate::shared::Shared;

/// The size of a page; the log is measured in these.
pub(crate) const PAGE_BYTES: u32 = 4096;

/// Another program that writes (a person with the sqlite3 shell) holds everybody up; not for longer than this.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// Opens the connection that writes. It never makes a file.
///
/// A log that has grown beyond `max_log_bytes` is cut back to that when it begins anew.
pub(crate) fn writer(
    path: &Path,
    shared: &Arc<Shared>,
    max_log_bytes: u64,
) -> rusqlite::Result<Connection> {
    let mut connection = plain(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.execute_batch(
        "pragma wal_autocheckpoint=0; pragma cache_size=-16000; pragma foreign_keys=off",
    )?;
    connection.query_row(&format!("pragma journal_size_limit={max_log_bytes}"), [], |_| Ok(()))?;
    connection.set_prepared_statement_cache_capacity(64);
    let shared = Arc::clone(shared);
    connection.wal_hook(Some(move |_: &mut _, pages: std::ffi::c_int| {
        shared.set_log_pages(u32::try_from(pages).unwrap_or(0));
        Ok(())
    }))?;
    Ok(connection)
}

/// Opens a connection that only copies the log into the database.
pub(crate) fn checkpointer(path: &Path) -> rusqlite::Result<Connection> {
    let connection = plain(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.execute_batch("pragma wal_autocheckpoint=0")?;
    Ok(connection)
}

/// Opens a connection that only reads.
pub(crate) fn reader(path: &Path) -> rusqlite::Result<Connection> {
    plain(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
}

/// Opens with what all connections share: syncs that are waited for, no file in a temporary folder.
pub(crate) fn plain(path: &Path, access: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.execute_batch("pragma synchronous=full; pragma temp_store=memory")?;
    // Else SQLite, which would fit its plans to the values, compiles many a statement anew for each value.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(connection)
}

/// A connection that is opened when it is needed and can be taken away by another thread.
///
/// After a failure *all* connections of the process must be closed before one is opened anew: SQLite shares its picture of
/// the log between them, and a picture of a log that was deleted would be applied to the new one.
#[derive(Debug)]
pub(crate) struct Slot {
    path: PathBuf,
    open: fn(&Path) -> rusqlite::Result<Connection>,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    Idle,
    Open(Connection),
    Retired,
}

/// Why a [`Slot`] gave no answer.
#[derive(Debug)]
pub(crate) enum SlotError {
    Retired,
    Sqlite(rusqlite::Error),
}

impl Slot {
    pub(crate) fn new(path: &Path, open: fn(&Path) -> rusqlite::Result<Connection>) -> Self {
        Slot { path: path.to_owned(), open, state: Mutex::new(State::Idle) }
    }

    /// Lends the connection. After an error it is closed, as it may be of no use any more.
    pub(crate) fn with<T>(
        &self,
        f: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, SlotError> {
        let mut state = self.lock();
        let answer = match &*state {
            State::Retired => return Err(SlotError::Retired),
            State::Open(connection) => f(connection),
            State::Idle => (self.open)(&self.path).and_then(|connection| {
                let answer = f(&connection);
                *state = State::Open(connection);
                answer
            }),
        };
        answer.map_err(|error| {
            *state = State::Idle;
            SlotError::Sqlite(error)
        })
    }

    /// Closes the connection until it is needed again.
    pub(crate) fn rest(&self) {
        let mut state = self.lock();
        if let State::Open(_) = *state {
            *state = State::Idle;
        }
    }

    /// Closes the connection for good.
    pub(crate) fn retire(&self) {
        *self.lock() = State::Retired;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an error of SQLite means for the one who runs Herald.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    Full,
    ReadOnly,
    Damaged,
    /// The disk, a lock, memory: it may be gone at the next try.
    Io,
    /// Our own fault: the next try will fail in the same way.
    Refused,
}

fn meaning(error: &rusqlite::Error) -> Meaning {
    let Some(code) = error.sqlite_error_code() else {
        // Without a code it is rusqlite's: a value in the file that is not what it must be, or a call that was wrong.
        return match error {
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..) => Meaning::Damaged,
            _ => Meaning::Refused,
        };
    };
    match code {
        ErrorCode::DiskFull => Meaning::Full,
        ErrorCode::ReadOnly | ErrorCode::PermissionDenied => Meaning::ReadOnly,
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Meaning::Damaged,
        ErrorCode::ConstraintViolation
        | ErrorCode::TypeMismatch
        | ErrorCode::ApiMisuse
        | ErrorCode::TooBig
        | ErrorCode::ParameterOutOfRange => Meaning::Refused,
        _ => Meaning::Io,
    }
}

/// An error while opening.
pub(crate) fn open_error(path: &Path, error: rusqlite::Error) -> OpenError {
    let path = path.to_owned();
    match meaning(&error) {
        Meaning::Full => OpenError::Full { path, source: error.into() },
        Meaning::ReadOnly => OpenError::ReadOnly { path, source: error.into() },
        Meaning::Damaged => OpenError::Damaged { path, source: error.into() },
        Meaning::Io | Meaning::Refused => OpenError::Io { path, source: error.into() },
    }
}

/// An error while writing.
pub(crate) fn append_error(place: &Place, error: rusqlite::Error) -> AppendError {
    let path = place.database.clone();
    if !place.database.exists() {
        return AppendError::Missing { path };
    }
    let meaning = meaning(&error);
    let source = Arc::new(error);
    match meaning {
        Meaning::Full => AppendError::Full { path, source },
        Meaning::ReadOnly => AppendError::ReadOnly { path, source },
        Meaning::Damaged => AppendError::Damaged { path, source },
        Meaning::Io => AppendError::Io { path, source },
        Meaning::Refused => AppendError::Refused { path, source },
    }
}

/// An error while reading.
pub(crate) fn read_error(path: &Path, error: SlotError) -> ReadError {
    let path = path.to_owned();
    match error {
        SlotError::Retired => ReadError::Closed,
        SlotError::Sqlite(error) => match meaning(&error) {
            Meaning::Damaged => ReadError::Damaged { path, source: error.into() },
            Meaning::Full | Meaning::ReadOnly | Meaning::Io | Meaning::Refused => {
                ReadError::Io { path, source: error.into() }
            }
        },
    }
}
