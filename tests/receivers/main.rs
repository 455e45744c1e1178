//! Real receivers: each is installed from a package registry, started on loopback, sent an event by the real
//! `herald serve`, and asked for the message as it holds it.
//!
//! `make test-receivers` runs this; a plain `cargo test` does not, as it installs. A receiver that cannot be installed is a
//! failure. What was installed stays below `target/receivers`.

#![allow(clippy::unwrap_used, reason = "tests")]

mod alertmanager;
mod matrix;
mod nats;
mod otel;
mod registry;
mod sentry;
mod webhooks;

use std::time::{Duration, Instant};

/// How long a message may take until its receiver holds it.
const SOON: Duration = Duration::from_secs(60);

/// What a receiver holds, once `look` finds it; `log` is shown when it does not.
async fn held<T>(
    what: &str,
    log: impl Fn() -> String,
    mut look: impl AsyncFnMut() -> Option<T>,
) -> T {
    let end = Instant::now() + SOON;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < end, "not within {SOON:?}: {what}\n{}", log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
