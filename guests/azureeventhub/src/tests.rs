use herald_provider::testing::{self, delivery, provider, render, url};
use herald_provider::{Address, Response, event_json};

use super::*;

fn named(hub: &str, channel: &str, keys: &[&str]) -> Provider {
    let address = Some(Address::Name(hub.to_owned()));
    Provider { channel: channel.to_owned(), ..provider(address, keys) }
}

fn connected() -> Provider {
    provider(url("https", "fluxv2.servicebus.windows.net"), &["address"])
}

/// What comes of a delivery, in one text.
fn outcome(delivery: Delivery) -> String {
    match AzureEventHub::next(delivery) {
        Ok(Action::Ask(question)) => render(&question.request),
        Ok(other) => format!("{other:?}"),
        Err(failure) => format!("{failure:?}"),
    }
}

#[test]
fn the_whole_event_goes_to_the_hub() {
    let sent = |to: &str, authorization: &str| {
        let event = event_json(&testing::event());
        format!(
            "POST {to}/messages?api-version=2014-01\n\
             content-type: application/atom+xml;type=entry;charset=utf-8\n\
             authorization: {authorization}\n\
             herald-delivery-id: 0123456789abcdef0123456789abcdef\n\n{event}"
        )
    };
    let token = named("events", "fluxv2", &["token"]);
    let site = "https://fluxv2.servicebus.windows.net/events";
    assert_eq!(outcome(delivery(token)), sent(site, "Bearer {token}"));
    let identity = named("events", "fluxv2", &[]);
    assert_eq!(outcome(delivery(identity)), sent(site, "{authorization azure-event-hubs}"));
    assert_eq!(
        outcome(delivery(connected())),
        sent("{address}", "{authorization azure-event-hubs}")
    );
}

#[test]
fn the_events_of_an_object_share_a_key() {
    let mut delivery = delivery(connected());
    delivery.provider.config = r#"{"ordering":"object"}"#.to_owned();
    let key = hash::sha1_hex("GitRepository/webapp.gitops-system");
    let sent = outcome(delivery);
    assert!(
        sent.contains(&format!("\nbrokerproperties: {{\"PartitionKey\":\"{key}\"}}\n")),
        "{sent}"
    );
}

#[test]
fn a_namespace_is_completed_with_its_cloud() {
    let check = |channel: &str, authority: &str, expected: &str| {
        let mut delivery = delivery(named("events", channel, &[]));
        delivery.facts.push((AUTHORITY.to_owned(), authority.to_owned()));
        let outcome = outcome(delivery);
        let expected = format!("POST https://{expected}/events/messages?");
        assert!(outcome.starts_with(&expected), "{channel:?}: {outcome}");
    };
    let public = "fluxv2.servicebus.windows.net";
    let china = "fluxv2.servicebus.chinacloudapi.cn";
    check("fluxv2", "https://login.microsoftonline.com/", public);
    check(" fluxv2 ", "", public);
    check("fluxv2", "https://login.chinacloudapi.cn/", china);
    check("fluxv2", "https://login.microsoftonline.us/", "fluxv2.servicebus.usgovcloudapi.net");
    check(public, "https://login.chinacloudapi.cn/", public);
    check(china, "", china);
}

#[test]
fn only_a_created_event_is_delivered() {
    let check = |status: u16, expected: &str| {
        let mut delivery = delivery(connected());
        delivery.responses = vec![Response { status, ..testing::response("") }];
        let outcome = outcome(delivery);
        assert!(outcome.contains(expected), "{status}: {outcome}");
    };
    check(201, "Outcome::Delivered");
    check(200, "is a proxy in between?");
    check(202, "is a proxy in between?");
}

#[test]
fn a_long_event_is_cut_to_the_tier() {
    let check = |tier: &str, n_bytes: usize| {
        let mut event = testing::event();
        event.message = "x".repeat(2 << 20);
        let options = [r#"{"tier":""#, tier, r#""}"#].concat().parse().expect("it is JSON");
        let body = body(&event, &options);
        assert!(body.len() <= n_bytes && body.len() > n_bytes - 5_000, "{tier}: {}", body.len());
        assert!(body.contains("xx…\""));
    };
    check("basic", 262_144);
    check("standard", 1_048_576);
}

#[test]
fn a_provider_is_checked_without_an_event() {
    let check = |provider: Provider, expected: &str| {
        let problems = AzureEventHub::check(&provider);
        let shown = problems.iter().map(|text| text.split(": ").next().unwrap_or_default());
        assert_eq!(shown.collect::<Vec<_>>().join("; "), expected);
        assert_eq!(outcome(delivery(provider)).starts_with("Failure"), !expected.is_empty());
    };
    check(named("events", "fluxv2", &["token"]), "");
    check(named("events", "fluxv2", &[]), "");
    check(connected(), "");
    check(provider(None, &["token"]), "there is no address");
    check(named("events", "", &["token"]), "there is no namespace");
    for channel in [
        "https://fluxv2.servicebus.windows.net",
        "sb://fluxv2",
        "flux.v2",
        "fluxv2.servicebus.evil.example",
        ".servicebus.windows.net",
        "a.b.servicebus.windows.net",
    ] {
        check(named("events", channel, &[]), "spec.channel names no namespace of Event Hubs");
    }
    let both = provider(url("https", "fluxv2.servicebus.windows.net"), &["token"]);
    check(both, "the address is a connection string, and the Secret has a `token`");
    check(provider(url("nats", "h.example"), &[]), "the address begins with nats://");
}
