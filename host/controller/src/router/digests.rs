//! The digests that still gather events: at most one for each Alert.
//!
//! A digest is a delivery of the event that it begins with. It waits in the journal until its window ends, and the others
//! that it names point to it. Only what is open here takes more events, so that none joins a digest that is sent already.
//! It must not know which events are gathered, nor what a digest says.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use herald_core::alert::Alert;
use herald_core::floods;
use herald_core::floods::digest::MAX_EVENTS;
use herald_core::floods::gate::Notice;
use herald_journal::{
    DeliveryKey, DeliveryRow, Journal, Record, RecordError, Recovered, State, WaitingRow,
};
use jiff::Timestamp;

use crate::clock::Clock;
use crate::delivery::{Dispatcher, Plan};
use crate::telemetry::report;

/// How long to wait before the journal is asked again to write what a digest names.
const PAUSE: Duration = Duration::from_secs(1);

/// Takes events into digests, and hands over each digest whose window ended.
pub struct Digests {
    journal: Journal,
    dispatcher: Dispatcher,
    clock: Clock,
    open: Mutex<Open>,
}

/// The open digests by the uid of their Alert.
#[derive(Default)]
pub(super) struct Open(HashMap<Arc<str>, OpenDigest>);

struct OpenDigest {
    row: WaitingRow,
    until: Timestamp,
    n_events: usize,
}

/// An event that goes into a digest.
pub(super) struct Gathered<'a> {
    pub(super) accepted_at: Timestamp,
    /// What its row says of it, as far as that does not depend on the digest.
    pub(super) row: DeliveryRow,
    pub(super) alert: &'a Alert,
    pub(super) notice: Notice,
    pub(super) window: Duration,
}

impl Digests {
    /// No digest yet.
    #[must_use]
    pub fn new(journal: Journal, dispatcher: Dispatcher, clock: Clock) -> Self {
        Self { journal, dispatcher, clock, open: Mutex::default() }
    }

    /// Takes over the digests that the last run did not send.
    pub async fn adopt(&self, recovered: Recovered) -> Recovered {
        let Recovered { events, waiting, n_open } = recovered;
        let mut rest = Vec::with_capacity(waiting.len());
        for row in waiting {
            // What was tried, or what a person asked for, takes no more events.
            let is_untouched = row.attempts == 0 && row.replayed.is_none() && row.plan.is_some();
            let plan = if is_untouched { Plan::of_row(&row) } else { None };
            let Some(until) = plan.and_then(|plan| plan.gathers_until()) else {
                rest.push(row);
                continue;
            };
            let named = self.journal.members(row.event, &row.alert).await;
            let n_events = named.map_or(MAX_EVENTS, |named| named.len() + 1);
            let digest = OpenDigest { row, until, n_events };
            let older = self.lock().0.insert(Arc::clone(&digest.row.alert), digest);
            rest.extend(older.map(|older| older.row));
        }
        rest.sort_by_key(|row| row.event);
        Recovered { events, waiting: rest, n_open }
    }

    /// While this is held no digest is handed over.
    pub(super) fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When the next digest is to be sent.
    pub(crate) fn next_end(&self) -> Option<Timestamp> {
        self.lock().0.values().map(|digest| digest.until).min()
    }

    /// Hands over the digests whose window ended.
    pub(crate) async fn end(&self) {
        let now = self.clock.now();
        let ended = self.lock().take(|digest| digest.until <= now);
        self.hand_over(ended).await;
    }

    /// Has digests sent that take no more events.
    pub(super) async fn hand_over(&self, mut ended: Vec<WaitingRow>) {
        if ended.is_empty() || !self.is_written().await {
            return;
        }
        ended.sort_by_key(|row| row.event);
        for row in ended {
            self.dispatcher.resume(WaitingRow { due: None, ..row }).await;
        }
    }

    /// A person asks for these to be sent now: what still gathered takes no more events.
    pub async fn replayed(&self, rows: &[WaitingRow]) {
        let is_meant = |digest: &OpenDigest| {
            rows.iter().any(|row| row.event == digest.row.event && row.alert == digest.row.alert)
        };
        if !self.lock().take(is_meant).is_empty() {
            self.is_written().await;
        }
    }

    /// A person gave these up: what still gathered takes no more events.
    pub fn discarded(&self, keys: &[DeliveryKey]) {
        self.lock().take(|digest| {
            keys.iter().any(|key| key.event == digest.row.event && key.alert == digest.row.alert)
        });
    }

    /// Waits until what was recorded is on disk, where attempts read it; false when the journal is closed.
    async fn is_written(&self) -> bool {
        loop {
            match self.journal.record_now(Record::default()).await {
                Ok(()) => return true,
                Err(RecordError::Closed) => return false,
                Err(err) => {
                    tracing::error!(
                        "a digest waits, as the journal cannot be written: {}",
                        report(&err)
                    );
                    self.clock.sleep_until(self.clock.now() + PAUSE).await;
                }
            }
        }
    }
}

impl Open {
    /// Takes an event into the digest of its Alert, or begins one with it. The event's row, and a digest that takes no more.
    pub(super) fn gather(&mut self, gathered: Gathered<'_>) -> (DeliveryRow, Vec<WaitingRow>) {
        let Gathered { accepted_at, row, alert, notice, window } = gathered;
        let fits = |digest: &OpenDigest| {
            accepted_at < digest.until
                && digest.n_events < MAX_EVENTS
                && digest.row.provider == row.provider
        };
        if let Some(digest) = self.0.get_mut(&row.alert).filter(|digest| fits(digest)) {
            digest.n_events += 1;
            let first = digest.row.event;
            let member = DeliveryRow {
                state: State::Skipped,
                digest: Some(first),
                plan: Plan::of(notice).text().map(Into::into),
                note: format!("goes into the digest of event {first} ({})", floods::DIGEST),
                ..row
            };
            return (member, Vec::new());
        }
        let until = accepted_at.checked_add(window).unwrap_or(Timestamp::MAX);
        let object: Arc<str> = format!("Alert/{}/{}", alert.namespace, alert.name).into();
        let plan: Option<Arc<str>> = Plan::digest(notice, until).text().map(Into::into);
        let waiting = WaitingRow {
            event: row.event,
            alert: Arc::clone(&row.alert),
            provider: Arc::clone(&row.provider),
            object: Arc::clone(&object),
            attempts: 0,
            due: Some(until),
            at: row.at,
            replayed: None,
            accepted_at,
            plan: plan.clone(),
        };
        let begun = DeliveryRow {
            object,
            state: State::Waiting,
            due: Some(until),
            plan,
            note: format!("gathers events for a digest ({})", floods::DIGEST),
            ..row
        };
        let digest = OpenDigest { row: waiting, until, n_events: 1 };
        let ended = self.0.insert(Arc::clone(&begun.alert), digest);
        (begun, ended.map(|ended| ended.row).into_iter().collect())
    }

    fn take(&mut self, is_meant: impl Fn(&OpenDigest) -> bool) -> Vec<WaitingRow> {
        self.0.extract_if(|_, digest| is_meant(digest)).map(|(_, digest)| digest.row).collect()
    }
}
