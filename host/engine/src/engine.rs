//! The engine that all modules share: wasmtime's, the clock that interrupts calls, and the places that calls wait for.
//!
//! It must not know what is called.

use std::sync::Arc;
use std::time::Duration;
use std::{io, thread};

use herald_core::formatter::Permission;
use thiserror::Error;
use tokio::sync::{Mutex, Semaphore};

use crate::compile::Compiled;
use crate::error::{Cause, LoadError};
use crate::load;
use crate::module::Module;
use crate::places::Common;
use crate::settings::{Limits, Settings};

/// What runs modules. Clones share everything.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

/// What the engine and its modules share.
pub(crate) struct Shared {
    pub(crate) wasm: wasmtime::Engine,
    pub(crate) settings: Settings,
    /// Places for calls.
    pub(crate) places: Common,
    /// Places for calls that have run for longer than a tick. There are fewer than CPUs, so that looping modules leave
    /// one to everything else.
    pub(crate) lanes: Arc<Semaphore>,
    /// Held while a module is compiled in this process.
    pub(crate) compiling: Mutex<()>,
}

impl Engine {
    /// Starts an engine and its clock, which ends with the engine and its last module.
    ///
    /// # Errors
    ///
    /// When this machine cannot run WebAssembly or start a thread.
    pub fn new(settings: Settings) -> Result<Engine, StartEngineError> {
        let settings = settings.usable();
        let wasm = match wasmtime::Engine::new(&settings.pooling()) {
            Ok(wasm) => wasm,
            Err(error) => {
                tracing::warn!(
                    error = format!("{error:#}"),
                    "cannot reserve memory for all calls at once, so each call takes its own and is slower; raise the \
                     limit of virtual memory (ulimit -v) or lower the number of concurrent calls"
                );
                wasmtime::Engine::new(&settings.on_demand())
                    .map_err(|error| StartEngineError::Start(error.into()))?
            }
        };
        tick(&wasm, settings.tick).map_err(StartEngineError::Clock)?;
        let cpus = thread::available_parallelism().map_or(1, usize::from);
        Ok(Engine {
            shared: Arc::new(Shared {
                places: Common::new(&settings),
                lanes: Arc::new(Semaphore::new((cpus / 2).max(1))),
                compiling: Mutex::new(()),
                wasm,
                settings,
            }),
        })
    }

    /// Compiles a component, checks its imports and exports, and asks it for its description.
    ///
    /// # Errors
    ///
    /// When it is no provider module, asks for a permission that is not among `granted`, or fails to describe itself.
    pub async fn load(&self, wasm: Vec<u8>, granted: &[Permission]) -> Result<Module, LoadError> {
        let compiled = self.compile(wasm).await?;
        self.load_compiled(compiled, granted).await
    }

    /// Compiles a component in this process, which is for files that are known: nothing limits the compiler.
    ///
    /// # Errors
    ///
    /// When it cannot be compiled.
    pub async fn compile(&self, wasm: Vec<u8>) -> Result<Compiled, LoadError> {
        load::compile(&self.shared, wasm).await
    }

    /// The same as [`Engine::load`] with code that was compiled before.
    ///
    /// # Errors
    ///
    /// When it is no provider module, asks for a permission that is not among `granted`, or fails to describe itself.
    pub async fn load_compiled(
        &self,
        compiled: Compiled,
        granted: &[Permission],
    ) -> Result<Module, LoadError> {
        self.load_limited(compiled, granted, Limits::default()).await
    }

    /// The same for a module that may have less than others.
    ///
    /// # Errors
    ///
    /// When it is no provider module, asks for a permission that is not among `granted`, or fails to describe itself.
    pub async fn load_limited(
        &self,
        compiled: Compiled,
        granted: &[Permission],
        limits: Limits,
    ) -> Result<Module, LoadError> {
        Module::load(self.shared.clone(), compiled, granted, limits).await
    }

    pub(crate) fn wasm(&self) -> &wasmtime::Engine {
        &self.shared.wasm
    }
}

/// Advances the epoch by which running calls notice that time goes on. A late tick is not made up for: ticks in a burst
/// would end calls that hardly ran.
fn tick(wasm: &wasmtime::Engine, every: Duration) -> io::Result<()> {
    let weak = wasm.weak();
    thread::Builder::new().name("herald-ticks".to_owned()).spawn(move || {
        while let Some(wasm) = weak.upgrade() {
            wasm.increment_epoch();
            drop(wasm);
            thread::sleep(every);
        }
    })?;
    Ok(())
}

/// Why an engine did not start.
#[derive(Debug, Error)]
pub enum StartEngineError {
    /// This machine cannot run WebAssembly.
    #[error("this machine cannot run WebAssembly")]
    Start(#[source] Cause),
    /// The thread that interrupts long calls did not start.
    #[error("cannot start the thread that interrupts long calls")]
    Clock(#[source] io::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_starts_where_the_address_space_is_too_small_for_a_pool() {
        // Two petabytes are more than any machine has.
        let settings = Settings { concurrent: 100_000, ..Settings::default() };
        assert!(wasmtime::Engine::new(&settings.pooling()).is_err());
        assert!(Engine::new(settings).is_ok());
    }

    #[test]
    fn the_clock_ends_with_the_engine() {
        let engine = Engine::new(Settings::default()).unwrap();
        let weak = engine.shared.wasm.weak();
        drop(engine);
        // The clock may hold the engine for the length of one increment.
        for _ in 0..100 {
            if weak.upgrade().is_none() {
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
        panic!("the clock still holds the engine");
    }
}
