use herald_provider::Response;
use herald_provider::testing::{delivery, provider, render, response, url};

use super::*;

const SHA: &str = "a1afe267b54f38b46b487f6e938a6fd508278c07";
const ADDRESS: &str = "https://bitbucket.example/scm/PROJ/repo.git";
/// The SHA-1 of `kustomization/gitops-system/0c9c2e41`.
const KEY: &str = "c99410a43c260fddd152a40c296bddfa0b8fd879";

fn ready(keys: &[&str]) -> Delivery {
    let mut delivery = delivery(provider(url("https", "bitbucket.example"), keys));
    delivery.event.reason = "ReconciliationSucceeded".to_owned();
    delivery.event.metadata = vec![("revision".to_owned(), format!("main@sha1:{SHA}"))];
    delivery.commit_status = Some("kustomization/gitops-system/0c9c2e41".to_owned());
    delivery
}

/// What comes of a delivery, in one text.
fn outcome(delivery: &Delivery, address: &str) -> String {
    match next(delivery, Some(address)) {
        Ok(Action::Ask(question)) => {
            format!("ask {:?} {}", question.expects, render(&question.request))
        }
        Ok(Action::Finish(request)) => format!("finish {}", render(&request)),
        Ok(Action::Done(conclusion)) => format!("{:?}", conclusion.outcome),
        Err(failure) => format!("{failure:?}"),
    }
}

#[test]
fn the_build_of_the_key_is_asked_for_first() {
    assert_eq!(
        outcome(&ready(&["token"]), ADDRESS),
        format!(
            "ask [404] GET {{origin}}/rest/api/latest/projects/PROJ/repos/repo/commits/{SHA}/builds?key={KEY}
authorization: Bearer {{token}}
x-atlassian-token: no-check
x-requested-with: XMLHttpRequest"
        )
    );
}

#[test]
fn a_new_build_is_set() {
    let mut delivery = ready(&["token"]);
    delivery.event.severity = "error".to_owned();
    delivery.event.reason = "HTTPError".to_owned();
    delivery.responses = vec![Response { status: 404, ..response("") }];
    assert_eq!(
        outcome(&delivery, ADDRESS),
        format!(
            r#"finish POST {{origin}}/rest/api/latest/projects/PROJ/repos/repo/commits/{SHA}/builds
content-type: application/json
authorization: Bearer {{token}}
x-atlassian-token: no-check
x-requested-with: XMLHttpRequest

{{"description":"http error","key":"{KEY}","name":"gitrepository/webapp [http error]","state":"FAILED","url":"{ADDRESS}"}}"#
        )
    );
}

#[test]
fn a_build_that_says_the_same_is_left() {
    let check = |key: &str, state: &str, description: &str, name: &str, expected: &str| {
        let mut delivery = ready(&["token"]);
        delivery.responses = vec![response(&format!(
            r#"{{"key":"{key}","state":"{state}","description":"{description}","name":"{name}","url":"x"}}"#
        ))];
        let outcome = outcome(&delivery, ADDRESS);
        assert!(outcome.starts_with(expected), "{key} {state}: {outcome}");
    };
    let description = "reconciliation succeeded";
    let name = "gitrepository/webapp [reconciliation succeeded]";
    let skipped = r#"Outcome::Skipped("the commit has this status already")"#;
    check(KEY, "SUCCESSFUL", description, name, skipped);
    check(KEY, "FAILED", description, name, "finish POST ");
    check(KEY, "SUCCESSFUL", "other", name, "finish POST ");
    check(KEY, "SUCCESSFUL", description, "other", "finish POST ");
    check("other", "SUCCESSFUL", description, name, "finish POST ");
}

#[test]
fn an_answer_that_is_no_build_is_asked_for_again() {
    for body in ["", "<html></html>", "[]", "null"] {
        let mut delivery = ready(&["token"]);
        delivery.responses = vec![response(body)];
        assert!(outcome(&delivery, ADDRESS).starts_with("Failure::Later("), "{body}");
    }
}

