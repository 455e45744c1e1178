//! The writer's connection: transactions, and how it comes back after a failure.
//!
//! An error inside a transaction may have rolled all of it back, and after a failed sync nothing that the connection says
//! can be trusted. So the first error ends the transaction, closes every connection and is the answer until a new
//! connection has made a commit.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::connection::{self, Slot, append_error};
use crate::error::{AppendError, report};
use crate::place::{Identity, Place};
use crate::room::Sizes;
use crate::schema::{self, Copied};
use crate::shared::Shared;
use crate::statements;
use crate::types::Health;

/// The first pause before a new try, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// The database as the writer sees it.
#[derive(Debug)]
pub(crate) struct Store {
    place: Place,
    id: [u8; 16],
    shared: Arc<Shared>,
    max_log_bytes: u64,
    /// The connections of others, which must be closed with ours.
    others: Vec<Arc<Slot>>,
    state: State,
    /// The files that were opened last.
    identity: Identity,
}

#[derive(Debug)]
enum State {
    Open(Connection),
    Broken { error: AppendError, pause: Duration, retry_at: Instant },
}

impl Store {
    /// Takes a connection that has read already: from then on the log exists.
    pub(crate) fn new(
        place: Place,
        id: [u8; 16],
        shared: Arc<Shared>,
        max_log_bytes: u64,
        others: Vec<Arc<Slot>>,
        connection: Connection,
    ) -> std::io::Result<Self> {
        let identity = place.identity()?;
        let state = State::Open(connection);
        Ok(Store { place, id, shared, max_log_bytes, others, state, identity })
    }

    /// Why nothing can be written at present, and when to try again.
    pub(crate) fn broken(&self) -> Option<(&AppendError, Instant)> {
        match &self.state {
            State::Open(_) => None,
            State::Broken { error, retry_at, .. } => Some((error, *retry_at)),
        }
    }

    /// Runs a transaction. When this returns without an error, what it wrote is on disk, in the files that are there.
    pub(crate) fn transact<T>(
        &mut self,
        write: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, AppendError> {
        let connection = match &self.state {
            State::Open(connection) => connection,
            State::Broken { error, .. } => return Err(error.clone()),
        };
        let done = transact(&self.place, connection, write).and_then(|value| {
            // Looked at after the commit: files that vanished before it or during it do not count as kept.
            let is_same = self.place.identity().is_ok_and(|now| now == self.identity);
            is_same
                .then_some(value)
                .ok_or_else(|| AppendError::Missing { path: self.place.database.clone() })
        });
        match &done {
            Ok(_) => self.shared.count_commit(),
            Err(error) => self.fail(error.clone(), PAUSES.0),
        }
        done
    }

    /// Reads outside of a transaction.
    pub(crate) fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, AppendError> {
        match &self.state {
            State::Open(connection) => {
                read(connection).map_err(|error| append_error(&self.place, error))
            }
            State::Broken { error, .. } => Err(error.clone()),
        }
    }

    /// How large the files are.
    pub(crate) fn sizes(&self) -> Result<Sizes, AppendError> {
        self.read(|connection| Sizes::measure(connection, &self.place))
    }

    /// Tries to come back with a new connection. `last_id` is the last event that was promised to anybody.
    pub(crate) fn reopen(&mut self, last_id: i64) {
        let State::Broken { pause, .. } = &self.state else { return };
        let pause = (*pause * 2).min(PAUSES.1);
        match self.connect(last_id) {
            Ok((connection, identity)) => {
                (self.state, self.identity) = (State::Open(connection), identity);
                self.shared.count_commit();
                self.shared.set_health(Health::Writable);
                tracing::info!("the journal can be written again");
            }
            Err(error) => self.fail(error, pause),
        }
    }

    /// Copies the log into the database as far as possible without waiting.
    pub(crate) fn checkpoint(&self) -> rusqlite::Result<Copied> {
        match &self.state {
            State::Open(connection) => schema::checkpoint(connection, "passive"),
            // All that is in the log is copied when it is opened again.
            State::Broken { .. } => Ok(Copied::ByAnother),
        }
    }

    /// Notes that all is in order, copies the log and removes it.
    pub(crate) fn close(self) {
        for slot in &self.others {
            slot.retire();
        }
        let State::Open(connection) = self.state else { return };
        let closed = schema::set_closed(&connection, true)
            .and_then(|()| schema::checkpoint(&connection, "truncate"))
            .and_then(|_| connection.close().map_err(|(_, error)| error));
        if let Err(error) = closed {
            tracing::warn!(%error, "the journal was not closed in order: the next start looks through it");
        }
    }

    fn fail(&mut self, error: AppendError, pause: Duration) {
        let health = Health::Failing { reason: report(&error) };
        if self.shared.health() != health {
            tracing::error!(
                error = report(&error),
                "the journal cannot be written: events are refused"
            );
            self.shared.set_health(health);
        }
        // Dropping a connection rolls its transaction back.
        self.state = State::Broken { error, pause, retry_at: Instant::now() + pause };
        for slot in &self.others {
            slot.rest();
        }
        self.shared.set_log_pages(0);
    }

    fn connect(&self, last_id: i64) -> Result<(Connection, Identity), AppendError> {
        let missing = || AppendError::Missing { path: self.place.database.clone() };
        let failed = |error| append_error(&self.place, error);
        #[cfg(test)]
        self.place.faults.count_try();
        // A log that lies beside another database than its own would be applied to it, and an empty database makes SQLite
        // remove the log.
        let bytes = std::fs::metadata(&self.place.database).map_or(0, |metadata| metadata.len());
        if bytes == 0 || !self.identity.has_database(&self.place) {
            return Err(missing());
        }
        let connection = connection::writer(&self.place.database, &self.shared, self.max_log_bytes)
            .map_err(failed)?;
        let id = schema::id(&connection).map_err(failed)?;
        let newest = statements::newest(&connection).map_err(failed)?.map_or(0, |(id, _)| id);
        if id != Some(self.id) || newest < last_id {
            // The file was overwritten with another journal or an older copy. What is in memory does not belong to it.
            return Err(missing());
        }
        let identity = self.place.identity().map_err(|_| missing())?;
        transact(&self.place, &connection, |connection| {
            // A failed commit may have reached the disk all the same. Whoever sent its events was told that they are
            // not kept and sends them again.
            statements::delete_after(connection, last_id)?;
            schema::set_closed(connection, false)
        })?;
        Ok((connection, identity))
    }
}

fn transact<T>(
    place: &Place,
    connection: &Connection,
    write: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> Result<T, AppendError> {
    #[cfg(test)]
    place.faults.apply(connection);
    statements::begin(connection)
        .and_then(|()| write(connection))
        .and_then(|value| statements::commit(connection).map(|()| value))
        .map_err(|error| append_error(place, error))
}
