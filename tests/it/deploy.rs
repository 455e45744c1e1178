//! What `deploy/` says of Herald, held against Herald: metrics, flags and ports.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use herald_controller::telemetry::{EventRequest, JournalNumbers, Metrics};
use herald_tests::herald::root;
use serde_json::Value;

const MONITORING: &str = "deploy/kustomize/monitoring";

/// The names of all metrics, each of which was used once.
fn metrics() -> BTreeSet<String> {
    let metrics = Metrics::new("0");
    metrics.event("accepted");
    metrics.event_accept(Duration::ZERO);
    metrics.attempt("slack", "delivered", Duration::ZERO);
    metrics.delivery("slack", "delivered");
    metrics.held("slack", "repeat");
    metrics.module_failure("slack", "trap");
    metrics.breakers(0, 0);
    metrics.breaker("apps/chat", true, false);
    metrics.breaker_opened("slack");
    metrics.journal(&JournalNumbers::default());
    drop(metrics.event_request());
    metrics.event_answered(&EventRequest {
        method: "POST",
        path: None,
        status: 202,
        bytes: 0,
        took: Duration::ZERO,
    });
    let text = metrics.encode();
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    samples.map(|line| line.split(['{', ' ']).next().unwrap().to_owned()).collect()
}

/// The names in an expression that are of our metrics.
fn named(expression: &str) -> BTreeSet<String> {
    let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words
        .filter(|word| word.starts_with("herald_") || word.starts_with("gotk_"))
        .map(str::to_owned)
        .collect()
}

/// Every text under one of these keys.
fn texts(value: &Value, key: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if name == key {
                    found.extend(value.as_str().map(str::to_owned));
                }
                texts(value, key, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| texts(item, key, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn expressions(file: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(MONITORING).join(file)).unwrap();
    let value: Value = serde_saphyr::from_str(&text).unwrap();
    let mut found = Vec::new();
    texts(&value, "expr", &mut found);
    found
}

#[test]
fn every_metric_of_the_rules_and_the_dashboard_exists() {
    let exist = metrics();
    assert!(exist.contains("herald_events_total"), "{exist:?}");
    for file in ["prometheusrule.yaml", "dashboard.json"] {
        let expressions = expressions(file);
        assert!(expressions.len() >= 10, "{file} has {} expressions", expressions.len());
        for expression in expressions {
            let named = named(&expression);
            assert!(!named.is_empty(), "{file}: {expression} names no metric");
            let unknown: Vec<&String> = named.difference(&exist).collect();
            assert!(unknown.is_empty(), "{file}: {expression}: there is no {unknown:?}");
        }
    }
}

#[test]
fn the_dashboard_shows_every_metric_of_our_own() {
    let shown: BTreeSet<String> =
        expressions("dashboard.json").iter().flat_map(|expression| named(expression)).collect();
    let missing: Vec<String> = metrics()
        .into_iter()
        .filter(|name| name.starts_with("herald_") && name != "herald_build_info")
        // A histogram is shown by its buckets.
        .filter(|name| !name.ends_with("_sum") && !name.ends_with("_count"))
        .filter(|name| !shown.contains(name))
        .collect();
    assert!(missing.is_empty(), "the dashboard does not show {missing:?}");
}
