use herald_provider::json::Value;
use herald_provider::testing::{delivery, provider, render, response, url};
use herald_provider::{Delivery, Question};

use super::*;

fn ready() -> Delivery {
    delivery(provider(url("https", "api.datadoghq.eu"), &["token"]))
}

fn sent(delivery: Delivery) -> String {
    match Datadog::next(delivery) {
        Ok(Action::Ask(Question { request, expects })) if expects == [429] => render(&request),
        other => panic!("not a question: {other:?}"),
    }
}

fn body(delivery: Delivery) -> Value {
    let sent = sent(delivery);
    let (_, body) = sent.split_once("\n\n").expect("there is a body");
    body.parse().expect("it is JSON")
}

#[test]
fn an_event_is_an_event() {
    let mut delivery = ready();
    delivery.event.severity = "error".to_owned();
    assert_eq!(
        sent(delivery),
        r#"POST {origin}/api/v1/events
content-type: application/json
accept: application/json
dd-api-key: {token}

{"alert_type":"error","date_happened":1577836800,"source_type_name":"fluxcd","tags":["flux_reporting_controller:source-controller","flux_reason:reason","kube_kind:gitrepository","kube_name:webapp","kube_namespace:gitops-system","test:metadata"],"text":"message","title":"Events from the GitRepository webapp/gitops-system"}"#
    );
}

#[test]
fn only_failures_are_errors() {
    let check = |severity: &str, expected: &str| {
        let mut delivery = ready();
        delivery.event.severity = severity.to_owned();
        assert_eq!(body(delivery)["alert_type"], expected);
    };
    check("error", "error");
    check("info", "info");
    check("trace", "info");
}

#[test]
fn an_event_is_never_too_old() {
    const NOW: i64 = 1_577_836_800;
    const HOUR: i64 = 60 * 60;
    let check = |age: Option<i64>, expected: i64| {
        let mut delivery = ready();
        delivery.now.seconds = NOW;
        match (&mut delivery.event.timestamp, age) {
            (Some(timestamp), Some(age)) => timestamp.seconds = NOW - age,
            (timestamp, _) => *timestamp = None,
        }
        assert_eq!(body(delivery)["date_happened"], NOW - expected, "{age:?}");
    };
    check(None, 0);
    check(Some(0), 0);
    check(Some(-HOUR), -HOUR);
    check(Some(17 * HOUR), 17 * HOUR);
    check(Some(18 * HOUR), 18 * HOUR - 60);
    check(Some(100 * HOUR), 18 * HOUR - 60);
}

#[test]
fn texts_are_cut_with_a_mark() {
    let check = |message: String, n_chars: usize, end: &str| {
        let mut delivery = ready();
        delivery.event.message = message;
        delivery.event.involved_object.name = "n".repeat(600);
        let body = body(delivery);
        let text = body["text"].as_str().expect("it is a text");
        assert_eq!(text.chars().count(), n_chars);
        assert!(text.ends_with(end), "{end}");
        assert_eq!(body["title"].as_str().map(|title| title.chars().count()), Some(500));
    };
    check("x".repeat(4000), 4000, "xx");
    check("🦀".repeat(4001), 4000, "🦀…");
    check(" @a".repeat(2000), 4000, "…");
}

#[test]
fn an_answer_is_judged_by_its_status_and_hint() {
    let check = |status: u16, header: Option<(&str, &str)>, expected: &str| {
        let mut delivery = ready();
        let mut answer = response("{}");
        answer.status = status;
        answer.headers =
            header.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        delivery.responses.push(answer);
        let found = match Datadog::next(delivery) {
            Ok(Action::Done(_)) => "done".to_owned(),
            Err(Failure::Later(postponement)) => format!("later {:?}", postponement.after),
            other => format!("{other:?}"),
        };
        assert_eq!(found, expected);
    };
    check(202, None, "done");
    check(200, None, "done");
    check(429, None, "later None");
    check(429, Some(("x-ratelimit-reset", "37")), "later Some(37)");
    check(429, Some(("x-ratelimit-reset", "soon")), "later None");
    check(429, Some(("retry-after", "5")), "later Some(5)");
}

#[test]
fn a_url_and_a_key_make_it_ready() {
    let check = |address, keys: &[&str], n_problems: usize| {
        assert_eq!(Datadog::check(&provider(address, keys)).len(), n_problems);
    };
    check(url("https", "api.datadoghq.com"), &["token"], 0);
    check(url("https", "api.datadoghq.com"), &[], 1);
    check(None, &[], 2);
    let keyless = delivery(provider(url("https", "api.datadoghq.com"), &[]));
    assert!(matches!(Datadog::next(keyless), Err(Failure::Misconfigured(_))));
}
