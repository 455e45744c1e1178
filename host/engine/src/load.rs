//! The way from compiled code to a module: each step, and what is wrong when it fails.
//!
//! It must not know the interface's types or how code is compiled.

use std::sync::Arc;

use herald_core::config_schema::ConfigSchema;
use herald_core::formatter::{Description, Permission};
use tokio::task;
use wasmtime::component::{Component, InstancePre, Linker};

use crate::call::Caller;
use crate::compile::{self, Compiled};
use crate::description;
use crate::engine::Shared;
use crate::error::LoadError;
use crate::sandbox::{Nothing, Sandbox};
use crate::settings::Limits;
use crate::since_v0_1_0::{self, Exports, Functions, Import};
use crate::wasi::{self, Moment};

/// The versions of the interface that this host serves.
const KNOWN: &[&str] = &[since_v0_1_0::VERSION];

/// A component that passed every step.
pub(crate) struct Loaded {
    pub(crate) caller: Caller,
    pub(crate) functions: Functions,
    pub(crate) description: Description,
    pub(crate) config_schema: ConfigSchema,
    pub(crate) permissions: Vec<Permission>,
    pub(crate) digest: String,
    pub(crate) size: usize,
}

/// Compiles a file in this process.
pub(crate) async fn compile(shared: &Shared, wasm: Vec<u8>) -> Result<Compiled, LoadError> {
    // Compiling takes much memory, so it is done one module at a time.
    let _turn = shared.compiling.lock().await;
    let engine = shared.wasm.clone();
    on_a_thread(move || compile::compile(&engine, &wasm)).await
}

/// Takes over compiled code, and checks it.
pub(crate) async fn load(
    shared: Arc<Shared>,
    compiled: Compiled,
    granted: &[Permission],
    limits: Limits,
) -> Result<Loaded, LoadError> {
    let engine = shared.wasm.clone();
    let of = compiled.of();
    let component = on_a_thread(move || compile::take_over(&engine, &compiled)).await?;
    check(shared, component, of, (granted, limits)).await
}

async fn check(
    shared: Arc<Shared>,
    component: Component,
    (digest, size): (String, usize),
    (granted, limits): (&[Permission], Limits),
) -> Result<Loaded, LoadError> {
    let exports = find_exports(&shared.wasm, &component)?;
    let (pre, permissions) = link(&shared.wasm, &component, granted)?;
    let caller = Caller::new(shared, pre, limits);
    let functions = check_types(&caller, exports).await?;
    let description = describe(&caller, &functions).await?;
    let config_schema = description::validate(&description).map_err(LoadError::BadDescription)?;
    Ok(Loaded { caller, functions, description, config_schema, permissions, digest, size })
}

/// Work on a component takes from a tenth of a millisecond to seconds, so a thread for such work does it.
async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LoadError> + Send + 'static,
) -> Result<T, LoadError> {
    task::spawn_blocking(work).await.unwrap_or_else(|panic| Err(LoadError::Compile(panic.into())))
}

/// Finds the functions of the interface, or says why there are none.
fn find_exports(engine: &wasmtime::Engine, component: &Component) -> Result<Exports, LoadError> {
    Exports::find(component).map_err(|name| {
        let formatter = format!("{}formatter@", since_v0_1_0::PACKAGE);
        let ty = component.component_type();
        let found = ty
            .exports(engine)
            .find_map(|(name, _)| name.strip_prefix(&formatter).map(str::to_owned));
        match found {
            Some(found) if !KNOWN.contains(&found.as_str()) => {
                LoadError::UnsupportedInterface { found, known: KNOWN }
            }
            _ => LoadError::MissingExport { name, known: KNOWN },
        }
    })
}

/// Offers the component what it imports, so far as it may have that.
fn link(
    engine: &wasmtime::Engine,
    component: &Component,
    granted: &[Permission],
) -> Result<(InstancePre<Sandbox>, Vec<Permission>), LoadError> {
    let types = |error: wasmtime::Error| LoadError::Types(error.into());
    let mut linker = Linker::new(engine);
    let mut permissions = Vec::new();
    let mut wants_wasi = false;
    for (name, _) in component.component_type().imports(engine) {
        if wasi::offers(name) {
            wants_wasi = true;
            continue;
        }
        let import =
            Import::named(name).ok_or_else(|| LoadError::UnknownImport(name.to_owned()))?;
        if let Import::Permission(permission) = import {
            if !granted.contains(&permission) {
                return Err(LoadError::NotPermitted(permission));
            }
            permissions.push(permission);
        }
        import.link(&mut linker).map_err(types)?;
    }
    if wants_wasi {
        wasi::link(&mut linker).map_err(types)?;
    }
    permissions.sort_unstable();
    Ok((linker.instantiate_pre(component).map_err(types)?, permissions))
}

/// Compares the types of the functions with those of the interface. Only an instance has them.
async fn check_types(caller: &Caller, exports: Exports) -> Result<Functions, LoadError> {
    let place = caller.place().await.map_err(LoadError::Instantiate)?;
    let mut call = caller.begin(place, Arc::new(Nothing), Moment::FIXED);
    let result = caller.in_time(call.lane(), call.instantiate()).await;
    let instance = call.settle(result).map_err(LoadError::Instantiate)?;
    exports.check_types(&mut call.store, &instance).map_err(|error| LoadError::Types(error.into()))
}

async fn describe(caller: &Caller, functions: &Functions) -> Result<Description, LoadError> {
    let place = caller.place().await.map_err(LoadError::Describe)?;
    let mut call = caller.begin(place, Arc::new(Nothing), Moment::FIXED);
    let result = caller
        .in_time(call.lane(), async {
            let instance = call.instantiate().await?;
            functions.describe(&mut call.store, &instance).await
        })
        .await;
    call.settle(result).map_err(LoadError::Describe)
}
