use herald_provider::json::Value;
use herald_provider::testing::{delivery, provider, render, response, url};
use herald_provider::{Delivery, Outcome};

use super::*;

fn webhook() -> Delivery {
    delivery(provider(url("https", "discord.com"), &[]))
}

fn sent(delivery: Delivery) -> String {
    match Discord::next(delivery) {
        Ok(Action::Ask(question)) => {
            assert_eq!(question.expects, [429]);
            render(&question.request)
        }
        other => panic!("not one question: {other:?}"),
    }
}

fn body(delivery: Delivery) -> Value {
    let sent = sent(delivery);
    let body = sent.split_once("\n\n").map(|(_, body)| body).expect("there is a body");
    body.parse().expect("it is JSON")
}

#[test]
fn an_event_is_one_attachment() {
    assert_eq!(
        sent(webhook()),
        r##"POST {address ending in}/slack
content-type: application/json

{"username":"source-controller","attachments":[{"color":"#2eb886","author_name":"gitrepository/webapp.gitops-system","text":"message","fields":[{"title":"test","name":"test","value":"metadata","short":false,"inline":false}]}]}"##
    );
}

#[test]
fn a_failure_is_red_and_has_its_own_speaker() {
    let mut delivery = webhook();
    delivery.event.severity = "error".to_owned();
    delivery.event.message = String::new();
    delivery.event.metadata = vec![("empty".to_owned(), String::new())];
    delivery.provider.username = "x".repeat(81);
    let body = body(delivery);
    assert_eq!(body["username"].as_str().map(|name| name.chars().count()), Some(80));
    let embed = &body["attachments"][0];
    assert_eq!(embed["color"], "#a30100");
    assert!(embed.get("text").is_none());
    assert_eq!(embed["fields"][0]["value"], "\u{200b}");
}

#[test]
fn everything_stays_within_the_limits_of_an_embed() {
    let check = |message: &str, metadata: Vec<(String, String)>| {
        let mut delivery = webhook();
        delivery.event.involved_object.name = "n".repeat(300);
        delivery.event.message = message.to_owned();
        delivery.event.metadata = metadata;
        let n_entries = delivery.event.metadata.len();
        let embed = body(delivery)["attachments"][0].take();
        let units = |value: &Value| value.as_str().unwrap_or_default().encode_utf16().count();
        let fields = embed["fields"].as_array().expect("it is a list").clone();
        assert!(units(&embed["author_name"]) <= 256 && units(&embed["text"]) <= 4096);
        assert!(fields.len() <= 25);
        let mut total = units(&embed["author_name"]) + units(&embed["text"]);
        for field in &fields {
            assert!(units(&field["name"]) <= 256 && units(&field["value"]) <= 1024);
            assert!(units(&field["name"]) > 0 && units(&field["value"]) > 0);
            total += units(&field["name"]) + units(&field["value"]);
        }
        assert!(total <= 6000, "{total}");
        let is_marked = fields.last().is_some_and(|field| field["name"] == "…");
        assert!(fields.len() == n_entries || is_marked);
    };
    let entries = |n: usize, value: &str| -> Vec<(String, String)> {
        (0..n).map(|at| (format!("key_{at:02}"), value.to_owned())).collect()
    };
    check("short", entries(25, "v"));
    check("short", entries(26, "v"));
    check("short", entries(30, &"_".repeat(2000)));
    check(&"🦀".repeat(5000), entries(8, &"x".repeat(1000)));
    check(&"*".repeat(5000), entries(40, ""));
}

