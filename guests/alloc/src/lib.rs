//! Memory for an instance that lives for one call: blocks are handed out one after the other and never taken back.
//!
//! It begins in the page that the linker left partly unused, so that a small call needs no more memory than the
//! instance has from the start, and it is the only crate here with unsafe code. It knows nothing of modules.
//!
//! Linking it is enough (`use herald_alloc as _`): on `wasm32-unknown-unknown` it is the global allocator. With another
//! operating system the C library manages the same space, and elsewhere only the arithmetic is compiled, for its tests.
#![no_std]

mod arithmetic;
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
mod bump;
