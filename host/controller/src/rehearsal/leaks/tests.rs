use herald_core::formatter::{Base, Fragment, Placement, Purpose, Request, Url};

use super::*;

fn description(places: &[Place]) -> Description {
    Description {
        summary: "x".to_owned(),
        purpose: Purpose::Message,
        hosts: Vec::new(),
        secrets: vec![Placement {
            key: "token".to_owned(),
            places: places.iter().copied().collect(),
        }],
        credentials: Vec::new(),
        config_schema: String::new(),
    }
}

fn request(header: &str, body: &str) -> Said {
    Said::Request(Request {
        method: "POST".to_owned(),
        url: Url { base: Base::Address, path: Vec::new(), query: Vec::new() },
        headers: vec![("x-a".to_owned(), vec![Fragment::Text(header.to_owned())])],
        body: vec![Fragment::Text(body.to_owned()), Fragment::Secret("token".to_owned())],
    })
}

fn check(places: &[Place], say: impl Fn(&str) -> Said, found: &[&str]) {
    let keys = ["token".to_owned()];
    let (one, other) = (say(&value("token", One)), say(&value("token", Other)));
    assert_eq!(differences(&description(places), &keys, &[one], &[other]), found);
}

#[test]
fn a_value_may_stand_where_its_key_is_declared_and_nowhere_else() {
    check(&[Place::Header], |value| request(value, "x"), &[]);
    check(&[Place::Header], |_| request("x", "y"), &[]);
    check(
        &[Place::Header],
        |value| request("x", &format!("a {value} b")),
        &[
            "the value of the Secret's `token` stands in the body of request 1: place it as a fragment, and declare \
           `token` with the place `body` in description.secrets",
        ],
    );
    check(
        &[Place::Body],
        |value| request(&value.chars().rev().collect::<String>(), ""),
        &[
            "the value of the Secret's `token` stands in the header `x-a` of request 1: place it as a fragment, and \
           declare `token` with the place `header` in description.secrets",
        ],
    );
}

#[test]
fn what_depends_on_a_value_without_saying_it_is_found_as_well() {
    let hidden = |value: &str| value.bytes().map(|byte| char::from(byte ^ 1)).collect::<String>();
    check(
        &[Place::Body],
        |value| request(&hidden(value), ""),
        &[
            "the header `x-a` of request 1 depends on the value of a secret that is not declared for that place",
        ],
    );
    check(&[Place::Header], |value| request(&hidden(value), ""), &[]);
    check(
        &[Place::Header],
        |value| Said::Text("failure", hidden(value)),
        &["the reason of a failure depends on the value of a secret: say only which key is wrong"],
    );
}

#[test]
fn no_text_may_say_a_value() {
    for what in ["skipped", "failure", "remember", "log", "check", "panic"] {
        let keys = ["token".to_owned()];
        let say = |run| [Said::Text(what, format!("no: {}", value("token", run)))];
        let all = [Place::Header, Place::Path, Place::Query, Place::Body, Place::Signature];
        let found = differences(&description(&all), &keys, &say(One), &say(Other));
        assert_eq!(found.len(), 1, "{what}");
        assert!(found[0].starts_with("the value of the Secret's `token` stands in "), "{found:?}");
    }
}

#[test]
fn a_value_decides_nothing() {
    let keys = ["token".to_owned()];
    let text = || Said::Text("skipped", "x".to_owned());
    let description = description(&[Place::Header]);
    let found = differences(&description, &keys, &[text()], &[request("", "")]);
    assert_eq!(found, ["the value of a secret decides whether something is sent"]);
    let found = differences(&description, &keys, &[text(), text()], &[text()]);
    assert_eq!(found.len(), 1);
}
