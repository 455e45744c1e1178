//! The way from bytes to a module: each step, and what is wrong when it fails.
//!
//! It must not know the interface's types.

use std::sync::Arc;

use herald_core::config_schema::ConfigSchema;
use herald_core::formatter::{Description, Permission};
use sha2::{Digest as _, Sha256};
use tokio::task;
use wasmtime::component::{Component, InstancePre, Linker};

use crate::call::Caller;
use crate::description;
use crate::engine::Shared;
use crate::error::LoadError;
use crate::sandbox::{Nothing, Sandbox};
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

pub(crate) async fn load(
    shared: Arc<Shared>,
    wasm: Vec<u8>,
    granted: &[Permission],
) -> Result<Loaded, LoadError> {
    let size = wasm.len();
    let (component, digest) = compile(&shared, wasm).await?;
    let exports = find_exports(&shared.wasm, &component)?;
    let (pre, permissions) = link(&shared.wasm, &component, granted)?;
    let caller = Caller::new(shared, pre);
    let functions = check_types(&caller, exports).await?;
    let description = describe(&caller, &functions).await?;
    let config_schema = description::validate(&description).map_err(LoadError::BadDescription)?;
    Ok(Loaded { caller, functions, description, config_schema, permissions, digest, size })
}

/// Compiles on a thread for such work: it takes from 10 ms to seconds.
async fn compile(shared: &Shared, wasm: Vec<u8>) -> Result<(Component, String), LoadError> {
    let format = Format::of(&wasm);
    if let Format::Other(found) = format {
        return Err(LoadError::NotAComponent { found });
    }
    let _turn = shared.compiling.lock().await;
    let engine = shared.wasm.clone();
    let work = task::spawn_blocking(move || {
        let digest = digest(&wasm);
        let wasm = if format == Format::Core { wrap(&wasm)? } else { wasm };
        let compiled = Component::from_binary(&engine, &wasm).and_then(|component| {
            // Otherwise the first call would do this.
            component.initialize_copy_on_write_image()?;
            Ok(component)
        });
        compiled
            .map(|component| (component, digest))
            .map_err(|error| LoadError::Compile(error.into()))
    });
    work.await.unwrap_or_else(|panic| Err(LoadError::Compile(panic.into())))
}

/// What a file holds, by its first eight bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// A component.
    Component,
    /// A core module, as the compiler for `wasm32-unknown-unknown` leaves it.
    Core,
    /// What it is instead.
    Other(&'static str),
}

impl Format {
    fn of(wasm: &[u8]) -> Self {
        match wasm.get(..8) {
            Some([b'\0', b'a', b's', b'm', _, _, 1, 0]) => Format::Component,
            Some([b'\0', b'a', b's', b'm', ..]) => Format::Core,
            _ if wasm.is_empty() => Format::Other("an empty file"),
            _ => Format::Other("a file of another format"),
        }
    }
}

/// Makes a component of a core module by what its bindings left in it, so that an author needs no further tool.
fn wrap(core: &[u8]) -> Result<Vec<u8>, LoadError> {
    let wrapped = wit_component::ComponentEncoder::default()
        .module(core)
        .and_then(|encoder| encoder.validate(true).encode());
    wrapped.map_err(|error| LoadError::Wrap(error.into()))
}

fn digest(wasm: &[u8]) -> String {
    let hex: String = Sha256::digest(wasm).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
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
    let mut call = caller.begin(Arc::new(Nothing), Moment::FIXED).await;
    let result = caller.in_time(call.lane(), call.instantiate()).await;
    let instance = call.settle(result).map_err(LoadError::Instantiate)?;
    exports.check_types(&mut call.store, &instance).map_err(|error| LoadError::Types(error.into()))
}

async fn describe(caller: &Caller, functions: &Functions) -> Result<Description, LoadError> {
    let mut call = caller.begin(Arc::new(Nothing), Moment::FIXED).await;
    let result = caller
        .in_time(call.lane(), async {
            let instance = call.instantiate().await?;
            functions.describe(&mut call.store, &instance).await
        })
        .await;
    call.settle(result).map_err(LoadError::Describe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_tells_what_it_is_by_its_first_bytes() {
        let check = |bytes: &[u8], format: Format| {
            assert_eq!(Format::of(bytes), format, "{}", bytes.escape_ascii());
        };
        check(b"\0asm\x0d\0\x01\0", Format::Component);
        check(b"\0asm\x01\0\0\0", Format::Core);
        check(b"", Format::Other("an empty file"));
        check(b"(component)", Format::Other("a file of another format"));
    }

    #[test]
    fn a_digest_names_its_hash() {
        assert_eq!(
            digest(b""),
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }
}
