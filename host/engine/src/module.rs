//! A loaded module: what it says of itself, and its two questions.
//!
//! It must not know the interface's types or what a call may cost.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use herald_core::config_schema::ConfigSchema;
use herald_core::formatter::{Action, Delivery, Description, Failure, Permission, ProviderView};

use crate::compile::Compiled;
use crate::engine::Shared;
use crate::error::{CallError, LoadError};
use crate::load::{self, Loaded};
use crate::places::Held;
use crate::sandbox::Disclosure;
use crate::settings::Limits;
use crate::since_v0_1_0;
use crate::wasi::Moment;

/// A module that can be called. Clones share everything.
#[derive(Clone)]
pub struct Module {
    inner: Arc<Loaded>,
}

impl Module {
    pub(crate) async fn load(
        shared: Arc<Shared>,
        compiled: Compiled,
        granted: &[Permission],
        limits: Limits,
    ) -> Result<Module, LoadError> {
        Ok(Module { inner: Arc::new(load::load(shared, compiled, granted, limits).await?) })
    }

    /// What it says of itself.
    #[must_use]
    pub fn description(&self) -> &Description {
        &self.inner.description
    }

    /// Which `spec.config` it takes.
    #[must_use]
    pub fn config_schema(&self) -> &ConfigSchema {
        &self.inner.config_schema
    }

    /// The permissions that it asks for, sorted; all of them were granted.
    #[must_use]
    pub fn permissions(&self) -> &[Permission] {
        &self.inner.permissions
    }

    /// The SHA-256 of the component, as `sha256:` and hexadecimal digits.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.inner.digest
    }

    /// Its digest in short, for a person who compares revisions: twelve digits.
    #[must_use]
    pub fn revision(&self) -> &str {
        short(self.digest())
    }

    /// The size of the component in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.inner.size
    }

    /// The version of the interface that it is made for.
    #[must_use]
    pub fn interface(&self) -> &str {
        since_v0_1_0::VERSION
    }

    /// Waits for a place for one call. What others take is not this call's fault, so whoever measures its time begins
    /// when it has one.
    ///
    /// # Errors
    ///
    /// When calls of this module hold all of its places for too long.
    pub async fn place(&self) -> Result<Place<'_>, CallError> {
        Ok(Place { held: self.inner.caller.place().await?, module: &self.inner })
    }

    /// Everything wrong with a Provider that can be told without an event; an empty list makes it ready.
    ///
    /// # Errors
    ///
    /// When the module fails or meets a limit.
    pub async fn check(
        &self,
        provider: &ProviderView,
        disclosure: Arc<dyn Disclosure>,
    ) -> Result<Vec<String>, CallError> {
        let Loaded { caller, functions, .. } = &*self.inner;
        let mut call = caller.begin(caller.place().await?, disclosure, Moment::FIXED);
        let result = caller
            .in_time(call.lane(), async {
                let instance = call.instantiate().await?;
                functions.check(&mut call.store, &instance, provider).await
            })
            .await;
        call.settle(result)
    }

    /// What to do next for a delivery, after the wait for a place.
    ///
    /// # Errors
    ///
    /// When the module fails or meets a limit. That it refuses the delivery is an answer.
    pub async fn next(
        &self,
        delivery: &Delivery,
        disclosure: Arc<dyn Disclosure>,
    ) -> Result<Result<Action, Failure>, CallError> {
        self.place().await?.next(delivery, disclosure).await
    }
}

/// A place for one call of a module.
pub struct Place<'a> {
    held: Held,
    module: &'a Loaded,
}

impl Place<'_> {
    /// What to do next for a delivery.
    ///
    /// # Errors
    ///
    /// When the module fails or meets a limit. That it refuses the delivery is an answer.
    pub async fn next(
        self,
        delivery: &Delivery,
        disclosure: Arc<dyn Disclosure>,
    ) -> Result<Result<Action, Failure>, CallError> {
        self.measured(delivery, disclosure).await.map(|(answer, _)| answer)
    }

    /// The same with what the call took, for who measures a module.
    ///
    /// # Errors
    ///
    /// When the module fails or meets a limit. That it refuses the delivery is an answer.
    pub async fn measured(
        self,
        delivery: &Delivery,
        disclosure: Arc<dyn Disclosure>,
    ) -> Result<(Result<Action, Failure>, Cost), CallError> {
        let Loaded { caller, functions, .. } = self.module;
        let began = Instant::now();
        let mut call = caller.begin(self.held, disclosure, Moment::of(delivery));
        let result = caller
            .in_time(call.lane(), async {
                let instance = call.instantiate().await?;
                functions.next(&mut call.store, &instance, delivery).await
            })
            .await;
        let cost = Cost { time: began.elapsed(), memory_bytes: call.memory_bytes() };
        call.settle(result).map(|answer| (answer, cost))
    }
}

/// A digest in short: twelve digits.
#[must_use]
pub fn short(digest: &str) -> &str {
    let digits = digest.strip_prefix("sha256:").unwrap_or(digest);
    digits.get(..12).unwrap_or(digits)
}

/// What one call took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// From the making of its sandbox to its answer, the wait for a CPU included.
    pub time: Duration,
    /// What its memories came to together, in bytes.
    pub memory_bytes: usize,
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module").field("digest", &self.inner.digest).finish_non_exhaustive()
    }
}
