//! What a person may ask about deliveries and have done to them: list, show, count, replay, discard.
//!
//! It works on an open journal, whether deliveries are made in this process or not; whoever makes them is told through
//! [`Told`]. It must not know how it is asked (a socket, a command) or how deliveries are made.

mod id;
mod views;

use herald_core::delivery::JournalId;
use herald_core::intake;
use herald_journal::{
    DeliveryKey, Filter, Journal, ReadError, RecordError, Repair, Repaired, WaitingRow,
};
use jiff::Timestamp;
use thiserror::Error;

pub use id::{IdPrefix, ParsePrefixError};
pub use views::{
    Answer, DeliveryView, EventView, HistoryView, LineView, Order, Page, ParseQueryError, Query,
    ReadOrderError, RefusedView, Wanted,
};

/// The most deliveries of one answer.
const MAX_PAGE: usize = 1000;

/// So many deliveries are repaired in one transaction: others wait for its end.
const CHUNK: usize = 256;

/// Whoever makes deliveries, and must know what was decided about them.
pub trait Told: Send + Sync + 'static {
    /// They are to be attempted now.
    fn replayed(&self, rows: Vec<WaitingRow>) -> impl Future<Output = ()> + Send;

    /// They are to be forgotten.
    fn discarded(&self, keys: Vec<DeliveryKey>) -> impl Future<Output = ()> + Send;
}

/// Nobody makes deliveries here: the next start finds in the journal what was decided.
pub struct Nobody;

impl Told for Nobody {
    async fn replayed(&self, _: Vec<WaitingRow>) {}

    async fn discarded(&self, _: Vec<DeliveryKey>) {}
}

