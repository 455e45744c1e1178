//! One call of a module: the wait for a place, a fresh instance, the time that it may take, and what its end means.
//!
//! It must not know the interface's types.

use std::future;
use std::pin::pin;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time;
use wasmtime::component::{Instance, InstancePre};
use wasmtime::{Result, Store};

use crate::engine::Shared;
use crate::error::CallError;
use crate::sandbox::{Disclosure, Lane, Sandbox};
use crate::trap;
use crate::wasi::Moment;

/// What it takes to call one module.
pub(crate) struct Caller {
    shared: Arc<Shared>,
    /// Places for calls of this module.
    places: Arc<Semaphore>,
    pre: InstancePre<Sandbox>,
}

impl Caller {
    pub(crate) fn new(shared: Arc<Shared>, pre: InstancePre<Sandbox>) -> Self {
        let places = Arc::new(Semaphore::new(shared.settings.concurrent_per_module as usize));
        Self { shared, places, pre }
    }

    /// Waits for a place and makes an empty sandbox. The module's own places come first, so that calls which wait for
    /// those take none from other modules.
    pub(crate) async fn begin(&self, disclosure: Arc<dyn Disclosure>, moment: Moment) -> Call<'_> {
        let own = self.places.clone().acquire_owned().await.ok();
        let common = self.shared.places.clone().acquire_owned().await.ok();
        Call {
            store: Sandbox::store(&self.shared, disclosure, moment),
            caller: self,
            began: false,
            places: [own, common],
        }
    }

    /// Gives work on a call's store the time that a call may take; none when that is over.
    pub(crate) async fn in_time<T>(
        &self,
        lane: Lane,
        work: impl Future<Output = Result<T>>,
    ) -> Option<Result<T>> {
        let mut work = pin!(work);
        // A call that waits, for its turn or for a clock that stands still, keeps no lane from those that run.
        let work = future::poll_fn(|context| {
            let state = work.as_mut().poll(context);
            if state.is_pending() {
                lane.leave();
            }
            state
        });
        time::timeout(self.shared.settings.wall, work).await.ok()
    }
}

/// A call that has its place.
pub(crate) struct Call<'a> {
    /// Fields drop in this order, so a sandbox is gone before its place is taken by another.
    pub(crate) store: Store<Sandbox>,
    caller: &'a Caller,
    began: bool,
    #[expect(dead_code, reason = "a place is held for as long as the call lives")]
    places: [Option<OwnedSemaphorePermit>; 2],
}

impl Call<'_> {
    /// A fresh instance. One that was called before would remember, and after a trap it is useless.
    pub(crate) async fn instantiate(&mut self) -> Result<Instance> {
        let instance = self.caller.pre.instantiate_async(&mut self.store).await?;
        self.began = true;
        Ok(instance)
    }

    /// The lane that work on this call's store takes.
    pub(crate) fn lane(&self) -> Lane {
        self.store.data().lane()
    }

    /// What the end of the work means.
    pub(crate) fn settle<T>(&self, result: Option<Result<T>>) -> std::result::Result<T, CallError> {
        let settings = &self.caller.shared.settings;
        match result {
            Some(Ok(answer)) => Ok(answer),
            Some(Err(error)) => Err(trap::classify(error, self.began, &self.store, settings)),
            None => Err(CallError::Timeout { wall: settings.wall }),
        }
    }
}
