//! Small modules written by hand, good and bad: a core module in text, with the interface's types embedded.
//!
//! Addresses in memory: constants from 16, the description at 1024, the problems at 2048, the answer at 3072.

use wit_component::{ComponentEncoder, StringEncoding};

use crate::since_v0_1_0::VERSION;

const WIT: &str = include_str!("../../../../wit/0.1.0/provider.wit");

/// A module as a set of function bodies; the default one is good and answers every delivery with its event's message.
#[derive(Clone)]
pub(super) struct Guest {
    pub(super) imports: String,
    /// Fields of the core module.
    pub(super) fields: &'static str,
    /// Ends with the address of a description.
    pub(super) describe: &'static str,
    /// Ends with the address of a list of texts.
    pub(super) check: &'static str,
    /// Ends with the address of an answer; the delivery's address is its parameter.
    pub(super) next: &'static str,
    /// The interface that it is made for.
    pub(super) wit: String,
    pub(super) version: &'static str,
    pub(super) world: &'static str,
}

impl Default for Guest {
    fn default() -> Self {
        Self {
            imports: String::new(),
            fields: "",
            describe: DESCRIBE,
            check: "(i32.const 2048)",
            next: ECHO,
            wit: WIT.to_owned(),
            version: VERSION,
            world: "module-with-secrets",
        }
    }
}

/// The summary is `test`, its purpose the first, and every list is empty.
const DESCRIBE: &str = "
    (i32.store (i32.const 1024) (i32.const 16)) (i32.store (i32.const 1028) (i32.const 4))
    (i32.const 1024)";

/// Fails with `unsendable` and the message of the event.
const ECHO: &str = "
    (i32.store8 (i32.const 3072) (i32.const 1)) (i32.store8 (i32.const 3076) (i32.const 1))
    (i32.store (i32.const 3080) (i32.load offset=112 (local.get 0)))
    (i32.store (i32.const 3084) (i32.load offset=116 (local.get 0)))
    (i32.const 3072)";

/// Finishes with a POST to the address whose body is the text `test` and the secret `test`.
pub(super) const FINISH: &str = "
    (i32.store (i32.const 3080) (i32.const 24)) (i32.store (i32.const 3084) (i32.const 4))
    (i32.store (i32.const 3124) (i32.const 4096)) (i32.store (i32.const 3128) (i32.const 2))
    (i32.store (i32.const 4100) (i32.const 16)) (i32.store (i32.const 4104) (i32.const 4))
    (i32.store8 (i32.const 4124) (i32.const 2))
    (i32.store (i32.const 4128) (i32.const 16)) (i32.store (i32.const 4132) (i32.const 4))
    (i32.const 3072)";

/// Never ends.
pub(super) const LOOP: &str = "(loop $forever (br $forever)) (unreachable)";

/// Takes memory until there is no more, and then traps as an allocator does.
pub(super) const GREEDY: &str = "
    (loop $more (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
    (unreachable)";

/// Fails with `unsendable` and eight million bytes.
pub(super) const GIANT: &str = "
    (drop (memory.grow (i32.const 200)))
    (i32.store8 (i32.const 3072) (i32.const 1)) (i32.store8 (i32.const 3076) (i32.const 1))
    (i32.store (i32.const 3084) (i32.const 8000000))
    (i32.const 3072)";

/// Fails with `unsendable` and a byte that is no UTF-8.
pub(super) const NO_TEXT: &str = "
    (i32.store8 (i32.const 3072) (i32.const 1)) (i32.store8 (i32.const 3076) (i32.const 1))
    (i32.store (i32.const 3080) (i32.const 32)) (i32.store (i32.const 3084) (i32.const 1))
    (i32.const 3072)";

/// Fails with `unsendable` and what `get` gives, which is an optional text.
pub(super) const TELL: &str = "
    (call $get (i32.const 5000))
    (i32.store8 (i32.const 3072) (i32.const 1)) (i32.store8 (i32.const 3076) (i32.const 1))
    (i32.store (i32.const 3080) (i32.load offset=4 (i32.const 5000)))
    (i32.store (i32.const 3084) (i32.load offset=8 (i32.const 5000)))
    (i32.const 3072)";

impl Guest {
    /// As a component.
    pub(super) fn build(&self) -> Vec<u8> {
        let core = self.core();
        ComponentEncoder::default().module(&core).unwrap().validate(true).encode().unwrap()
    }

    /// The core module with the interface's types embedded, as a compiler leaves it.
    pub(super) fn core(&self) -> Vec<u8> {
        let Guest { imports, fields, describe, check, next, version, .. } = self;
        let text = format!(
            r#"(module $guest
                {imports}
                (memory (export "memory") 1)
                (global $heap (mut i32) (i32.const 8192))
                (data (i32.const 16) "test")
                (data (i32.const 24) "POST")
                (data (i32.const 32) "\ff")
                {fields}
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                    (global.get $heap)
                    (global.set $heap (i32.and (i32.const -8)
                        (i32.add (i32.const 7) (i32.add (global.get $heap) (local.get 3))))))
                (func $describe (export "herald:provider/formatter@{version}#describe") (result i32) {describe})
                (func $check (export "herald:provider/formatter@{version}#check") (param i32) (result i32) {check})
                (func $next (export "herald:provider/formatter@{version}#next") (param i32) (result i32) {next}))"#
        );
        let mut core = wat::parse_str(text).unwrap();
        let mut resolve = wit_parser::Resolve::default();
        let package =
            resolve.push_str("provider.wit", &self.wit.replace(VERSION, version)).unwrap();
        let world = resolve.select_world(&[package], Some(self.world)).unwrap();
        wit_component::embed_component_metadata(&mut core, &resolve, world, StringEncoding::UTF8)
            .unwrap();
        core
    }
}

/// The import of a function of the host's into the core module.
pub(super) fn import(interface: &str, function: &str, name: &str, signature: &str) -> String {
    format!(
        r#"(import "herald:provider/{interface}@{VERSION}" "{function}" (func ${name} {signature}))"#
    )
}

/// A component whose start takes handles without end.
pub(super) fn hoarder() -> Vec<u8> {
    let text = format!(
        r#"(component
            (type $r (resource (rep i32)))
            (core func $new (canon resource.new $r))
            (core module $m
                (import "" "new" (func $new (param i32) (result i32)))
                (func $start (loop $more (drop (call $new (i32.const 0))) (br $more)))
                (func (export "f"))
                (start $start))
            (core instance $i (instantiate $m (with "" (instance (export "new" (func $new))))))
            (func $f (canon lift (core func $i "f")))
            (instance $formatter
                (export "describe" (func $f)) (export "check" (func $f)) (export "next" (func $f)))
            (export "herald:provider/formatter@{VERSION}" (instance $formatter)))"#
    );
    wat::parse_str(text).unwrap()
}