#[test]
fn an_answer_is_judged_by_its_hint() {
    let check = |status: u16, header: Option<&str>, body: &str, expected: &str| {
        let mut delivery = webhook();
        let headers = header.map(|value| ("retry-after".to_owned(), value.to_owned()));
        delivery.responses.push(Response {
            status,
            headers: headers.into_iter().collect(),
            ..response(body)
        });
        let found = match Discord::next(delivery) {
            Ok(Action::Done(conclusion)) => match conclusion.outcome {
                Outcome::Delivered => "delivered".to_owned(),
                Outcome::Skipped(why) => why,
            },
            Err(Failure::Later(postponement)) => format!("after {:?}", postponement.after),
            other => format!("{other:?}"),
        };
        assert_eq!(found, expected, "{status} {body}");
    };
    check(204, None, "", "delivered");
    check(200, None, "ok", "delivered");
    check(429, Some("1"), r#"{"retry_after":64.57,"global":false}"#, "after Some(65)");
    check(429, Some("7"), "<html>", "after Some(7)");
    check(429, None, "{}", "after None");
}

#[test]
fn only_http_urls_are_ready() {
    assert!(Discord::check(&provider(url("https", "discord.com"), &[])).is_empty());
    assert_eq!(Discord::check(&provider(None, &[])).len(), 1);
}

/// The request of an embed, and its body.
fn embed(mut delivery: Delivery) -> (String, Value) {
    delivery.provider.config = r#"{"format":"embeds"}"#.to_owned();
    match Discord::next(delivery) {
        Ok(Action::Ask(question)) => {
            assert_eq!(question.expects, [400, 429]);
            let sent = render(&question.request);
            let body = sent.split_once("\n\n").map(|(_, body)| body).expect("there is a body");
            (sent.clone(), body.parse().expect("it is JSON"))
        }
        other => panic!("not one question: {other:?}"),
    }
}

#[test]
fn an_event_can_be_an_embed() {
    assert_eq!(
        embed(webhook()).0,
        r#"POST {address}?wait=true
content-type: application/json

{"username":"source-controller","embeds":[{"author":{"name":"gitrepository/webapp.gitops-system"},"description":"message","color":3061894,"timestamp":"2020-01-01T00:00:00Z","fields":[{"name":"test","value":"metadata","inline":false}]}],"allowed_mentions":{"parse":[]}}"#
    );
    let mut delivery = webhook();
    delivery.event.severity = "error".to_owned();
    delivery.event.message = "@everyone *a*".to_owned();
    delivery.event.timestamp = None;
    let body = embed(delivery).1;
    assert_eq!(body["embeds"][0]["color"], 0xa3_01_00);
    assert_eq!(body["embeds"][0]["description"], r"@everyone \*a\*");
    assert!(body["embeds"][0].get("timestamp").is_none());
}

#[test]
fn an_embed_stays_within_its_limits() {
    let check = |message: &str, n_entries: usize, value: &str| {
        let mut delivery = webhook();
        delivery.event.message = message.to_owned();
        delivery.event.metadata =
            (0..n_entries).map(|n| (format!("key-{n}"), value.to_owned())).collect();
        let body = embed(delivery).1;
        let embed = &body["embeds"][0];
        let length = |value: &Value| value.as_str().map_or(0, |text| text.encode_utf16().count());
        let fields = embed["fields"].as_array().expect("there are fields");
        let inner: usize =
            fields.iter().map(|field| length(&field["name"]) + length(&field["value"])).sum();
        let all = length(&embed["author"]["name"]) + length(&embed["description"]) + inner;
        assert!(all <= 6_000 && fields.len() <= 25, "{all} in {}", fields.len());
        assert!(fields.iter().all(|field| length(&field["value"]) <= 1_024));
        let last = fields.last().map_or("", |field| field["value"].as_str().unwrap_or_default());
        assert_eq!(last.ends_with(" more"), fields.len() <= n_entries);
    };
    check(&"x_".repeat(5_000), 30, "value");
    check("short", 40, "");
    check("short", 10, &"🦀".repeat(2_000));
}

#[test]
fn an_address_for_the_other_side_is_told_apart() {
    let check = |config: &str, body: &str, expected: &str| {
        let mut delivery = webhook();
        delivery.provider.config = config.to_owned();
        delivery.responses = vec![Response { status: 400, ..response(body) }];
        let failure = Discord::next(delivery).err();
        assert!(format!("{failure:?}").contains(expected), "{body}: {failure:?}");
    };
    let embeds = r#"{"format":"embeds"}"#;
    let empty = r#"{"message":"Cannot send an empty message","code":50006}"#;
    check(embeds, empty, "Failure::Misconfigured(\"Discord answered 400: Cannot send");
    check("{}", empty, "Failure::Rejected(");
    check(embeds, r#"{"embeds":["0"]}"#, "Failure::Rejected(\"Discord answered 400; it said: {");
    check(embeds, r#"{"message":"x"}"#, "Failure::Rejected(\"Discord answered 400; it said:");
}
