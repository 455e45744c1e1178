use herald_provider::testing::{delivery, provider, render, response, url};
use herald_provider::{Delivery, Outcome, REMEMBER_LIMIT};

use super::*;

const LABELS: &str = r#"{"alertname":"FluxGitRepositoryReason","kind":"GitRepository","name":"webapp","namespace":"gitops-system","reason":"reason","reportingcontroller":"source-controller","severity":"error","test":"metadata"}"#;

fn ready() -> Delivery {
    delivery(provider(url("http", "alertmanager.example"), &[]))
}

/// Of a Provider that wants its alerts ended.
fn resolving(severity: &str, reason: &str, remembered: &str) -> Delivery {
    let mut delivery = ready();
    delivery.provider.config = r#"{"resolve":true}"#.to_owned();
    delivery.event.severity = severity.to_owned();
    delivery.event.reason = reason.to_owned();
    delivery.now.rfc3339 = "2020-01-01T00:05:00Z".to_owned();
    delivery.remembered = (!remembered.is_empty()).then(|| remembered.to_owned());
    delivery
}

fn outcome(delivery: Delivery) -> String {
    match Alertmanager::next(delivery) {
        Ok(Action::Ask(question)) => format!("ask {}", render(&question.request)),
        Ok(Action::Finish(request)) => format!("finish {}", render(&request)),
        Ok(Action::Done(conclusion)) => match conclusion.outcome {
            Outcome::Delivered => format!("delivered {:?}", conclusion.remember),
            Outcome::Skipped(why) => format!("skipped: {why}"),
        },
        Err(failure) => format!("{failure:?}"),
    }
}

/// What is remembered once the request of this delivery was answered.
fn remembered(mut delivery: Delivery) -> String {
    delivery.responses.push(response(""));
    match Alertmanager::next(delivery) {
        Ok(Action::Done(conclusion)) => conclusion.remember.expect("something is remembered"),
        other => panic!("not the end: {other:?}"),
    }
}

