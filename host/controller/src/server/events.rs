//! The listener of events: reads a body within its limits, has it kept, and chooses the answer.
//!
//! Emitters know the answers of the controller that Herald replaces, and react to the status alone: 429 is success, 5xx
//! and broken connections are tried again, everything else is done. It must not know how an event is kept or routed.

mod answer;
mod body;

use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::HttpBody as _;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use herald_core::intake::{self, DedupKey};
use jiff::Timestamp;
use thiserror::Error;
use tokio::time::{Instant as Deadline, timeout_at};

use self::answer::{After, Answer};
use self::body::ReadBodyError;
use super::connections::Answers;
use super::throttle::Throttle;
use crate::telemetry::{EventRequest, Metrics, report};

/// Puts an event where no crash can take it from us.
pub trait Keeper: Send + Sync + 'static {
    /// Keeps a body under its key.
    ///
    /// # Guarantees
    /// After `Kept` the event is on disk: this one, or the one that it repeats. The caller may stop waiting at any time;
    /// the event may then be kept all the same.
    fn keep(
        &self,
        key: DedupKey,
        body: Bytes,
    ) -> impl Future<Output = Result<Kept, NotKept>> + Send;
}

/// How an event was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is new.
    New,
    /// The same event was kept before.
    Duplicate {
        /// From then on it counts as new.
        until: Timestamp,
    },
}

/// The event could not be kept.
#[derive(Debug, Error)]
#[error("an event was not kept")]
pub struct NotKept(#[source] Box<dyn Error + Send + Sync>);

impl NotKept {
    /// Not kept for this reason.
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> NotKept {
        NotKept(source.into())
    }
}

/// What the listener of events is told.
#[derive(Clone, Debug)]
pub struct EventSettings {
    /// How long a repeated event is a duplicate; only for the header that tells when the window ends.
    pub window: Duration,
    /// The most time from the end of the headers to the answer.
    pub request_time: Duration,
    /// Whether the peer's metrics tell paths apart.
    pub paths_in_metrics: bool,
}

impl EventSettings {
    /// The usual limits, with this window.
    #[must_use]
    pub fn new(window: Duration) -> EventSettings {
        let request_time = Duration::from_secs(30);
        EventSettings { window, request_time, paths_in_metrics: false }
    }
}

/// Answers any path and any method.
pub fn events<K: Keeper>(keeper: K, settings: EventSettings, metrics: Metrics) -> impl Answers {
    let every = Duration::from_secs(1);
    Arc::new(Intake {
        keeper,
        settings,
        metrics,
        not_kept: Throttle::new(every),
        not_taken: Throttle::new(every),
    })
}

struct Intake<K> {
    keeper: K,
    settings: EventSettings,
    metrics: Metrics,
    not_kept: Throttle,
    not_taken: Throttle,
}

impl<K: Keeper> Answers for Arc<Intake<K>> {
    async fn answer(&self, request: Request) -> Response {
        let began = Instant::now();
        let _in_flight = self.metrics.event_request();
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let answer = self.take(request).await;
        self.metrics.event(answer.kind());
        let response = answer.into_response(Timestamp::now());
        self.metrics.event_answered(&EventRequest {
            method: method.as_str(),
            path: self.settings.paths_in_metrics.then(|| uri.path()),
            status: response.status().as_u16(),
            bytes: response.body().size_hint().exact().unwrap_or(0),
            took: began.elapsed(),
        });
        response
    }
}

impl<K: Keeper> Intake<K> {
    async fn take(&self, request: Request) -> Answer {
        let deadline = Deadline::now() + self.settings.request_time;
        let body = match body::read(request, deadline).await {
            Ok(body) => body,
            Err(error) => {
                let text = self.refused(&error);
                return match error {
                    ReadBodyError::TooLong { left_over: true } => {
                        Answer::TooLarge { text, after: After::Closes }
                    }
                    ReadBodyError::TooLong { left_over: false } => {
                        Answer::TooLarge { text, after: After::Stays }
                    }
                    ReadBodyError::Late | ReadBodyError::Receive(_) => {
                        Answer::Invalid { text, after: After::Closes }
                    }
                };
            }
        };
        let complete = Instant::now();
        let key = match intake::accept(&body) {
            Ok(intake) => intake.key,
            Err(error) => {
                return Answer::Invalid { text: self.refused(&error), after: After::Stays };
            }
        };
        let kept = timeout_at(deadline, self.keeper.keep(key, body)).await;
        match kept.unwrap_or_else(|_| Err(NotKept::new("the journal did not answer in time"))) {
            Ok(Kept::New) => {
                self.metrics.event_accept(complete.elapsed());
                Answer::Accepted { window: self.settings.window }
            }
            Ok(Kept::Duplicate { until }) => Answer::Duplicate { until },
            Err(error) => {
                if let Some(n_suppressed) = self.not_kept.admit(Instant::now()) {
                    tracing::error!(n_suppressed, "{}", report(&error));
                }
                Answer::Unavailable
            }
        }
    }

    /// Logs why a request was refused, and says it for the sender.
    ///
    /// The emitter takes a refusal for the end of the matter, so the log is where its loss can be seen.
    fn refused(&self, error: &dyn Error) -> String {
        let text = answer::one_line(&report(error));
        if let Some(n_suppressed) = self.not_taken.admit(Instant::now()) {
            tracing::warn!(n_suppressed, "an event was refused: {text}");
        }
        text
    }
}
