//! The statements on the history of deliveries: what happened before what their rows tell.

use jiff::Timestamp;
use rusqlite::Connection;

use super::facts;
use crate::dedup::millis;
use crate::statements::time;
use crate::types::{Attempt, EventId, Happened, Mark};

/// The history of one delivery keeps so many of its first lines and so many of its last ones: a receiver may ask to be
/// tried every second for three days.
const FIRST_LINES: i64 = 20;
const LAST_LINES: i64 = 180;

/// The word of an attempt among the marks.
const ATTEMPT: &str = "attempt";

/// What a row tells of an attempt becomes history, before the row is replaced. Of the attempt with the number `except` it
/// does not: the new row tells of the same one.
pub(super) fn move_attempt(
    connection: &Connection,
    event: EventId,
    alert: &str,
    except: Option<u32>,
) -> rusqlite::Result<()> {
    let n_moved = connection
        .prepare_cached(
            "insert into history (event, alert, number, at, what, attempt, revision, status, duration, note)
             select event, alert,
                (select coalesce(max(number), 0) + 1 from history where event = ?1 and alert = ?2),
                at, 'attempt', attempts, revision, status, duration, note
             from deliveries
             where event = ?1 and alert = ?2 and duration is not null and attempts is not ?3",
        )?
        .execute((event.0, alert, except))?;
    if n_moved > 0 { shorten(connection, event, alert) } else { Ok(()) }
}

/// Writes a mark into the history of its delivery, which need not have a row.
pub(crate) fn write_mark(connection: &Connection, mark: &Mark) -> rusqlite::Result<()> {
    write_line(connection, mark.event, &mark.alert, mark.at, mark.what, None, &mark.note)
}

/// Writes an attempt that its row does not tell of.
pub(super) fn write_attempt(
    connection: &Connection,
    event: EventId,
    alert: &str,
    at: Timestamp,
    attempt: (u32, &Attempt),
    note: &str,
) -> rusqlite::Result<()> {
    write_line(connection, event, alert, at, ATTEMPT, Some(attempt), note)
}

fn write_line(
    connection: &Connection,
    event: EventId,
    alert: &str,
    at: Timestamp,
    what: &str,
    attempt: Option<(u32, &Attempt)>,
    note: &str,
) -> rusqlite::Result<()> {
    let facts = attempt.map(|(_, facts)| facts);
    connection
        .prepare_cached(
            "insert into history (event, alert, number, at, what, attempt, revision, status, duration, note)
             values (?1, ?2, (select coalesce(max(number), 0) + 1 from history where event = ?1 and alert = ?2),
                ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(rusqlite::params![
            event.0,
            alert,
            at.as_millisecond(),
            what,
            attempt.map(|(number, _)| number),
            facts.map_or("", |facts| facts.revision.as_str()),
            facts.and_then(|facts| facts.status),
            facts.map(|facts| millis(facts.took)),
            note,
        ])?;
    shorten(connection, event, alert)
}

/// Takes a line out of the middle of a history that is too long.
fn shorten(connection: &Connection, event: EventId, alert: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "delete from history where event = ?1 and alert = ?2 and number > ?3
                and number <= (select max(number) from history where event = ?1 and alert = ?2) - ?4",
        )?
        .execute((event.0, alert, FIRST_LINES, LAST_LINES))?;
    Ok(())
}

/// Everything that happened to a delivery before what its row tells.
pub(crate) fn read(
    connection: &Connection,
    event: EventId,
    alert: &str,
) -> rusqlite::Result<Vec<Happened>> {
    connection
        .prepare_cached(
            "select at, what, attempt, revision, status, duration, note from history
             where event = ?1 and alert = ?2 order by number",
        )?
        .query_map((event.0, alert), |row| {
            let number: Option<u32> = row.get(2)?;
            let attempt = number.map(|number| facts(row, 3).map(|facts| (number, facts)));
            Ok(Happened {
                at: time(row, 0)?,
                what: row.get(1)?,
                attempt: attempt.transpose()?,
                note: row.get(6)?,
            })
        })?
        .collect()
}

/// Removes the history of all deliveries of an event.
pub(super) fn delete(connection: &Connection, event: i64) -> rusqlite::Result<()> {
    connection.prepare_cached("delete from history where event = ?1")?.execute([event]).map(drop)
}
