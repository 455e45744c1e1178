//! The statements on deliveries and the translation of rows. Knows nothing of when they run.

pub(crate) mod history;
pub(crate) mod listing;
pub(crate) mod repair;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::types::Type;
use rusqlite::{Connection, Error, OptionalExtension, Row};

use crate::dedup::millis;
use crate::statements::time;
use crate::types::{Attempt, DeliveryRow, EventId, Member, State, WaitingRow};

const DELIVERY: &str = "event, alert, alert_name, provider, object, state, attempts, due, at, note, revision, status, \
                        duration, replayed, plan, digest";

/// Without its event a delivery cannot be made, which whoever tries finds out.
const WAITING: &str = "event, alert, provider, object, attempts, due, at, replayed,
                       coalesce((select events.at from events where events.id = event), at), plan";

/// Writes a row in place of the one of its event and Alert, if there is one.
pub(crate) fn write_row(connection: &Connection, row: &DeliveryRow) -> rusqlite::Result<()> {
    let attempt = row.attempt.as_ref();
    let values = rusqlite::params![
        row.event.0,
        row.alert,
        row.alert_name,
        row.provider,
        row.object,
        row.state.word(),
        row.attempts,
        row.due.map(Timestamp::as_millisecond),
        row.at.as_millisecond(),
        row.note,
        attempt.map_or("", |attempt| attempt.revision.as_str()),
        attempt.and_then(|attempt| attempt.status),
        attempt.map(|attempt| millis(attempt.took)),
        row.replayed.map(Timestamp::as_millisecond),
        row.plan,
        row.digest.map(|digest| digest.0),
    ];
    let n_inserted = connection
        .prepare_cached(&format!(
            "insert or ignore into deliveries ({DELIVERY})
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)"
        ))?
        .execute(values)?;
    if n_inserted > 0 {
        return Ok(());
    }
    if row.state == State::Waiting
        && state_of(connection, row.event, &row.alert)? == Some(State::Discarded)
    {
        return match attempt {
            Some(attempt) => {
                let attempt = (row.attempts, attempt);
                history::write_attempt(
                    connection, row.event, &row.alert, row.at, attempt, &row.note,
                )
            }
            None => Ok(()),
        };
    }
    let same = attempt.map(|_| row.attempts);
    history::move_attempt(connection, row.event, &row.alert, same)?;
    connection
        .prepare_cached(
            "update deliveries set
                alert_name = case when ?3 = '' then alert_name else ?3 end,
                provider = ?4, object = case when ?5 = '' then object else ?5 end,
                state = ?6, attempts = ?7, due = ?8, at = ?9, note = ?10, revision = ?11, status = ?12, duration = ?13,
                replayed = coalesce(?14, replayed), plan = coalesce(?15, plan), digest = coalesce(?16, digest)
             where event = ?1 and alert = ?2",
        )?
        .execute(values)?;
    Ok(())
}

/// The state that a delivery's row has, if it has one.
fn state_of(
    connection: &Connection,
    event: EventId,
    alert: &str,
) -> rusqlite::Result<Option<State>> {
    connection
        .prepare_cached("select state from deliveries where event = ?1 and alert = ?2")?
        .query_row((event.0, alert), |row| state(row, 0))
        .optional()
}

/// Removes all that is known of the deliveries of an event.
pub(crate) fn delete(connection: &Connection, event: i64) -> rusqlite::Result<()> {
    connection.prepare_cached("delete from deliveries where event = ?1")?.execute([event])?;
    history::delete(connection, event)
}

pub(crate) fn rows(connection: &Connection, event: EventId) -> rusqlite::Result<Vec<DeliveryRow>> {
    connection
        .prepare_cached(&format!(
            "select {DELIVERY} from deliveries where event = ?1 order by alert"
        ))?
        .query_map([event.0], delivery)?
        .collect()
}

/// The events that a delivery names beside its own, in their order.
pub(crate) fn members(
    connection: &Connection,
    event: EventId,
    alert: &str,
) -> rusqlite::Result<Vec<Member>> {
    connection
        .prepare_cached(
            "select event, plan from deliveries where digest = ?1 and alert = ?2 order by event",
        )?
        .query_map((event.0, alert), |row| {
            Ok(Member { event: EventId(row.get(0)?), plan: row.get(1)? })
        })?
        .collect()
}

/// The deliveries that are not finished, in the order of their events.
pub(crate) fn waiting(connection: &Connection) -> rusqlite::Result<Vec<WaitingRow>> {
    let mut texts = HashSet::new();
    let mut statement =
        connection.prepare(&format!("select {WAITING} from deliveries where state = 'waiting'"))?;
    let mut rows = statement.query([])?;
    let mut waiting = Vec::new();
    while let Some(row) = rows.next()? {
        let mut text = |text: &str| -> Arc<str> {
            match texts.get(text) {
                Some(known) => Arc::clone(known),
                None => {
                    let new: Arc<str> = text.into();
                    texts.insert(Arc::clone(&new));
                    new
                }
            }
        };
        waiting.push(waiting_row(row, &mut text)?);
    }
    waiting.sort_unstable_by(|a, b| (a.event, &a.alert).cmp(&(b.event, &b.alert)));
    Ok(waiting)
}

/// A row of the columns [`WAITING`]; `text` makes a text of its own.
fn waiting_row(
    row: &Row<'_>,
    mut text: impl FnMut(&str) -> Arc<str>,
) -> rusqlite::Result<WaitingRow> {
    let mut text = |column| Ok::<_, Error>(text(row.get_ref(column)?.as_str()?));
    Ok(WaitingRow {
        event: EventId(row.get(0)?),
        alert: text(1)?,
        provider: text(2)?,
        object: text(3)?,
        attempts: row.get(4)?,
        due: maybe_time(row, 5)?,
        at: time(row, 6)?,
        replayed: maybe_time(row, 7)?,
        accepted_at: time(row, 8)?,
        plan: row.get(9)?,
    })
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
        plan: row.get(14)?,
        digest: row.get::<_, Option<i64>>(15)?.map(EventId),
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

fn state(row: &Row<'_>, column: usize) -> rusqlite::Result<State> {
    let word = row.get_ref(column)?.as_str()?;
    State::of_word(word).ok_or_else(|| {
        let unknown = format!("no state of a delivery is called {word:?}").into();
        Error::FromSqlConversionFailure(column, Type::Text, unknown)
    })
}
