use herald_provider::json::Value;
use herald_provider::testing::{delivery, provider, render, response};
use herald_provider::{Delivery, Outcome, Response};

use super::*;

fn ready() -> Delivery {
    let mut delivery = delivery(provider(None, &["token"]));
    delivery.provider.channel = "-100123".to_owned();
    delivery
}

fn sent(delivery: Delivery) -> String {
    match Telegram::next(delivery) {
        Ok(Action::Ask(question)) => render(&question.request),
        other => panic!("not one question: {other:?}"),
    }
}

/// The text that is sent, escapes of JSON undone.
fn text(delivery: Delivery) -> String {
    let sent = sent(delivery);
    let body = sent.split_once("\n\n").map(|(_, body)| body).expect("there is a body");
    let body: Value = body.parse().expect("it is JSON");
    body["text"].as_str().expect("it is a text").to_owned()
}

/// What Telegram counts: the text without the backslashes of escapes and the marks of emphasis.
fn n_units(text: &str) -> usize {
    let mut chars = text.chars();
    let mut n_units = 0;
    while let Some(char) = chars.next() {
        n_units += match char {
            '\\' => chars.next().map_or(0, char::len_utf16),
            '*' => 0,
            plain => plain.len_utf16(),
        };
    }
    n_units
}

#[test]
fn an_event_is_one_message() {
    assert_eq!(
        sent(ready()),
        r#"POST https://api.telegram.org/bot{token}/sendMessage
content-type: application/json

{"chat_id":"-100123","text":"*💫 gitrepository/webapp/gitops\\-system*\nmessage\n\\- *test*: metadata\n","parse_mode":"MarkdownV2"}"#
    );
}

