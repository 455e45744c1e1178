//! Reads beside the writer, on a connection of their own that can only read.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;
use tokio::sync::Semaphore;

use crate::connection::{self, Slot, read_error};
use crate::error::ReadError;
use crate::types::{DeliveryRow, EventId, Happened, Member, StoredEvent};
use crate::{deliveries, statements};

/// A batch of events ends after so many bytes of bodies.
const BATCH_BYTES: usize = 4 << 20;

/// The way to everything that is read while the journal runs.
#[derive(Debug)]
pub(crate) struct Reader {
    path: PathBuf,
    slot: Arc<Slot>,
    /// There is one connection: without this, every reader would hold a thread of the runtime while it waits for it.
    turn: Semaphore,
}

impl Reader {
    pub(crate) fn new(path: &Path) -> Self {
        let slot = Arc::new(Slot::new(path, connection::reader));
        Reader { path: path.to_owned(), slot, turn: Semaphore::new(1) }
    }

    pub(crate) fn slot(&self) -> Arc<Slot> {
        Arc::clone(&self.slot)
    }

    /// The events with the first of these ids, in their order: at least one of them, and not more than fit in memory well.
    pub(crate) async fn events(
        &self,
        ids: Vec<EventId>,
    ) -> Result<Vec<Option<StoredEvent>>, ReadError> {
        self.read(move |connection| {
            let mut events = Vec::with_capacity(ids.len());
            let mut bytes = 0;
            for id in ids {
                let event = statements::event(connection, id)?;
                bytes += event.as_ref().map_or(0, |event| event.body.len());
                events.push(event);
                if bytes >= BATCH_BYTES {
                    break;
                }
            }
            Ok(events)
        })
        .await
    }

    pub(crate) async fn rows(&self, event: EventId) -> Result<Vec<DeliveryRow>, ReadError> {
        self.read(move |connection| deliveries::rows(connection, event)).await
    }

    pub(crate) async fn members(
        &self,
        event: EventId,
        alert: String,
    ) -> Result<Vec<Member>, ReadError> {
        self.read(move |connection| deliveries::members(connection, event, &alert)).await
    }

    pub(crate) async fn history(
        &self,
        event: EventId,
        alert: String,
    ) -> Result<Vec<Happened>, ReadError> {
        self.read(move |connection| deliveries::history::read(connection, event, &alert)).await
    }

    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, ReadError> {
        // The semaphore is never closed; were it, reading at once would be right as well.
        let _turn = self.turn.acquire().await;
        let slot = Arc::clone(&self.slot);
        match tokio::task::spawn_blocking(move || slot.with(read)).await {
            Ok(answer) => answer.map_err(|error| read_error(&self.path, error)),
            Err(source) => Err(ReadError::Io { path: self.path.clone(), source: source.into() }),
        }
    }
}