#[test]
fn the_api_is_beside_what_is_cloned() {
    let check = |address: &str, expected: &str| {
        let outcome = outcome(&ready(&["token"]), address);
        assert!(outcome.starts_with(expected), "{address}: {outcome}");
    };
    let api = "rest/api/latest/projects";
    check(
        "https://h.example/scm/~ada/repo",
        &["ask [404] GET {origin}/", api, "/~ada/repos/repo/commits/"].concat(),
    );
    check(
        "https://h.example/git/scm/scm/PROJ/repo.git",
        &["ask [404] GET {origin}/git/scm/", api, "/PROJ/repos/repo/commits/"].concat(),
    );
    check(
        "https://h.example/a%20b/scm/PROJ/repo.git",
        &["ask [404] GET {origin}/a b/", api, "/PROJ/repos/repo/commits/"].concat(),
    );
    let not_cloned = "Failure::Misconfigured(\"the address is not the URL that the repository is";
    check("https://h.example/PROJ/repo", not_cloned);
    check("https://h.example/projects/PROJ/repos/repo/browse", not_cloned);
    let invalid = "Failure::Misconfigured(\"invalid repository id";
    check("https://h.example/scm/PROJ", invalid);
    check("https://h.example/scm/PROJ/repo/more", invalid);
    check("https://h.example/scm//repo", invalid);
    let long = ["https://h.example/scm/PROJ/", &"r".repeat(430)].concat();
    check(&long, "Failure::Misconfigured(\"the address is longer than the 450 characters");
}

#[test]
fn credentials_are_taken_in_their_order() {
    let check = |keys: &[&str], username: &str, expected: &str| {
        let mut delivery = ready(keys);
        delivery.provider.username = username.to_owned();
        let outcome = outcome(&delivery, ADDRESS);
        assert!(outcome.contains(expected), "{keys:?}: {outcome}");
    };
    check(&["password", "token", "username"], "ada", "authorization: Bearer {token}\n");
    check(
        &["password"],
        "ada",
        "authorization: Basic {base64 [Plain::Text(\"ada:\"), Plain::Secret(\"password\")]}\n",
    );
    check(&["password"], "", "Failure::Misconfigured(\"there is a password and no user name");
    check(&["username"], "ada", "Failure::Misconfigured(\"there are no credentials");
}

#[test]
fn a_long_name_is_cut() {
    let mut delivery = ready(&["token"]);
    delivery.event.reason = "r".repeat(300);
    delivery.responses = vec![Response { status: 404, ..response("") }];
    let outcome = outcome(&delivery, ADDRESS);
    let description = ["\"", &"r".repeat(254), "…\""].concat();
    let name = ["\"gitrepository/webapp [", &"r".repeat(232), "…\""].concat();
    assert!(outcome.contains(&description) && outcome.contains(&name), "{outcome}");
}

#[test]
fn what_cannot_be_a_status_says_why() {
    let check = |change: fn(&mut Delivery), expected: &str| {
        let mut delivery = ready(&["token"]);
        change(&mut delivery);
        let outcome = outcome(&delivery, ADDRESS);
        assert!(outcome.starts_with(expected), "{outcome}");
    };
    check(|d| d.event.reason = "Progressing".to_owned(), "Outcome::Skipped(\"reason Progressing");
    check(|d| d.event.metadata.clear(), "Failure::Unsendable(\"the event's metadata has no commit");
    check(|d| d.event.severity = "trace".to_owned(), "Failure::Unsendable(\"the severity `trace`");
}

#[test]
fn a_provider_is_checked_without_an_event() {
    let check = |keys: &[&str], address: Option<&str>, n_problems: usize| {
        let found = super::check(&provider(url("https", "bitbucket.example"), keys), address);
        assert_eq!(found.len(), n_problems, "{address:?}: {found:?}");
    };
    check(&["token"], Some(ADDRESS), 0);
    check(&["password"], Some(ADDRESS), 1);
    check(&["token"], Some("https://bitbucket.example/PROJ/repo"), 1);
    check(&[], None, 2);
    assert_eq!(super::check(&provider(None, &["token"]), None).len(), 1);
}
