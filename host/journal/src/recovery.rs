//! What a run reads at its start: what the last one left unfinished, and what must be known in memory.

use std::collections::HashMap;

use rusqlite::Connection;

use crate::dedup::Window;
use crate::settings::Settings;
use crate::types::{EventId, RememberKey, WaitingRow};
use crate::{deliveries, statements};

/// The state of a journal that was just opened.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// The last event's id, 0 in an empty journal.
    pub(crate) last_id: i64,
    /// The last event's time.
    pub(crate) newest_at: i64,
    pub(crate) window: Window,
    pub(crate) open: Vec<EventId>,
    pub(crate) waiting: Vec<WaitingRow>,
    pub(crate) remembered: HashMap<RememberKey, String>,
}

pub(crate) fn load(connection: &Connection, settings: &Settings) -> rusqlite::Result<Loaded> {
    let (last_id, newest_at) = statements::newest(connection)?.unwrap_or((0, 0));
    Ok(Loaded {
        last_id,
        newest_at,
        window: window(connection, settings, newest_at)?,
        open: open(connection)?,
        waiting: deliveries::waiting(connection)?,
        remembered: statements::remembered(connection)?,
    })
}

/// Walks back from the newest event until one window before it, and adds the keys of events that were removed. That may be more than still counts, never less, and needs
/// no clock: each key carries its own time.
fn window(
    connection: &Connection,
    settings: &Settings,
    newest_at: i64,
) -> rusqlite::Result<Window> {
    let mut window = Window::new(settings.dedup_window);
    if window.is_off() {
        return Ok(window);
    }
    let mut statement = connection.prepare("select at, key from events order by id desc")?;
    let mut rows = statement.query([])?;
    let mut seen: Vec<(i64, [u8; 32])> = Vec::new();
    while let Some(row) = rows.next()? {
        let at = row.get(0)?;
        if window.spans(at, newest_at).is_none() {
            break;
        }
        seen.push((at, row.get(1)?));
    }
    let mut statement = connection.prepare("select at, key from seen")?;
    let removed = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    for (at, key) in removed.collect::<rusqlite::Result<Vec<(i64, [u8; 32])>>>()? {
        if window.spans(at, newest_at).is_some() {
            seen.push((at, key));
        }
    }
    seen.sort_unstable_by_key(|(at, _)| *at);
    for (at, key) in seen {
        window.insert(key, at);
    }
    Ok(window)
}

fn open(connection: &Connection) -> rusqlite::Result<Vec<EventId>> {
    connection
        .prepare("select id from open order by id")?
        .query_map([], |row| row.get(0).map(EventId))?
        .collect()
}
