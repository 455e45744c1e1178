//! The names that a file imports, read without running or compiling anything of it.

use wasmparser::{Parser, Payload};

/// What a component imports; of a core module, what the component would that a host makes of it. None when the file is
/// no WebAssembly that could be read.
pub(super) fn imports(wasm: &[u8]) -> Option<Vec<String>> {
    let wrapped = match Parser::is_core_wasm(wasm) {
        true => Some(
            wit_component::ComponentEncoder::default()
                .module(wasm)
                .and_then(|mut encoder| encoder.encode())
                .ok()?,
        ),
        false => None,
    };
    let mut names = Vec::new();
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(wrapped.as_deref().unwrap_or(wasm)) {
        match payload.ok()? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    names.push(import.ok()?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Some(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::built_in;

    #[test]
    fn only_what_the_component_itself_imports_is_named() {
        assert_eq!(imports(built_in("slack").unwrap()), Some(Vec::new()));
        let github = imports(built_in("github").unwrap()).unwrap();
        assert!(github.iter().any(|name| name.starts_with("herald:provider/full-address@")));
        assert_eq!(imports(b"#!/bin/sh"), None);
    }
}
