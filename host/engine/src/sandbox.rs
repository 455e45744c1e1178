//! The sandbox of one call: its store, what may grow in it, how long it may run, and what it may ask the host.
//!
//! It must not know interfaces or their types.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::{ResourceLimiter, Store, UpdateDeadline};
use wasmtime_wasi::{WasiCtxView, WasiView};

use crate::engine::Shared;
use crate::error::Limit;
use crate::settings::{
    CORE_INSTANCES_PER_MODULE, MEMORIES_PER_MODULE, Settings, TABLES_PER_MODULE,
};
use crate::trap;
use crate::wasi::{Moment, Wasi};

/// How many lines a call may log, and how long each may be.
const LOG_LINES: u32 = 64;
const LOG_LINE_CHARS: usize = 1024;

/// What a module with permissions may see, and what nobody else may.
pub trait Disclosure: Send + Sync {
    /// The provider's whole address; asked only when `full-address` is granted.
    fn full_address(&self) -> Option<String>;

    /// The value of a key of the provider's Secret; asked only when `secret-values` is granted.
    fn secret_value(&self, key: &str) -> Option<String>;

    /// A text of the module's, its log lines and what it says as it panics, without the provider's secrets.
    fn mask<'a>(&self, text: &'a str) -> Cow<'a, str> {
        Cow::Borrowed(text)
    }

    /// Whether [`Disclosure::mask`] is to be given the log lines of the module also where nobody reads its log.
    fn hears_log(&self) -> bool {
        false
    }
}

/// Discloses nothing: for calls that are not about any provider.
#[derive(Clone, Copy, Debug)]
pub struct Nothing;

impl Disclosure for Nothing {
    fn full_address(&self) -> Option<String> {
        None
    }

    fn secret_value(&self, _key: &str) -> Option<String> {
        None
    }
}

/// What the store of a call holds for the host.
pub(crate) struct Sandbox {
    growth: Growth,
    pub(crate) disclosure: Arc<dyn Disclosure>,
    log_lines: u32,
    lane: Lane,
    moment: Moment,
    /// Made when the module first asks for something of it: most modules never do.
    wasi: Option<Box<Wasi>>,
}

impl Sandbox {
    /// A fresh store whose every limit is set.
    pub(crate) fn store(
        shared: &Shared,
        settings: &Settings,
        disclosure: Arc<dyn Disclosure>,
        moment: Moment,
    ) -> Store<Sandbox> {
        let growth = Growth {
            memory_left: settings.memory_bytes,
            memory_taken: 0,
            table_elements: settings.table_elements,
            denied: None,
        };
        let lane = Lane::new(shared.lanes.clone());
        let sandbox =
            Sandbox { growth, disclosure, log_lines: 0, lane: lane.clone(), moment, wasi: None };
        let mut store = Store::new(&shared.wasm, sandbox);
        store.limiter(|sandbox| &mut sandbox.growth);
        store.set_max_component_handles(settings.handles);
        store.set_hostcall_fuel(settings.output_bytes);
        store.set_epoch_deadline(1);
        let mut slices = settings.slices();
        store.epoch_deadline_callback(move |_| {
            slices = slices.saturating_sub(1);
            if slices == 0 {
                return Ok(UpdateDeadline::Interrupt);
            }
            Ok(UpdateDeadline::YieldCustom(1, lane.turn()))
        });
        store
    }

    /// The limit at which growth was denied, if it was.
    pub(crate) fn denied(&self) -> Option<Limit> {
        self.growth.denied
    }

    /// What the memories of the call took, in bytes.
    pub(crate) fn memory_taken(&self) -> usize {
        self.growth.memory_taken
    }

    /// Where the call runs for as long as it takes.
    pub(crate) fn lane(&self) -> Lane {
        self.lane.clone()
    }

    /// What the module takes for the time and for chance.
    pub(crate) fn moment(&self) -> Moment {
        self.moment
    }

    /// The end of what the module wrote to standard error.
    pub(crate) fn stderr(&self) -> Option<String> {
        self.wasi.as_ref().map(|wasi| wasi.stderr())
    }

    /// Takes a line for the module's author; what goes beyond the bounds is dropped.
    pub(crate) fn log(&mut self, level: &'static str, line: &str) {
        self.log_lines = self.log_lines.saturating_add(1);
        let is_read = tracing::enabled!(target: "herald::module", tracing::Level::DEBUG)
            || self.disclosure.hears_log();
        if self.log_lines > LOG_LINES || !is_read {
            return;
        }
        let line = trap::one_line(&self.disclosure.mask(line), LOG_LINE_CHARS);
        tracing::debug!(target: "herald::module", level, "{line}");
    }
}

impl WasiView for Sandbox {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.wasi.get_or_insert_with(|| Box::new(Wasi::new(self.moment))).view()
    }
}

/// What may grow, and whether a wish to grow was denied: the trap that follows tells nothing of it.
struct Growth {
    memory_left: usize,
    memory_taken: usize,
    table_elements: usize,
    denied: Option<Limit>,
}

impl ResourceLimiter for Growth {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let more = desired.saturating_sub(current);
        // A module that exceeds its own maximum did not meet a limit of the host's.
        if maximum.is_some_and(|maximum| desired > maximum) && more <= self.memory_left {
            return Ok(false);
        }
        let Some(left) = self.memory_left.checked_sub(more) else {
            self.denied = Some(Limit::Memory);
            return Ok(false);
        };
        self.memory_left = left;
        self.memory_taken = self.memory_taken.saturating_add(more);
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if desired > self.table_elements {
            self.denied = Some(Limit::Tables);
            return Ok(false);
        }
        Ok(maximum.is_none_or(|maximum| desired <= maximum))
    }

    fn instances(&self) -> usize {
        CORE_INSTANCES_PER_MODULE as usize
    }

    fn tables(&self) -> usize {
        TABLES_PER_MODULE as usize
    }

    fn memories(&self) -> usize {
        MEMORIES_PER_MODULE as usize
    }
}

/// The place of a call that has run for longer than a tick. It is given up and asked for anew at each tick, so long
/// calls take turns in the order in which they ask.
#[derive(Clone)]
pub(crate) struct Lane {
    lanes: Arc<Semaphore>,
    held: Arc<Mutex<Option<OwnedSemaphorePermit>>>,
}

impl Lane {
    fn new(lanes: Arc<Semaphore>) -> Self {
        Self { lanes, held: Arc::default() }
    }

    /// Gives the place up, if there is one.
    pub(crate) fn leave(&self) {
        drop(self.held.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// Gives way to everything else that is ready, and then waits for a place.
    fn turn(&self) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
        self.leave();
        let (lanes, held) = (self.lanes.clone(), self.held.clone());
        Box::pin(async move {
            tokio::task::yield_now().await;
            // The semaphore is never closed; without a place the call would go on all the same.
            let permit = lanes.acquire_owned().await.ok();
            *held.lock().unwrap_or_else(PoisonError::into_inner) = permit;
        })
    }
}
