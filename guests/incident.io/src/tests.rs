use herald_provider::testing::{delivery, provider, render, url};
use herald_provider::{Delivery, Outcome};

use super::*;

fn ready() -> Delivery {
    delivery(provider(url("https", "api.incident.io"), &["token"]))
}

fn outcome(delivery: Delivery) -> String {
    match IncidentIo::next(delivery) {
        Ok(Action::Finish(request)) => render(&request),
        Ok(Action::Done(conclusion)) => match conclusion.outcome {
            Outcome::Delivered => "delivered".to_owned(),
            Outcome::Skipped(why) => format!("skipped: {why}"),
        },
        other => format!("{other:?}"),
    }
}

#[test]
fn good_news_resolve_the_alert() {
    assert_eq!(
        outcome(ready()),
        r#"POST {address}
content-type: application/json
authorization: Bearer {token}

{"title":"gitrepository/webapp.gitops-system: reason","status":"resolved","deduplication_key":"1234","description":"message","metadata":{"reason":"reason","reportingController":"source-controller","severity":"info","test":"metadata"}}"#
    );
}

#[test]
fn a_failure_fires_it() {
    let mut delivery = ready();
    delivery.event.severity = "error".to_owned();
    delivery.event.message = String::new();
    delivery.event.reporting_controller = String::new();
    delivery.event.involved_object.uid = String::new();
    delivery.event.metadata =
        vec![("A".to_owned(), "1".to_owned()), ("severity".to_owned(), "mine".to_owned())];
    let sent = outcome(delivery);
    let (_, body) = sent.split_once("\n\n").expect("there is a body");
    assert_eq!(
        body,
        r#"{"title":"gitrepository/webapp.gitops-system: reason","status":"firing","deduplication_key":"GitRepository/gitops-system/webapp","metadata":{"A":"1","reason":"reason","severity":"error"}}"#
    );
}

#[test]
fn other_severities_resolve_and_progress_is_no_news() {
    let mut delivery = ready();
    delivery.event.severity = "trace".to_owned();
    assert!(outcome(delivery.clone()).contains(r#""status":"resolved""#));
    delivery.event.reason = "Progressing".to_owned();
    assert!(outcome(delivery).starts_with("skipped: reason Progressing"));
}

#[test]
fn an_event_stays_within_512_kilobytes() {
    let mut delivery = ready();
    delivery.event.reason = "\0".repeat(4000);
    delivery.event.severity = "\0".repeat(4000);
    delivery.event.reporting_controller = "\0".repeat(4000);
    delivery.event.involved_object.uid = "🦀".repeat(4000);
    delivery.event.message = "<".repeat(1 << 20);
    delivery.event.metadata =
        (0..100).map(|at| (format!("key{at:02}"), "\n".repeat(40_000))).collect();
    let sent = outcome(delivery);
    let (_, body) = sent.split_once("\n\n").expect("there is a body");
    assert!((390_000..=512_000).contains(&body.len()), "{}", body.len());
    assert!(body.contains(r#"\u003c…","metadata":{"key00":"\n"#));
    assert!(body.ends_with(r#","…":"96 more"}}"#), "{}", body.len());
}

#[test]
fn a_url_and_a_token_make_it_ready() {
    let check = |address, keys: &[&str], n_problems: usize| {
        assert_eq!(IncidentIo::check(&provider(address, keys)).len(), n_problems);
    };
    check(url("https", "api.incident.io"), &["token"], 0);
    check(url("https", "api.incident.io"), &[], 1);
    check(None, &[], 2);
    let keyless = delivery(provider(url("https", "api.incident.io"), &[]));
    assert!(outcome(keyless).contains("Misconfigured(\"there is no token"));
}
