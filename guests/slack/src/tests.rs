use herald_provider::testing::{delivery, provider, render, response, url};
use herald_provider::{Delivery, Outcome};

use super::*;

fn webhook() -> Delivery {
    delivery(provider(url("https", "hooks.slack.com"), &[]))
}

fn sent(delivery: Delivery) -> String {
    match Slack::next(delivery) {
        Ok(Action::Finish(request)) => render(&request),
        other => panic!("not one request: {other:?}"),
    }
}

/// The value of a text member of the attachment, escapes of JSON undone.
fn attachment(delivery: Delivery, member: &str) -> String {
    let sent = sent(delivery);
    let body = sent.split_once("\n\n").map(|(_, body)| body).expect("there is a body");
    let body = body.parse::<herald_provider::json::Value>().expect("it is JSON");
    body["attachments"][0][member].as_str().expect("it is a text").to_owned()
}

#[test]
fn an_event_is_one_attachment() {
    assert_eq!(
        sent(webhook()),
        r#"POST {address}
content-type: application/json

{"channel":"","username":"source-controller","icon_url":"","icon_emoji":"","attachments":[{"fallback":"gitrepository/webapp.gitops-system: message","color":"good","author_name":"gitrepository/webapp.gitops-system","text":"message","mrkdwn_in":["text"],"fields":[{"title":"test","value":"metadata","short":false}]}]}"#
    );
}

#[test]
fn a_failure_is_red_and_says_who_speaks_where() {
    let mut delivery = webhook();
    delivery.event.severity = "error".to_owned();
    delivery.event.message = "first\nsecond".to_owned();
    delivery.event.metadata.clear();
    delivery.provider.channel = "general".to_owned();
    delivery.provider.username = "herald".to_owned();
    delivery.provider.secret_keys = vec!["token".to_owned()];
    assert_eq!(
        sent(delivery),
        r#"POST {address}
content-type: application/json
authorization: Bearer {token}

{"channel":"general","username":"herald","icon_url":"","icon_emoji":"","attachments":[{"fallback":"gitrepository/webapp.gitops-system: first","color":"danger","author_name":"gitrepository/webapp.gitops-system","text":"first\nsecond","mrkdwn_in":["text"],"fields":[]}]}"#
    );
}

#[test]
fn an_event_cannot_mention_anyone() {
    let mut delivery = webhook();
    delivery.event.message = "<!here> a && b <https://evil.example|good>".to_owned();
    delivery.event.metadata = vec![("<k>".to_owned(), "<@U1>".to_owned())];
    assert!(sent(delivery.clone()).contains(
        r#"{"title":"\u0026lt;k\u0026gt;","value":"\u0026lt;@U1\u0026gt;","short":false}"#
    ));
    let escaped = "&lt;!here&gt; a &amp;&amp; b &lt;https://evil.example|good&gt;";
    assert_eq!(attachment(delivery.clone(), "text"), escaped);
    assert!(attachment(delivery, "fallback").ends_with(escaped));
}

#[test]
fn a_long_message_is_cut_with_a_mark() {
    let check = |message: String, n_chars: usize, end: &str| {
        let mut delivery = webhook();
        delivery.event.message = message;
        let text = attachment(delivery, "text");
        assert_eq!(text.chars().count(), n_chars);
        assert!(text.ends_with(end));
    };
    check("x".repeat(39_000), 39_000, "xx");
    check("x".repeat(39_001), 39_000, "x…");
    check("🦀".repeat(39_001), 39_000, "🦀…");
    // Nine thousand entities of four characters, and no part of another.
    check("<".repeat(39_000), 38_997, "&lt;…");
}

