use herald_provider::testing::{delivery, provider, render, response, url};
use herald_provider::{Outcome, Response};

use super::*;

const SHA: &str = "a1afe267b54f38b46b487f6e938a6fd508278c07";
const ADDRESS: &str = "https://gitlab.com/group/sub.group/repo.git";
const STATUS: &str = "kustomization/gitops-system/0c9c2e41";

fn ready(keys: &[&str]) -> Delivery {
    let mut delivery = delivery(provider(url("https", "gitlab.com"), keys));
    delivery.event.reason = "ReconciliationSucceeded".to_owned();
    delivery.event.metadata = vec![("revision".to_owned(), format!("main@sha1:{SHA}"))];
    delivery.commit_status = Some(STATUS.to_owned());
    delivery
}

/// What comes of a delivery, in one text.
fn outcome(delivery: &Delivery, address: &str) -> String {
    match next(delivery, Some(address)) {
        Ok(Action::Ask(question)) => {
            format!("ask {:?} {}", question.expects, render(&question.request))
        }
        Ok(Action::Finish(request)) => format!("finish {}", render(&request)),
        Ok(Action::Done(conclusion)) => match conclusion.outcome {
            Outcome::Delivered => "delivered".to_owned(),
            Outcome::Skipped(why) => format!("skipped: {why}"),
        },
        Err(Failure::Misconfigured(why)) => format!("misconfigured: {why}"),
        Err(Failure::Unsendable(why)) => format!("unsendable: {why}"),
        Err(Failure::Rejected(why)) => format!("rejected: {why}"),
        Err(Failure::Later(postponement)) => format!("later: {}", postponement.reason),
    }
}

#[test]
fn the_statuses_of_the_name_are_asked_for_first() {
    assert_eq!(
        outcome(&ready(&["token"]), ADDRESS),
        format!(
            "ask [] GET {{origin}}/api/v4/projects/group/sub.group/repo/repository/commits/{SHA}/statuses?name={STATUS}
accept: application/json
private-token: {{token}}"
        )
    );
}

#[test]
fn a_new_status_is_added() {
    let mut delivery = ready(&["password", "username"]);
    delivery.event.severity = "error".to_owned();
    delivery.event.reason = "HTTPError".to_owned();
    delivery.responses = vec![response("[]")];
    assert_eq!(
        outcome(&delivery, ADDRESS),
        format!(
            r#"ask [400, 409] POST {{origin}}/api/v4/projects/group/sub.group/repo/statuses/{SHA}
content-type: application/json
accept: application/json
private-token: {{password}}

{{"state":"failed","name":"{STATUS}","description":"http error"}}"#
        )
    );
}

