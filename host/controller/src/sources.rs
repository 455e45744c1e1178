//! Where Providers, Alerts and Secrets come from, and how they become a [`Catalog`](crate::catalog::Catalog).
//!
//! A source reads its objects into the types of [`manifest`], and [`assemble`] joins them: it resolves references, takes
//! Secrets apart and says what does not fit. [`folder`] is the source for people without a cluster. Nothing here knows
//! events, deliveries, modules or the network.

mod assemble;
pub mod folder;
pub(crate) mod manifest;
mod mistake;
mod nearest;
mod yaml;

pub use assemble::Loaded;
pub use mistake::Mistake;
