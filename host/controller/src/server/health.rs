//! The listener for the kubelet: `/healthz` says that the process runs, `/readyz` that it can take events.
//!
//! It does not know what makes a condition true; whoever does holds the [`Readiness`].

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::routing::get;
use http::StatusCode;

/// What must be true before events are sent here: the catalog was read, the journal can keep events.
///
/// A clone tells of the same process.
#[derive(Clone, Debug)]
pub struct Readiness(Arc<Mutex<BTreeMap<&'static str, State>>>);

#[derive(Debug)]
enum State {
    Ready,
    NotReady { reason: String },
}

impl Default for Readiness {
    /// Neither `catalog` nor `journal` is ready yet.
    fn default() -> Self {
        let readiness = Readiness(Arc::default());
        for condition in ["catalog", "journal"] {
            readiness.fail(condition, "not ready yet");
        }
        readiness
    }
}

impl Readiness {
    /// Whether a condition holds from now on.
    pub fn set(&self, condition: &'static str, ready: bool) {
        let state =
            if ready { State::Ready } else { State::NotReady { reason: "not ready".to_owned() } };
        self.put(condition, state);
    }

    /// A condition does not hold; anybody may read the reason.
    pub fn fail(&self, condition: &'static str, reason: impl Into<String>) {
        self.put(condition, State::NotReady { reason: reason.into() });
    }

    fn put(&self, condition: &'static str, state: State) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(condition, state);
    }

    /// A line for each condition that does not hold.
    fn lines(&self) -> String {
        let conditions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = conditions.iter().filter_map(|(condition, state)| match state {
            State::Ready => None,
            State::NotReady { reason } => Some(format!("{condition}: {reason}\n")),
        });
        lines.collect()
    }
}

/// Answers `/healthz` and `/readyz`; `readiness` is asked each time.
pub fn router(readiness: impl Fn() -> Readiness + Clone + Send + Sync + 'static) -> Router {
    let readyz = async move || {
        let lines = readiness().lines();
        if lines.is_empty() {
            (StatusCode::OK, "ok\n".to_owned())
        } else {
            (StatusCode::SERVICE_UNAVAILABLE, lines)
        }
    };
    Router::new().route("/healthz", get(async || "ok\n")).route("/readyz", get(readyz))
}
