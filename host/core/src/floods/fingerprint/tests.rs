use proptest::prelude::*;

use super::*;
use crate::event::ObjectReference;

fn event(message: &str) -> Event {
    Event {
        involved_object: ObjectReference {
            api_version: "kustomize.toolkit.fluxcd.io/v1".to_owned(),
            kind: "Kustomization".to_owned(),
            ..ObjectReference::default()
        },
        severity: "error".to_owned(),
        reason: "ReconciliationFailed".to_owned(),
        message: message.to_owned(),
        ..Event::default()
    }
}

fn with(name: &str, value: &str) -> Fingerprint {
    let mut event = event("failed");
    event.metadata.insert(name.to_owned(), value.to_owned());
    Fingerprint::of(&event)
}

#[test]
fn what_is_new_each_time_becomes_a_word() {
    for (message, expected) in [
        (
            "Reconciliation finished in 2.084434647s, next run in 1m0s",
            "Reconciliation finished in <duration>, next run in <duration>",
        ),
        (
            "health check failed after 5m0.031s: timeout waiting for: [Deployment/apps/web status: 'InProgress']",
            "health check failed after <duration>: timeout waiting for: [Deployment/apps/web status: 'InProgress']",
        ),
        (
            "took 300ms, 12µs, 7ns, 1h0m0s and 90 seconds",
            "took <duration>, <duration>, <duration>, <duration> and <duration>",
        ),
        ("older than 3 days", "older than <duration>"),
        (
            "status code: 403, request id: eb150160-1a0a-4f2a-8b7f-32afa59f863f",
            "status code: 403, request id: <id>",
        ),
        (
            "StatusCode: 503, RequestID: 4YBRZ3D8H2CGKXYZ, HostID: a/b+C9==, api error",
            "StatusCode: 503, RequestID: <id>, HostID: <id>, api error",
        ),
        (
            "StatusCode: 0, RequestID: , request send failed",
            "StatusCode: 0, RequestID: , request send failed",
        ),
        ("x-ms-request-id=\"f00-12\" trace_id=abc9", "x-ms-request-id=\"<id>\" trace_id=<id>"),
        ("the request id is missing", "the request id is missing"),
        ("object 7b1f0a52-0d1c-4c1e-9a76-0f3f0d6f0a11 is locked", "object <id> is locked"),
        (
            "dial tcp: lookup github.com on 10.96.0.10:53: read udp 10.244.0.7:51392->10.96.0.10:53: i/o timeout",
            "dial tcp: lookup github.com on 10.96.0.10:53: read udp <socket>->10.96.0.10:53: i/o timeout",
        ),
        (
            "read tcp [fd00::7]:51392->[fd00::a]:443: reset",
            "read tcp <socket>->[fd00::a]:443: reset",
        ),
        (
            "revision main@sha1:8f1c2a9b and sha256:00ff of 8f1c2a9b0d",
            "revision main@<hex> and <hex> of <hex>",
        ),
        ("goroutine at 0xc000123456", "goroutine at <hex>"),
        (
            "since 2026-09-01T10:00:00.123Z, 2026-09-01 10:00:00.5 +0200 CEST m=+12.5 and 20260901T100000Z",
            "since <time>, <time> and <time>",
        ),
        ("2026/09/01 10:00:00 WARN disk", "<time> WARN disk"),
        (
            "at Tue, 01 Sep 2026 10:00:00 GMT or Tue Sep  1 10:00:00 2026, until 2026-09-30",
            "at <time> or <time>, until <time>",
        ),
        ("expires at 1788256800 or 1788256800123", "expires at <time> or <time>"),
        ("[10:00:00.250] retrying", "[<time>] retrying"),
    ] {
        assert_eq!(normalized(message), expected);
    }
}

#[test]
fn numbers_and_words_that_tell_failures_apart_stay() {
    for message in [
        "replicas 1/3",
        "status code: 403",
        "line 17: column 4",
        "dial tcp 10.0.0.1:443: connection refused",
        "port 8080 of 30 is taken by pid 1234567",
        "chart podinfo@6.12.0 needs Kubernetes 1.33",
        "cpu 500m exceeds 250m",
        "a decade ago the facade was defaced",
        "helm/loki.v7",
        "4096 bytes",
        "",
        "Grüße, 你好, 🚀",
    ] {
        assert_eq!(normalized(message), message);
    }
}

