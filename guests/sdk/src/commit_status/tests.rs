use super::*;
use crate::testing::{delivery, provider, url};
use crate::{Address, Outcome};

const SHA: &str = "a1afe267b54f38b46b487f6e938a6fd508278c07";
const EXAMPLE: &str = "https://forge.example/owner/repository";

fn ready() -> Delivery {
    let mut delivery = delivery(provider(url("https", "forge.example"), &["token"]));
    delivery.event.reason = "ReconciliationSucceeded".to_owned();
    delivery.event.metadata = vec![("revision".to_owned(), format!("main@sha1:{SHA}"))];
    delivery.commit_status = Some("kustomization/webapp/0c9c2e41".to_owned());
    delivery
}

#[test]
fn an_event_becomes_a_status() {
    let mut delivery = ready();
    let status = CommitStatus::of(&delivery, "Forge", 140).expect("it is one");
    assert_eq!(status.commit, SHA);
    assert_eq!(status.state, State::Success);
    assert_eq!(status.name, "kustomization/webapp/0c9c2e41");
    assert_eq!(status.description, "reconciliation succeeded");
    delivery.event.severity = "error".to_owned();
    delivery.event.reason = "HTTPError".to_owned();
    let status = CommitStatus::of(&delivery, "Forge", 6).expect("it is one");
    assert_eq!(status.state, State::Failure);
    assert_eq!(status.description, "http …");
}

#[test]
fn a_long_name_is_cut_and_stays_apart_from_others() {
    let within = |name: &str, limit: usize| {
        let mut delivery = delivery(provider(None, &[]));
        delivery.event.metadata = vec![("commit".to_owned(), SHA.to_owned())];
        delivery.commit_status = Some(name.to_owned());
        let status = CommitStatus::of(&delivery, "Forge", 140).expect("it is one");
        status.name_within(limit).into_owned()
    };
    assert_eq!(within("größe", 5), "größe");
    assert_eq!(within(&"ö".repeat(40), 20).chars().count(), 20);
    assert!(within(&"ö".repeat(40), 20).starts_with("ööööööööööö…"));
    assert_ne!(within(&"a".repeat(40), 20), within(&"a".repeat(41), 20));
}

#[test]
fn what_cannot_be_a_status_says_why() {
    let check = |change: fn(&mut Delivery), expected: &str| {
        let mut delivery = ready();
        change(&mut delivery);
        let why = match CommitStatus::of(&delivery, "Forge", 140) {
            Err(Failure::Unsendable(why)) => ["unsendable: ", &why].concat(),
            Err(Failure::Misconfigured(why)) => ["misconfigured: ", &why].concat(),
            other => format!("{other:?}"),
        };
        assert_eq!(why, expected);
    };
    check(
        |d| d.event.metadata.clear(),
        "unsendable: the event's metadata has no commit, originRevision or revision",
    );
    check(
        |d| d.event.metadata = vec![("revision".to_owned(), "6.0.1".to_owned())],
        "unsendable: the revision `6.0.1` names no commit",
    );
    check(
        |d| d.event.severity = "trace".to_owned(),
        "unsendable: the severity `trace` has no state on Forge: only info and error have",
    );
    let no_name =
        "misconfigured: the name of the commit status is empty: change spec.commitStatusExpr";
    check(|d| d.commit_status = None, no_name);
    check(|d| d.commit_status = Some(String::new()), no_name);
}

#[test]
fn only_an_object_at_work_is_skipped() {
    let mut event = ready().event;
    assert!(skip_progressing(&event).is_none());
    event.reason = "Progressing".to_owned();
    match skip_progressing(&event) {
        Some(Action::Done(done)) => assert!(matches!(done.outcome, Outcome::Skipped(_))),
        other => panic!("not skipped: {other:?}"),
    }
}

#[test]
fn a_repository_is_found_or_what_to_change() {
    let check = |address: &str, expected: Result<(&str, &str), &str>| {
        let provider = provider(url("https", "forge.example"), &[]);
        let found = owner_and_name(&provider, Some(address), EXAMPLE);
        let found = found.as_ref().map(|(owner, name)| (owner.as_ref(), name.as_ref()));
        let found = found.map_err(|why| why.split(": set ").next().unwrap_or_default());
        assert_eq!(found, expected, "{address}");
    };
    check("https://forge.example/owner/repo.git", Ok(("owner", "repo")));
    check("https://forge.example/gr%C3%B6%C3%9Fe/re%20po", Ok(("größe", "re po")));
    let invalid = Err("invalid repository id: the path is not an owner and a name");
    check("https://forge.example/owner", invalid);
    check("https://forge.example/a/b/c", invalid);
    check("owner/repo", Err("the address is not that of a Git repository"));

    let check = |address: Option<Address>, expected: &str| {
        let found = repository(&provider(address, &[]), Some("https://x.example/a/b"), EXAMPLE);
        let why = found.expect_err("it is wrong");
        assert!(why.starts_with(expected), "{why}");
    };
    check(None, "there is no address");
    check(url("nats", "x.example"), "the address begins with nats://");
}

#[test]
fn the_newest_has_the_highest_id_and_is_else_the_first() {
    let check = |list: &str, expected: Option<&str>| {
        let list: Value = list.parse().expect("it is JSON");
        let list = list.as_array().expect("it is a list");
        let found = newest(list, |status| says(status, "name", "a"));
        assert_eq!(found.and_then(|status| status["is"].as_str()), expected, "{list:?}");
    };
    check("[]", None);
    check(r#"[{"id":9,"name":"b"}, null, 3]"#, None);
    check(r#"[{"name":"a","is":"x"},{"name":"a","is":"y"}]"#, Some("x"));
    check(r#"[{"id":2,"name":"a","is":"x"},{"id":1,"name":"a","is":"y"}]"#, Some("x"));
    check(r#"[{"id":1,"name":"a","is":"x"},{"id":2,"name":"a","is":"y"}]"#, Some("y"));
    check(r#"[{"id":3,"name":"b"},{"id":2,"name":"a","is":"x"},{"name":"a"}]"#, Some("x"));
}

#[test]
fn a_missing_member_is_an_empty_text() {
    let status: Value = r#"{"a":"x","b":null,"c":7}"#.parse().expect("it is JSON");
    assert!(says(&status, "a", "x") && !says(&status, "a", ""));
    assert!(says(&status, "b", "") && says(&status, "none", "") && says(&status, "c", ""));
    assert!(says(&Value::Null, "a", ""));
}
