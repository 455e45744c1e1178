//! The first of the two steps that keep the write-ahead log small: a thread that copies the log into the database beside
//! the writer.
//!
//! Under steady load this alone never catches up, as commits go on meanwhile. So it asks the writer to copy the few pages
//! that are left (`writer.rs`): then everything is copied for a moment, and the next commit begins the log anew. The log is
//! never truncated in operation: overwriting a file syncs faster than growing it.

use std::sync::Arc;
use std::time::Duration;

use crate::connection::{PAGE_BYTES, Slot, SlotError};
use crate::schema;
use crate::shared::Shared;

/// Runs until the other end of `stop` is dropped.
pub(crate) fn run(
    stop: &flume::Receiver<()>,
    slot: &Arc<Slot>,
    shared: &Shared,
    every: Duration,
    from_bytes: u64,
) {
    let mut done = 0;
    while stop.recv_timeout(every) == Err(flume::RecvTimeoutError::Timeout) {
        let pages = shared.log_pages();
        if pages == done || log_bytes(pages) < from_bytes {
            continue;
        }
        match slot.with(|connection| schema::checkpoint(connection, "passive")) {
            Ok(_) => {
                done = pages;
                shared.ask_to_finish_checkpoint();
            }
            Err(SlotError::Retired) => return,
            // The writer says so as well as soon as it cannot write.
            Err(SlotError::Sqlite(error)) => {
                tracing::warn!(%error, "the journal's log could not be copied")
            }
        }
    }
}

/// The part of the log that is in use; the file may be larger.
pub(crate) fn log_bytes(pages: u32) -> u64 {
    u64::from(pages) * u64::from(PAGE_BYTES)
}
