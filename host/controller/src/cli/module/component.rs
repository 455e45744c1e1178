//! Makes a component of what a compiler wrote: a component is taken as it is; a core module gets the interface's types,
//! unless it says them itself, and an adapter for WASI 0.1, which some compilers write for.
//!
//! It must not know how anything is compiled.

use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME as ADAPTER_NAME,
    WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER as ADAPTER,
};
use wasmparser::{Parser, Payload};
use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::Resolve;

use super::languages::{INTERFACE, WORLD};
use crate::cli::Failed;

/// The section in which bindings for Rust and C say what a core module imports and exports.
const TYPES: &str = "component-type";

/// The component.
pub(super) fn component(compiled: &[u8]) -> Result<Vec<u8>, Failed> {
    if !Parser::is_core_wasm(compiled) {
        return Ok(compiled.to_vec());
    }
    wrap(compiled).map_err(|err| {
        Failed::Run(format!(
            "what was compiled cannot be made a component: {err:#}; a module exports the interface in herald/wit and imports \
             nothing but that and WASI"
        ))
    })
}

fn wrap(compiled: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut module = compiled.to_vec();
    if !has_types(compiled)? {
        let mut resolve = Resolve::default();
        for (path, text) in INTERFACE {
            resolve.push_str(path, text)?;
        }
        let (package, _) = resolve.packages.iter().next().expect("the interface is a package");
        // What the module does not import of it is left out of the component.
        let world = resolve.select_world(&[package], Some(WORLD))?;
        wit_component::embed_component_metadata(
            &mut module,
            &resolve,
            world,
            StringEncoding::UTF8,
        )?;
    }
    ComponentEncoder::default()
        .module(&module)?
        .adapter(ADAPTER_NAME, ADAPTER)?
        .validate(true)
        .encode()
}

fn has_types(module: &[u8]) -> Result<bool, wasmparser::BinaryReaderError> {
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::CustomSection(section) = payload?
            && section.name().starts_with(TYPES)
        {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(compiled: &[u8]) -> String {
        match component(compiled).unwrap_err() {
            Failed::Usage(text) | Failed::Run(text) => text,
        }
    }

    #[test]
    fn what_lacks_an_export_or_imports_something_else_is_told_so() {
        let empty = b"\0asm\x01\0\0\0";
        assert!(text(empty).contains("herald:provider/formatter@0.1.0"), "{}", text(empty));
        let mut module = wasm_encoder::Module::new();
        let mut types = wasm_encoder::TypeSection::new();
        types.ty().function([], []);
        let mut imports = wasm_encoder::ImportSection::new();
        imports.import("env", "abort", wasm_encoder::EntityType::Function(0));
        module.section(&types).section(&imports);
        let text = text(&module.finish());
        assert!(text.contains("env") && text.contains("nothing but that and WASI"), "{text}");
    }

    #[test]
    fn a_component_is_taken_as_it_is() {
        let generic = crate::modules::built_in("generic").unwrap();
        assert_eq!(component(generic).unwrap(), generic);
    }
}