#[test]
fn the_same_failure_again_has_the_same_fingerprint() {
    let first = event(
        "Post \"https://sts.example/\": StatusCode: 503, RequestID: 4YBRZ3D8H2CGKXYZ after 1.2s",
    );
    let again = event(
        "Post \"https://sts.example/\": StatusCode: 503, RequestID: QX7M2D8H2CGK0000 after 30.7s",
    );
    let other = event(
        "Post \"https://sts.example/\": StatusCode: 403, RequestID: 4YBRZ3D8H2CGKXYZ after 1.2s",
    );
    assert_eq!(Fingerprint::of(&first), Fingerprint::of(&again));
    assert_ne!(Fingerprint::of(&first), Fingerprint::of(&other));
    for changed in [
        Event { severity: "info".to_owned(), ..first.clone() },
        Event { reason: "BuildFailed".to_owned(), ..first.clone() },
    ] {
        assert_ne!(Fingerprint::of(&first), Fingerprint::of(&changed));
    }
}

#[test]
fn revisions_and_targets_count_and_other_metadata_does_not() {
    let plain = Fingerprint::of(&event("failed"));
    for name in [
        "kustomize.toolkit.fluxcd.io/revision",
        "kustomize.toolkit.fluxcd.io/originRevision",
        "event.toolkit.fluxcd.io/commit",
        "event.toolkit.fluxcd.io/change_request",
    ] {
        assert_ne!(with(name, "a"), plain, "{name}");
        assert_ne!(with(name, "a"), with(name, "b"), "{name}");
        assert_ne!(with(name, ""), plain, "{name}");
    }
    assert_ne!(
        with("kustomize.toolkit.fluxcd.io/revision", "a"),
        with("kustomize.toolkit.fluxcd.io/originRevision", "a")
    );
    for name in
        ["kustomize.toolkit.fluxcd.io/app-version", "event.toolkit.fluxcd.io/env", "revision"]
    {
        assert_eq!(with(name, "a"), plain, "{name}");
    }
}

#[test]
fn a_fingerprint_survives_its_text() {
    let print = Fingerprint::of(&event("failed"));
    let text = serde_json::to_string(&print).expect("it is a text");
    assert_eq!(text, format!("\"{print}\""));
    assert_eq!(serde_json::from_str::<Fingerprint>(&text).expect("it was written here"), print);
    assert!(serde_json::from_str::<Fingerprint>("\"no hex\"").is_err());
}

/// Something of which another one stands in the message the next time.
fn volatile() -> impl Strategy<Value = String> {
    prop_oneof![
        (0_u32..100, 0_u32..60, 0.0..60.0_f64).prop_map(|(h, m, s)| format!("{h}h{m}m{s}s")),
        (1_u64..100_000).prop_map(|n| format!("{n}ms")),
        any::<u128>().prop_map(uuid),
        any::<u128>().prop_map(|bits| format!("RequestID: {bits:X}0")),
        any::<[u64; 4]>()
            .prop_map(|d| format!("sha256:{:016x}{:016x}{:016x}{:016x}", d[0], d[1], d[2], d[3])),
        (1_500_000_000_i64..1_999_999_999).prop_map(|second| {
            jiff::Timestamp::from_second(second).expect("it is in this century").to_string()
        }),
        (1_u8..255, 1024_u16..)
            .prop_map(|(host, port)| format!("10.0.0.{host}:{port}->1.1.1.1:443")),
    ]
}

fn uuid(bits: u128) -> String {
    let hex = format!("{bits:032x}");
    let part = |from: usize, to: usize| hex.get(from..to).expect("there are 32 digits");
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

proptest! {
    #[test]
    fn no_part_that_is_new_each_time_is_left(before in "[g-z]{1,9}", after in "[g-z]{1,9}", part in volatile()) {
        let shown = normalized(&format!("{before} {part}, {after}")).into_owned();
        let digits: String = shown.chars().filter(char::is_ascii_digit).collect();
        // The far end of a connection stays.
        let allowed = if shown.contains("<socket>") { "1111443" } else { "" };
        prop_assert_eq!(digits, allowed, "{}", shown);
        prop_assert!(shown.starts_with(&before) && shown.ends_with(&after), "{}", shown);
    }

    #[test]
    fn another_word_is_another_message(words in proptest::collection::vec("[g-z]{1,6}", 1..6), at in any::<prop::sample::Index>(), other in "[g-z]{1,6}", part in volatile()) {
        let mut changed = words.clone();
        let place = at.index(changed.len());
        prop_assume!(changed[place] != other);
        changed[place] = other;
        let message = |words: &[String]| format!("{}: {part}", words.join(" "));
        prop_assert_ne!(Fingerprint::of(&event(&message(&words))), Fingerprint::of(&event(&message(&changed))));
    }

    #[test]
    fn any_text_is_taken_and_a_second_time_changes_nothing(text in any::<String>(), part in volatile()) {
        let once = normalized(&format!("{text}{part}")).into_owned();
        drop(normalized(&once).into_owned());
        let spaced = normalized(&format!("a {part} b")).into_owned();
        prop_assert_eq!(normalized(&spaced).into_owned(), spaced.clone());
    }
}