#[test]
fn an_event_is_an_alert() {
    let mut delivery = ready();
    delivery.event.metadata.insert(0, ("summary".to_owned(), "words".to_owned()));
    assert_eq!(
        outcome(delivery.clone()),
        r#"finish POST {address}
content-type: application/json

[{"status":"firing","labels":{"alertname":"FluxGitRepositoryReason","kind":"GitRepository","name":"webapp","namespace":"gitops-system","reason":"reason","reportingcontroller":"source-controller","severity":"info","test":"metadata"},"annotations":{"message":"message","summary":"words"},"startsAt":"2020-01-01T00:00:00Z","endsAt":"0001-01-01T00:00:00Z"}]"#
    );
    delivery.event.timestamp = None;
    assert!(outcome(delivery).contains(r#""startsAt":"0001-01-01T00:00:00Z""#));
}

#[test]
fn a_password_goes_before_a_token() {
    let check = |username: &str, keys: &[&str], expected: Option<&str>| {
        let mut delivery = ready();
        delivery.provider.username = username.to_owned();
        delivery.provider.secret_keys = keys.iter().copied().map(str::to_owned).collect();
        let sent = outcome(delivery);
        let header = sent.lines().find_map(|line| line.strip_prefix("authorization: "));
        assert_eq!(header.and_then(|value| value.get(..6)), expected, "{username} {keys:?}");
    };
    check("", &[], None);
    check("", &["token"], Some("Bearer"));
    check("user", &["password", "token"], Some("Basic "));
    check("user", &["token"], Some("Bearer"));
    check("user", &[], None);
}

#[test]
fn a_failure_is_remembered_and_resolved_with_the_same_labels() {
    let failure = resolving("error", "reason", "");
    let sent = outcome(failure.clone());
    assert!(sent.starts_with("ask POST"), "{sent}");
    assert!(sent.contains(&["\"labels\":", LABELS].concat()), "{sent}");
    let memory = remembered(failure);
    assert_eq!(
        memory,
        ["[{\"startsAt\":\"2020-01-01T00:00:00Z\",\"labels\":", LABELS, "}]"].concat()
    );

    let mut recovery = resolving("info", "ReconciliationSucceeded", &memory);
    recovery.event.message = "all is well".to_owned();
    recovery.event.metadata = vec![("revision".to_owned(), "another".to_owned())];
    assert_eq!(
        outcome(recovery.clone()),
        [
            "ask POST {address}\ncontent-type: application/json\n\n[{\"status\":\"resolved\",\"labels\":",
            LABELS,
            r#","annotations":{"message":"all is well"},"startsAt":"2020-01-01T00:00:00Z","endsAt":"2020-01-01T00:05:00Z"}]"#,
        ]
        .concat()
    );
    assert_eq!(remembered(recovery), "");
}

#[test]
fn all_alerts_of_the_object_end_together() {
    let memory = remembered(resolving("error", "BuildFailed", ""));
    let memory = remembered(resolving("error", "HealthCheckFailed", &memory));
    // The same again is still one alert, with its first beginning.
    let mut again = resolving("error", "BuildFailed", &memory);
    again.event.timestamp = None;
    let memory = remembered(again);
    let sent = outcome(resolving("info", "ReconciliationSucceeded", &memory));
    assert_eq!(sent.matches(r#""status":"resolved""#).count(), 2, "{sent}");
    assert_eq!(sent.matches(r#""startsAt":"2020-01-01T00:00:00Z""#).count(), 2, "{sent}");
    assert!(sent.find("FluxGitRepositoryHealthcheckfailed") < sent.find("Buildfailed"), "{sent}");
}

#[test]
fn an_alert_does_not_end_before_it_began() {
    let memory =
        r#"[{"startsAt":"2020-01-01T00:09:00Z","labels":{"alertname":"A","kind":"Bucket"}}]"#;
    let sent = outcome(resolving("info", "NewArtifact", memory));
    assert!(
        sent.contains(r#""startsAt":"2020-01-01T00:09:00Z","endsAt":"2020-01-01T00:09:00Z""#),
        "{sent}"
    );
}

#[test]
fn what_ends_nothing_is_skipped() {
    let memory = remembered(resolving("error", "reason", ""));
    let check = |severity: &str, reason: &str, memory: &str, expected: &str| {
        assert_eq!(outcome(resolving(severity, reason, memory)), expected, "{severity} {reason}");
    };
    let neither = "skipped: it is neither a failure nor the end of one";
    check("info", "Progressing", &memory, neither);
    check("info", "DependencyNotReady", &memory, neither);
    check("trace", "GarbageCollectionSucceeded", &memory, neither);
    let none = "skipped: no alert of this object is known to fire";
    for memory in ["", "[]", "what is this", r#"{"labels":{}}"#, r#"[{"labels":{"a":1}}]"#] {
        check("info", "ReconciliationSucceeded", memory, none);
    }
}

#[test]
fn as_much_is_remembered_as_may_be() {
    let mut memory = String::new();
    for at in 0..20 {
        let mut failure = resolving("error", "BuildFailed", &memory);
        failure.event.metadata = vec![("revision".to_owned(), format!("{at}{}", "<".repeat(50)))];
        memory = remembered(failure);
        assert!(memory.len() <= REMEMBER_LIMIT, "{}", memory.len());
    }
    assert!(memory.len() > REMEMBER_LIMIT / 2, "{}", memory.len());
    assert!(memory.contains(r#""revision":"19\u003c"#), "{memory}");
    assert!(!memory.contains(r#""revision":"0\u003c"#), "{memory}");
    let mut failure = resolving("error", "BuildFailed", &memory);
    failure.event.metadata = vec![("long".to_owned(), "x".repeat(REMEMBER_LIMIT))];
    assert_eq!(remembered(failure), memory);
}

#[test]
fn only_a_url_is_ready() {
    let check = |address, keys: &[&str], n_problems: usize| {
        assert_eq!(Alertmanager::check(&provider(address, keys)).len(), n_problems);
    };
    check(url("http", "alertmanager.example"), &[], 0);
    check(url("https", "alertmanager.example"), &["token"], 0);
    check(url("https", "alertmanager.example"), &["password"], 1);
    check(None, &["password"], 2);
}
