//! How a journal is opened: lock, file, checks, what the last run left, threads. Blocks; runs outside the runtime's threads.

use std::sync::Arc;
use std::thread::Builder;

use rusqlite::Connection;

use crate::budget::Budget;
use crate::checkpoint;
use crate::connection::{self, Slot, open_error};
use crate::error::OpenError;
use crate::events;
use crate::integrity;
use crate::notes::Notes;
use crate::place::{Place, from_io};
use crate::reader::Reader;
use crate::recovery::{self, Loaded};
use crate::retention::Sweep;
use crate::riding::Riding;
use crate::room::{Room, Sizes};
use crate::schema::{self, Meta};
use crate::settings::Settings;
use crate::shared::Shared;
use crate::store::Store;
use crate::types::Recovered;
use crate::upkeep::Upkeep;
use crate::writer::{Checkpointer, Writer};
use crate::{Inner, Journal};

pub(crate) fn open(place: Place, settings: Settings) -> Result<(Journal, Recovered), OpenError> {
    let settings = settings.consistent();
    let lock = place.enter()?;
    provide(&place)?;
    let shared = Arc::new(Shared::new());
    let (connection, meta) = connect(&place, &shared, settings.max_log_bytes)?;
    let failed = |error| open_error(&place.database, error);
    let Loaded { last_id, newest_at, window, open, waiting, remembered } =
        recovery::load(&connection, &settings).map_err(failed)?;

    let reader = Arc::new(Reader::new(&place.database));
    let copier = Arc::new(Slot::new(&place.database, connection::checkpointer));
    let desk = Reader::new(&place.database);
    let others = vec![reader.slot(), desk.slot(), Arc::clone(&copier)];
    let sizes = Sizes::measure(&connection, &place).map_err(failed)?;
    shared.set_sizes(sizes);
    let max_log_bytes = settings.max_log_bytes;
    let store =
        Store::new(place.clone(), meta.id, Arc::clone(&shared), max_log_bytes, others, connection)
            .map_err(|source| from_io(&place.database, source))?;
    let notes = Arc::new(Notes::new(remembered));
    let n_open = open.len();
    let (hand_over, events) = events::channel(Arc::clone(&reader), open, settings.max_ahead_bytes);
    let waiting_room = Budget::new(settings.max_queue, settings.max_queue_bytes);
    let (queue, taken) = flume::unbounded();
    let riding = Arc::new(Riding::new(settings.max_group));

    let no_thread = |source: std::io::Error| OpenError::Thread {
        dir: place.dir.clone(),
        source: source.into(),
    };
    let checkpointer = {
        let (stop, stopped) = flume::bounded(0);
        let (shared, every, from) =
            (Arc::clone(&shared), settings.checkpoint_interval, settings.checkpoint_bytes);
        let run = move || checkpoint::run(&stopped, &copier, &shared, every, from);
        Checkpointer {
            stop,
            thread: Builder::new().name("journal-copy".to_owned()).spawn(run).map_err(no_thread)?,
        }
    };
    let writer = Writer {
        queue: taken,
        riding: Arc::clone(&riding),
        shared: Arc::clone(&shared),
        store,
        window,
        hand_over,
        notes: Arc::clone(&notes),
        room: Room::new(&settings, &place, sizes),
        sweep: Sweep::new(&settings),
        upkeep: Upkeep::new(),
        last_id,
        last_given: last_id,
        newest_at,
        checkpointer,
        lock,
        settings,
    };
    Builder::new().name("journal".to_owned()).spawn(move || writer.run()).map_err(no_thread)?;

    let inner =
        Inner { id: meta.id, queue, riding, waiting: waiting_room, notes, reader, desk, shared };
    Ok((Journal { inner: Arc::new(inner) }, Recovered { events, waiting, n_open }))
}

/// Makes a new journal where none ever was, and nowhere else.
fn provide(place: &Place) -> Result<(), OpenError> {
    let size = |path| match std::fs::metadata(path) {
        Ok(metadata) => Ok(Some(metadata.len())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(from_io(path, source)),
    };
    match size(&place.database)? {
        // SQLite takes an empty file for a new database and removes the log of the old one.
        Some(0) => {
            Err(OpenError::Damaged { path: place.database.clone(), source: "it is empty".into() })
        }
        Some(_) => schema::remove_draft(place),
        None if size(&place.log)?.is_some_and(|bytes| bytes > 0) => {
            Err(OpenError::Missing { path: place.database.clone(), log: place.log.clone() })
        }
        None => {
            schema::create(place)?;
            tracing::info!(path = %place.database.display(), "a new journal was made");
            Ok(())
        }
    }
}

/// Opens the file, checks it, and makes sure that it can be written.
fn connect(
    place: &Place,
    shared: &Arc<Shared>,
    max_log_bytes: u64,
) -> Result<(Connection, Meta), OpenError> {
    let path = &place.database;
    let failed = |error| open_error(path, error);
    let connection = connection::writer(path, shared, max_log_bytes).map_err(failed)?;
    let meta = schema::check(&connection, path)?;
    integrity::check(&connection, path, meta.closed)?;
    schema::upgrade(&connection, path, meta.schema)?;
    schema::set_closed(&connection, false).map_err(failed)?;
    Ok((connection, meta))
}
