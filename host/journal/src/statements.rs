//! The statements on the tables and the translation of rows. Knows nothing of when they run.

use bytes::Bytes;
use jiff::Timestamp;
use rusqlite::types::Type;
use rusqlite::{Connection, Error, OptionalExtension, Row};

use crate::types::{DeliveryRow, EventId, Record, RememberKey, State, StoredEvent};

const DELIVERY: &str = "event, alert, provider, state, attempts, due, at, note";

pub(crate) fn begin(connection: &Connection) -> rusqlite::Result<()> {
    // A transaction that reads first and writes then would fail at once beside another writer.
    connection.prepare_cached("begin immediate")?.execute([]).map(drop)
}

pub(crate) fn commit(connection: &Connection) -> rusqlite::Result<()> {
    connection.prepare_cached("commit")?.execute([]).map(drop)
}

pub(crate) fn insert_event(
    connection: &Connection,
    id: i64,
    at: i64,
    key: &[u8; 32],
    body: &[u8],
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("insert into events (id, at, key, body) values (?1, ?2, ?3, ?4)")?
        .execute((id, at, key, body))?;
    connection.prepare_cached("insert into open (id) values (?1)")?.execute([id])?;
    Ok(())
}

/// Writes a record; `now` stands where it has no time of its own.
pub(crate) fn write_record(
    connection: &Connection,
    record: &Record,
    now: i64,
) -> rusqlite::Result<()> {
    let Record { row, closes, remember } = record;
    let mut at = now;
    if let Some(row) = row {
        at = row.at.as_millisecond();
        connection
            .prepare_cached(
                "insert or replace into deliveries (event, alert, provider, state, attempts, due, at, note)
                 values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute((
                row.event.0,
                &row.alert,
                &row.provider,
                word(row.state),
                row.attempts,
                row.due.map(Timestamp::as_millisecond),
                at,
                &row.note,
            ))?;
    }
    if let Some(event) = closes {
        connection.prepare_cached("delete from open where id = ?1")?.execute([event.0])?;
    }
    if let Some((key, value)) = remember {
        connection
            .prepare_cached(
                "insert or replace into remembered (provider, module, object, value, at) values (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute((&key.provider_uid, &key.module, &key.object, value, at))?;
    }
    Ok(())
}

/// Removes an event and all that is known of its deliveries.
pub(crate) fn delete_event(connection: &Connection, id: i64) -> rusqlite::Result<()> {
    connection.prepare_cached("delete from deliveries where event = ?1")?.execute([id])?;
    connection.prepare_cached("delete from events where id = ?1")?.execute([id])?;
    Ok(())
}

/// Removes events that were written but never promised to anybody.
pub(crate) fn delete_after(connection: &Connection, id: i64) -> rusqlite::Result<usize> {
    connection.execute("delete from open where id > ?1", [id])?;
    connection.execute("delete from events where id > ?1", [id])
}

/// The last event's id and time.
pub(crate) fn newest(connection: &Connection) -> rusqlite::Result<Option<(i64, i64)>> {
    connection
        .query_row("select id, at from events order by id desc limit 1", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()
}

pub(crate) fn event(connection: &Connection, id: EventId) -> rusqlite::Result<Option<StoredEvent>> {
    connection
        .prepare_cached("select at, body from events where id = ?1")?
        .query_row([id.0], |row| {
            let body = Bytes::from(row.get::<_, Vec<u8>>(1)?);
            Ok(StoredEvent { id, at: time(row, 0)?, body, recovered: false })
        })
        .optional()
}

pub(crate) fn rows(connection: &Connection, event: EventId) -> rusqlite::Result<Vec<DeliveryRow>> {
    connection
        .prepare_cached(&format!(
            "select {DELIVERY} from deliveries where event = ?1 order by alert"
        ))?
        .query_map([event.0], delivery)?
        .collect()
}

pub(crate) fn waiting(connection: &Connection) -> rusqlite::Result<Vec<DeliveryRow>> {
    connection
        .prepare(&format!(
            "select {DELIVERY} from deliveries where state = 'waiting' order by due"
        ))?
        .query_map([], delivery)?
        .collect()
}

pub(crate) fn remembered<C: FromIterator<(RememberKey, String)>>(
    connection: &Connection,
) -> rusqlite::Result<C> {
    connection
        .prepare("select provider, module, object, value from remembered")?
        .query_map([], |row| {
            let key =
                RememberKey { provider_uid: row.get(0)?, module: row.get(1)?, object: row.get(2)? };
            Ok((key, row.get(3)?))
        })?
        .collect()
}

fn delivery(row: &Row<'_>) -> rusqlite::Result<DeliveryRow> {
    Ok(DeliveryRow {
        event: EventId(row.get(0)?),
        alert: row.get(1)?,
        provider: row.get(2)?,
        state: state(row, 3)?,
        attempts: row.get(4)?,
        due: row.get::<_, Option<i64>>(5)?.map(|_| time(row, 5)).transpose()?,
        at: time(row, 6)?,
        note: row.get(7)?,
    })
}

fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    Timestamp::from_millisecond(row.get(column)?)
        .map_err(|error| Error::FromSqlConversionFailure(column, Type::Integer, Box::new(error)))
}

/// A person reads these in the file.
fn word(state: State) -> &'static str {
    match state {
        State::Waiting => "waiting",
        State::Delivered => "delivered",
        State::Accepted => "accepted",
        State::Skipped => "skipped",
        State::Dead => "dead",
    }
}

fn state(row: &Row<'_>, column: usize) -> rusqlite::Result<State> {
    let word = row.get_ref(column)?.as_str()?;
    Ok(match word {
        "waiting" => State::Waiting,
        "delivered" => State::Delivered,
        "accepted" => State::Accepted,
        "skipped" => State::Skipped,
        "dead" => State::Dead,
        other => {
            let unknown = format!("no state of a delivery is called {other:?}").into();
            return Err(Error::FromSqlConversionFailure(column, Type::Text, unknown));
        }
    })
}
