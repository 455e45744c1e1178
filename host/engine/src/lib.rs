//! WebAssembly and nothing else: compiles provider modules, checks what they import and export, and calls each delivery
//! in a fresh sandbox with limits.
//!
//! It knows no network, no cluster and no secret: what a module with permissions may see comes from a [`Disclosure`]
//! that the caller hands over with each call. WIT types stay inside `since_*.rs`; all others speak the words of
//! [`herald_core::formatter`].

mod call;
mod compile;
mod description;
mod engine;
mod error;
mod kept;
mod load;
mod module;
mod places;
mod sandbox;
mod settings;
mod since_v0_1_0;
mod trap;
mod unchecked;
mod wasi;

#[cfg(test)]
mod tests;

pub use compile::{Compiled, Job, digest};
pub use description::BadDescription;
pub use engine::{Engine, StartEngineError};
pub use error::{CallError, Cause, Limit, LoadError};
pub use kept::CacheKey;
pub use module::{Cost, Module, Place, short};
pub use sandbox::{Disclosure, Nothing};
pub use settings::{Limits, Settings};
