use herald_provider::json::Value;
use herald_provider::testing::{delivery, provider, render, url};
use herald_provider::{Address, Delivery};

use super::*;

fn ready() -> Delivery {
    delivery(provider(url("https", "grafana.example"), &[]))
}

fn sent(delivery: Delivery) -> String {
    match Grafana::next(delivery) {
        Ok(Action::Finish(request)) => render(&request),
        other => panic!("not one request: {other:?}"),
    }
}

/// The tags that are sent, and their length as Grafana reckons it.
fn tags(delivery: Delivery) -> (Vec<String>, usize) {
    let sent = sent(delivery);
    let (_, body) = sent.split_once("\n\n").expect("there is a body");
    let body: Value = body.parse().expect("it is JSON");
    let tags = body["tags"].as_array().expect("it is a list");
    let tags: Vec<String> =
        tags.iter().map(|tag| tag.as_str().expect("it is a text").to_owned()).collect();
    let length = 1 + tags.iter().map(|tag| tag.len() + 3).sum::<usize>();
    (tags, length)
}

#[test]
fn an_event_is_an_annotation_for_either_call() {
    let mut delivery = ready();
    delivery.event.metadata.push(("a:b".to_owned(), "c:d:e".to_owned()));
    let expected = r#"POST {address}
content-type: application/json

{"when":1577836800,"text":"gitrepository/webapp.gitops-system","tags":["flux","source-controller","test: metadata","a|b: c|d|e","kind: GitRepository","name: webapp","namespace: gitops-system"],"time":1577836800000,"what":"gitrepository/webapp.gitops-system"}"#;
    assert_eq!(sent(delivery.clone()), expected);
    // The attempt's own time, which is the same here.
    delivery.event.timestamp = None;
    assert_eq!(sent(delivery), expected);
}

#[test]
fn a_token_goes_before_a_password() {
    let check = |username: &str, keys: &[&str], expected: Option<&str>| {
        let mut delivery = ready();
        delivery.provider.username = username.to_owned();
        delivery.provider.secret_keys = keys.iter().copied().map(str::to_owned).collect();
        let sent = sent(delivery);
        let header = sent.lines().find_map(|line| line.strip_prefix("authorization: "));
        assert_eq!(header.and_then(|value| value.get(..6)), expected, "{username} {keys:?}");
    };
    check("", &[], None);
    check("", &["token"], Some("Bearer"));
    check("user", &["password", "token"], Some("Bearer"));
    check("user", &["password"], Some("Basic "));
    check("user", &[], None);
}

#[test]
fn tags_fit_into_what_grafana_keeps() {
    let check = |value: &str, n_metadata: usize, mark: Option<&str>| {
        let mut delivery = ready();
        delivery.event.metadata =
            (0..20).map(|at| (format!("key{at:02}"), value.to_owned())).collect();
        let (tags, length) = tags(delivery);
        assert!(length <= 500, "{length}");
        let shown = tags.iter().filter(|tag| tag.starts_with("key")).count();
        assert_eq!(shown, n_metadata, "{tags:?}");
        let found = tags.iter().find_map(|tag| tag.strip_prefix("…: "));
        assert_eq!(found, mark);
        assert_eq!(tags.last().map(String::as_str), Some("namespace: gitops-system"));
    };
    check("x", 20, None);
    check(&"x".repeat(30), 9, Some("11 more"));
    check(&"🦀".repeat(200), 3, Some("17 more"));
    check("", 20, None);
}

#[test]
fn names_are_cut_where_a_column_ends() {
    let mut delivery = ready();
    delivery.event.involved_object.name = "n".repeat(253);
    delivery.event.involved_object.kind = "\"".repeat(253);
    delivery.event.involved_object.namespace = "ü".repeat(253);
    delivery.event.reporting_controller = "c".repeat(253);
    let (tags, length) = tags(delivery);
    assert!(length <= 500, "{length}");
    assert!(tags.contains(&format!("name: {}…", "n".repeat(97))), "{tags:?}");
    assert!(tags.contains(&format!("kind: {}…", "\"".repeat(48))), "{tags:?}");
}

#[test]
fn only_a_url_is_ready() {
    let check = |address: Option<Address>, keys: &[&str], n_problems: usize| {
        assert_eq!(Grafana::check(&provider(address, keys)).len(), n_problems);
    };
    check(url("https", "grafana.example"), &[], 0);
    check(url("https", "grafana.example"), &["password"], 1);
    check(Some(Address::Name("grafana".to_owned())), &["token"], 1);
    check(None, &[], 1);
}
