//! The statements on deliveries and their history, and the translation of rows. Knows nothing of when they run.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::types::Type;
use rusqlite::{Connection, Error, Row};

use crate::dedup::millis;
use crate::statements::time;
use crate::types::{Attempt, DeliveryRow, EventId, Happened, Mark, State, WaitingRow};

const DELIVERY: &str = "event, alert, alert_name, provider, object, state, attempts, due, at, note, revision, status, \
                        duration, replayed";

/// The history of one delivery keeps so many of its first lines and so many of its last ones: a receiver may ask to be
/// tried every second for three days.
const FIRST_LINES: i64 = 20;
const LAST_LINES: i64 = 180;

/// The word of an attempt among the marks.
const ATTEMPT: &str = "attempt";

/// Writes a row in place of the one of its event and Alert, if there is one.
pub(crate) fn write_row(connection: &Connection, row: &DeliveryRow) -> rusqlite::Result<()> {
    let attempt = row.attempt.as_ref();
    let values = rusqlite::params![
        row.event.0,
        row.alert,
        row.alert_name,
        row.provider,
        row.object,
        word(row.state),
        row.attempts,
        row.due.map(Timestamp::as_millisecond),
        row.at.as_millisecond(),
        row.note,
        attempt.map_or("", |attempt| attempt.revision.as_str()),
        attempt.and_then(|attempt| attempt.status),
        attempt.map(|attempt| millis(attempt.took)),
        row.replayed.map(Timestamp::as_millisecond),
    ];
    let n_inserted = connection
        .prepare_cached(&format!(
            "insert or ignore into deliveries ({DELIVERY})
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)"
        ))?
        .execute(values)?;
    if n_inserted > 0 {
        return Ok(());
    }
    // What is the same attempt once more is not history.
    let same = attempt.map(|_| row.attempts);
    let n_moved = connection
        .prepare_cached(
            "insert into history (event, alert, number, at, what, attempt, revision, status, duration, note)
             select event, alert,
                (select coalesce(max(number), 0) + 1 from history where event = ?1 and alert = ?2),
                at, 'attempt', attempts, revision, status, duration, note
             from deliveries
             where event = ?1 and alert = ?2 and duration is not null and attempts is not ?3
                and not (state = 'discarded' and ?4 = 'waiting')",
        )?
        .execute((row.event.0, &row.alert, same, word(row.state)))?;
    if n_moved > 0 {
        shorten(connection, row.event, &row.alert)?;
    }
    let n_updated = connection
        .prepare_cached(
            "update deliveries set
                alert_name = case when ?3 = '' then alert_name else ?3 end,
                provider = ?4, object = case when ?5 = '' then object else ?5 end,
                state = ?6, attempts = ?7, due = ?8, at = ?9, note = ?10, revision = ?11, status = ?12, duration = ?13,
                replayed = coalesce(?14, replayed)
             where event = ?1 and alert = ?2 and not (state = 'discarded' and ?6 = 'waiting')",
        )?
        .execute(values)?;
    if let (0, Some(attempt)) = (n_updated, attempt) {
        let facts = Some((row.attempts, attempt));
        write_line(connection, row.event, &row.alert, row.at, ATTEMPT, facts, &row.note)?;
    }
    Ok(())
}

/// Writes a mark into the history of its delivery, which need not have a row.
pub(crate) fn write_mark(connection: &Connection, mark: &Mark) -> rusqlite::Result<()> {
    write_line(connection, mark.event, &mark.alert, mark.at, mark.what, None, &mark.note)
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

/// Removes all that is known of the deliveries of an event.
pub(crate) fn delete(connection: &Connection, event: i64) -> rusqlite::Result<()> {
    connection.prepare_cached("delete from deliveries where event = ?1")?.execute([event])?;
    connection.prepare_cached("delete from history where event = ?1")?.execute([event])?;
    Ok(())
}

pub(crate) fn rows(connection: &Connection, event: EventId) -> rusqlite::Result<Vec<DeliveryRow>> {
    connection
        .prepare_cached(&format!(
            "select {DELIVERY} from deliveries where event = ?1 order by alert"
        ))?
        .query_map([event.0], delivery)?
        .collect()
}

/// Everything that happened to a delivery before what its row tells.
pub(crate) fn history(
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

/// The deliveries that are not finished, in the order of their events.
pub(crate) fn waiting(connection: &Connection) -> rusqlite::Result<Vec<WaitingRow>> {
    let mut texts = HashSet::new();
    let mut statement = connection.prepare(
        "select event, alert, provider, object, attempts, due, at, replayed
         from deliveries where state = 'waiting'",
    )?;
    let mut rows = statement.query([])?;
    let mut waiting = Vec::new();
    while let Some(row) = rows.next()? {
        let mut text = |column| -> rusqlite::Result<Arc<str>> {
            let text = row.get_ref(column)?.as_str()?;
            Ok(match texts.get(text) {
                Some(known) => Arc::clone(known),
                None => {
                    let new: Arc<str> = text.into();
                    texts.insert(Arc::clone(&new));
                    new
                }
            })
        };
        waiting.push(WaitingRow {
            event: EventId(row.get(0)?),
            alert: text(1)?,
            provider: text(2)?,
            object: text(3)?,
            attempts: row.get(4)?,
            due: maybe_time(row, 5)?,
            at: time(row, 6)?,
            replayed: maybe_time(row, 7)?,
        });
    }
    waiting.sort_unstable_by(|a, b| (a.event, &a.alert).cmp(&(b.event, &b.alert)));
    Ok(waiting)
}

fn delivery(row: &Row<'_>) -> rusqlite::Result<DeliveryRow> {
    let duration: Option<i64> = row.get(12)?;
    Ok(DeliveryRow {
        event: EventId(row.get(0)?),
        alert: row.get(1)?,
        alert_name: row.get(2)?,
        provider: row.get(3)?,
        object: row.get(4)?,
        state: state(row, 5)?,
        attempts: row.get(6)?,
        due: maybe_time(row, 7)?,
        at: time(row, 8)?,
        note: row.get(9)?,
        attempt: duration.map(|_| facts(row, 10)).transpose()?,
        replayed: maybe_time(row, 13)?,
    })
}

/// The facts of an attempt from three columns on.
fn facts(row: &Row<'_>, first: usize) -> rusqlite::Result<Attempt> {
    Ok(Attempt {
        revision: row.get(first)?,
        status: row.get(first + 1)?,
        took: Duration::from_millis(u64::try_from(row.get::<_, i64>(first + 2)?).unwrap_or(0)),
    })
}

fn maybe_time(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Timestamp>> {
    row.get::<_, Option<i64>>(column)?.map(|_| time(row, column)).transpose()
}

/// A person reads these in the file.
fn word(state: State) -> &'static str {
    match state {
        State::Waiting => "waiting",
        State::Delivered => "delivered",
        State::Accepted => "accepted",
        State::Skipped => "skipped",
        State::Dead => "dead",
        State::Discarded => "discarded",
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
        "discarded" => State::Discarded,
        other => {
            let unknown = format!("no state of a delivery is called {other:?}").into();
            return Err(Error::FromSqlConversionFailure(column, Type::Text, unknown));
        }
    })
}
