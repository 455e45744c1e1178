//! What the next commit will hold, and the answers that wait for it. Decides who is a duplicate of whom.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use bytes::Bytes;
use jiff::Timestamp;
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::budget::Ticket;
use crate::dedup::Window;
use crate::deliveries::repair::repair;
use crate::desk::{DeliveryKey, Repair, Repaired};
use crate::error::{AppendError, RecordError};
use crate::events::HandOver;
use crate::room::Room;
use crate::settings::Settings;
use crate::statements;
use crate::types::{Appended, EventId, Record, StoredEvent};

/// What the handles ask of the writer.
#[derive(Debug)]
pub(crate) enum Op {
    Append(Append),
    Record(Record, oneshot::Sender<Result<(), RecordError>>),
    /// Records were put down that ride with the next commit.
    Ride,
    Repair(Order),
    /// Dropping the sender is the answer.
    Close(oneshot::Sender<()>),
}

/// What a person wants to be done to deliveries.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) keys: Vec<DeliveryKey>,
    pub(crate) repair: Repair,
    pub(crate) at: Timestamp,
    /// What became of each, once it is written.
    pub(crate) done: Vec<Repaired>,
    pub(crate) answer: oneshot::Sender<Result<Vec<Repaired>, RecordError>>,
}

/// An event that is to be kept.
#[derive(Debug)]
pub(crate) struct Append {
    pub(crate) key: [u8; 32],
    pub(crate) body: Bytes,
    pub(crate) at: i64,
    pub(crate) answer: AppendAnswer,
    pub(crate) ticket: Ticket,
}

type AppendAnswer = oneshot::Sender<Result<Appended, AppendError>>;

/// Everything that is not committed yet.
#[derive(Debug, Default)]
pub(crate) struct Group {
    appends: Vec<Append>,
    /// Where in `appends` a key is.
    fresh: HashMap<[u8; 32], usize>,
    /// Copies of an event of `appends`: they are duplicates only when that one is on disk.
    copies: Vec<(usize, AppendAnswer, Ticket)>,
    records: Vec<Record>,
    orders: Vec<Order>,
    waiters: Vec<oneshot::Sender<Result<(), RecordError>>>,
    riding_since: Option<Instant>,
    n_taken: usize,
    bytes: usize,
    compact_at: usize,
}

/// While the disk fails the records pile up; from so many on, only the last word on each thing is kept.
const COMPACT_FROM: usize = 4096;

impl Group {
    pub(crate) fn append(&mut self, append: Append, window: &Window, room: &mut Room) {
        if let Some(until) = window.until(&append.key, append.at) {
            drop(append.ticket);
            answer(append.answer, Ok(duplicate(until)));
            return;
        }
        if !window.is_off()
            && let Some(first) = self.fresh.get(&append.key).copied()
            && window.spans(self.appends[first].at, append.at).is_some()
        {
            self.n_taken += 1;
            self.copies.push((first, append.answer, append.ticket));
            return;
        }
        if let Err(error) = room.take(append.body.len()) {
            drop(append.ticket);
            answer(append.answer, Err(error));
            return;
        }
        if !window.is_off() {
            self.fresh.insert(append.key, self.appends.len());
        }
        self.n_taken += 1;
        self.bytes += append.body.len();
        self.appends.push(append);
    }

    pub(crate) fn record(
        &mut self,
        record: Record,
        waiter: oneshot::Sender<Result<(), RecordError>>,
    ) {
        self.n_taken += 1;
        self.records.push(record);
        self.waiters.push(waiter);
    }

    /// Something rides: from now on it waits for an urgent commit, but not for long.
    pub(crate) fn is_ridden(&mut self) {
        self.riding_since.get_or_insert_with(Instant::now);
    }

    pub(crate) fn ride(&mut self, records: Vec<Record>) {
        self.n_taken += records.len();
        self.records.extend(records);
    }

    pub(crate) fn repair(&mut self, order: Order) {
        self.n_taken += order.keys.len();
        self.orders.push(order);
    }

    pub(crate) fn is_full(&self, settings: &Settings) -> bool {
        self.n_taken >= settings.max_group || self.bytes >= settings.max_group_bytes
    }

    /// Somebody waits for the commit.
    pub(crate) fn is_urgent(&self) -> bool {
        !self.appends.is_empty() || !self.waiters.is_empty() || !self.orders.is_empty()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.appends.is_empty() && self.records.is_empty() && self.orders.is_empty()
    }

    /// When what rides is to be committed alone.
    pub(crate) fn deadline(&self, settings: &Settings) -> Option<Instant> {
        self.riding_since.map(|since| since + settings.ride)
    }

    /// The time of the last event, if there is one.
    pub(crate) fn newest_at(&self) -> Option<i64> {
        self.appends.last().map(|append| append.at)
    }

    pub(crate) fn n_appends(&self) -> i64 {
        // What fits in memory fits in an i64.
        i64::try_from(self.appends.len()).unwrap_or(i64::MAX)
    }

    /// Writes everything; the events get the ids from `first_id` on.
    pub(crate) fn write(
        &mut self,
        connection: &Connection,
        first_id: i64,
        now: i64,
    ) -> rusqlite::Result<()> {
        for (append, id) in self.appends.iter().zip(first_id..) {
            statements::insert_event(connection, id, append.at, &append.key, &append.body)?;
        }
        for record in &self.records {
            statements::write_record(connection, record, now)?;
        }
        // Last, so that a person's decision meets what was decided before it.
        for order in &mut self.orders {
            for key in &order.keys {
                order.done.push(repair(connection, key, &order.repair, order.at)?);
            }
        }
        Ok(())
    }

