use herald_provider::testing::{delivery, event, provider, render, response, url};
use herald_provider::{Delivery, Response};

use super::*;

fn ready() -> Delivery {
    let mut delivery = delivery(provider(url("https", "zulip.example"), &["password"]));
    delivery.provider.channel = "alerts/flux prod/eu".to_owned();
    delivery.provider.username = "bot@zulip.example".to_owned();
    delivery
}

/// What the module says, in short.
fn said(delivery: Delivery) -> String {
    match Zulip::next(delivery) {
        Ok(Action::Ask(question)) => render(&question.request),
        Ok(Action::Done(conclusion)) => format!("{:?}", conclusion.outcome),
        Ok(Action::Finish(_)) => "finish".to_owned(),
        Err(Failure::Later(later)) => format!("later {:?}: {}", later.after, later.reason),
        Err(Failure::Misconfigured(why)) => format!("misconfigured: {why}"),
        Err(Failure::Rejected(why)) => format!("rejected: {why}"),
        Err(Failure::Unsendable(why)) => format!("unsendable: {why}"),
    }
}

#[test]
fn an_event_is_one_form() {
    assert_eq!(
        said(ready()),
        r#"POST {origin}/api/v1/messages
content-type: application/x-www-form-urlencoded
authorization: Basic {base64 [Plain::Text("bot@zulip.example:"), Plain::Secret("password")]}

content=%23%23+Flux+Status%0A%0A%E2%84%B9%EF%B8%8F+GitRepository%2Fgitops-system%2Fwebapp%0A%0Amessage%0A%0AMetadata%3A%0A%2A+%60test%60%3A+metadata%0A&to=alerts&topic=flux+prod%2Feu&type=stream"#
    );
}

#[test]
fn a_form_is_encoded_as_go_does() {
    let check = |value: &str, expected: &str| {
        assert_eq!(form::encode(&[("k", value)]), ["k=", expected].concat());
    };
    check("", "");
    check("aZ09-_.~", "aZ09-_.~");
    check("a b", "a+b");
    check("a+b&c=d;%", "a%2Bb%26c%3Dd%3B%25");
    check("!*'()/:@\n\"", "%21%2A%27%28%29%2F%3A%40%0A%22");
    check("é🦀", "%C3%A9%F0%9F%A6%80");
    assert_eq!(form::encode(&[("a", "1"), ("b", "2")]), "a=1&b=2");
    assert_eq!(form::encode(&[]), "");
}

#[test]
fn a_channel_has_a_name_and_a_topic() {
    let check = |text: &str, expected: Option<(&str, &str)>| {
        let found = Channel::parse(text).ok().map(|channel| (channel.name, channel.topic));
        assert_eq!(found, expected, "{text}");
    };
    check("alerts/flux", Some(("alerts", "flux")));
    check("alerts/flux/eu", Some(("alerts", "flux/eu")));
    check("alerts/", Some(("alerts", "")));
    check("alerts", None);
    check("/flux", None);
    check("", None);
}

#[test]
fn nobody_is_notified() {
    let check = |message: &str, expected: &str| {
        let mut event = event();
        event.message = message.to_owned();
        event.metadata = vec![("k".to_owned(), message.to_owned())];
        let content = content::of(&event);
        assert!(content.contains(&["\n\n", expected, "\n\n"].concat()), "{content:?}");
        assert!(content.ends_with(&["* `k`: ", expected, "\n"].concat()), "{content:?}");
    };
    check("a@b.example *bold* **x**", "a@b.example *bold* **x**");
    check("@_**silent**", "@_**silent**");
    check("@**all** @*team*", "@\u{200b}**all** @\u{200b}*team*");
    check("@@**all**", "@@\u{200b}**all**");
    check("@\0**all**\0", "@\u{200b}**all**");
}

#[test]
fn what_is_too_long_is_cut_where_it_hurts_least() {
    let check = |message: &str, metadata: &[(&str, &str)], ends: &[&str]| {
        let mut event = event();
        event.message = message.to_owned();
        event.metadata =
            metadata.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
        let content = content::of(&event);
        let n_chars = content.chars().count();
        assert!(n_chars <= 10_000, "{n_chars}");
        assert!(n_chars > 9_800, "{n_chars}");
        for end in ends {
            assert!(content.contains(end), "{end:?}");
        }
    };
    let long = "🦀".repeat(20_000);
    let mentions = "@**all** ".repeat(2_000);
    let value = "v".repeat(20_000);
    check(&long, &[], &["🦀…\n\nMetadata:\n"]);
    check(&mentions, &[("k", "v")], &["…\n\nMetadata:\n* `k`: v\n"]);
    let values = [("a", value.as_str()), ("b", &value), ("c", &value), ("d", &value)];
    check(&long, &values, &["🦀…\n\nMetadata:\n* `a`: vv", "v…\n* … 2 more\n"]);
}

#[test]
fn an_answer_is_judged_by_its_body() {
    let check = |status: u16, body: &str, expected: &str| {
        let mut delivery = ready();
        delivery.responses.push(Response { status, ..response(body) });
        let said = said(delivery);
        assert!(said.starts_with(expected), "{status} {body}: {said}");
    };
    check(200, r#"{"result":"success","msg":"","id":42}"#, "Outcome::Delivered");
    for body in ["", "<html></html>", "{}", r#"{"result":true}"#] {
        check(200, body, "later None: the answer is not one of Zulip's");
        check(400, body, "rejected: the receiver answered 400");
    }
    check(400, r#"{"result":"success"}"#, "rejected: ");
    for status in [200, 400] {
        check(
            status,
            r#"{"result":"error","code":"STREAM_DOES_NOT_EXIST","msg":"gone"}"#,
            "misconfigured: Zulip answered: gone: check spec.channel",
        );
        check(
            status,
            r#"{"result":"error","code":"BAD_REQUEST","msg":"no"}"#,
            "misconfigured: Zulip answered: no",
        );
        check(
            status,
            r#"{"result":"error","code":"X","msg":"no"}"#,
            "rejected: Zulip answered: no",
        );
        check(status, r#"{"result":"error"}"#, "rejected: Zulip answered: no message");
    }
    check(
        200,
        r#"{"result":"error","code":"RATE_LIMIT_HIT","msg":"slow","retry-after":1.2}"#,
        "later Some(2): Zulip answered: slow",
    );
    check(
        429,
        r#"{"result":"error","code":"RATE_LIMIT_HIT","msg":"slow","retry-after":28.7}"#,
        "later Some(29): Zulip answered: slow",
    );
    check(429, r#"{"retry-after":null}"#, "later None: ");
    check(429, "<html></html>", "later None: Zulip answered: no message");
}

#[test]
fn a_provider_is_checked_without_an_event() {
    let check = |keys: &[&str], username: &str, channel: &str, n_problems: usize| {
        let mut provider = provider(url("https", "zulip.example"), keys);
        provider.username = username.to_owned();
        provider.channel = channel.to_owned();
        assert_eq!(Zulip::check(&provider).len(), n_problems, "{channel}");
    };
    check(&["password", "username"], "bot", "alerts/flux", 0);
    check(&["password"], "bot", "alerts", 1);
    check(&["password"], "", "alerts/flux", 1);
    check(&["token"], "bot", "alerts/flux", 1);
    check(&[], "", "", 3);
    assert_eq!(Zulip::check(&provider(None, &[])).len(), 4);
}
