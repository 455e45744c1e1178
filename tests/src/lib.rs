//! What the tests and the demo share: the built binary as a process, a receiver that answers as it is told, and events.
//!
//! Everything here talks to loopback only.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot be set up should stop at the line that failed"
)]

pub mod components;
pub mod crash;
pub mod definitions;
pub mod events;
pub mod examples;
pub mod herald;
pub mod install;
pub mod process;
pub mod receiver;
pub mod registry;
pub mod service;
pub mod sigstore;
pub mod tls;
pub mod tutorial;

use std::time::{Duration, Instant};

/// Waits until `condition` holds.
///
/// # Panics
/// It did not hold within `within`; the message says what was waited for.
pub async fn eventually(what: &str, within: Duration, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + within;
    while !condition() {
        assert!(Instant::now() < end, "not within {within:?}: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
