//! Health and metrics.

use super::*;
use crate::telemetry::Metrics;

async fn get(served: &Served, path: &str) -> Got {
    ask(served, &request("GET", path, b"")).await
}

#[tokio::test]
async fn readiness_names_each_condition_that_does_not_hold() {
    let readiness = Readiness::default();
    let shown = readiness.clone();
    let served = start(super::health(move || shown.clone()), ConnectionSettings::default()).await;

    let check = async |path, status, body| {
        let got = get(&served, path).await;
        assert_eq!((got.status, got.body.as_str()), (status, body), "{path}");
    };
    check("/healthz", 200, "ok\n").await;
    check("/readyz", 503, "catalog: not ready yet\njournal: not ready yet\n").await;
    readiness.set("journal", true);
    check("/readyz", 503, "catalog: not ready yet\n").await;
    readiness.set("catalog", true);
    check("/readyz", 200, "ok\n").await;
    readiness.fail("journal", "the disk is full");
    check("/readyz", 503, "journal: the disk is full\n").await;
    readiness.set("journal", false);
    check("/readyz", 503, "journal: not ready\n").await;
    check("/healthz", 200, "ok\n").await;
    check("/", 404, "").await;
}

#[tokio::test]
async fn metrics_are_in_the_open_metrics_form() {
    let metrics = Metrics::new("1.2.3");
    let served = start(super::metrics(metrics), ConnectionSettings::default()).await;
    let got = get(&served, "/metrics").await;
    assert_eq!(got.status, 200);
    let form = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(got.header("content-type"), Some(form));
    assert!(got.body.contains("herald_build_info{version=\"1.2.3\"} 1\n"), "{}", got.body);
    assert!(got.body.ends_with("# EOF\n"), "{}", got.body);
}
