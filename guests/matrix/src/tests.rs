use herald_provider::testing::{delivery, provider, render, response, url};
use herald_provider::{Delivery, Response};

use super::*;

fn ready(channel: &str) -> Delivery {
    let mut delivery = delivery(provider(url("https", "matrix.example"), &["token"]));
    delivery.provider.channel = channel.to_owned();
    delivery
}

/// What the module says, in short.
fn said(delivery: Delivery) -> String {
    match Matrix::next(delivery) {
        Ok(Action::Ask(question)) => render(&question.request),
        Ok(Action::Done(conclusion)) => format!("{:?}", conclusion.outcome),
        Ok(Action::Finish(_)) => "finish".to_owned(),
        Err(Failure::Later(later)) => format!("later {:?}: {}", later.after, later.reason),
        Err(Failure::Misconfigured(why)) => format!("misconfigured: {why}"),
        Err(other) => format!("{other:?}"),
    }
}

fn content(delivery: Delivery) -> json::Value {
    let sent = said(delivery);
    let (_, body) = sent.split_once("\n\n").expect("there is a body");
    body.parse().expect("it is JSON")
}

const SENT: &str = r#"PUT {address}/_matrix/client/r0/rooms/!room:matrix.example/send/m.room.message/0123456789abcdef0123456789abcdef
content-type: application/json
authorization: Bearer {token}

{"body":"💫 gitrepository/webapp.gitops-system\nmessage\n- test: metadata\n","msgtype":"m.text"}"#;

#[test]
fn an_event_is_one_message() {
    assert_eq!(said(ready("!room:matrix.example")), SENT);
}