    /// It is on disk: answers, then hands the events on. In this order, as whoever wakes for a delivery takes a while of the
    /// processor that those who wait for their answers could have.
    pub(crate) fn settle(&mut self, first_id: i64, window: &mut Window, hand_over: &HandOver) {
        for append in &self.appends {
            window.insert(append.key, append.at);
        }
        for (first, copy, ticket) in self.copies.drain(..) {
            drop(ticket);
            let at = self.appends[first].at;
            answer(copy, Ok(duplicate(window.spans(at, at).unwrap_or(at))));
        }
        let mut events = Vec::with_capacity(self.appends.len());
        for (append, id) in self.appends.drain(..).zip(first_id..) {
            let id = EventId(id);
            // First, so that whoever is answered finds room for the next one.
            drop(append.ticket);
            // Whoever asked may be gone; the event is handed on all the same.
            answer(append.answer, Ok(Appended::New(id)));
            let (at, body) = (time(append.at), append.body);
            events.push(StoredEvent { id, at, body, recovered: false });
        }
        for waiter in self.waiters.drain(..) {
            answer(waiter, Ok(()));
        }
        for order in self.orders.drain(..) {
            answer(order.answer, Ok(order.done));
        }
        for event in events {
            hand_over.give(event);
        }
        self.records.clear();
        self.begin_anew();
    }

    /// It is not on disk: refuses the events and keeps the records for a better time.
    pub(crate) fn refuse(&mut self, error: &AppendError) {
        for append in self.appends.drain(..) {
            drop(append.ticket);
            answer(append.answer, Err(error.clone()));
        }
        for (_, copy, ticket) in self.copies.drain(..) {
            drop(ticket);
            answer(copy, Err(error.clone()));
        }
        for waiter in self.waiters.drain(..) {
            answer(waiter, Err(RecordError::Unwritten { source: error.clone() }));
        }
        for order in self.orders.drain(..) {
            answer(order.answer, Err(RecordError::Undone { source: error.clone() }));
        }
        if self.records.len() >= self.compact_at.max(COMPACT_FROM) {
            compact(&mut self.records);
            self.compact_at = 2 * self.records.len();
        }
        self.begin_anew();
        if !self.records.is_empty() {
            self.riding_since = Some(Instant::now());
        }
    }

    /// They would be refused again and again, and with them all that comes after them.
    pub(crate) fn drop_records(&mut self) {
        tracing::error!(n_records = self.records.len(), "outcomes were refused and are lost");
        self.records.clear();
    }

    pub(crate) fn begin_anew(&mut self) {
        self.fresh.clear();
        self.riding_since = None;
        self.n_taken = 0;
        self.bytes = 0;
    }
}

/// Keeps the last row of each delivery, all marks, the last note under each key, and each event that is closed, once. What
/// the rows between told of attempts is lost: this must end somewhere.
fn compact(records: &mut Vec<Record>) {
    let mut rows = HashSet::new();
    let mut closed = HashSet::new();
    let mut keys = HashSet::new();
    let mut kept = Vec::new();
    for mut record in records.drain(..).rev() {
        let mut last_rows: Vec<_> = record.rows.into_iter().rev().collect();
        last_rows.retain(|row| rows.insert((row.event, row.alert.clone())));
        last_rows.reverse();
        record.closes.retain(|event| closed.insert(*event));
        let mut last_notes: Vec<_> = record.remember.into_iter().rev().collect();
        last_notes.retain(|(key, _)| keys.insert(key.clone()));
        last_notes.reverse();
        let record = Record {
            rows: last_rows,
            marks: record.marks,
            closes: record.closes,
            remember: last_notes,
        };
        if record != Record::default() {
            kept.push(record);
        }
    }
    kept.reverse();
    *records = kept;
}

fn duplicate(until: i64) -> Appended {
    Appended::Duplicate { until: time(until) }
}

/// Out of range is only what lies at the end of time.
fn time(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX)
}

/// Whoever asked may be gone.
fn answer<T>(to: oneshot::Sender<T>, answer: T) {
    drop(to.send(answer));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{DeliveryRow, RememberKey, State};

    fn row(event: i64, alert: &str, attempts: u32) -> DeliveryRow {
        DeliveryRow { attempts, ..crate::tests::row(EventId(event), alert, State::Waiting) }
    }

    #[test]
    fn compacting_keeps_the_last_word_on_each_thing() {
        let key = |object: &str| RememberKey {
            owner: "p".to_owned(),
            module: "m".to_owned(),
            object: object.to_owned(),
        };
        let with_row = Record::row;
        let closing = |event| Record::closing(EventId(event));
        let noting = |object, value: &str| Record {
            remember: vec![(key(object), value.to_owned())],
            ..Record::default()
        };
        let mut records = vec![
            with_row(row(1, "a", 1)),
            with_row(row(1, "b", 1)),
            noting("x", "old"),
            closing(1),
            with_row(row(1, "a", 2)),
            noting("x", "new"),
            noting("y", "other"),
            closing(1),
        ];
        compact(&mut records);
        let kept = [
            with_row(row(1, "b", 1)),
            with_row(row(1, "a", 2)),
            noting("x", "new"),
            noting("y", "other"),
            closing(1),
        ];
        assert_eq!(records, kept);
    }
}