#[test]
fn the_newest_status_of_the_name_decides() {
    let status = |id: u32, status: &str, name: &str| {
        let description = "reconciliation succeeded";
        format!(
            r#"{{"id":{id},"status":"{status}","name":"{name}","description":"{description}"}}"#
        )
    };
    let check = |listed: &[String], is_skipped: bool| {
        let mut delivery = ready(&["token"]);
        delivery.responses = vec![response(&["[", &listed.join(","), "]"].concat())];
        let outcome = outcome(&delivery, ADDRESS);
        assert_eq!(outcome.starts_with("skipped: "), is_skipped, "{listed:?}: {outcome}");
        assert_eq!(outcome.starts_with("ask [400, 409] POST"), !is_skipped, "{outcome}");
    };
    check(&[status(1, "success", STATUS)], true);
    check(&[status(1, "failed", STATUS), status(2, "success", STATUS)], true);
    check(&[status(1, "success", STATUS), status(2, "failed", STATUS)], false);
    check(&[status(2, "success", STATUS), status(1, "failed", STATUS)], true);
    check(&[status(1, "success", "build")], false);
    check(&[r#"{"id":1,"status":"success","description":null}"#.to_owned()], false);
}

#[test]
fn an_answer_that_is_no_list_is_asked_for_again() {
    for body in ["", "<html></html>", "{}", "[}", "null"] {
        let mut delivery = ready(&["token"]);
        delivery.responses = vec![response(body)];
        assert_eq!(
            outcome(&delivery, ADDRESS),
            "later: the answer is not one of GitLab's: is a proxy in between?",
            "{body}"
        );
    }
}

#[test]
fn the_answer_to_a_new_status_is_judged() {
    let check = |status: u16, body: &str, expected: &str| {
        let mut delivery = ready(&["token"]);
        let answer = Response { status, ..response(body) };
        delivery.responses = vec![response("[]"), answer];
        assert_eq!(outcome(&delivery, ADDRESS), expected, "{status} {body}");
    };
    check(201, r#"{"id":1,"status":"success"}"#, "delivered");
    check(
        400,
        r#"{"message":"Cannot transition status via :run from :running"}"#,
        "skipped: GitLab leaves the status as it is set: Cannot transition status via :run from :running",
    );
    check(
        400,
        r#"{"message":{"name":["has already been taken"]}}"#,
        r#"rejected: GitLab answered 400: {"message":{"name":["has already been taken"]}}"#,
    );
    check(
        400,
        r#"{"error":"sha is missing"}"#,
        r#"rejected: GitLab answered 400: {"error":"sha is missing"}"#,
    );
    check(400, "Bad request", "rejected: GitLab answered 400: Bad request");
    check(
        409,
        r#"{"message":"409 Another update to this commit status is in progress"}"#,
        "later: GitLab answered 409: 409 Another update to this commit status is in progress",
    );
    let long = ["rejected: GitLab answered 400: ", &"x".repeat(199), "…"].concat();
    check(400, &"x".repeat(300), &long);
}

#[test]
fn the_project_is_the_whole_path() {
    let check = |address: &str, expected: &str| {
        let outcome = outcome(&ready(&["token"]), address);
        assert!(outcome.starts_with(expected), "{address}: {outcome}");
    };
    let start = "ask [] GET {origin}/api/v4/projects/";
    check("https://gitlab.com/group/repo", &[start, "group/repo/repository/"].concat());
    check("git@gitlab.com:a/b/c/d.git", &[start, "a/b/c/d/repository/"].concat());
    check("https://gitlab.com/278964", &[start, "278964/repository/"].concat());
    check("https://gitlab.com/gr%C3%B6%C3%9Fe/repo", &[start, "größe/repo/repository/"].concat());
    check("https://gitlab.com/group", "misconfigured: invalid project");
    check("https://gitlab.com/", "misconfigured: invalid project");
    check("group/repo", "misconfigured: the address is not that of a Git repository");
}

#[test]
fn what_cannot_be_a_status_says_why() {
    let check = |change: fn(&mut Delivery), expected: &str| {
        let mut delivery = ready(&["token"]);
        change(&mut delivery);
        let outcome = outcome(&delivery, ADDRESS);
        assert!(outcome.starts_with(expected), "{outcome}");
    };
    check(|d| d.event.reason = "Progressing".to_owned(), "skipped: reason Progressing");
    check(|d| d.event.metadata.clear(), "unsendable: the event's metadata has no commit");
    check(|d| d.event.severity = "trace".to_owned(), "unsendable: the severity `trace`");
    check(|d| d.provider.secret_keys.clear(), "misconfigured: there are no credentials for GitLab");
}

#[test]
fn a_provider_is_checked_without_an_event() {
    let check = |keys: &[&str], address: Option<&str>, n_problems: usize| {
        let found = super::check(&provider(url("https", "gitlab.com"), keys), address);
        assert_eq!(found.len(), n_problems, "{address:?}: {found:?}");
    };
    check(&["token"], Some(ADDRESS), 0);
    check(&["password"], Some("git@gitlab.com:group/repo"), 0);
    check(&["username"], Some(ADDRESS), 1);
    check(&["token"], Some("https://gitlab.com/group"), 1);
    check(&["token"], None, 1);
    check(&[], None, 2);
    assert_eq!(super::check(&provider(None, &["token"]), None).len(), 1);
}