#[test]
fn an_event_can_be_html() {
    let mut delivery = ready();
    delivery.provider.config = r#"{"format":"html"}"#.to_owned();
    assert!(sent(delivery.clone()).ends_with(r#""parse_mode":"HTML"}"#));
    delivery.event.message = "a.b <script> && \"c\"".to_owned();
    delivery.event.metadata = vec![("<k>".to_owned(), "1 > 0".to_owned())];
    assert_eq!(
        text(delivery.clone()),
        "<b>💫 gitrepository/webapp/gitops-system</b>\na.b &lt;script&gt; &amp;&amp; \"c\"\n- <b>&lt;k&gt;</b>: 1 &gt; 0\n"
    );
    // The limit counts what is read, so many entities fit and none is cut in two.
    delivery.event.message = "&".repeat(5_000);
    let text = text(delivery);
    let read = text.replace("<b>", "").replace("</b>", "");
    let read = read.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    assert_eq!(read.encode_utf16().count(), 4_096);
    assert!(read.contains("&…\n- <k>: 1 > 0\n"));
}

#[test]
fn markdown_is_the_default() {
    for config in ["{}", r#"{"format":"markdown"}"#] {
        let mut delivery = ready();
        delivery.provider.config = config.to_owned();
        assert!(sent(delivery).ends_with(r#""parse_mode":"MarkdownV2"}"#), "{config}");
    }
    let schema: Value = Telegram::describe().config_schema.parse().expect("it is JSON");
    assert_eq!(schema["properties"]["format"]["default"], "markdown");
}

#[test]
fn what_markdown_reserves_is_escaped() {
    let mut delivery = ready();
    delivery.event.severity = "error".to_owned();
    delivery.event.message = r"\_*[]()~`>#+-=|{}.!<&".to_owned();
    delivery.event.metadata = vec![("a_b".to_owned(), "1.0".to_owned())];
    assert_eq!(
        text(delivery),
        "*🚨 gitrepository/webapp/gitops\\-system*\n\\\\\\_\\*\\[\\]\\(\\)\\~\\`\\>\\#\\+\\-\\=\\|\\{\\}\\.\\!<&\n\\- *a\\_b*: 1\\.0\n"
    );
}

#[test]
fn a_channel_may_name_a_topic() {
    assert_eq!(Chat::parse("-100"), Ok(Chat { id: "-100", thread: None }));
    assert_eq!(Chat::parse("@name"), Ok(Chat { id: "@name", thread: None }));
    assert_eq!(Chat::parse("-100:"), Ok(Chat { id: "-100", thread: None }));
    assert_eq!(Chat::parse("-100:42"), Ok(Chat { id: "-100", thread: Some(42) }));
    assert_eq!(Chat::parse("-100:42:99"), Err(BAD_THREAD));
    assert_eq!(Chat::parse("-100:x"), Err(BAD_THREAD));
    assert_eq!(Chat::parse(""), Err(NO_CHAT));
    assert_eq!(Chat::parse(":42"), Err(NO_CHAT));
    let mut delivery = ready();
    delivery.provider.channel = "-100:42".to_owned();
    assert!(sent(delivery).contains(r#""chat_id":"-100","message_thread_id":42,"text""#));
}

#[test]
fn a_long_text_is_cut_to_what_telegram_takes() {
    let check = |message: String, metadata: Vec<(String, String)>, end: &str, at_least: usize| {
        let mut delivery = ready();
        delivery.event.message = message;
        delivery.event.metadata = metadata;
        let text = text(delivery);
        let n_units = n_units(&text);
        assert!((at_least..=4096).contains(&n_units), "{n_units}");
        assert!(text.ends_with(end), "{text}");
    };
    let entry = |value: &str| vec![("key".to_owned(), value.to_owned())];
    check("x".repeat(5000), Vec::new(), "x…\n", 4096);
    check("🦀".repeat(5000), Vec::new(), "🦀…\n", 4095);
    check(".".repeat(5000), Vec::new(), "\\.…\n", 4096);
    check("x".repeat(5000), entry("y"), "x…\n\\- *key*: y\n", 4096);
    check("x".into(), entry(&"y".repeat(2000)), "y…\n", 1000);
    let many = (0..500).map(|at| (format!("k{at:03}"), "value".to_owned())).collect();
    check("x".repeat(5000), many, " more\n", 4000);
}

#[test]
fn an_answer_is_judged_by_ok_and_its_code() {
    let check = |status: u16, body: &str, expected: &str| {
        let mut delivery = ready();
        delivery.responses.push(Response { status, ..response(body) });
        let found = match Telegram::next(delivery) {
            Ok(Action::Done(conclusion)) => match conclusion.outcome {
                Outcome::Delivered => "delivered".to_owned(),
                Outcome::Skipped(why) => why,
            },
            Err(Failure::Misconfigured(why)) => format!("misconfigured: {why}"),
            Err(Failure::Rejected(why)) => format!("rejected: {why}"),
            Err(Failure::Later(later)) => format!("later {:?}: {}", later.after, later.reason),
            other => format!("{other:?}"),
        };
        assert!(found.starts_with(expected), "{status} {body}: {found}");
    };
    check(200, r#"{"ok":true,"result":{}}"#, "delivered");
    let kicked = r#"{"ok":false,"error_code":403,"description":"Forbidden: bot was kicked"}"#;
    check(200, kicked, "misconfigured: Telegram answered 403: Forbidden: bot was kicked");
    check(403, kicked, "misconfigured: Telegram answered 403: Forbidden: bot was kicked");
    check(401, r#"{"ok":false,"error_code":401,"description":"Unauthorized"}"#, "misconfigured: ");
    check(404, r#"{"ok":false,"error_code":404,"description":"Not Found"}"#, "misconfigured: ");
    check(
        400,
        r#"{"ok":false,"error_code":400,"description":"Bad Request: chat not found"}"#,
        "misconfigured: ",
    );
    check(
        400,
        r#"{"ok":false,"error_code":400,"description":"Bad Request: group chat was upgraded to a supergroup chat","parameters":{"migrate_to_chat_id":-100987}}"#,
        "misconfigured: Telegram answered 400: Bad Request: group chat was upgraded to a supergroup chat: set spec.channel to -100987",
    );
    check(
        400,
        r#"{"ok":false,"error_code":400,"description":"Bad Request: message is too long"}"#,
        "rejected: Telegram answered 400: Bad Request: message is too long",
    );
    check(400, "<html>", "rejected: Telegram answered 400: no description");
    check(
        429,
        r#"{"ok":false,"error_code":429,"description":"Too Many Requests","parameters":{"retry_after":31}}"#,
        "later Some(31): ",
    );
    check(429, "", "later None: ");
    check(200, r#"{"ok":false,"error_code":500,"description":"Internal"}"#, "later None: ");
    check(200, "<html>login</html>", "later None: the answer is not one of Telegram's");
}

#[test]
fn a_token_and_a_chat_make_it_ready() {
    let check = |keys: &[&str], channel: &str, n_problems: usize| {
        let mut provider = provider(None, keys);
        provider.channel = channel.to_owned();
        assert_eq!(Telegram::check(&provider).len(), n_problems, "{channel}");
        let is_ready = Telegram::next(delivery(provider)).is_ok();
        assert_eq!(is_ready, n_problems == 0);
    };
    check(&["token"], "-100", 0);
    check(&[], "-100", 1);
    check(&["token"], "", 1);
    check(&["token"], "-100:x", 1);
    check(&[], "", 2);
}
