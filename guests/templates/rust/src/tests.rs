//! What the module does, called as a plain function; what is sent as a whole, the cases say.

use herald_provider::testing::{delivery, provider, render, url};
use herald_provider::{Delivery, Provider};

use super::*;

fn publisher(keys: &[&str]) -> Provider {
    Provider { channel: "alerts".to_owned(), ..provider(url("https", "ntfy.example"), keys) }
}

fn sent(delivery: Delivery) -> String {
    match Ntfy::next(delivery) {
        Ok(Action::Finish(request)) => render(&request),
        other => panic!("not one request: {other:?}"),
    }
}

#[test]
fn an_event_is_one_message() {
    assert_eq!(
        sent(delivery(publisher(&[]))),
        r#"POST {address}
content-type: application/json

{"topic":"alerts","title":"gitrepository/webapp.gitops-system: reason","message":"message\ntest: metadata","tags":["white_check_mark"],"priority":3}"#
    );
}

#[test]
fn a_token_goes_into_the_header() {
    assert!(sent(delivery(publisher(&["token"]))).contains("authorization: Bearer {token}"));
}

#[test]
fn a_long_message_is_cut() {
    let mut delivery = delivery(publisher(&[]));
    delivery.event.message = "x".repeat(10_000);
    let sent = sent(delivery);
    assert!(sent.contains("xxx…") && sent.len() < 5_000, "{}", sent.len());
}

#[test]
fn a_topic_is_needed() {
    let check = |channel: &str, n_problems: usize| {
        let provider = Provider { channel: channel.to_owned(), ..publisher(&[]) };
        assert_eq!(Ntfy::check(&provider).len(), n_problems, "{channel}");
    };
    check("alerts", 0);
    check("", 1);
    check("a/b", 1);
    check(&"x".repeat(65), 1);
}
