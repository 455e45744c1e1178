//! The numbers that Prometheus scrapes: their names, labels and buckets.
//!
//! Callers hand over plain values. Labels come from closed sets: outcomes and kinds are the words that our own enums name
//! themselves by, hence `&'static str`; types of providers are capped in case somebody installs very many.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::{encode, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use super::peer::{EventRequest, InFlight, PeerMetrics};
use super::tokens::{TokenMetrics, TokenRequest};

/// Every outcome of a posted event, so that each counter is there before it counts.
const EVENT_OUTCOMES: [&str; 5] = ["accepted", "duplicate", "invalid", "too_large", "unavailable"];

/// The states of a breaker that are shown.
const BREAKER_STATES: [&str; 2] = ["open", "half_open"];

/// Types beyond this number share the label `other`.
const MAX_TYPES: usize = 200;

/// From the fastest fsync to an emitter's patience, which is 5 s.
const ACCEPT_BUCKETS: [f64; 14] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// From a receiver next door to a long `spec.timeout`.
const ATTEMPT_BUCKETS: [f64; 12] =
    [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 15.0, 60.0];

/// All numbers of the process. A clone counts into the same ones.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    peer: PeerMetrics,
    tokens: TokenMetrics,
    types: RwLock<HashSet<Arc<str>>>,
    events: Family<ByOutcome, Counter>,
    accept_seconds: Histogram,
    attempts: Family<ByTypeAndOutcome, Counter>,
    attempt_seconds: Family<ByType, Histogram, fn() -> Histogram>,
    deliveries: Family<ByTypeAndOutcome, Counter>,
    held: Family<ByTypeAndReason, Counter>,
    module_failures: Family<ByTypeAndKind, Counter>,
    providers: Gauge,
    alerts: Gauge,
    mistakes: Gauge,
    waiting: Gauge,
    cluster_connected: Gauge,
    cluster_leading: Gauge,
    breakers: Family<ByState, Gauge>,
    breaker: Family<ByProviderAndState, Gauge>,
    breaker_openings: Family<ByType, Counter>,
    oldest_waiting: Gauge,
    dead_letters: Gauge,
    journal_bytes: Gauge,
    journal_free_bytes: Gauge,
    volume_free_bytes: Gauge,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByState {
    state: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByProviderAndState {
    provider: String,
    state: &'static str,
}

/// What there is to tell of the journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JournalNumbers {
    /// Deliveries that were given up and are kept.
    pub dead_letters: u64,
    /// How long ago the oldest event was accepted of which a delivery waits.
    pub oldest_waiting: Duration,
    /// The size of its files.
    pub bytes: u64,
    /// The part of them that is free for new events.
    pub free_bytes: u64,
    /// What is free on its volume, where the system tells.
    pub volume_free_bytes: Option<u64>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByOutcome {
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByType {
    r#type: Arc<str>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByTypeAndOutcome {
    r#type: Arc<str>,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByTypeAndReason {
    r#type: Arc<str>,
    reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByTypeAndKind {
    r#type: Arc<str>,
    kind: &'static str,
}

impl Metrics {
    /// All numbers at zero; `version` is what `herald_build_info` shows.
    #[must_use]
    pub fn new(version: &str) -> Metrics {
        let attempt_histogram: fn() -> Histogram = || Histogram::new(ATTEMPT_BUCKETS);
        let mut inner = Inner {
            registry: Registry::with_prefix("herald"),
            peer: PeerMetrics::new(),
            tokens: TokenMetrics::default(),
            types: RwLock::default(),
            events: Family::default(),
            accept_seconds: Histogram::new(ACCEPT_BUCKETS),
            attempts: Family::default(),
            attempt_seconds: Family::new_with_constructor(attempt_histogram),
            deliveries: Family::default(),
            held: Family::default(),
            module_failures: Family::default(),
            providers: Gauge::default(),
            alerts: Gauge::default(),
            mistakes: Gauge::default(),
            waiting: Gauge::default(),
            cluster_connected: Gauge::default(),
            cluster_leading: Gauge::default(),
            breakers: Family::default(),
            breaker: Family::default(),
            breaker_openings: Family::default(),
            oldest_waiting: Gauge::default(),
            dead_letters: Gauge::default(),
            journal_bytes: Gauge::default(),
            journal_free_bytes: Gauge::default(),
            volume_free_bytes: Gauge::default(),
        };
        inner.register(version);
        inner.tokens.register(inner.peer.registry_mut());
        let metrics = Metrics(Arc::new(inner));
        // A rate over a counter that appears with its first failure misses that failure.
        for outcome in EVENT_OUTCOMES {
            drop(metrics.0.events.get_or_create(&ByOutcome { outcome }));
        }
        metrics
    }

    /// Counts one posted event: accepted, duplicate, invalid, too_large or unavailable.
    pub fn event(&self, outcome: &'static str) {
        self.0.events.get_or_create(&ByOutcome { outcome }).inc();
    }

    /// Measures how long one accepted event took, from its last byte to the answer.
    pub fn event_accept(&self, took: Duration) {
        self.0.accept_seconds.observe(took.as_secs_f64());
    }

    /// Counts and measures one attempt to deliver to a Provider of this type: delivered, accepted, skipped, retry,
    /// misconfigured or dead.
    pub fn attempt(&self, provider_type: &str, outcome: &'static str, took: Duration) {
        let r#type = self.type_label(provider_type);
        let labels = ByTypeAndOutcome { r#type: r#type.clone(), outcome };
        self.0.attempts.get_or_create(&labels).inc();
        self.0.attempt_seconds.get_or_create(&ByType { r#type }).observe(took.as_secs_f64());
    }

    /// Counts one delivery that has ended: delivered, accepted, skipped or dead.
    pub fn delivery(&self, provider_type: &str, outcome: &'static str) {
        let labels = ByTypeAndOutcome { r#type: self.type_label(provider_type), outcome };
        self.0.deliveries.get_or_create(&labels).inc();
    }

    /// Counts one delivery that is not sent by itself, as its Alert asks for that: repeat, unchanged, undecided, early or
    /// digest.
    pub fn held(&self, provider_type: &str, reason: &'static str) {
        let labels = ByTypeAndReason { r#type: self.type_label(provider_type), reason };
        self.0.held.get_or_create(&labels).inc();
    }

    /// Counts one failure of a module; `kind` is the error's own label.
    pub fn module_failure(&self, provider_type: &str, kind: &'static str) {
        let labels = ByTypeAndKind { r#type: self.type_label(provider_type), kind };
        self.0.module_failures.get_or_create(&labels).inc();
    }

    /// Shows how much the catalog holds: Providers, Alerts, and objects or fields that it could not take.
    pub fn catalog(&self, providers: usize, alerts: usize, mistakes: usize) {
        self.0.providers.set(saturate(providers));
        self.0.alerts.set(saturate(alerts));
        self.0.mistakes.set(saturate(mistakes));
    }

    /// Shows how many deliveries wait for an attempt.
    pub fn waiting(&self, n_deliveries: usize) {
        self.0.waiting.set(saturate(n_deliveries));
    }

    /// Shows whether what is in the cluster can be seen, and whether this process writes statuses.
    pub fn cluster(&self, is_connected: bool, is_leading: bool) {
        self.0.cluster_connected.set(i64::from(is_connected));
        self.0.cluster_leading.set(i64::from(is_leading));
    }

    /// A request to the listener of events is being answered, as long as what is returned lives.
    #[must_use]
    pub fn event_request(&self) -> InFlight {
        self.0.peer.in_flight()
    }

    /// Measures one answer of the listener of events.
    pub fn event_answered(&self, request: &EventRequest<'_>) {
        self.0.peer.answered(request);
    }

    /// Counts one request for a credential of this Provider.
    pub fn token_requested(&self, namespace: &str, name: &str, request: TokenRequest) {
        self.0.tokens.requested(namespace, name, request);
    }

    /// Shows how many credentials are kept, and counts those that had to go for others.
    pub fn tokens_kept(&self, n_kept: usize, n_evicted: u64) {
        self.0.tokens.kept(n_kept, n_evicted);
    }

    /// Shows how many Providers get nothing because their receiver fails, and how many are being probed.
    pub fn breakers(&self, open: usize, half_open: usize) {
        for (state, n_providers) in BREAKER_STATES.into_iter().zip([open, half_open]) {
            self.0.breakers.get_or_create(&ByState { state }).set(saturate(n_providers));
        }
    }

    /// Shows the state of one Provider's breaker. One that is closed is not shown, so that many Providers are few series.
    pub fn breaker(&self, provider: &str, is_open: bool, is_half_open: bool) {
        for (state, is_shown) in BREAKER_STATES.into_iter().zip([is_open, is_half_open]) {
            let labels = ByProviderAndState { provider: provider.to_owned(), state };
            if is_shown {
                self.0.breaker.get_or_create(&labels).set(1);
            } else {
                self.0.breaker.remove(&labels);
            }
        }
    }

    /// Counts one Provider of this type whose receiver failed so often that it gets nothing for a while.
    pub fn breaker_opened(&self, provider_type: &str) {
        let r#type = self.type_label(provider_type);
        self.0.breaker_openings.get_or_create(&ByType { r#type }).inc();
    }

    /// Shows how it is with the journal.
    pub fn journal(&self, numbers: &JournalNumbers) {
        let bytes = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        self.0.oldest_waiting.set(bytes(numbers.oldest_waiting.as_secs()));
        self.0.dead_letters.set(bytes(numbers.dead_letters));
        self.0.journal_bytes.set(bytes(numbers.bytes));
        self.0.journal_free_bytes.set(bytes(numbers.free_bytes));
        if let Some(free) = numbers.volume_free_bytes {
            self.0.volume_free_bytes.set(bytes(free));
        }
    }

    /// All numbers in the OpenMetrics text form.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = String::new();
        encode_registry(&mut text, self.0.peer.registry())
            .and_then(|()| encode(&mut text, &self.0.registry))
            .expect("writing to a String does not fail");
        text
    }

    /// One shared string for each type, so that counting does not allocate and labels stay few.
    fn type_label(&self, provider_type: &str) -> Arc<str> {
        let known = self.0.types.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(label) = known.get(provider_type) {
            return label.clone();
        }
        drop(known);
        let mut known = self.0.types.write().unwrap_or_else(PoisonError::into_inner);
        let label: Arc<str> =
            if known.len() < MAX_TYPES { provider_type.into() } else { "other".into() };
        if let Some(label) = known.get(&label) {
            return label.clone();
        }
        known.insert(label.clone());
        label
    }
}

impl Inner {
    /// Names every number. The library appends `_total` to counters and `_info` to the version.
    fn register(&mut self, version: &str) {
        let registry = &mut self.registry;
        registry.register("events", "Events posted, by what became of them", self.events.clone());
        registry.register(
            "event_accept_duration_seconds",
            "Time from the last byte of an accepted event until it is on disk and answered",
            self.accept_seconds.clone(),
        );
        registry.register(
            "attempts",
            "Attempts to deliver, by the Provider's type and how they ended",
            self.attempts.clone(),
        );
        registry.register(
            "attempt_duration_seconds",
            "Time of one attempt, with the module's work and the receiver's answer",
            self.attempt_seconds.clone(),
        );
        registry.register(
            "deliveries",
            "Deliveries that have ended, by the Provider's type and how",
            self.deliveries.clone(),
        );
        registry.register(
            "deliveries_held",
            "Deliveries that were not sent by themselves, as their Alert asks for that, by the Provider's type and why",
            self.held.clone(),
        );
        registry.register(
            "module_failures",
            "Calls of modules that failed, by type and kind of failure",
            self.module_failures.clone(),
        );
        registry.register("catalog_providers", "Providers known", self.providers.clone());
        registry.register("catalog_alerts", "Alerts known", self.alerts.clone());
        registry.register(
            "catalog_mistakes",
            "Mistakes in Providers, Alerts and Secrets that wait for somebody to correct them",
            self.mistakes.clone(),
        );
        registry.register(
            "deliveries_waiting",
            "Deliveries that wait for an attempt",
            self.waiting.clone(),
        );
        registry.register(
            "cluster_connected",
            "Whether the cluster that Providers and Alerts come from can be seen",
            self.cluster_connected.clone(),
        );
        registry.register(
            "cluster_leading",
            "Whether this process writes statuses into the cluster",
            self.cluster_leading.clone(),
        );
        registry.register(
            "provider_breakers",
            "Providers whose receiver fails, by the state of their breaker",
            self.breakers.clone(),
        );
        registry.register(
            "provider_breaker",
            "1 for each Provider whose receiver fails, and the state of its breaker; none while it is closed",
            self.breaker.clone(),
        );
        registry.register(
            "provider_breaker_openings",
            "How often a receiver failed so often that its deliveries wait, by the Provider's type",
            self.breaker_openings.clone(),
        );
        registry.register(
            "deliveries_oldest_waiting_seconds",
            "Time since the oldest event was accepted of which a delivery waits; 0 when none does",
            self.oldest_waiting.clone(),
        );
        registry.register(
            "dead_letters",
            "Deliveries that were given up and are kept in the journal",
            self.dead_letters.clone(),
        );
        registry.register(
            "journal_bytes",
            "Size of the journal with its log",
            self.journal_bytes.clone(),
        );
        registry.register(
            "journal_free_bytes",
            "The part of the journal that is free for new events",
            self.journal_free_bytes.clone(),
        );
        registry.register(
            "volume_free_bytes",
            "What is free on the volume of the journal",
            self.volume_free_bytes.clone(),
        );
        let build = Info::new(vec![("version", version.to_owned())]);
        registry.register("build", "The version that runs", build);
    }
}

pub(super) fn saturate(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
