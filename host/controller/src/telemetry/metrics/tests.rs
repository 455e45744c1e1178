use super::*;

fn check(metrics: &Metrics, line: &str) {
    let text = metrics.encode();
    assert!(text.lines().any(|l| l == line), "no line `{line}` in\n{text}");
}

#[test]
fn every_number_has_its_name_and_labels() {
    let metrics = Metrics::new("1.2.3");
    metrics.event("too_large");
    metrics.event_accept(Duration::from_micros(300));
    metrics.attempt("slack", "retry", Duration::from_millis(20));
    metrics.attempt("slack", "delivered", Duration::from_millis(2));
    metrics.delivery("slack", "delivered");
    metrics.held("slack", "repeat");
    metrics.module_failure("slack", "trap");
    metrics.catalog(3, 4, 5);
    metrics.waiting(6);
    metrics.cluster(true, false);
    drop(metrics.event_request());
    metrics.event_answered(&EventRequest {
        method: "POST",
        path: None,
        status: 202,
        bytes: 0,
        took: Duration::from_millis(7),
    });
    metrics.breakers(2, 1);
    metrics.breaker("apps/chat", true, false);
    metrics.breaker("apps/chat", false, true);
    metrics.breaker_opened("slack");
    metrics.journal(&JournalNumbers {
        dead_letters: 7,
        oldest_waiting: Duration::from_secs(8),
        bytes: 9,
        free_bytes: 10,
        volume_free_bytes: Some(11),
    });

    check(&metrics, r#"herald_build_info{version="1.2.3"} 1"#);
    check(&metrics, r#"herald_events_total{outcome="too_large"} 1"#);
    check(&metrics, r#"herald_events_total{outcome="accepted"} 0"#);
    check(&metrics, "herald_event_accept_duration_seconds_count 1");
    check(&metrics, r#"herald_event_accept_duration_seconds_bucket{le="0.0005"} 1"#);
    check(&metrics, r#"herald_attempts_total{type="slack",outcome="retry"} 1"#);
    check(&metrics, r#"herald_attempt_duration_seconds_count{type="slack"} 2"#);
    check(&metrics, r#"herald_deliveries_total{type="slack",outcome="delivered"} 1"#);
    check(&metrics, r#"herald_deliveries_held_total{type="slack",reason="repeat"} 1"#);
    check(&metrics, r#"herald_module_failures_total{type="slack",kind="trap"} 1"#);
    check(&metrics, "herald_catalog_providers 3");
    check(&metrics, "herald_catalog_alerts 4");
    check(&metrics, "herald_catalog_mistakes 5");
    check(&metrics, "herald_deliveries_waiting 6");
    check(&metrics, "herald_cluster_connected 1");
    check(&metrics, "herald_cluster_leading 0");
    check(
        &metrics,
        r#"gotk_event_http_request_duration_seconds_bucket{le="0.01",service="",handler="/",method="POST",code="202"} 1"#,
    );
    check(&metrics, r#"gotk_event_http_requests_inflight{service="",handler="/"} 0"#);
    check(&metrics, r#"herald_provider_breakers{state="open"} 2"#);
    check(&metrics, r#"herald_provider_breakers{state="half_open"} 1"#);
    check(&metrics, r#"herald_provider_breaker{provider="apps/chat",state="half_open"} 1"#);
    let is_shown = |state: &str| {
        metrics.encode().contains(&format!(r#"provider="apps/chat",state="{state}"}}"#))
    };
    assert!(!is_shown("open"));
    metrics.breaker("apps/chat", false, false);
    assert!(!is_shown("half_open"));
    check(&metrics, r#"herald_provider_breaker_openings_total{type="slack"} 1"#);
    check(&metrics, "herald_dead_letters 7");
    check(&metrics, "herald_deliveries_oldest_waiting_seconds 8");
    check(&metrics, "herald_journal_bytes 9");
    check(&metrics, "herald_journal_free_bytes 10");
    check(&metrics, "herald_volume_free_bytes 11");
    check(&metrics, "# EOF");
    assert_eq!(metrics.encode().matches("# EOF").count(), 1);
}

#[test]
fn very_many_types_share_one_label() {
    let metrics = Metrics::new("1");
    for n in 0..MAX_TYPES + 3 {
        metrics.delivery(&format!("type-{n}"), "dead");
    }
    check(&metrics, r#"herald_deliveries_total{type="other",outcome="dead"} 3"#);
    metrics.delivery("type-0", "dead");
    check(&metrics, r#"herald_deliveries_total{type="type-0",outcome="dead"} 2"#);
}
