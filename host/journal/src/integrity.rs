//! Whether the database is sound, as far as a start may wait for the answer.

use std::path::Path;

use rusqlite::Connection;

use crate::connection::open_error;
use crate::error::OpenError;

/// Up to this size the whole file is always read: it takes a tenth of a second.
const ALWAYS_BYTES: u64 = 64 << 20;

/// Up to this size the whole file is read when the last run did not close it: a failed disk or host is likelier then. A
/// larger one would hold up the start for many seconds, and SQLite repairs what a crash leaves by itself; what is damaged
/// there shows when it is read, and never as a wrong answer.
const UNCLOSED_BYTES: u64 = 1 << 30;

/// Reads the file and compares what in it belongs together.
pub(crate) fn check(connection: &Connection, path: &Path, closed: bool) -> Result<(), OpenError> {
    let bytes = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    if bytes > if closed { ALWAYS_BYTES } else { UNCLOSED_BYTES } {
        return Ok(());
    }
    let findings: String = connection
        .query_row("pragma quick_check(1)", [], |row| row.get(0))
        .map_err(|error| open_error(path, error))?;
    if findings == "ok" {
        return Ok(());
    }
    Err(OpenError::Damaged { path: path.to_owned(), source: findings.into() })
}
