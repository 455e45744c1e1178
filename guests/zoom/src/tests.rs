use herald_provider::testing::{delivery, event, provider, render, response, url};
use herald_provider::{Delivery, Response, json};

use super::*;

fn ready() -> Delivery {
    delivery(provider(url("https", "integrations.zoom.us"), &["token"]))
}

/// What the module says, in short.
fn said(delivery: Delivery) -> String {
    match Zoom::next(delivery) {
        Ok(Action::Ask(question)) => render(&question.request),
        Ok(Action::Done(conclusion)) => format!("{:?}", conclusion.outcome),
        Ok(Action::Finish(_)) => "finish".to_owned(),
        Err(Failure::Later(later)) => format!("later {:?}: {}", later.after, later.reason),
        Err(Failure::Misconfigured(why)) => format!("misconfigured: {why}"),
        Err(Failure::Rejected(why)) => format!("rejected: {why}"),
        Err(Failure::Unsendable(why)) => format!("unsendable: {why}"),
    }
}

#[test]
fn an_event_is_one_message() {
    assert_eq!(
        said(ready()),
        r#"POST {address}?format=full
content-type: application/json
authorization: {token}

{"content":{"head":{"text":"gitrepository/webapp.gitops-system","sub_head":{"text":"info"}},"body":[{"type":"message","text":"message"},{"type":"fields","items":[{"key":"test","value":"metadata"}]}]}}"#
    );
}

#[test]
fn what_is_empty_is_left_out() {
    let mut event = event();
    event.severity = "error".to_owned();
    event.message.clear();
    event.metadata.clear();
    assert_eq!(
        message::body(&event),
        r#"{"content":{"head":{"text":"gitrepository/webapp.gitops-system","sub_head":{"text":"error"}},"body":[{"type":"message"}]}}"#
    );
}

#[test]
fn a_long_text_is_cut_with_a_mark() {
    let check = |text: String, n_chars: usize, end: &str| {
        let mut event = event();
        event.message.clone_from(&text);
        event.metadata = vec![("k".to_owned(), text)];
        let body: json::Value = message::body(&event).parse().expect("it is JSON");
        let parts = &body["content"]["body"];
        for shown in [&parts[0]["text"], &parts[1]["items"][0]["value"]] {
            let shown = shown.as_str().expect("it is a text");
            assert_eq!(shown.chars().count(), n_chars);
            assert!(shown.ends_with(end), "{end}");
        }
    };
    check("x".repeat(4_096), 4_096, "xx");
    check("x".repeat(4_097), 4_096, "x…");
    check("🦀".repeat(5_000), 4_096, "🦀…");
}

#[test]
fn an_answer_is_a_success_unless_it_clearly_tells_an_error() {
    let check = |status: u16, body: &str, expected: &str| {
        let mut delivery = ready();
        delivery.responses.push(Response { status, ..response(body) });
        let said = said(delivery);
        assert!(said.starts_with(expected), "{status} {body}: {said}");
    };
    for body in [
        "",
        "{}",
        "[]",
        "null",
        "success",
        r#""Message sent""#,
        r#"{"message":"Message sent"}"#,
        r#"{"message_id":"x"}"#,
        r#"{"code":0,"message":"ok"}"#,
        r#"{"code":200}"#,
        r#"{"status":200}"#,
        r#"{"status":1}"#,
        r#"{"status":true,"errorCode":0,"errorMessage":null}"#,
        r#"{"status":true,"errorCode":0,"errorMessage":""}"#,
        r#"{"success":true}"#,
    ] {
        check(200, body, "Outcome::Delivered");
    }
    let error = "rejected: Zoom answered with an error: ";
    check(200, r#"{"code":7004,"message":"no"}"#, &[error, "7004: no"].concat());
    check(200, r#"{"status":400,"message":"no"}"#, &[error, "400: no"].concat());
    check(
        200,
        r#"{"status":false,"errorCode":300,"errorMessage":"no"}"#,
        &[error, "300: no"].concat(),
    );
    check(200, r#"{"status":false}"#, &[error, "no message"].concat());
    check(200, r#"{"success":false}"#, &[error, "no message"].concat());
    check(200, r#"{"error":"no"}"#, &[error, "no"].concat());
    check(200, r#"{"code":401,"message":"no"}"#, "misconfigured: Zoom answered with an error: 401");
    check(200, r#"{"code":404,"message":"no"}"#, "misconfigured: ");
    check(200, r#"{"code":429,"message":"no"}"#, "later None: ");
    check(200, r#"{"code":503,"message":"no"}"#, "later None: ");
    for body in ["<html></html>", "\n <!doctype html>"] {
        check(200, body, "later None: the answer is not one of Zoom's");
    }
    check(400, r#"{"message":"Failed to send bot message"}"#, "misconfigured: Zoom answered 400");
    check(400, "Failed to send bot message", "misconfigured: Zoom answered 400");
    check(400, r#"{"message":"no"}"#, "rejected: Zoom answered 400: ");
    check(400, "", "rejected: Zoom answered 400: ");
}

#[test]
fn a_provider_is_checked_without_an_event() {
    let check = |address, keys: &[&str], n_problems: usize| {
        assert_eq!(Zoom::check(&provider(address, keys)).len(), n_problems);
    };
    check(url("https", "integrations.zoom.us"), &["token"], 0);
    check(url("https", "integrations.zoom.us"), &["password"], 1);
    check(None, &[], 2);
}

#[test]
fn without_a_token_nothing_is_sent() {
    let mut delivery = ready();
    delivery.provider.secret_keys.clear();
    assert!(said(delivery).starts_with("misconfigured: there is no verification token"));
}
