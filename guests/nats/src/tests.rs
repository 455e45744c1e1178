use herald_provider::testing::{self, delivery, provider, render, url};

use super::*;

fn ready(keys: &[&str]) -> Provider {
    Provider { channel: "flux.events".to_owned(), ..provider(url("nats", "nats.example"), keys) }
}

#[test]
fn the_whole_event_goes_to_the_subject() {
    let Ok(Action::Finish(request)) = Nats::next(delivery(ready(&["creds"]))) else {
        panic!("not one request")
    };
    let body = event_json(&testing::event());
    assert_eq!(
        render(&request),
        format!(
            "PUBLISH {{origin}}/flux.events\nNats-Msg-Id: 0123456789abcdef0123456789abcdef\n\n{body}"
        )
    );
}

#[test]
fn a_server_and_a_subject_are_needed() {
    let check = |address, channel: &str, expected: &[&str]| {
        let provider = Provider { channel: channel.to_owned(), ..provider(address, &[]) };
        let problems = Nats::check(&provider);
        let shown: Vec<&str> =
            problems.iter().map(|text| text.split(": ").next().unwrap_or_default()).collect();
        assert_eq!(shown, expected);
        assert_eq!(Nats::next(delivery(provider)).is_err(), !expected.is_empty());
    };
    let server = || url("tls", "nats.example");
    check(server(), "flux", &[]);
    check(server(), "flux.*events.a>b", &[]);
    check(server(), "$SYS/flux,ä", &[]);
    check(server(), "", &["there is no subject"]);
    let blank = "the subject in spec.channel holds a blank or a control character";
    check(server(), "flux events", &[blank]);
    check(server(), "flux\r\nPUB x", &[blank]);
    let empty = "the subject in spec.channel has an empty part";
    for channel in [".flux", "flux.", "a..b"] {
        check(server(), channel, &[empty]);
    }
    let wildcard = "the subject in spec.channel holds a wildcard, which is for subscribers";
    for channel in ["flux.*", ">", "flux.>"] {
        check(server(), channel, &[wildcard]);
    }
    check(None, "", &["there is no address", "there is no subject"]);
    check(url("https", "h.example"), "flux", &["the address begins with https://"]);
    check(url("wss", "h.example"), "flux", &["NATS is not reached over WebSockets"]);
    check(Some(Address::Name("hub".to_owned())), "flux", &["the address is not a URL"]);
}

#[test]
fn half_a_pair_of_credentials_is_a_mistake() {
    let check = |username: &str, keys: &[&str], n_problems| {
        let provider = Provider { username: username.to_owned(), ..ready(keys) };
        assert_eq!(Nats::check(&provider).len(), n_problems, "{username} {keys:?}");
    };
    check("", &[], 0);
    check("ann", &["password"], 0);
    check("ann", &[], 1);
    check("", &["password"], 1);
    check("ann", &["creds"], 0);
    check("", &["nkey", "password"], 0);
}
