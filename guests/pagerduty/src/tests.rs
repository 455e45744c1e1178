use herald_provider::testing::{delivery, provider, render, response, url};
use herald_provider::{Delivery, Outcome};

use super::*;

fn ready() -> Delivery {
    let mut delivery = delivery(provider(url("https", "events.pagerduty.com"), &[]));
    delivery.provider.channel = "fakeroutingkey".to_owned();
    delivery
}

fn outcome(delivery: Delivery) -> String {
    match PagerDuty::next(delivery) {
        Ok(Action::Ask(question)) => format!("ask {}", render(&question.request)),
        Ok(Action::Finish(request)) => format!("finish {}", render(&request)),
        Ok(Action::Done(conclusion)) => match conclusion.outcome {
            Outcome::Delivered => "delivered".to_owned(),
            Outcome::Skipped(why) => format!("skipped: {why}"),
        },
        Err(failure) => format!("{failure:?}"),
    }
}

#[test]
fn good_news_resolve_the_alert_and_tell_of_a_change() {
    let mut delivery = ready();
    assert_eq!(
        outcome(delivery.clone()),
        r#"ask POST {origin}/v2/enqueue
content-type: application/json

{"routing_key":"fakeroutingkey","event_action":"resolve","dedup_key":"1234"}"#
    );
    delivery.responses.push(response("{}"));
    assert_eq!(
        outcome(delivery),
        r#"finish POST {origin}/v2/change/enqueue
content-type: application/json

{"routing_key":"fakeroutingkey","payload":{"summary":"reason: gitrepository/webapp","source":"Flux source-controller","timestamp":"2020-01-01T00:00:00Z","custom_details":{"message":"message","metadata":{"test":"metadata"}}}}"#
    );
}

#[test]
fn a_failure_triggers_an_alert() {
    let mut delivery = ready();
    delivery.event.severity = "error".to_owned();
    delivery.event.reason = "HealthCheckFailed".to_owned();
    delivery.event.timestamp = None;
    delivery.event.metadata.clear();
    assert_eq!(
        outcome(delivery),
        r#"finish POST {origin}/v2/enqueue
content-type: application/json

{"routing_key":"fakeroutingkey","event_action":"trigger","dedup_key":"1234","payload":{"summary":"health check failed: gitrepository/webapp","source":"Flux source-controller","severity":"error","component":"webapp","group":"GitRepository","custom_details":{"message":"message","metadata":{}}}}"#
    );
}

#[test]
fn other_severities_only_resolve() {
    let mut delivery = ready();
    delivery.event.severity = "trace".to_owned();
    delivery.event.involved_object.uid = String::new();
    let outcome = outcome(delivery);
    assert!(outcome.starts_with("finish POST {origin}/v2/enqueue"), "{outcome}");
    assert!(outcome.contains(r#""dedup_key":"GitRepository/gitops-system/webapp""#), "{outcome}");
}

#[test]
fn progress_is_no_news() {
    let mut delivery = ready();
    delivery.event.reason = "Progressing".to_owned();
    assert!(outcome(delivery).starts_with("skipped: reason Progressing"));
}

#[test]
fn an_event_stays_within_512_kilobytes() {
    let mut delivery = ready();
    delivery.event.severity = "error".to_owned();
    delivery.event.reason = "\0".repeat(4000);
    delivery.event.reporting_controller = "\0".repeat(4000);
    delivery.event.involved_object.uid = "🦀".repeat(400);
    delivery.event.involved_object.name = "\0".repeat(4000);
    delivery.event.involved_object.kind = "\0".repeat(4000);
    delivery.event.message = "<".repeat(1 << 20);
    delivery.event.metadata =
        (0..100).map(|at| (format!("key{at:02}"), "\n".repeat(40_000))).collect();
    let outcome = outcome(delivery);
    let (_, body) = outcome.split_once("\n\n").expect("there is a body");
    assert!((390_000..=512_000).contains(&body.len()), "{}", body.len());
    assert!(body.contains(r#"\u003c…","metadata":{"key00":"\n"#));
    assert!(body.contains(r#"","…":"96 more"}"#), "{}", body.len());
    assert!(body.contains(&["🦀".repeat(254).as_str(), "…\""].concat()));
}

#[test]
fn an_address_and_a_routing_key_make_it_ready() {
    let check = |address, channel: &str, n_problems: usize| {
        let mut provider = provider(address, &[]);
        provider.channel = channel.to_owned();
        assert_eq!(PagerDuty::check(&provider).len(), n_problems);
    };
    check(url("https", "events.pagerduty.com"), "key", 0);
    check(url("https", "events.pagerduty.com"), "", 1);
    check(None, "", 2);
    let mut keyless = ready();
    keyless.provider.channel = String::new();
    assert!(outcome(keyless).starts_with("Failure::Misconfigured(\"there is no routing key"));
}

#[test]
fn the_key_can_come_from_the_secret() {
    let mut delivery = ready();
    delivery.provider.config = r#"{"routingKey":"secret"}"#.to_owned();
    assert_eq!(PagerDuty::check(&delivery.provider), [NO_SECRET]);
    assert!(outcome(delivery.clone()).starts_with("Failure::Misconfigured("));
    delivery.provider.secret_keys = vec!["routingKey".to_owned()];
    assert_eq!(PagerDuty::check(&delivery.provider), [""; 0]);
    let begins = |delivery: &Delivery, path: &str, member: &str| {
        let outcome = outcome(delivery.clone());
        let expected = [
            path,
            "\ncontent-type: application/json\n\n{\"routing_key\":\"{routingKey}\",",
            member,
        ]
        .concat();
        assert!(outcome.starts_with(&expected), "{outcome}");
    };
    begins(&delivery, "ask POST {origin}/v2/enqueue", r#""event_action":"resolve","#);
    delivery.responses.push(response("{}"));
    begins(&delivery, "finish POST {origin}/v2/change/enqueue", r#""payload":{"#);
    delivery.responses.clear();
    delivery.event.severity = "error".to_owned();
    begins(&delivery, "finish POST {origin}/v2/enqueue", r#""event_action":"trigger","#);
}

#[test]
fn a_key_in_the_channel_is_escaped() {
    let mut delivery = ready();
    delivery.provider.config = r#"{"routingKey":"channel"}"#.to_owned();
    delivery.provider.channel = "a\"b".to_owned();
    assert!(outcome(delivery).contains(r#"{"routing_key":"a\"b","#));
}
