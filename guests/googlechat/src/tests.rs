use herald_provider::json::Value;
use herald_provider::testing::{delivery, provider, render, response, url};
use herald_provider::{Delivery, Outcome, Response};

use super::*;

const V2: &str = r#"{"format":"cardsV2"}"#;

fn ready(config: &str) -> Delivery {
    let mut delivery = delivery(provider(url("https", "chat.googleapis.com"), &[]));
    delivery.provider.config = config.to_owned();
    delivery
}

fn sent(delivery: Delivery) -> String {
    match GoogleChat::next(delivery) {
        Ok(Action::Ask(question)) => render(&question.request),
        other => panic!("not one question: {other:?}"),
    }
}

fn body(delivery: Delivery) -> (usize, Value) {
    let sent = sent(delivery);
    let body = sent.split_once("\n\n").map(|(_, body)| body).expect("there is a body");
    (body.len(), body.parse().expect("it is JSON"))
}

#[test]
fn an_event_is_a_card() {
    assert_eq!(
        sent(ready("{}")),
        r#"POST {address}
content-type: application/json

{"cards":[{"header":{"title":"gitrepository/webapp.gitops-system","subtitle":"source-controller","imageUrl":null,"imageStyle":null},"sections":[{"header":"","widgets":[{"textParagraph":{"text":"message"},"keyValue":null}]},{"header":"","widgets":[{"textParagraph":null,"keyValue":{"topLabel":"test","content":"metadata","contentMultiline":false,"bottomLabel":null,"icon":null}}]}]}]}"#
    );
}

#[test]
fn the_new_form_has_an_idempotency_key() {
    assert_eq!(
        sent(ready(V2)),
        r#"POST {address}?requestId=0123456789abcdef0123456789abcdef
content-type: application/json

{"cardsV2":[{"cardId":"event","card":{"header":{"title":"gitrepository/webapp.gitops-system","subtitle":"source-controller"},"sections":[{"widgets":[{"textParagraph":{"text":"message"}}]},{"widgets":[{"decoratedText":{"topLabel":"test","text":"metadata","wrapText":true}}]}]}}]}"#
    );
}

