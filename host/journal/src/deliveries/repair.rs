//! The statements of repairs: what a person decides about deliveries.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use super::{WAITING, history, state, waiting_row};
use crate::desk::{DeliveryKey, Repair, Repaired};
use crate::types::{Mark, State};

/// Repairs one delivery, or tells why not.
pub(crate) fn repair(
    connection: &Connection,
    key: &DeliveryKey,
    repair: &Repair,
    at: Timestamp,
) -> rusqlite::Result<Repaired> {
    let found = connection
        .prepare_cached(&format!(
            "select {WAITING}, state from deliveries where event = ?1 and alert = ?2"
        ))?
        .query_row((key.event.0, &key.alert), |row| {
            Ok((waiting_row(row, |text| text.into())?, state(row, 10)?))
        })
        .optional()?;
    let Some((mut row, before)) = found else { return Ok(Repaired::Unknown) };
    if !repair.takes(before) {
        return Ok(Repaired::Refused(before));
    }
    let (after, what, note) = match repair {
        Repair::Replay { .. } => {
            (row.due, row.replayed) = (Some(at), Some(at));
            (State::Waiting, "replayed", format!("it was {}", before.word()))
        }
        Repair::Discard { reason } => {
            row.due = None;
            (State::Discarded, "discarded", reason.clone())
        }
    };
    row.at = at;
    history::move_attempt(connection, key.event, &key.alert, None)?;
    let mark = Mark { event: key.event, alert: key.alert.clone(), at, what, note };
    history::write_mark(connection, &mark)?;
    connection
        .prepare_cached(
            "update deliveries set state = ?3, due = ?4, at = ?5, note = ?6, revision = '', status = null,
                duration = null, replayed = ?7
             where event = ?1 and alert = ?2",
        )?
        .execute(rusqlite::params![
            key.event.0,
            key.alert,
            after.word(),
            row.due.map(Timestamp::as_millisecond),
            at.as_millisecond(),
            format!("{what}: {}", mark.note),
            row.replayed.map(Timestamp::as_millisecond),
        ])?;
    Ok(Repaired::Done(row))
}
