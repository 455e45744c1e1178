//! What the threads of one journal tell each other: health, figures of the log, and that the journal is closed.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};

use crate::types::Health;

/// Written by the writer, read by everybody.
#[derive(Debug)]
pub(crate) struct Shared {
    health: Mutex<Health>,
    closed: RwLock<bool>,
    commits: AtomicU64,
    /// Pages in the write-ahead log after the last commit.
    log_pages: AtomicU32,
    /// The checkpointer has copied nearly everything; a short step of the writer finishes it.
    finish_checkpoint: AtomicBool,
}

impl Shared {
    pub(crate) fn new() -> Self {
        Shared {
            health: Mutex::new(Health::Writable),
            closed: RwLock::new(false),
            commits: AtomicU64::new(0),
            log_pages: AtomicU32::new(0),
            finish_checkpoint: AtomicBool::new(false),
        }
    }

    pub(crate) fn health(&self) -> Health {
        self.health.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_health(&self, health: Health) {
        *self.health.lock().unwrap_or_else(PoisonError::into_inner) = health;
    }

    /// Runs `f` unless [`Shared::close`] was called, which waits until it has run.
    pub(crate) fn unless_closed<T>(&self, f: impl FnOnce() -> T) -> Option<T> {
        let closed = self.closed.read().unwrap_or_else(PoisonError::into_inner);
        (!*closed).then(f)
    }

    pub(crate) fn close(&self) {
        *self.closed.write().unwrap_or_else(PoisonError::into_inner) = true;
        self.set_health(Health::Failing { reason: "the journal is closed".to_owned() });
    }

    pub(crate) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    pub(crate) fn count_commit(&self) {
        self.commits.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn log_pages(&self) -> u32 {
        self.log_pages.load(Ordering::Relaxed)
    }

    pub(crate) fn set_log_pages(&self, pages: u32) {
        self.log_pages.store(pages, Ordering::Relaxed);
    }

    pub(crate) fn ask_to_finish_checkpoint(&self) {
        self.finish_checkpoint.store(true, Ordering::Relaxed);
    }

    pub(crate) fn take_finish_checkpoint(&self) -> bool {
        self.finish_checkpoint.load(Ordering::Relaxed)
            && self.finish_checkpoint.swap(false, Ordering::Relaxed)
    }
}
