use herald_provider::json::Value;
use herald_provider::testing::{delivery, provider, render, url};
use herald_provider::{Address, Delivery, Outcome};

use super::*;

const DSN: &str = "https://fakepublickey@sentry.example/42";

fn ready() -> Delivery {
    let mut delivery = delivery(provider(url("https", "sentry.example"), &[]));
    delivery.provider.channel = "production".to_owned();
    delivery
}

fn sent(delivery: &Delivery, dsn: &str) -> String {
    match next(delivery, Some(dsn)) {
        Ok(Action::Ask(question)) => render(&question.request),
        other => panic!("not one request: {other:?}"),
    }
}

/// The lines of the envelope.
fn lines(delivery: &Delivery) -> Vec<String> {
    let sent = sent(delivery, DSN);
    let (_, body) = sent.split_once("\n\n").expect("there is a body");
    assert!(body.ends_with('\n'));
    body.lines().map(str::to_owned).collect()
}

fn payload(delivery: &Delivery) -> Value {
    let lines = lines(delivery);
    let [_, item, payload] = lines.as_slice() else { panic!("not three lines: {lines:?}") };
    let item: Value = item.parse().expect("it is JSON");
    assert_eq!(item["length"], payload.len());
    payload.parse().expect("it is JSON")
}

#[test]
fn a_failure_is_an_event() {
    let mut delivery = ready();
    delivery.event.severity = "error".to_owned();
    assert_eq!(
        sent(&delivery, DSN),
        r#"POST {origin}/api/42/envelope/
content-type: application/x-sentry-envelope
x-sentry-auth: Sentry sentry_version=7, sentry_client=herald/0.1.0, sentry_key=fakepublickey

{"event_id":"0123456789abcdef0123456789abcdef","sent_at":"2020-01-01T00:00:00Z","dsn":"https://fakepublickey@sentry.example/42","sdk":{"name":"herald","version":"0.1.0"}}
{"type":"event","length":336}
{"event_id":"0123456789abcdef0123456789abcdef","timestamp":"2020-01-01T00:00:00Z","platform":"other","level":"error","transaction":"GitRepository: gitops-system/webapp","message":"message","environment":"production","sdk":{"name":"herald","version":"0.1.0"},"server_name":"source-controller","contexts":{"metadata":{"test":"metadata"}}}
"#
    );
}

#[test]
fn good_news_are_a_transaction() {
    assert_eq!(
        lines(&ready())[2],
        r#"{"type":"transaction","event_id":"0123456789abcdef0123456789abcdef","timestamp":"2020-01-01T00:00:00Z","platform":"other","level":"info","transaction":"GitRepository: gitops-system/webapp","message":"message","environment":"production","sdk":{"name":"herald","version":"0.1.0"},"start_timestamp":"2020-01-01T00:00:00Z","tags":{"flux_involved_object_kind":"GitRepository","flux_involved_object_name":"webapp","flux_involved_object_namespace":"gitops-system","flux_reason":"reason","flux_reporting_controller":"source-controller","flux_reporting_instance":"source-controller-xyz","test":"metadata"},"contexts":{"trace":{"trace_id":"0123456789abcdef0123456789abcdef","span_id":"0123456789abcdef","op":"event"}},"spans":[{"trace_id":"0123456789abcdef0123456789abcdef","span_id":"0123456789abcdef","op":"event","origin":"manual","start_timestamp":"2020-01-01T00:00:00Z","timestamp":"2020-01-01T00:00:00Z","tags":{"flux_involved_object_kind":"GitRepository","flux_involved_object_name":"webapp","flux_involved_object_namespace":"gitops-system","flux_reason":"reason","flux_reporting_controller":"source-controller","flux_reporting_instance":"source-controller-xyz","test":"metadata"}}]}"#
    );
}

#[test]
fn the_dsn_says_where_and_with_which_keys() {
    let sent = sent(&ready(), "https://key:old@sentry.example/a/42");
    assert!(sent.starts_with("POST {origin}/a/api/42/envelope/\n"), "{sent}");
    assert!(sent.contains(", sentry_key=key, sentry_secret=old\n"), "{sent}");
}

#[test]
fn tags_are_what_sentry_takes() {
    let mut delivery = ready();
    delivery.event.reporting_instance = String::new();
    delivery.event.metadata = [
        ("app.kubernetes.io/part of", "a\nb"),
        ("empty", ""),
        ("flux_reason", "Other"),
        (&"k".repeat(300), &"v".repeat(300)),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .to_vec();
    let payload = payload(&delivery);
    let tags = payload["tags"].as_object().expect("it is an object");
    assert_eq!(tags.len(), 7);
    assert_eq!(tags["app.kubernetes.io_part_of"], "a b");
    assert_eq!(tags["flux_reason"], "Other");
    assert_eq!(tags[&"k".repeat(200)], ["v".repeat(199).as_str(), "…"].concat());
    assert_eq!(payload["spans"][0]["tags"], payload["tags"]);
}

#[test]
fn an_envelope_stays_within_what_sentry_takes() {
    let check = |severity: &str| {
        let mut delivery = ready();
        delivery.provider.channel = "p".repeat(100);
        delivery.event.severity = severity.to_owned();
        delivery.event.involved_object.name = "n".repeat(300);
        delivery.event.message = "🦀".repeat(10_000);
        delivery.event.metadata =
            (0..5000).map(|at| (format!("key{at:04}"), "<v>".repeat(100))).collect();
        let n_bytes: usize = lines(&delivery).iter().map(String::len).sum();
        assert!(n_bytes < 1 << 20, "{n_bytes}");
        let payload = payload(&delivery);
        let n_chars = |name: &str| payload[name].as_str().map(|text| text.chars().count());
        assert_eq!(n_chars("message"), Some(8192));
        assert_eq!(n_chars("transaction"), Some(200));
        assert_eq!(n_chars("environment"), Some(64));
        payload
    };
    assert_eq!(check("info")["tags"]["herald_left_out"], "4800 more");
    assert!(check("error")["contexts"]["metadata"]["…"].is_string());
}

#[test]
fn what_is_missing_is_left_out() {
    let mut delivery = ready();
    delivery.provider.channel = String::new();
    delivery.event.severity = "error".to_owned();
    delivery.event.message = String::new();
    delivery.event.timestamp = None;
    delivery.event.reporting_controller = String::new();
    delivery.event.metadata.clear();
    assert_eq!(
        lines(&delivery)[2],
        r#"{"event_id":"0123456789abcdef0123456789abcdef","timestamp":"2020-01-01T00:00:00Z","platform":"other","level":"error","transaction":"GitRepository: gitops-system/webapp","sdk":{"name":"herald","version":"0.1.0"}}"#
    );
}

#[test]
fn other_severities_are_skipped() {
    let mut delivery = ready();
    delivery.event.severity = "trace".to_owned();
    let Ok(Action::Done(conclusion)) = next(&delivery, Some(DSN)) else { panic!("not skipped") };
    assert!(
        matches!(conclusion.outcome, Outcome::Skipped(why) if why.starts_with("severity trace: "))
    );
}

#[test]
fn only_a_dsn_is_ready() {
    let check = |base: Option<Address>, address: Option<&str>, n_problems: usize| {
        let found = super::check(&provider(base, &[]), address);
        assert_eq!(found.len(), n_problems, "{found:?}");
    };
    check(url("https", "sentry.example"), Some(DSN), 0);
    check(url("https", "sentry.example"), Some("https://sentry.example/42"), 1);
    check(url("https", "sentry.example"), Some("https://key@sentry.example"), 1);
    check(url("https", "sentry.example"), None, 1);
    check(None, None, 1);
}
