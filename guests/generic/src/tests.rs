use herald_provider::json::Value;
use herald_provider::testing::{self, delivery, provider, render, url};
use herald_provider::{Address, Delivery, Encoding, Fragment, Hash, Plain, Signed, event_json};

use super::*;

fn sent(delivery: Delivery) -> String {
    match Generic::next(delivery) {
        Ok(Action::Finish(request)) => render(&request),
        other => panic!("not one request: {other:?}"),
    }
}

fn head(delivery: Delivery) -> String {
    let sent = sent(delivery);
    sent.split_once("\n\n").map(|(head, _)| head.to_owned()).unwrap_or(sent)
}

#[test]
fn the_whole_event_goes_to_the_address() {
    let body = event_json(&testing::event());
    assert_eq!(
        sent(delivery(provider(url("https", "hooks.example"), &["address", "token"]))),
        format!(
            "POST {{address}}\ncontent-type: application/json\ngotk-component: source-controller\n\n{body}"
        )
    );
}

#[test]
fn the_users_headers_win() {
    let keys = [
        "headers/Content-Type",
        "headers/GOTK-Component",
        "headers/X-Team",
        "headers/x-team",
        "token",
    ];
    assert_eq!(
        head(delivery(provider(url("https", "hooks.example"), &keys))),
        "POST {address}\nContent-Type: {headers/Content-Type}\nGOTK-Component: {headers/GOTK-Component}\nx-team: {headers/x-team}"
    );
}

#[test]
fn the_component_is_sent_even_when_empty_and_never_breaks_a_header() {
    let check = |controller: &str, expected: &str| {
        let mut delivery = delivery(provider(url("https", "hooks.example"), &[]));
        delivery.event.reporting_controller = controller.to_owned();
        assert_eq!(head(delivery).lines().last(), Some(expected));
    };
    check("", "gotk-component: ");
    check("a\r\nx-evil: 1\0", "gotk-component: ax-evil: 1");
}

#[test]
fn only_http_urls_are_ready() {
    let n_problems = |address| Generic::check(&provider(address, &[])).len();
    assert_eq!(n_problems(url("https", "hooks.example")), 0);
    assert_eq!(n_problems(url("http", "hooks.example")), 0);
    assert_eq!(n_problems(url("nats", "hooks.example")), 1);
    assert_eq!(n_problems(Some(Address::Name("name".to_owned()))), 1);
    assert_eq!(n_problems(None), 1);
}

#[test]
fn an_event_can_be_the_data_of_a_cloud_event() {
    let mut delivery = delivery(provider(url("https", "hooks.example"), &["headers/X-Team"]));
    delivery.provider.config = r#"{"format":"cloudevents"}"#.to_owned();
    let data = event_json(&testing::event());
    assert_eq!(
        sent(delivery.clone()),
        format!(
            r#"POST {{address}}
content-type: application/cloudevents+json
gotk-component: source-controller
X-Team: {{headers/X-Team}}

{{"specversion":"1.0","id":"0123456789abcdef0123456789abcdef","source":"/source-controller","type":"dev.herald.event.v1","subject":"GitRepository/webapp.gitops-system","time":"2020-01-01T00:00:00Z","datacontenttype":"application/json","data":{data}}}"#
        )
    );
    delivery.event.timestamp = None;
    assert!(!sent(delivery).contains(r#""time":"#));
}

#[test]
fn a_request_can_be_signed_as_standard_webhooks_asks() {
    let keys = ["headers/Webhook-Id", "signingKey"];
    let mut delivery = delivery(provider(url("https", "hooks.example"), &keys));
    assert!(head(delivery.clone()).ends_with("\nWebhook-Id: {headers/Webhook-Id}"));
    delivery.provider.config = r#"{"signing":"standard-webhooks"}"#.to_owned();
    let Ok(Action::Finish(request)) = Generic::next(delivery) else { panic!("not one request") };
    let header = |name: &str| {
        let found: Vec<_> =
            request.headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name)).collect();
        assert_eq!(found.len(), 1, "{name}");
        &found[0].1
    };
    let text = |fragments: &[Fragment]| match fragments {
        [Fragment::Text(text)] => text.clone(),
        other => panic!("not one text: {other:?}"),
    };
    assert_eq!(text(header("webhook-id")), "0123456789abcdef0123456789abcdef");
    assert_eq!(text(header("webhook-timestamp")), "1577836800");
    let [Fragment::Text(version), Fragment::Hmac(hmac)] = header("webhook-signature").as_slice()
    else {
        panic!("not a version and a signature");
    };
    assert_eq!(version, "v1,");
    assert!(matches!(hmac.hash, Hash::Sha256) && matches!(hmac.encoding, Encoding::Base64));
    assert!(matches!(hmac.key.as_slice(), [Plain::SecretBytes(key)] if key == "signingKey"));
    let [Signed::Text(before), Signed::Body] = hmac.message.as_slice() else {
        panic!("not a text and the body");
    };
    assert_eq!(before, "0123456789abcdef0123456789abcdef.1577836800.");
}

#[test]
fn a_signature_needs_a_key() {
    let mut delivery = delivery(provider(url("https", "hooks.example"), &["token"]));
    assert_eq!(Generic::check(&delivery.provider).len(), 0);
    delivery.provider.config = r#"{"signing":"standard-webhooks"}"#.to_owned();
    assert_eq!(Generic::check(&delivery.provider).len(), 1);
    assert!(matches!(Generic::next(delivery), Err(Failure::Misconfigured(_))));
}

#[test]
fn the_schema_names_the_options() {
    let schema: Value = Generic::describe().config_schema.parse().expect("it is JSON");
    assert_eq!(schema["additionalProperties"], false);
    for (option, default) in [("format", "event"), ("signing", "none")] {
        assert_eq!(schema["properties"][option]["default"], default);
    }
}
