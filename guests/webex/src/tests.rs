use herald_provider::Delivery;
use herald_provider::json::Value;
use herald_provider::testing::{delivery, provider, render, url};

use super::*;

fn ready() -> Delivery {
    let mut delivery = delivery(provider(url("https", "webexapis.com"), &["token"]));
    delivery.provider.channel = "room-id".to_owned();
    delivery
}

fn sent(delivery: Delivery) -> String {
    match Webex::next(delivery) {
        Ok(Action::Finish(request)) => render(&request),
        other => panic!("not one request: {other:?}"),
    }
}

/// The Markdown that is sent, escapes of JSON undone.
fn markdown(delivery: Delivery) -> String {
    let sent = sent(delivery);
    let body = sent.split_once("\n\n").map(|(_, body)| body).expect("there is a body");
    let body: Value = body.parse().expect("it is JSON");
    body["markdown"].as_str().expect("it is a text").to_owned()
}

#[test]
fn an_event_is_one_message() {
    assert_eq!(
        sent(ready()),
        r#"POST {address}
content-type: application/json
authorization: Bearer {token}

{"roomId":"room-id","markdown":"✅ **gitrepository/webapp.gitops-system**\nmessage\n\u003e**test**: metadata\n"}"#
    );
}

#[test]
fn a_failure_is_a_bomb() {
    let mut delivery = ready();
    delivery.event.severity = "error".to_owned();
    delivery.event.metadata.clear();
    assert_eq!(markdown(delivery), "💣 **gitrepository/webapp.gitops-system**\nmessage\n");
}

#[test]
fn an_event_can_mention_nobody() {
    let mut delivery = ready();
    delivery.event.message = "<@all> <@personEmail:a@corp.example> &lt;@all&gt; *a* _b_".to_owned();
    delivery.event.metadata = vec![("<@all>".to_owned(), "<@all>".to_owned())];
    assert_eq!(
        markdown(delivery),
        "✅ **gitrepository/webapp.gitops-system**\n&lt;@all&gt; &lt;@personEmail:a@corp.example&gt; &amp;lt;@all&amp;gt; *a* _b_\n>**&lt;@all&gt;**: &lt;@all&gt;\n"
    );
}

#[test]
fn a_message_is_never_longer_than_what_webex_takes() {
    let many = |value: &str| -> Vec<(String, String)> {
        (0..400).map(|at| (format!("key-{at:03}"), value.to_owned())).collect()
    };
    for text in ["x", "🦀", "<", "&", "\n"] {
        for metadata in [Vec::new(), many(text), many(&text.repeat(3000))] {
            let mut delivery = ready();
            delivery.event.message = text.repeat(10_000);
            delivery.event.metadata = metadata;
            let length = markdown(delivery).len();
            assert!((6400..=7439).contains(&length), "{text:?}: {length}");
        }
        let mut delivery = ready();
        delivery.event.involved_object.name = text.repeat(10_000);
        delivery.event.metadata = many(text);
        assert!(markdown(delivery).len() <= 7439);
    }
}

#[test]
fn what_is_cut_has_a_mark() {
    let check = |message: &str, metadata: usize, ends: &[&str]| {
        let mut delivery = ready();
        delivery.event.message = message.to_owned();
        delivery.event.metadata =
            (0..metadata).map(|at| (format!("key-{at:03}"), "value".to_owned())).collect();
        let markdown = markdown(delivery);
        for end in ends {
            assert!(markdown.contains(end), "{end}: {markdown}");
        }
    };
    check(&"x".repeat(8000), 0, &["xx…\n"]);
    check(&"<".repeat(8000), 0, &["&lt;…\n"]);
    check(&"x".repeat(8000), 400, &["xx…\n>**key-000**: value\n", " more\n"]);
    check("x", 10, &["\nx\n", ">**key-009**: value\n"]);
}

#[test]
fn a_token_and_a_room_make_it_ready() {
    let check = |keys: &[&str], channel: &str, expected: &[&str]| {
        let mut provider = provider(url("https", "webexapis.com"), keys);
        provider.channel = channel.to_owned();
        assert_eq!(Webex::check(&provider), expected);
        match Webex::next(delivery(provider)) {
            Err(Failure::Misconfigured(why)) => assert_eq!(why, expected.join("; ")),
            other => assert!(other.is_ok() && expected.is_empty(), "{other:?}"),
        }
    };
    check(&["token"], "room-id", &[]);
    check(&[], "room-id", &[NO_TOKEN]);
    check(&["token"], "", &[NO_ROOM]);
    // The URL of an incoming webhook stands for both.
    check(&["password"], "", &[]);
}
