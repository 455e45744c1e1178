//! Herald: takes events of GitOps controllers and sends each to the Providers whose Alerts want it.
//!
//! This crate is everything with a socket, a clock or a file. `host/ARCHITECTURE.md` has the map of its rooms and the
//! way of one event through them; `tests/it/tidy.rs` keeps the borders.

pub mod app;
pub mod catalog;
pub mod cli;
pub mod clock;
pub mod credentials;
pub mod delivery;
pub mod desk;
pub mod egress;
pub mod migration;
pub mod modules;
pub mod notices;
pub mod registry;
pub mod rehearsal;
pub mod router;
pub mod server;
pub mod service_accounts;
pub mod sources;
pub mod telemetry;
mod watch;
