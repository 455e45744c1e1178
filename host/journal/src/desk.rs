//! What a person asks of the journal: which deliveries there are, how it is with the whole, and repairs. Everything here
//! runs on a connection of its own, so that a long search does not hold up what is due.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::oneshot;

use crate::deliveries::listing::{self, Found, Part};
use crate::error::{ReadError, RecordError};
use crate::group::{Op, Order};
use crate::statements;
use crate::types::{DeliveryRow, EventId, State, WaitingRow};
use crate::{Journal, Shut};

/// What names a delivery in its journal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryKey {
    /// The event.
    pub event: EventId,
    /// The uid of the Alert that asked for it.
    pub alert: Arc<str>,
}

/// Which deliveries are meant: those for which everything holds that is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// One of these states; any when empty.
    pub states: Vec<State>,
    /// A pattern for the Provider with `*` and `?`.
    pub provider: Option<String>,
    /// A pattern for the Alert's name.
    pub alert_name: Option<String>,
    /// A pattern for the object.
    pub object: Option<String>,
    /// The event was accepted before.
    pub accepted_before: Option<Timestamp>,
    /// The event was accepted then or later.
    pub accepted_from: Option<Timestamp>,
    /// The row did not change after this.
    pub unchanged_since: Option<Timestamp>,
}

/// A delivery that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Where it stands.
    pub row: DeliveryRow,
    /// When its event was accepted.
    pub accepted_at: Timestamp,
}

impl Listed {
    /// What names it.
    #[must_use]
    pub fn key(&self) -> DeliveryKey {
        DeliveryKey { event: self.row.event, alert: Arc::clone(&self.row.alert) }
    }
}

/// What is to be done about deliveries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Repair {
    /// Another attempt now.
    Replay {
        /// Also of what is finished and not dead.
        force: bool,
    },
    /// No more attempts.
    Discard {
        /// Why, for people.
        reason: String,
    },
}

impl Repair {
    /// Whether it can be done to a delivery in this state.
    pub(crate) fn takes(&self, state: State) -> bool {
        match state {
            State::Waiting | State::Dead => true,
            State::Delivered | State::Accepted | State::Skipped | State::Discarded => {
                matches!(self, Repair::Replay { force: true })
            }
        }
    }
}

/// What became of a repair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Repaired {
    /// It is done, and on disk. The row as it is now.
    Done(WaitingRow),
    /// It cannot be done to a delivery in this state.
    Refused(State),
    /// There is no such delivery.
    Unknown,
}

/// How it is with a journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Deliveries that are dead letters.
    pub dead: u64,
    /// Deliveries that are not finished and were tried, or were to wait.
    pub waiting: u64,
    /// When the oldest event was accepted of which a delivery is waiting. What was not to be tried yet does not count.
    pub oldest_waiting: Option<Timestamp>,
    /// The size of the database, in bytes.
    pub database_bytes: u64,
    /// The part of it that is free for new rows.
    pub free_bytes: u64,
    /// The size of the write-ahead log.
    pub log_bytes: u64,
    /// What is free on the volume, where the system tells.
    pub volume_bytes: Option<u64>,
}

impl Journal {
    /// The deliveries that a filter takes, the newest event first, at most `limit`, and only those after `after`.
    ///
    /// # Errors
    /// The journal is closed or cannot be read.
    pub async fn deliveries(
        &self,
        filter: &Filter,
        after: Option<&DeliveryKey>,
        limit: usize,
    ) -> Result<Vec<Listed>, ReadError> {
        let filter = Arc::new(filter.clone());
        let mut part = Some(Part { after: after.cloned(), up_to: None });
        let mut all = Vec::new();
        while let Some(this) = part.take()
            && all.len() < limit
        {
            let (filter, n_left) = (Arc::clone(&filter), limit - all.len());
            let Found { found, next } = self
                .inner
                .desk
                .read(move |connection| listing::list(connection, &filter, &this, n_left))
                .await?;
            all.extend(found);
            part = next;
        }
        Ok(all)
    }

    /// How many deliveries a filter takes.
    ///
    /// # Errors
    /// The journal is closed or cannot be read.
    pub async fn count_deliveries(&self, filter: &Filter) -> Result<u64, ReadError> {
        let filter = Arc::new(filter.clone());
        let mut part = Some(Part::default());
        let mut all = 0;
        while let Some(this) = part.take() {
            let filter = Arc::clone(&filter);
            let Found { found, next } = self
                .inner
                .desk
                .read(move |connection| listing::count(connection, &filter, &this))
                .await?;
            all += found;
            part = next;
        }
        Ok(all)
    }

    /// The first deliveries, the newest event first, whose keys are wanted; at most `limit`.
    ///
    /// # Errors
    /// The journal is closed or cannot be read.
    pub async fn find_deliveries(
        &self,
        mut is_wanted: impl FnMut(&DeliveryKey) -> bool,
        limit: usize,
    ) -> Result<Vec<DeliveryKey>, ReadError> {
        let mut part = Some(Part::default());
        let mut all = Vec::new();
        while let Some(this) = part.take()
            && all.len() < limit
        {
            let Found { found, next } =
                self.inner.desk.read(move |connection| listing::keys(connection, &this)).await?;
            all.extend(found.into_iter().filter(|key| is_wanted(key)).take(limit - all.len()));
            part = next;
        }
        Ok(all)
    }

    /// Repairs deliveries, one by one, and answers when all of it is on disk.
    ///
    /// # Errors
    /// Nothing was done: the disk refuses it, or the journal is closed.
    pub async fn repair(
        &self,
        keys: Vec<DeliveryKey>,
        repair: Repair,
        at: Timestamp,
    ) -> Result<Vec<Repaired>, RecordError> {
        let (answer, answered) = oneshot::channel();
        let order = Order { keys, repair, at, done: Vec::new(), answer };
        self.send(Op::Repair(order)).map_err(|Shut| RecordError::Closed)?;
        answered.await.unwrap_or(Err(RecordError::Closed))
    }

    /// How it is with the journal at this time.
    ///
    /// # Errors
    /// The journal is closed or cannot be read.
    pub async fn figures(&self, now: Timestamp) -> Result<Figures, ReadError> {
        let figures =
            self.inner.desk.read(move |connection| statements::figures(connection, now)).await?;
        let sizes = self.inner.shared.sizes();
        Ok(Figures {
            database_bytes: sizes.database,
            free_bytes: sizes.free,
            log_bytes: sizes.log,
            volume_bytes: sizes.volume,
            ..figures
        })
    }
}
