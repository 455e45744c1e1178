//! One call of a module: a fresh instance in its place, the time that it may take, and what its end means.
//!
//! It must not know the interface's types.

use std::future;
use std::pin::pin;
use std::sync::Arc;

use tokio::time;
use wasmtime::component::{Instance, InstancePre};
use wasmtime::{Result, Store};

use crate::engine::Shared;
use crate::error::CallError;
use crate::places::{Held, Places};
use crate::sandbox::{Disclosure, Lane, Sandbox};
use crate::settings::{Limits, Settings};
use crate::trap;
use crate::wasi::Moment;

/// What it takes to call one module.
pub(crate) struct Caller {
    shared: Arc<Shared>,
    /// Those of the house, or less.
    settings: Settings,
    places: Places,
    pre: InstancePre<Sandbox>,
}

impl Caller {
    pub(crate) fn new(shared: Arc<Shared>, pre: InstancePre<Sandbox>, limits: Limits) -> Self {
        let settings = shared.settings.within(limits);
        let places = Places::new(&shared.places, &settings);
        Self { shared, settings, places, pre }
    }

    /// Waits for a place.
    pub(crate) async fn place(&self) -> std::result::Result<Held, CallError> {
        self.places.wait(&self.settings).await
    }

    /// Makes an empty sandbox.
    pub(crate) fn begin(
        &self,
        place: Held,
        disclosure: Arc<dyn Disclosure>,
        moment: Moment,
    ) -> Call<'_> {
        let store = Sandbox::store(&self.shared, &self.settings, disclosure, moment);
        Call { store, caller: self, began: false, place }
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
        time::timeout(self.settings.wall, work).await.ok()
    }
}

/// A call that has its place.
pub(crate) struct Call<'a> {
    /// Fields drop in this order, so a sandbox is gone before its place is taken by another.
    pub(crate) store: Store<Sandbox>,
    caller: &'a Caller,
    began: bool,
    place: Held,
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

    /// What the memories of the call took so far, in bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.store.data().memory_taken()
    }

    /// What the end of the work means, for its module's places as well.
    pub(crate) fn settle<T>(
        &mut self,
        result: Option<Result<T>>,
    ) -> std::result::Result<T, CallError> {
        let settings = &self.caller.settings;
        let settled = match result {
            Some(Ok(answer)) => Ok(answer),
            Some(Err(error)) => Err(trap::classify(error, self.began, &self.store, settings)),
            None => Err(CallError::Timeout { wall: settings.wall }),
        };
        match &settled {
            Ok(_) => self.caller.places.regain_one(),
            Err(
                CallError::Deadline { .. } | CallError::Timeout { .. } | CallError::Limit { .. },
            ) => self.caller.places.lose_one(&mut self.place),
            // They end at once and take little.
            Err(
                CallError::Trap { .. }
                | CallError::BadAnswer(_)
                | CallError::Busy { .. }
                | CallError::Host(_),
            ) => {}
        }
        settled
    }
}
