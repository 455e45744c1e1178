//! The statements on events and notes, and on records as a whole. Knows nothing of when they run.

use bytes::Bytes;
use jiff::Timestamp;
use rusqlite::types::Type;
use rusqlite::{Connection, Error, OptionalExtension, Row};

use crate::deliveries;
use crate::desk::Figures;
use crate::notes::Note;
use crate::types::{EventId, Record, RememberKey, StoredEvent};

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
    let Record { rows, marks, closes, remember } = record;
    for row in rows {
        deliveries::write_row(connection, row)?;
    }
    for mark in marks {
        deliveries::history::write_mark(connection, mark)?;
    }
    for event in closes {
        connection.prepare_cached("delete from open where id = ?1")?.execute([event.0])?;
    }
    for (key, value) in remember {
        connection
            .prepare_cached(
                "insert or replace into remembered (provider, module, object, value, at) values (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute((
                &key.owner,
                &key.module,
                &key.object,
                value,
                rows.first().map_or(now, |row| row.at.as_millisecond()),
            ))?;
    }
    Ok(())
}

/// Keeps the key of an event that is to be removed, if it is not older than `from`.
pub(crate) fn keep_key(connection: &Connection, id: i64, from: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("insert into seen (id, at, key) select id, at, key from events where id = ?1 and at > ?2")?
        .execute([id, from])?;
    Ok(())
}

/// Removes the kept keys that are older than `from`.
pub(crate) fn forget_keys(connection: &Connection, from: i64) -> rusqlite::Result<()> {
    connection.prepare_cached("delete from seen where at <= ?1")?.execute([from]).map(drop)
}

/// Whether there are such keys.
pub(crate) fn has_keys_before(connection: &Connection, from: i64) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("select exists (select 1 from seen where at <= ?1)")?
        .query_row([from], |row| row.get(0))
}

/// Removes an event and all that is known of its deliveries.
pub(crate) fn delete_event(connection: &Connection, id: i64) -> rusqlite::Result<()> {
    deliveries::delete(connection, id)?;
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

/// How many deliveries stand where, without the sizes of files.
pub(crate) fn figures(connection: &Connection, now: Timestamp) -> rusqlite::Result<Figures> {
    let count = |sql: &str| -> rusqlite::Result<u64> {
        let count: i64 = connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
        Ok(u64::try_from(count).unwrap_or(0))
    };
    // What was to wait from the beginning, as a digest does, is not late before its time.
    let oldest_waiting = connection
        .prepare_cached(
            "select at from events where id =
                (select min(event) from deliveries indexed by deliveries_due
                 where state = 'waiting' and (attempts > 0 or due is null or due <= ?1))",
        )?
        .query_row([now.as_millisecond()], |row| time(row, 0))
        .optional()?;
    Ok(Figures {
        dead: count("select count(*) from deliveries where state = 'dead'")?,
        waiting: count("select count(*) from deliveries where state = 'waiting'")?,
        oldest_waiting,
        ..Figures::default()
    })
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

pub(crate) fn remembered<C: FromIterator<(RememberKey, String)>>(
    connection: &Connection,
) -> rusqlite::Result<C> {
    connection
        .prepare("select provider, module, object, value from remembered")?
        .query_map([], |row| Ok((remember_key(row)?, row.get(3)?)))?
        .collect()
}

/// Shows the notes, the newest first, while `goes_on` says so.
pub(crate) fn notes_from_newest(
    connection: &Connection,
    mut goes_on: impl FnMut(Note) -> bool,
) -> rusqlite::Result<()> {
    let mut statement = connection
        .prepare("select provider, module, object, value, at from remembered order by at desc")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if !goes_on(Note { key: remember_key(row)?, value: row.get(3)?, at: row.get(4)? }) {
            break;
        }
    }
    Ok(())
}

pub(crate) fn delete_note(connection: &Connection, note: &Note) -> rusqlite::Result<()> {
    let RememberKey { owner, module, object } = &note.key;
    connection
        .prepare_cached(
            "delete from remembered where provider = ?1 and module = ?2 and object = ?3 and at = ?4",
        )?
        .execute((owner, module, object, note.at))?;
    Ok(())
}

fn remember_key(row: &Row<'_>) -> rusqlite::Result<RememberKey> {
    Ok(RememberKey { owner: row.get(0)?, module: row.get(1)?, object: row.get(2)? })
}

/// A time in milliseconds.
pub(crate) fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    Timestamp::from_millisecond(row.get(column)?)
        .map_err(|error| Error::FromSqlConversionFailure(column, Type::Integer, Box::new(error)))
}
