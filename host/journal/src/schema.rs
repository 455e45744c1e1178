//! The tables, and whether a file has them. A new journal is made under another name and renamed when it is whole.

use std::fs::File;
use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension};

use crate::connection::{PAGE_BYTES, open_error, plain};
use crate::error::OpenError;
use crate::place::{Place, from_io};

/// What makes each version of the schema out of the one before it. A new journal is made by all of these, an older one is
/// brought up when it is opened, a newer one is refused.
const STEPS: [&str; 3] = [VERSION_1, VERSION_2, VERSION_3];

/// The version written here.
const SCHEMA: usize = STEPS.len();

/// "HRLD" in the file's header: what tells a journal from any other database.
const APPLICATION_ID: i32 = 0x4852_4c44;

/// `events` has no index but its id: an index by key would dirty a page for every event.
/// Rows of `open` are events whose deliveries do not all have a row yet.
const VERSION_1: &str = "
create table meta (name text primary key, value any) strict, without rowid;
create table events (
    id integer primary key,
    at integer not null,
    key blob not null,
    body blob not null
) strict;
create table open (id integer primary key) strict;
create table deliveries (
    event integer not null,
    alert text not null,
    provider text not null,
    state text not null,
    attempts integer not null,
    due integer,
    at integer not null,
    note text not null,
    primary key (event, alert)
) strict, without rowid;
create index deliveries_due on deliveries (due) where state = 'waiting';
create table remembered (
    provider text not null,
    module text not null,
    object text not null,
    value text not null,
    at integer not null,
    primary key (provider, module, object)
) strict, without rowid;
";

/// A row of `deliveries` tells of the last attempt itself (`duration` is null where it was written without one), so that
/// what succeeds at once costs one row. What it said is moved to `history` when it is replaced.
/// `seen` has the keys of events that were removed while they still counted.
const VERSION_2: &str = "
alter table deliveries add column alert_name text not null default '';
alter table deliveries add column object text not null default '';
alter table deliveries add column revision text not null default '';
alter table deliveries add column status integer;
alter table deliveries add column duration integer;
alter table deliveries add column replayed integer;
create index deliveries_dead on deliveries (at) where state = 'dead';
create table history (
    event integer not null,
    alert text not null,
    number integer not null,
    at integer not null,
    what text not null,
    attempt integer,
    revision text not null,
    status integer,
    duration integer,
    note text not null,
    primary key (event, alert, number)
) strict, without rowid;
create table seen (id integer primary key, at integer not null, key blob not null) strict;
";

/// `digest` names the event of the delivery that names this one too.
const VERSION_3: &str = "
alter table deliveries add column plan text;
alter table deliveries add column digest integer;
create index deliveries_digest on deliveries (digest, alert) where digest is not null;
";

/// What a journal says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Meta {
    pub(crate) id: [u8; 16],
    /// The version of its tables.
    pub(crate) schema: usize,
    /// The last run closed it.
    pub(crate) closed: bool,
}

/// Makes an empty journal.
pub(crate) fn create(place: &Place) -> Result<(), OpenError> {
    let draft = place.draft();
    remove_draft(place)?;
    write(&draft).map_err(|error| open_error(&draft, error))?;
    // Closing the connection has copied the log and removed it: the draft is one file.
    std::fs::rename(&draft, &place.database)
        .and_then(|()| File::open(&place.dir)?.sync_all())
        .map_err(|source| from_io(&place.database, source))
}

