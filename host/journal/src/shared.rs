//! What the threads of one journal tell each other: health, figures of the log, and that the journal is closed.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};

use crate::room::Sizes;
use crate::types::Health;

/// Written by the writer, read by everybody.
#[derive(Debug)]
pub(crate) struct Shared {
    health: Mutex<Health>,
    /// Why no new event is taken although the disk works.
    full: Mutex<Option<String>>,
    sizes: Mutex<Sizes>,
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
            full: Mutex::default(),
            sizes: Mutex::default(),
            closed: RwLock::new(false),
            commits: AtomicU64::new(0),
            log_pages: AtomicU32::new(0),
            finish_checkpoint: AtomicBool::new(false),
        }
    }

    pub(crate) fn health(&self) -> Health {
        let health = self.health.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let full = || self.full.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match health {
            Health::Writable => full().map_or(Health::Writable, |reason| Health::Full { reason }),
            Health::Failing { .. } | Health::Full { .. } => health,
        }
    }

    /// Notes whether new events are taken; whether that is a change.
    pub(crate) fn set_full(&self, reason: Option<String>) -> bool {
        let mut full = self.full.lock().unwrap_or_else(PoisonError::into_inner);
        let is_change = full.is_some() != reason.is_some();
        *full = reason;
        is_change
    }

    pub(crate) fn sizes(&self) -> Sizes {
        *self.sizes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_sizes(&self, sizes: Sizes) {
        *self.sizes.lock().unwrap_or_else(PoisonError::into_inner) = sizes;
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
