//! The bad modules of `components/`, as components: the one written with the SDK, those written by hand, and those with a case inside.

use std::fs;

use herald_controller::rehearsal::cases::Cases;
use serde_json::json;
use wit_component::{ComponentEncoder, StringEncoding};

use crate::events::kustomization;
use crate::herald::root;

/// The module that misbehaves in the way that its Provider's channel names.
///
/// # Panics
/// The build script did not make it.
#[must_use]
pub fn hostile() -> Vec<u8> {
    fs::read(env!("HOSTILE_COMPONENT")).unwrap()
}

/// The module that shows a secret where it declared none.
///
/// # Panics
/// The build script did not make it.
#[must_use]
pub fn leaking() -> Vec<u8> {
    fs::read(env!("LEAKING_COMPONENT")).unwrap()
}

/// The first, which also tries what an operating system would allow.
///
/// # Panics
/// The build script did not make it.
#[must_use]
pub fn hostile_with_wasi() -> Vec<u8> {
    fs::read(env!("HOSTILE_WASI_COMPONENT")).unwrap()
}

/// The component that is written by hand in `components/NAME.wat`; a core module there is made one.
///
/// # Panics
/// There is none of this name, or it is not well-formed.
#[must_use]
pub fn by_hand(name: &str) -> Vec<u8> {
    let text = fs::read_to_string(root().join(format!("tests/components/{name}.wat"))).unwrap();
    let wit = fs::read_to_string(root().join("wit/0.1.0/provider.wit")).unwrap();
    let bytes = wat::parse_str(text.replace("VERSION", version(&wit))).unwrap();
    if text.contains("\n(component") { bytes } else { component(bytes, &wit) }
}

/// The version of the interface, as its text says it.
fn version(wit: &str) -> &str {
    let package = wit.lines().find_map(|line| line.strip_prefix("package herald:provider@"));
    package.unwrap().trim_end_matches(';')
}

fn component(mut core: Vec<u8>, wit: &str) -> Vec<u8> {
    let mut resolve = wit_parser::Resolve::default();
    let package = resolve.push_str("provider.wit", wit).unwrap();
    let world = resolve.select_world(&[package], Some("module")).unwrap();
    wit_component::embed_component_metadata(&mut core, &resolve, world, StringEncoding::UTF8)
        .unwrap();
    ComponentEncoder::default().module(&core).unwrap().validate(true).encode().unwrap()
}

/// A module with one case inside that says what comes of it; with a Secret that has this key, or suspended.
///
/// # Panics
/// It is no module.
#[must_use]
pub fn with_case(wasm: &[u8], outcome: &str, secret: Option<&str>) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let case = dir.path().join("good-news");
    fs::create_dir(&case).unwrap();
    let mut spec = json!({"type": "message", "address": "https://hook.example/", "suspend": true});
    let mut texts = Vec::new();
    if let Some(key) = secret {
        spec["suspend"] = json!(false);
        spec["secretRef"] = json!({"name": "hook"});
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "hook"},
            "stringData": {key: "fake-value"}});
        texts.push(secret.to_string());
        let request = json!({"method": "POST", "url": "https://hook.example/", "noise": ["user-agent", "content-length"],
            "headers": [["content-length", "12"], ["content-type", "application/json"], ["host", "hook.example"]],
            "body": {"text": "x fake-value"}});
        fs::write(case.join("1.request.json"), request.to_string()).unwrap();
    }
    let provider = json!({"apiVersion": "notification.toolkit.fluxcd.io/v1beta3", "kind": "Provider",
        "metadata": {"name": "hook"}, "spec": spec});
    texts.push(provider.to_string());
    fs::write(case.join("provider.yaml"), texts.join("\n---\n")).unwrap();
    fs::write(case.join("event.json"), kustomization("x", "info", "R", "x").to_string()).unwrap();
    fs::write(case.join("outcome.txt"), outcome).unwrap();
    Cases::read(dir.path()).unwrap().embed(wasm).unwrap()
}

/// A core module with one function of so many additions. It is small, and compiling it takes memory and time for each.
#[must_use]
pub fn costly(additions: usize) -> Vec<u8> {
    // No locals; `local.get 0`, then `local.get 0` and `i32.add` again and again; the end.
    let body = [&[0, 0x20, 0][..], &[0x20, 0, 0x6a].repeat(additions), &[0x0b]].concat();
    let code = [&[1][..], &leb128(body.len()), &body].concat();
    let mut module = b"\0asm\x01\0\0\0".to_vec();
    // A type from i32 to i32, and a function of it.
    module.extend([1, 6, 1, 0x60, 1, 0x7f, 1, 0x7f, 3, 2, 1, 0]);
    module.push(10);
    module.extend(leb128(code.len()));
    module.extend(code);
    module
}

/// A number as WebAssembly writes it: seven bits a byte, the least first.
fn leb128(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(number & 0x7f).unwrap();
        number >>= 7;
        bytes.push(if number == 0 { low } else { low | 0x80 });
        if number == 0 {
            return bytes;
        }
    }
}
