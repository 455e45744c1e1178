use herald_provider::event_json;
use herald_provider::testing::{delivery, provider, render, response, url};

use super::*;

fn ready(keys: &[&str]) -> Provider {
    let address = Some(Address::Name("my-project".to_owned()));
    Provider { channel: "flux-events".to_owned(), ..provider(address, keys) }
}

/// What comes of a delivery, in one text.
fn outcome(delivery: Delivery) -> String {
    match GooglePubSub::next(delivery) {
        Ok(Action::Ask(question)) => render(&question.request),
        Ok(other) => format!("{other:?}"),
        Err(failure) => format!("{failure:?}"),
    }
}

/// The body of what is sent, with `{event}` in place of the event.
fn body(delivery: Delivery) -> String {
    let event = format!("{{base64 [Plain::Text({:?})]}}", event_json(&delivery.event));
    let sent = outcome(delivery);
    let body = sent.split_once("\n\n").map(|(_, body)| body.replace(&event, "{event}"));
    body.unwrap_or(sent)
}

#[test]
fn an_event_is_one_message() {
    let sent = outcome(delivery(ready(&["token"])));
    let expected = "POST https://pubsub.googleapis.com/v1/projects/my-project/topics/flux-events:publish\n\
                    content-type: application/json\n\
                    authorization: {authorization google}\n\n\
                    {\"messages\":[{\"data\":\"{base64 [Plain::Text(\"{";
    assert!(sent.starts_with(expected), "{sent}");
}

#[test]
fn the_headers_of_the_secret_are_attributes() {
    let check = |keys: &[&str], expected: &str| {
        let expected = [r#"{"messages":[{"data":"{event}","attributes":{"#, expected, "}}]}"];
        assert_eq!(body(delivery(ready(keys))), expected.concat());
    };
    let own = r#""herald-delivery-id":"0123456789abcdef0123456789abcdef""#;
    check(&["token"], own);
    check(
        &["headers/X-Team", "headers/a\"b", "token"],
        &[r#""X-Team":"{headers/X-Team}","a\"b":"{headers/a"b}","#, own].concat(),
    );
    check(
        &["headers/herald-delivery-id"],
        r#""herald-delivery-id":"{headers/herald-delivery-id}""#,
    );
}

#[test]
fn options_name_the_order_and_the_place() {
    let mut delivery = delivery(ready(&[]));
    delivery.provider.config =
        r#"{"ordering":"object","endpoint":"europe-west1-pubsub.googleapis.com"}"#.to_owned();
    let sent = outcome(delivery);
    assert!(sent.starts_with("POST https://europe-west1-pubsub.googleapis.com/v1/projects/"));
    let end = r#"},"orderingKey":"GitRepository/webapp.gitops-system"}]}"#;
    assert!(sent.ends_with(end), "{sent}");
}

#[test]
fn a_message_is_delivered_once_it_has_an_id() {
    let check = |answer: &str, expected: &str| {
        let mut delivery = delivery(ready(&[]));
        delivery.responses = vec![response(answer)];
        let outcome = outcome(delivery);
        assert!(outcome.contains(expected), "{answer}: {outcome}");
    };
    check(r#"{"messageIds":["8243"]}"#, "Outcome::Delivered");
    for answer in ["", "<html></html>", "{}", r#"{"messageIds":[]}"#, r#"{"messageIds":[""]}"#] {
        check(answer, "is a proxy in between?");
    }
}

#[test]
fn a_long_event_is_cut() {
    let mut long = delivery(ready(&[]));
    long.event.message = "<".repeat(3 << 20);
    let Ok(Action::Ask(question)) = GooglePubSub::next(long) else { panic!("nothing is asked") };
    let Fragment::Base64(pieces) = &question.request.body[1] else { panic!("not in base64") };
    let [herald_provider::Plain::Text(event)] = &pieces[..] else { panic!("not a text") };
    assert!(event.len() <= 3_000_000 && event.contains("\\u003c…\""), "{}", event.len());
}

#[test]
fn a_provider_is_checked_without_an_event() {
    let check = |provider: Provider, expected: &[&str]| {
        let problems = GooglePubSub::check(&provider);
        let shown: Vec<&str> =
            problems.iter().map(|text| text.split(": ").next().unwrap_or_default()).collect();
        assert_eq!(shown, expected);
        assert_eq!(outcome(delivery(provider)).starts_with("Failure"), !expected.is_empty());
    };
    check(ready(&[]), &[]);
    check(provider(None, &[]), &["there is no project", "there is no topic"]);
    let at_url = provider(url("https", "h.example"), &[]);
    check(at_url, &["the address is a URL", "there is no topic"]);
    for channel in ["projects/p/topics/t", "a:delete", "a b", "ä"] {
        let provider = Provider { channel: channel.to_owned(), ..ready(&[]) };
        check(provider, &["spec.channel is no topic's id"]);
    }
    let long = ["headers/", &"k".repeat(257)].concat();
    let keys = ["headers/", &long, "headers/googclient", "headers/team", "token"];
    check(
        ready(&keys),
        &[
            "the key `` in the Secret's `headers` is empty",
            &[
                "the key `",
                &"k".repeat(39),
                "…` in the Secret's `headers` is longer than 256 bytes",
            ]
            .concat(),
            "the key `googclient` in the Secret's `headers` begins with `goog`, which is Google's",
        ],
    );
    let many: Vec<String> = (0..100).map(|n| format!("headers/k{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(GooglePubSub::check(&ready(&many)).len(), 1);
    assert_eq!(GooglePubSub::check(&ready(&many[1..])).len(), 0);
}
