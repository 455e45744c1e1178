use herald_provider::testing::{self, delivery, provider, render, url};
use herald_provider::{Address, Delivery, event_json};

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
