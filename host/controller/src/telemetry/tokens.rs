//! The numbers of the credentials that are kept, under the names that Flux's notification-controller gives those of its
//! cache of tokens.
//!
//! It knows names and labels of the peer. Names of Providers are labels, as the peer has them, up to a number of them.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Providers beyond this number share the name `other`.
const MAX_PROVIDERS: usize = 1000;
const OTHER: &str = "other";

/// What became of a request for a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenRequest {
    /// There was one that is still good.
    Kept,
    /// It was obtained.
    Obtained,
    /// It could not be obtained.
    Failed,
}

/// What the peer shows of its cache of tokens.
#[derive(Default)]
pub(super) struct TokenMetrics {
    events: Family<ByProvider, Counter>,
    requests: Family<ByStatus, Counter>,
    kept: Gauge,
    evictions: Counter,
    providers: Mutex<HashSet<(String, String)>>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByProvider {
    event_type: &'static str,
    kind: &'static str,
    name: String,
    namespace: String,
    operation: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByStatus {
    status: &'static str,
}

impl TokenMetrics {
    /// Names every number. The library appends `_total` to counters.
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "gotk_token_cache_events",
            "Total number of cache retrieval events for a Gitops Toolkit resource reconciliation",
            self.events.clone(),
        );
        registry.register(
            "gotk_token_cache_requests",
            "Total number of cache requests partitioned by success or failure",
            self.requests.clone(),
        );
        registry.register(
            "gotk_token_cached_items",
            "Total number of items in the cache",
            self.kept.clone(),
        );
        registry.register(
            "gotk_token_cache_evictions",
            "Total number of cache evictions",
            self.evictions.clone(),
        );
    }

    pub(super) fn requested(&self, namespace: &str, name: &str, request: TokenRequest) {
        let (status, event_type) = match request {
            TokenRequest::Kept => ("success", Some("cache_hit")),
            TokenRequest::Obtained => ("success", Some("cache_miss")),
            TokenRequest::Failed => ("failure", None),
        };
        self.requests.get_or_create(&ByStatus { status }).inc();
        let Some(event_type) = event_type else { return };
        let (namespace, name) = self.labels(namespace, name);
        let labels =
            ByProvider { event_type, kind: "Provider", name, namespace, operation: "post" };
        self.events.get_or_create(&labels).inc();
    }

    pub(super) fn kept(&self, n_kept: usize, n_evicted: u64) {
        self.kept.set(super::metrics::saturate(n_kept));
        self.evictions.inc_by(n_evicted);
    }

    fn labels(&self, namespace: &str, name: &str) -> (String, String) {
        let labels = (namespace.to_owned(), name.to_owned());
        let mut known = self.providers.lock().unwrap_or_else(PoisonError::into_inner);
        if known.contains(&labels) {
            return labels;
        }
        if known.len() >= MAX_PROVIDERS {
            return (OTHER.to_owned(), OTHER.to_owned());
        }
        known.insert(labels.clone());
        labels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_as_the_peer_counts_them() {
        let (metrics, mut registry) = (TokenMetrics::default(), Registry::default());
        metrics.register(&mut registry);
        metrics.requested("apps", "hub", TokenRequest::Obtained);
        metrics.requested("apps", "hub", TokenRequest::Kept);
        metrics.requested("apps", "hub", TokenRequest::Kept);
        metrics.requested("apps", "hub", TokenRequest::Failed);
        metrics.kept(1, 0);
        for n in 0..2 * MAX_PROVIDERS {
            metrics.requested("many", &n.to_string(), TokenRequest::Obtained);
        }
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        let of_hub = r#"kind="Provider",name="hub",namespace="apps",operation="post"} 2"#;
        for expected in [
            &[r#"gotk_token_cache_events_total{event_type="cache_hit","#, of_hub].concat(),
            r#"gotk_token_cache_requests_total{status="failure"} 1"#,
            "gotk_token_cached_items 1",
            "gotk_token_cache_evictions_total 0",
            r#"name="other",namespace="other",operation="post"} 1001"#,
        ] {
            assert!(text.contains(expected), "{expected}\n{text}");
        }
    }
}