/// Why an answer cannot be given.
#[derive(Debug, Error)]
pub enum DeskError {
    /// The journal cannot be read.
    #[error("the deliveries cannot be read")]
    Read(#[source] ReadError),
    /// The journal cannot be written.
    #[error("the deliveries cannot be changed")]
    Write(#[source] RecordError),
    /// There is no such delivery.
    #[error("no delivery has an id that begins with {0}")]
    Unknown(IdPrefix),
    /// There are several.
    #[error("several deliveries have an id that begins with {0}: give more of it")]
    Ambiguous(IdPrefix),
    /// The cursor is none of ours.
    #[error("{0:?} is not where a list went on: take `next` of the page before")]
    Cursor(String),
}

/// The place where deliveries are asked for.
pub struct Desk<T> {
    journal: Journal,
    id: JournalId,
    told: T,
}

impl<T: Told> Desk<T> {
    /// A desk for this journal.
    #[must_use]
    pub fn new(journal: Journal, told: T) -> Self {
        let id = JournalId::from_bytes(journal.id());
        Self { journal, id, told }
    }

    /// The deliveries that are meant, the newest event first, from where the page before ended.
    ///
    /// # Errors
    /// The journal cannot be read, or the cursor is wrong.
    pub async fn list(
        &self,
        query: &Query,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page, DeskError> {
        let after =
            after.map(|text| id::cursor(text).ok_or_else(|| DeskError::Cursor(text.to_owned())));
        let after = after.transpose()?;
        let limit = limit.clamp(1, MAX_PAGE);
        let filter = Filter::from(query);
        let found = self.journal.deliveries(&filter, after.as_ref(), limit).await;
        let found = found.map_err(DeskError::Read)?;
        let last = found.last().filter(|_| found.len() == limit);
        let next = last.map(|last| id::cursor_text(last.row.event, &last.row.alert));
        let deliveries = found.iter().map(|listed| DeliveryView::of(&self.id, listed)).collect();
        Ok(Page { deliveries, next })
    }

    /// How many deliveries are meant.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub async fn count(&self, query: &Query) -> Result<u64, DeskError> {
        self.journal.count_deliveries(&query.into()).await.map_err(DeskError::Read)
    }

    /// Everything about one delivery.
    ///
    /// # Errors
    /// The journal cannot be read, or no delivery or more than one has such an id.
    pub async fn show(&self, prefix: &IdPrefix) -> Result<HistoryView, DeskError> {
        let key = self.find(prefix).await?;
        let gone = || DeskError::Unknown(prefix.clone());
        let rows = self.journal.rows(key.event).await.map_err(DeskError::Read)?;
        let row = rows.into_iter().find(|row| row.alert == key.alert).ok_or_else(gone)?;
        let named = self.journal.members(key.event, &key.alert).await.map_err(DeskError::Read)?;
        let history = self.journal.history(key.event, &key.alert).await.map_err(DeskError::Read)?;
        let stored = self.journal.event(key.event).await.map_err(DeskError::Read)?;
        let stored = stored.ok_or_else(gone)?;
        let event = intake::accept(&stored.body).ok().map(|intake| EventView::of(&intake.event));
        Ok(HistoryView::of(&self.id, row, stored.at, &named, event, &history))
    }

    /// Gives deliveries another attempt now.
    ///
    /// # Errors
    /// The journal cannot be read or written, or an id is wrong. What was done before stays done.
    pub async fn replay(&self, wanted: &Wanted, force: bool) -> Result<Answer, DeskError> {
        self.repair(wanted, &Repair::Replay { force }).await
    }

    /// Gives deliveries up.
    ///
    /// # Errors
    /// The journal cannot be read or written, or an id is wrong. What was done before stays done.
    pub async fn discard(&self, wanted: &Wanted, reason: &str) -> Result<Answer, DeskError> {
        self.repair(wanted, &Repair::Discard { reason: reason.to_owned() }).await
    }

    async fn repair(&self, wanted: &Wanted, repair: &Repair) -> Result<Answer, DeskError> {
        let mut answer = Answer::default();
        match wanted {
            Wanted::Ids(prefixes) => {
                let mut keys = Vec::new();
                // All of them are looked for first: an id with a typing error ends it before anything is done.
                for prefix in prefixes {
                    keys.push(self.find(prefix).await?);
                }
                for keys in keys.chunks(CHUNK) {
                    self.repair_chunk(keys.to_vec(), repair, &mut answer).await?;
                }
            }
            Wanted::All(query) => {
                let filter = Filter::from(query);
                let mut after = None;
                loop {
                    let found = self.journal.deliveries(&filter, after.as_ref(), CHUNK).await;
                    let keys: Vec<DeliveryKey> = found
                        .map_err(DeskError::Read)?
                        .into_iter()
                        .map(|found| found.key())
                        .collect();
                    let Some(last) = keys.last() else { break };
                    after = Some(last.clone());
                    self.repair_chunk(keys, repair, &mut answer).await?;
                }
            }
        }
        Ok(answer)
    }

    async fn repair_chunk(
        &self,
        keys: Vec<DeliveryKey>,
        repair: &Repair,
        answer: &mut Answer,
    ) -> Result<(), DeskError> {
        let repaired = self.journal.repair(keys.clone(), repair.clone(), Timestamp::now()).await;
        let mut done = Vec::new();
        for (key, repaired) in keys.into_iter().zip(repaired.map_err(DeskError::Write)?) {
            match repaired {
                Repaired::Done(row) => done.push(row),
                Repaired::Refused(state) => {
                    answer.refused.push(RefusedView::of(&self.id, &key, state));
                }
                // It went with its event's age while it was looked for.
                Repaired::Unknown => {}
            }
        }
        answer.done += done.len();
        match repair {
            Repair::Replay { .. } => self.told.replayed(done).await,
            Repair::Discard { .. } => {
                let keys = done.into_iter();
                let keys = keys.map(|row| DeliveryKey { event: row.event, alert: row.alert });
                self.told.discarded(keys.collect()).await;
            }
        }
        Ok(())
    }

    async fn find(&self, prefix: &IdPrefix) -> Result<DeliveryKey, DeskError> {
        let (id, wanted) = (self.id, prefix.clone());
        let is_wanted = move |key: &DeliveryKey| wanted.is_of(&id::of(&id, key));
        // A whole id is one delivery's alone, so the search may end there.
        let limit = if prefix.is_whole() { 1 } else { 2 };
        let found =
            self.journal.find_deliveries(is_wanted, limit).await.map_err(DeskError::Read)?;
        match <[DeliveryKey; 1]>::try_from(found) {
            Ok([key]) => Ok(key),
            Err(found) if found.is_empty() => Err(DeskError::Unknown(prefix.clone())),
            Err(_) => Err(DeskError::Ambiguous(prefix.clone())),
        }
    }
}

impl DeskError {
    /// What is wrong is what was asked, not the journal.
    #[must_use]
    pub fn is_of_the_asker(&self) -> bool {
        match self {
            DeskError::Read(_) | DeskError::Write(_) => false,
            DeskError::Unknown(_) | DeskError::Ambiguous(_) | DeskError::Cursor(_) => true,
        }
    }
}
