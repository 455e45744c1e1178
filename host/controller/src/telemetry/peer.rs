//! The numbers of the listener of events under the names that Flux's notification-controller gives them, so that its
//! dashboards and alerts go on working.
//!
//! It knows names, labels and buckets of the peer. Labels come from closed sets: a method or path that somebody invents is
//! `other`.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

const SECONDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
const BYTES: [f64; 8] = [100.0, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
const METHODS: [&str; 7] = ["POST", "GET", "PUT", "HEAD", "DELETE", "PATCH", "OPTIONS"];
/// Paths beyond this number share the label `other`.
const MAX_PATHS: usize = 50;

/// What the peer shows of its listener of events.
pub(super) struct PeerMetrics {
    registry: Registry,
    seconds: Family<ByAnswer, Histogram, fn() -> Histogram>,
    bytes: Family<ByAnswer, Histogram, fn() -> Histogram>,
    in_flight: Family<ByHandler, Gauge>,
    paths: Mutex<HashSet<Arc<str>>>,
}

/// A posted request and its answer.
#[derive(Clone, Copy, Debug)]
pub struct EventRequest<'a> {
    /// The method.
    pub method: &'a str,
    /// The path; none unless the operator wants paths as labels.
    pub path: Option<&'a str>,
    /// The status of the answer.
    pub status: u16,
    /// The size of its body.
    pub bytes: u64,
    /// How long it took.
    pub took: Duration,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByAnswer {
    service: &'static str,
    handler: Arc<str>,
    method: &'static str,
    code: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByHandler {
    service: &'static str,
    handler: &'static str,
}

impl PeerMetrics {
    pub(super) fn new() -> Self {
        let seconds: fn() -> Histogram = || Histogram::new(SECONDS);
        let bytes: fn() -> Histogram = || Histogram::new(BYTES);
        let mut metrics = Self {
            registry: Registry::default(),
            seconds: Family::new_with_constructor(seconds),
            bytes: Family::new_with_constructor(bytes),
            in_flight: Family::default(),
            paths: Mutex::default(),
        };
        let registry = &mut metrics.registry;
        registry.register(
            "gotk_event_http_request_duration_seconds",
            "The latency of the HTTP requests",
            metrics.seconds.clone(),
        );
        registry.register(
            "gotk_event_http_response_size_bytes",
            "The size of the HTTP responses",
            metrics.bytes.clone(),
        );
        registry.register(
            "gotk_event_http_requests_inflight",
            "The number of inflight requests being handled at the same time",
            metrics.in_flight.clone(),
        );
        metrics
    }

    pub(super) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Where others name what the peer has as well.
    pub(super) fn registry_mut(&mut self) -> &mut Registry {
        &mut self.registry
    }

    /// A request is being answered, as long as what is returned lives.
    pub(super) fn in_flight(&self) -> InFlight {
        let gauge = self.in_flight.get_or_create(&ByHandler { service: "", handler: "/" }).clone();
        gauge.inc();
        InFlight(gauge)
    }

    pub(super) fn answered(&self, request: &EventRequest<'_>) {
        let method = METHODS.iter().find(|method| **method == request.method);
        let labels = ByAnswer {
            service: "",
            handler: self.handler(request.path.unwrap_or("/")),
            method: method.copied().unwrap_or("other"),
            code: request.status,
        };
        self.seconds.get_or_create(&labels).observe(request.took.as_secs_f64());
        #[expect(clippy::cast_precision_loss, reason = "an answer has a few hundred bytes")]
        let bytes = request.bytes as f64;
        self.bytes.get_or_create(&labels).observe(bytes);
    }

    fn handler(&self, path: &str) -> Arc<str> {
        let mut paths = self.paths.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = paths.get(path) {
            return known.clone();
        }
        if paths.len() >= MAX_PATHS {
            return "other".into();
        }
        let path: Arc<str> = path.into();
        paths.insert(path.clone());
        path
    }
}

/// Counts a request for as long as it lives.
#[derive(Debug)]
pub struct InFlight(Gauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}
