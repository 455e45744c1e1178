//! Where Providers, Alerts and Secrets come from, and how they become a [`Catalog`](crate::catalog::Catalog).
//!
//! A source reads its objects into the types of [`manifest`] with [`read`], and [`assemble`] joins them: it resolves
//! references, takes Secrets apart and says what does not fit. [`cluster`] follows a Kubernetes API server, [`folder`] is
//! the source for people without one. Nothing here knows deliveries, modules or what is sent to receivers.

mod assemble;
pub mod cluster;
pub mod folder;
pub(crate) mod manifest;
mod mistake;
mod nearest;
mod read;
mod yaml;

pub use assemble::{Loaded, ModuleWanted};
pub use mistake::Mistake;