#[test]
fn only_an_owner_chooses_the_new_form() {
    let check = |config: &str, is_new: bool| {
        let (_, body) = body(ready(config));
        assert_eq!(body["cardsV2"].is_array(), is_new, "{config}");
        assert_eq!(body["cards"].is_array(), !is_new, "{config}");
    };
    check("{}", false);
    check(r#"{"format":"cards"}"#, false);
    check(V2, true);
    let schema: Value = GoogleChat::describe().config_schema.parse().expect("it is JSON");
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(schema["properties"]["format"]["default"], "cards");
}

/// The text of the message, and the key and value of the first entry.
fn texts(delivery: Delivery) -> [String; 3] {
    let (_, body) = body(delivery);
    let (card, entry) = match &body["cardsV2"] {
        Value::Null => (&body["cards"][0], "keyValue"),
        cards => (&cards[0]["card"], "decoratedText"),
    };
    let widget = |at: usize| &card["sections"][at]["widgets"][0];
    let entry = &widget(1)[entry];
    let value = if entry["text"].is_null() { &entry["content"] } else { &entry["text"] };
    [&widget(0)["textParagraph"]["text"], &entry["topLabel"], value]
        .map(|text| text.as_str().unwrap_or("none").to_owned())
}

#[test]
fn an_event_is_no_markup() {
    let check = |config: &str, severity: &str, expected: [&str; 3]| {
        let mut delivery = ready(config);
        delivery.event.severity = severity.to_owned();
        delivery.event.message = "<b>&amp;</b> <users/all>".to_owned();
        delivery.event.metadata = vec![("<k>".to_owned(), "<v>".to_owned())];
        assert_eq!(texts(delivery), expected, "{config} {severity}");
    };
    let message = "&lt;b&gt;&amp;amp;&lt;/b&gt; &lt;users/all&gt;";
    let red = ["<font color=\"#ff0000\">", message, "</font>"].concat();
    check("{}", "info", [message, "&lt;k&gt;", "&lt;v&gt;"]);
    check("{}", "error", [&red, "&lt;k&gt;", "&lt;v&gt;"]);
    check(V2, "info", [message, "<k>", "&lt;v&gt;"]);
    check(V2, "error", [&red, "<k>", "&lt;v&gt;"]);
}

#[test]
fn no_text_is_empty() {
    let check = |config: &str, severity: &str, message: &str| {
        let mut delivery = ready(config);
        delivery.event.severity = severity.to_owned();
        delivery.event.message = String::new();
        delivery.event.metadata = vec![("k".to_owned(), String::new())];
        assert_eq!(texts(delivery), [message, "k", "\u{200b}"], "{config} {severity}");
    };
    check("{}", "info", "\u{200b}");
    check(V2, "info", "\u{200b}");
    check("{}", "error", "<font color=\"#ff0000\"></font>");
}

#[test]
fn a_body_is_never_longer_than_what_google_takes() {
    let many = |value: &str| -> Vec<(String, String)> {
        (0..400).map(|at| (format!("key-{at:03}"), value.to_owned())).collect()
    };
    for config in ["{}", V2] {
        for text in ["x", "🦀", "\"", "\n", "<", "&", "\u{1}"] {
            for metadata in [Vec::new(), many(text), many(&text.repeat(3000))] {
                let n_entries = metadata.len();
                let mut delivery = ready(config);
                delivery.event.severity = "error".to_owned();
                delivery.event.message = text.repeat(40_000);
                delivery.event.metadata = metadata;
                delivery.event.reporting_controller = text.repeat(4000);
                let (length, body) = body(delivery);
                let at_least = if n_entries == 0 { 31_000 } else { 24_000 };
                assert!((at_least..=32_000).contains(&length), "{config} {text:?}: {length}");
                let card =
                    if config == V2 { &body["cardsV2"][0]["card"] } else { &body["cards"][0] };
                let entries = card["sections"][1]["widgets"].as_array().map_or(0, Vec::len);
                assert!(entries < 100, "{entries}");
            }
        }
    }
}

#[test]
fn what_is_cut_has_a_mark() {
    let mut delivery = ready(V2);
    delivery.event.message = "<".repeat(40_000);
    delivery.event.metadata =
        (0..400).map(|at| (format!("key-{at:03}"), "value".to_owned())).collect();
    let (_, body) = body(delivery);
    let sections = &body["cardsV2"][0]["card"]["sections"];
    let message = sections[0]["widgets"][0]["textParagraph"]["text"].as_str().expect("a text");
    assert!(message.ends_with("&lt;…"), "{message}");
    let entries = sections[1]["widgets"].as_array().expect("entries");
    let last = &entries.last().expect("one")["decoratedText"];
    assert_eq!(last["topLabel"], "…");
    assert_eq!(last["text"], format!("{} more", 401 - entries.len()));
}

#[test]
fn only_400_needs_a_second_look() {
    let check = |status: u16, body: &str, expected: &str| {
        let mut delivery = ready("{}");
        delivery.responses.push(Response { status, ..response(body) });
        let found = match GoogleChat::next(delivery) {
            Ok(Action::Done(conclusion)) => match conclusion.outcome {
                Outcome::Delivered => "delivered".to_owned(),
                Outcome::Skipped(why) => why,
            },
            Err(Failure::Misconfigured(why)) => format!("misconfigured: {why}"),
            Err(Failure::Rejected(why)) => format!("rejected: {why}"),
            other => format!("{other:?}"),
        };
        assert!(found.starts_with(expected), "{status} {body}: {found}");
    };
    check(200, r#"{"name":"spaces/A/messages/1"}"#, "delivered");
    check(200, "", "delivered");
    check(
        400,
        r#"{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID"}]}}"#,
        "misconfigured: the receiver answered 400: INVALID_ARGUMENT: API key not valid: copy",
    );
    check(
        400,
        r#"{"error":{"code":400,"message":"Message cannot be empty.","status":"INVALID_ARGUMENT"}}"#,
        "rejected: the receiver answered 400: INVALID_ARGUMENT: Message cannot be empty.",
    );
    check(400, "<html>", "rejected: the receiver answered 400: no status: no message");
}

#[test]
fn an_address_is_all_it_needs() {
    let check = |address, n_problems: usize| {
        assert_eq!(GoogleChat::check(&provider(address, &[])).len(), n_problems);
    };
    check(url("https", "chat.googleapis.com"), 0);
    check(None, 1);
}
