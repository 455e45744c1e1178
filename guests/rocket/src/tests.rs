use herald_provider::testing::{delivery, provider, render, response, url};
use herald_provider::{Delivery, Outcome, Response};

use super::*;

fn ready() -> Delivery {
    delivery(provider(url("https", "rocket.example"), &[]))
}

fn sent(delivery: Delivery) -> String {
    match Rocket::next(delivery) {
        Ok(Action::Ask(question)) => render(&question.request),
        other => panic!("not one question: {other:?}"),
    }
}

#[test]
fn an_event_is_one_attachment() {
    let mut delivery = ready();
    delivery.provider.channel = "#general".to_owned();
    delivery.provider.username = "herald".to_owned();
    assert_eq!(
        sent(delivery),
        r##"POST {address}
content-type: application/json

{"channel":"#general","username":"herald","icon_url":"","icon_emoji":"","attachments":[{"fallback":"","color":"#0076D7","author_name":"gitrepository/webapp.gitops-system","text":"message","mrkdwn_in":["text"],"fields":[{"title":"test","value":"metadata","short":false}]}]}"##
    );
}

#[test]
fn a_failure_is_red_and_nothing_else_is_needed() {
    let mut delivery = ready();
    delivery.event.severity = "error".to_owned();
    delivery.event.metadata.clear();
    assert_eq!(
        sent(delivery),
        r##"POST {address}
content-type: application/json

{"channel":"","username":"","icon_url":"","icon_emoji":"","attachments":[{"fallback":"","color":"#FF0000","author_name":"gitrepository/webapp.gitops-system","text":"message","mrkdwn_in":["text"],"fields":[]}]}"##
    );
}

#[test]
fn no_field_is_empty() {
    let mut delivery = ready();
    delivery.event.metadata = vec![("empty".to_owned(), String::new())];
    assert!(
        sent(delivery).contains("{\"title\":\"empty\",\"value\":\"\u{200b}\",\"short\":false}")
    );
}

/// Rocket.Chat looks for mentions in these members.
#[test]
fn no_event_can_mention_anyone() {
    let mut delivery = ready();
    delivery.event.message = "@all @here @someone".to_owned();
    delivery.event.metadata = vec![("@all".to_owned(), "@here".to_owned())];
    let sent = sent(delivery);
    let body = sent.split_once("\n\n").map(|(_, body)| body).expect("there is a body");
    let body: herald_provider::json::Value = body.parse().expect("it is JSON");
    for member in ["text", "msg"] {
        assert!(body[member].is_null(), "{member}");
    }
    assert!(body["attachments"][0]["description"].is_null());
    assert_eq!(body["attachments"][0]["text"], "@all @here @someone");
}

#[test]
fn a_long_message_is_cut_with_a_mark() {
    let check = |n_chars: usize, end: &str| {
        let mut delivery = ready();
        delivery.event.message = "🦀".repeat(n_chars);
        delivery.event.metadata = vec![("k".repeat(200), "v".repeat(3000))];
        let sent = sent(delivery);
        assert!(sent.contains(&["🦀", end, "\",\"mrkdwn_in\""].concat()));
        assert!(sent.contains(&["\"", &"k".repeat(149), "…\""].concat()));
        assert!(sent.contains(&["\"", &"v".repeat(1999), "…\""].concat()));
    };
    check(39_000, "🦀");
    check(39_001, "…");
}

fn judged(status: u16, body: &str, headers: &[(&str, &str)]) -> String {
    let mut delivery = ready();
    let headers = headers.iter().map(|&(name, value)| (name.to_owned(), value.to_owned()));
    delivery.responses.push(Response { status, headers: headers.collect(), ..response(body) });
    match Rocket::next(delivery) {
        Ok(Action::Done(conclusion)) => match conclusion.outcome {
            Outcome::Delivered => "delivered".to_owned(),
            Outcome::Skipped(why) => why,
        },
        Err(Failure::Misconfigured(why)) => format!("misconfigured: {why}"),
        Err(Failure::Rejected(why)) => format!("rejected: {why}"),
        Err(Failure::Later(later)) => format!("later {:?}: {}", later.after, later.reason),
        other => format!("{other:?}"),
    }
}

#[test]
fn an_answer_is_judged_by_its_error() {
    let check = |status: u16, body: &str, expected: &str| {
        let found = judged(status, body, &[]);
        assert!(found.starts_with(expected), "{status} {body}: {found}");
    };
    check(200, r#"{"success":true}"#, "delivered");
    check(200, "", "delivered");
    check(200, r#"{"responses":[]}"#, "delivered");
    check(
        200,
        r#"{"success":false,"error":"unknown-error"}"#,
        "rejected: Rocket.Chat answered: unknown-error",
    );
    check(
        400,
        r#"{"success":false,"error":"Invalid integration id or token provided."}"#,
        "misconfigured: Rocket.Chat answered: Invalid integration id or token provided: give",
    );
    check(400, r#"{"success":false,"error":"invalid-channel"}"#, "misconfigured: ");
    check(
        400,
        r#"{"success":false,"error":"overriding destination channel is disabled for this integration"}"#,
        "misconfigured: ",
    );
    check(400, r#"{"success":false,"error":"Not enough permission"}"#, "misconfigured: ");
    check(400, r#"{"success":false,"error":"You_have_been_muted"}"#, "misconfigured: ");
    check(400, "<html>", "rejected: Rocket.Chat answered: no error named");
}

#[test]
fn a_wait_is_read_from_either_header() {
    // The attempt begins at 1,577,836,800.
    let check = |headers: &[(&str, &str)], expected: &str| {
        let found = judged(429, "", headers);
        assert!(found.starts_with(expected), "{headers:?}: {found}");
    };
    check(&[], "later None: ");
    check(&[("retry-after", "30")], "later Some(30): ");
    check(&[("x-ratelimit-reset", "1577836848000")], "later Some(48): ");
    check(&[("x-ratelimit-reset", "1577836848001")], "later Some(49): ");
    check(&[("x-ratelimit-reset", "1577836800000")], "later Some(0): ");
    check(&[("x-ratelimit-reset", "1577836799000")], "later None: ");
    check(&[("x-ratelimit-reset", "1577840400001")], "later None: ");
    check(&[("x-ratelimit-reset", "soon")], "later None: ");
}

#[test]
fn an_address_is_all_it_needs() {
    let check = |address, n_problems: usize| {
        assert_eq!(Rocket::check(&provider(address, &[])).len(), n_problems);
    };
    check(url("https", "rocket.example"), 0);
    check(None, 1);
}