#[test]
fn the_form_is_the_users_choice() {
    let check = |config: &str, has_blocks: bool| {
        let mut delivery = webhook();
        delivery.provider.config = config.to_owned();
        assert_eq!(sent(delivery).contains(r#""blocks":["#), has_blocks, "{config}");
    };
    check("{}", false);
    check(r#"{"format":"attachments"}"#, false);
    check(r#"{"format":"blocks"}"#, true);
    let schema = Slack::describe().config_schema.parse::<herald_provider::json::Value>();
    assert_eq!(schema.expect("it is JSON")["properties"]["format"]["default"], "attachments");
}

#[test]
fn only_the_web_api_is_asked_for_its_word() {
    let check = |host: &str, is_asked: bool| {
        let action = Slack::next(delivery(provider(url("https", host), &["token"])));
        assert_eq!(matches!(action, Ok(Action::Ask(_))), is_asked, "{host}");
    };
    check("slack.com", true);
    check("slack.com.", true);
    check("Slack.com", true);
    check("slack-gov.com", true);
    check("hooks.slack.com", false);
    check("slack.com.evil.example", false);
    check("notslack.com", false);
    check("mattermost.example", false);
}

#[test]
fn an_answer_of_the_web_api_is_judged_by_its_body() {
    let check = |body: &str, expected: &str| {
        let mut delivery = delivery(provider(url("https", "slack.com"), &["token"]));
        delivery.responses.push(response(body));
        let found = match Slack::next(delivery) {
            Ok(Action::Done(conclusion)) => match conclusion.outcome {
                Outcome::Delivered => "delivered".to_owned(),
                Outcome::Skipped(why) => format!("skipped: {why}"),
            },
            Ok(other) => format!("{other:?}"),
            Err(Failure::Misconfigured(why)) => format!("misconfigured: {why}"),
            Err(Failure::Unsendable(why)) => format!("unsendable: {why}"),
            Err(Failure::Rejected(why)) => format!("rejected: {why}"),
            Err(Failure::Later(postponement)) => format!("later: {}", postponement.reason),
        };
        assert_eq!(found, expected, "{body}");
    };
    check(r#"{"ok":true,"warning":"missing_charset"}"#, "delivered");
    check(r#"{ "error" : "invalid_auth" , "ok" : true }"#, "delivered");
    check(
        r#"{"ok":false,"error":"invalid_auth"}"#,
        "misconfigured: Slack responded with error: invalid_auth",
    );
    check(
        r#"{"ok":false,"error":"channel_not_found"}"#,
        "misconfigured: Slack responded with error: channel_not_found",
    );
    check(
        r#"{"ok":false,"error":"missing_scope","needed":"chat:write","provided":"x"}"#,
        "misconfigured: Slack responded with error: missing_scope (add the scope chat:write to the app)",
    );
    check(
        r#"{"ok":false,"error":"ratelimited"}"#,
        "later: Slack responded with error: ratelimited",
    );
    check(
        r#"{"ok":false,"error":"fatal_error"}"#,
        "later: Slack responded with error: fatal_error",
    );
    check(
        r#"{"ok":false,"error":"msg_too_long"}"#,
        "rejected: Slack responded with error: msg_too_long",
    );
    check(r#"{"ok":false}"#, "rejected: Slack responded with error: no error named");
    for body in
        ["", "ok", "<html>login</html>", "{}", "[]", r#"{"ok":"true"}"#, r#"{"x":{"ok":true}}"#]
    {
        check(body, "later: the answer is not one of Slack's: is a proxy in between?");
    }
}

#[test]
fn the_web_api_needs_a_token_and_a_channel() {
    let check = |host: &str, keys: &[&str], channel: &str, n_problems: usize| {
        let mut provider = provider(url("https", host), keys);
        provider.channel = channel.to_owned();
        assert_eq!(Slack::check(&provider).len(), n_problems, "{host}");
    };
    check("hooks.slack.com", &[], "", 0);
    check("slack.com", &["token"], "general", 0);
    check("slack.com", &["token"], "", 1);
    check("slack.com", &[], "", 2);
    assert_eq!(Slack::check(&provider(None, &[])).len(), 1);
}
