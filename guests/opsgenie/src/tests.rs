use herald_provider::json::Value;
use herald_provider::testing::{delivery, provider, render, response, url};
use herald_provider::{Delivery, Outcome};

use super::*;

fn ready() -> Delivery {
    delivery(provider(url("https", "api.opsgenie.com"), &["token"]))
}

/// Of a Provider that wants its alerts closed.
fn closing(severity: &str, reason: &str, remembered: &str) -> Delivery {
    let mut delivery = ready();
    delivery.provider.config = r#"{"closeOnRecovery":true}"#.to_owned();
    delivery.event.severity = severity.to_owned();
    delivery.event.reason = reason.to_owned();
    delivery.remembered = (!remembered.is_empty()).then(|| remembered.to_owned());
    delivery
}

fn outcome(delivery: Delivery) -> String {
    match Opsgenie::next(delivery) {
        Ok(Action::Ask(question)) => format!("ask {}", render(&question.request)),
        Ok(Action::Finish(request)) => format!("finish {}", render(&request)),
        Ok(Action::Done(conclusion)) => match conclusion.outcome {
            Outcome::Delivered => format!("delivered {:?}", conclusion.remember),
            Outcome::Skipped(why) => format!("skipped: {why}"),
        },
        Err(failure) => format!("{failure:?}"),
    }
}

/// What is remembered once every request of this delivery was answered.
fn remembered(mut delivery: Delivery) -> String {
    loop {
        match Opsgenie::next(delivery.clone()) {
            Ok(Action::Ask(_)) => delivery.responses.push(response("{}")),
            Ok(Action::Done(conclusion)) => {
                return conclusion.remember.expect("something is remembered");
            }
            other => panic!("not the end: {other:?}"),
        }
    }
}

#[test]
fn an_event_is_an_alert() {
    let mut delivery = ready();
    delivery.event.metadata.push(("severity".to_owned(), "mine".to_owned()));
    assert_eq!(
        outcome(delivery),
        r#"finish POST {address}
content-type: application/json
authorization: GenieKey {token}

{"message":"GitRepository/webapp","alias":"1cf0441ae1586af87e4f74944366fc03e3e5db98336839345f9acab89f73cdd6","description":"message","details":{"test":"metadata","severity":"info"}}"#
    );
}

#[test]
fn an_alert_stays_within_what_opsgenie_takes() {
    let mut delivery = ready();
    delivery.event.involved_object.name = "n".repeat(253);
    delivery.event.message = "🦀".repeat(20_000);
    delivery.event.severity = "s".repeat(200);
    delivery.event.metadata =
        (0..100).map(|at| (format!("key{at:02}{}", "k".repeat(1000)), "v".repeat(5000))).collect();
    let sent = outcome(delivery);
    let (_, body) = sent.split_once("\n\n").expect("there is a body");
    let body: Value = body.parse().expect("it is JSON");
    let n_chars = |value: &Value| value.as_str().map(|text| text.chars().count());
    assert_eq!(n_chars(&body["message"]), Some(130));
    assert_eq!(n_chars(&body["description"]), Some(15_000));
    let details = body["details"].as_object().expect("it is an object");
    assert_eq!(details["…"], "99 more");
    let total: usize =
        details.iter().map(|(key, value)| key.chars().count() + n_chars(value).unwrap_or(0)).sum();
    assert!((4_000..=8_000).contains(&total), "{total}");
}

#[test]
fn a_failure_is_remembered_and_closed() {
    let failure = closing("error", "reason", "");
    assert!(outcome(failure.clone()).starts_with("ask POST {address}\n"));
    let memory = remembered(failure);
    assert_eq!(memory, "1cf0441ae1586af87e4f74944366fc03e3e5db98336839345f9acab89f73cdd6");
    let recovery = closing("info", "ReconciliationSucceeded", &memory);
    assert_eq!(
        outcome(recovery.clone()),
        r#"ask POST {address}/1cf0441ae1586af87e4f74944366fc03e3e5db98336839345f9acab89f73cdd6/close?identifierType=alias
content-type: application/json
authorization: GenieKey {token}

{"note":"message"}"#
    );
    assert_eq!(remembered(recovery), "");
}

#[test]
fn every_alert_of_the_object_is_closed() {
    let mut memory = String::new();
    for at in 0..10 {
        memory = remembered(closing("error", &format!("Reason{at}"), &memory));
    }
    // The newest once more.
    memory = remembered(closing("error", "Reason9", &memory));
    let aliases: Vec<&str> = memory.split(' ').collect();
    assert_eq!(aliases.len(), 8);
    let mut recovery = closing("info", "ReconciliationSucceeded", &memory);
    for alias in &aliases {
        let sent = outcome(recovery.clone());
        assert!(sent.contains(&format!("/{alias}/close?")), "{sent}");
        recovery.responses.push(response("{}"));
    }
    assert_eq!(outcome(recovery), r#"delivered Some("")"#);
    assert_eq!(aliases[7], remembered(closing("error", "Reason9", "")), "the newest comes last");
}

#[test]
fn what_closes_nothing_is_skipped() {
    let check = |severity: &str, reason: &str, memory: &str, expected: &str| {
        assert_eq!(outcome(closing(severity, reason, memory)), expected, "{severity} {reason}");
    };
    let neither = "skipped: it is neither a failure nor the end of one";
    check("info", "Progressing", "alias", neither);
    check("info", "DependencyNotReady", "alias", neither);
    check("trace", "GarbageCollectionSucceeded", "alias", neither);
    check(
        "info",
        "ReconciliationSucceeded",
        "",
        "skipped: no alert of this object is known to be open",
    );
}

#[test]
fn a_url_and_a_key_make_it_ready() {
    let check = |address, keys: &[&str], n_problems: usize| {
        assert_eq!(Opsgenie::check(&provider(address, keys)).len(), n_problems);
    };
    check(url("https", "api.opsgenie.com"), &["token"], 0);
    check(url("https", "api.opsgenie.com"), &[], 1);
    check(None, &[], 2);
    let keyless = delivery(provider(url("https", "api.opsgenie.com"), &[]));
    assert!(outcome(keyless).starts_with("Failure::Misconfigured(\"there is no API key"));
}