/// Removes what a run that ended early left of a draft.
pub(crate) fn remove_draft(place: &Place) -> Result<(), OpenError> {
    for ending in ["", "-journal", "-wal", "-shm"] {
        let mut name = place.draft().into_os_string();
        name.push(ending);
        match std::fs::remove_file(&name) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                return Err(from_io(Path::new(&name), source));
            }
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

fn write(path: &Path) -> rusqlite::Result<()> {
    let connection =
        plain(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
    // The size of a page must be set before anything else; later it is ignored without an error.
    connection.execute_batch(&format!("pragma page_size={PAGE_BYTES}"))?;
    connection.query_row("pragma journal_mode=wal", [], |_| Ok(()))?;
    connection.execute_batch(&format!(
        "begin immediate; pragma application_id={APPLICATION_ID}; {}
         insert into meta values ('schema', {SCHEMA}), ('id', randomblob(16)), ('closed', 1); commit",
        STEPS.concat()
    ))?;
    checkpoint(&connection, "truncate")?;
    connection.close().map_err(|(_, error)| error)
}

/// Reads what the journal says of itself.
pub(crate) fn check(connection: &Connection, path: &Path) -> Result<Meta, OpenError> {
    let failed = |error| open_error(path, error);
    let application: i32 =
        connection.query_row("pragma application_id", [], |row| row.get(0)).map_err(failed)?;
    if application != APPLICATION_ID {
        return Err(OpenError::Foreign { path: path.to_owned() });
    }
    let found: i64 =
        entry(connection, "schema").map_err(failed)?.ok_or_else(|| incomplete(path, "schema"))?;
    let known = SCHEMA;
    let schema = match usize::try_from(found) {
        Ok(schema) if (1..=known).contains(&schema) => schema,
        Ok(schema) if schema > known => {
            return Err(OpenError::NewerSchema { path: path.to_owned(), found: schema, known });
        }
        _ => {
            let source = format!("there is no schema {found}").into();
            return Err(OpenError::Damaged { path: path.to_owned(), source });
        }
    };
    let id = id(connection).map_err(failed)?.ok_or_else(|| incomplete(path, "id"))?;
    let closed: Option<bool> = entry(connection, "closed").map_err(failed)?;
    Ok(Meta { id, schema, closed: closed.unwrap_or(false) })
}

/// Brings the tables of a version up to the one written here, all or nothing.
pub(crate) fn upgrade(connection: &Connection, path: &Path, from: usize) -> Result<(), OpenError> {
    let steps = STEPS.get(from..).unwrap_or_default();
    if steps.is_empty() {
        return Ok(());
    }
    // Dropping the connection after an error rolls everything back.
    connection
        .execute_batch(&format!(
            "begin immediate; {} update meta set value = {SCHEMA} where name = 'schema'; commit",
            steps.concat()
        ))
        .map_err(|error| open_error(path, error))?;
    tracing::info!(path = %path.display(), from, to = SCHEMA, "the journal was brought up to date");
    Ok(())
}

/// The random id of the journal.
pub(crate) fn id(connection: &Connection) -> rusqlite::Result<Option<[u8; 16]>> {
    entry(connection, "id")
}

/// Notes whether the journal was closed in order. This is a write: it fails where writing is not possible.
pub(crate) fn set_closed(connection: &Connection, closed: bool) -> rusqlite::Result<()> {
    connection.execute("insert or replace into meta values ('closed', ?1)", [closed])?;
    Ok(())
}

/// How far a checkpoint got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Copied {
    /// The next commit begins the log anew.
    All,
    /// A reader still needs the rest where it is.
    Part,
    /// Another connection is at it.
    ByAnother,
}

/// Runs a checkpoint. That somebody stood in the way is told by the row alone, not by an error.
pub(crate) fn checkpoint(connection: &Connection, mode: &str) -> rusqlite::Result<Copied> {
    let mut statement = connection.prepare_cached(&format!("pragma wal_checkpoint({mode})"))?;
    let (is_busy, pages, copied): (bool, i64, i64) =
        statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(match (is_busy, copied == pages) {
        (true, _) => Copied::ByAnother,
        (false, true) => Copied::All,
        (false, false) => Copied::Part,
    })
}

fn entry<T: rusqlite::types::FromSql>(
    connection: &Connection,
    name: &str,
) -> rusqlite::Result<Option<T>> {
    connection
        .query_row("select value from meta where name = ?1", [name], |row| row.get(0))
        .optional()
}

fn incomplete(path: &Path, name: &str) -> OpenError {
    OpenError::Damaged { path: path.to_owned(), source: format!("it has no {name}").into() }
}
