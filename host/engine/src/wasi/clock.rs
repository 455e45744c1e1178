//! Clocks that stand still: what they say, and what becomes of those who wait for them.
//!
//! It must not know whose time it is.

use std::future;
use std::time::Duration;

use wasmtime::Result;
use wasmtime::component::{HasData, Resource, ResourceTable};
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock::{Host, Instant};
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};
use wasmtime_wasi::{HostWallClock, async_trait};

/// The time of day, which has no smaller unit than the seconds that a delivery shows.
pub(super) struct StoppedWall {
    pub(super) seconds: u64,
}

impl HostWallClock for StoppedWall {
    fn resolution(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn now(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

/// The clock that modules measure and sleep with.
pub(super) struct Stopped<'a> {
    now: Instant,
    table: &'a mut ResourceTable,
}

impl<'a> Stopped<'a> {
    pub(super) fn new(now: Instant, table: &'a mut ResourceTable) -> Self {
        Self { now, table }
    }

    fn wait(&mut self, came: bool) -> Result<Resource<DynPollable>> {
        let wait = self.table.push(Wait { came })?;
        subscribe(self.table, wait)
    }
}

impl HasData for Stopped<'static> {
    type Data<'a> = Stopped<'a>;
}

impl Host for Stopped<'_> {
    fn now(&mut self) -> Result<Instant> {
        Ok(self.now)
    }

    fn resolution(&mut self) -> Result<Instant> {
        Ok(1_000_000_000)
    }

    fn subscribe_instant(&mut self, when: Instant) -> Result<Resource<DynPollable>> {
        self.wait(when <= self.now)
    }

    fn subscribe_duration(&mut self, when: Instant) -> Result<Resource<DynPollable>> {
        self.wait(when == 0)
    }
}

/// A wait for a moment. If it has not come yet it never does: were it to come as the machine's time goes on, a module
/// could tell that time by it. Nothing runs meanwhile, and the timeout of the call ends it.
struct Wait {
    came: bool,
}

#[async_trait]
impl Pollable for Wait {
    async fn ready(&mut self) {
        if !self.came {
            future::pending().await
        }
    }
}