#[test]
fn an_alias_is_asked_about_first() {
    let mut delivery = ready("#alerts:matrix.example");
    assert_eq!(
        said(delivery.clone()),
        "GET {address}/_matrix/client/r0/directory/room/#alerts:matrix.example\nauthorization: Bearer {token}"
    );
    delivery.responses.push(response(r#"{"room_id":"!room:matrix.example","servers":[]}"#));
    assert_eq!(said(delivery.clone()), SENT);
    delivery.responses.push(response(r#"{"event_id":"$1"}"#));
    assert_eq!(said(delivery), "Outcome::Delivered");
}

#[test]
fn an_answer_is_read() {
    let check = |channel: &str, answer: Response, expected: &str| {
        let mut delivery = ready(channel);
        delivery.responses.push(answer);
        let said = said(delivery);
        assert!(said.starts_with(expected), "{said}");
    };
    check("!room:a", response(r#"{"event_id":"$1"}"#), "Outcome::Delivered");
    for body in ["", "<html></html>", "{}", "[]", r#"{"event_id":1}"#] {
        check("!room:a", response(body), "later None: the answer is not one of a homeserver's");
    }
    for body in ["", "<html></html>", "{}", r##"{"room_id":"#a:b"}"##, r#"{"room_id":".."}"#] {
        check("#alerts:a", response(body), "later None: the answer is not one of a homeserver's");
    }
}

#[test]
fn too_many_requests_say_when_to_come_back() {
    let check = |header: Option<&str>, body: &str, expected: &str| {
        for channel in ["!room:a", "#alerts:a"] {
            let mut delivery = ready(channel);
            let headers = header.map(|value| ("retry-after".to_owned(), value.to_owned()));
            delivery.responses.push(Response {
                status: 429,
                headers: headers.into_iter().collect(),
                body: body.as_bytes().to_vec(),
            });
            assert_eq!(said(delivery), expected, "{channel}");
        }
    };
    let limit = r#"{"errcode":"M_LIMIT_EXCEEDED","retry_after_ms":1001}"#;
    check(None, limit, "later Some(2): the homeserver answered 429: M_LIMIT_EXCEEDED");
    check(Some("7"), limit, "later Some(7): the homeserver answered 429: M_LIMIT_EXCEEDED");
    check(None, "", "later None: the homeserver answered 429: M_LIMIT_EXCEEDED");
    check(
        None,
        r#"{"errcode":"M_USER_LIMIT_EXCEEDED"}"#,
        "later None: the homeserver answered 429: M_USER_LIMIT_EXCEEDED",
    );
}

#[test]
fn html_is_escaped_and_stands_beside_the_text() {
    let mut delivery = ready("!room:a");
    delivery.provider.config = r#"{"format":"html"}"#.to_owned();
    delivery.event.severity = "error".to_owned();
    delivery.event.message = "<b>\"&\"\nend".to_owned();
    delivery.event.metadata = vec![("<k>".to_owned(), "a & b".to_owned())];
    let content = content(delivery);
    assert_eq!(
        content["formatted_body"],
        "<p>🚨 <strong>gitrepository/webapp.gitops-system</strong></p><p>&lt;b&gt;&quot;&amp;&quot;<br>end</p><ul><li><strong>&lt;k&gt;</strong>: a &amp; b</li></ul>"
    );
    assert_eq!(
        content["body"],
        "🚨 gitrepository/webapp.gitops-system\n<b>\"&\"\nend\n- <k>: a & b\n"
    );
    assert_eq!(content["format"], "org.matrix.custom.html");
}

#[test]
fn nobody_is_mentioned() {
    let mut delivery = ready("!room:a");
    assert_eq!(content(delivery.clone())["m.mentions"], json::Value::Null);
    delivery.event.message = "see @room".to_owned();
    assert!(content(delivery.clone())["m.mentions"].is_object());
    delivery.event.message = "message".to_owned();
    delivery.provider.config = r#"{"format":"html"}"#.to_owned();
    assert!(content(delivery)["m.mentions"].is_object());
}

#[test]
fn a_message_stays_below_the_size_of_an_event() {
    let check = |config: &str, message: &str, metadata: &[(&str, &str)]| {
        let mut delivery = ready("!room:a");
        delivery.provider.config = config.to_owned();
        delivery.event.message = message.to_owned();
        delivery.event.metadata =
            metadata.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
        let content = content(delivery);
        // serde_json escapes as canonical JSON does.
        let length = content.to_string().len();
        assert!(length <= 60_000, "{config} {length}");
        assert!(length > 50_000, "{config} {length}");
        let body = content["body"].as_str().expect("it is a text");
        assert!(body.contains('…'), "{config}");
    };
    let long = |text: &str| text.repeat(70_000 / text.len());
    for config in ["{}", r#"{"format":"html"}"#] {
        for text in ["x", "🦀", "<\n\"&", "\u{1}", "é"] {
            check(config, &long(text), &[("k", "v")]);
            check(config, &long(text), &[("k", &long(text)), ("l", &long(text)), ("m", "v")]);
        }
    }
}

#[test]
fn a_provider_is_checked_without_an_event() {
    let check = |keys: &[&str], channel: &str, n_problems: usize| {
        let mut provider = provider(url("https", "matrix.example"), keys);
        provider.channel = channel.to_owned();
        assert_eq!(Matrix::check(&provider).len(), n_problems, "{channel}");
    };
    check(&["token"], "!room:matrix.example", 0);
    check(&["token"], "!room", 0);
    check(&["token"], "#alerts:matrix.example", 0);
    check(&["token"], "", 1);
    check(&["token"], "alerts", 1);
    check(&["token"], "!", 1);
    check(&["token"], "#alerts", 1);
    check(&["token"], "#:matrix.example", 1);
    check(&["token"], "@user:matrix.example", 1);
    check(&["password"], "!room:matrix.example", 1);
    assert_eq!(Matrix::check(&provider(None, &[])).len(), 3);
}

#[test]
fn what_is_wrong_is_said_before_anything_is_sent() {
    let mut delivery = ready("alerts");
    assert!(said(delivery.clone()).starts_with("misconfigured: spec.channel is no room"));
    delivery.provider.secret_keys.clear();
    assert!(said(delivery).starts_with("misconfigured: there is no access token"));
}

#[test]
fn the_schema_of_the_options_is_json() {
    let schema = Matrix::describe().config_schema;
    let schema: json::Value = schema.parse().expect("it is JSON");
    assert_eq!(schema["properties"]["format"]["default"], "text");
    assert_eq!(schema["additionalProperties"], false);
}
