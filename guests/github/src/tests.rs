use herald_provider::Response;
use herald_provider::testing::{delivery, provider, render, response, url};

use super::*;

const SHA: &str = "a1afe267b54f38b46b487f6e938a6fd508278c07";
const ADDRESS: &str = "https://github.com/owner/repo.git";
const CONTEXT: &str = "kustomization/gitops-system/0c9c2e41";

fn ready() -> Delivery {
    let mut delivery = delivery(provider(url("https", "github.com"), &["token"]));
    delivery.event.reason = "ReconciliationSucceeded".to_owned();
    delivery.event.metadata = vec![("revision".to_owned(), format!("main@sha1:{SHA}"))];
    delivery.commit_status = Some(CONTEXT.to_owned());
    delivery
}

/// What comes of a delivery, in one text.
fn outcome(delivery: &Delivery, address: &str) -> String {
    match next(delivery, Some(address)) {
        Ok(Action::Ask(question)) => format!("ask {}", render(&question.request)),
        Ok(Action::Finish(_)) => panic!("an answer goes unread"),
        Ok(Action::Done(conclusion)) => format!("{:?}", conclusion.outcome),
        Err(failure) => format!("{failure:?}"),
    }
}

#[test]
fn the_statuses_of_the_commit_are_asked_for_first() {
    assert_eq!(
        outcome(&ready(), ADDRESS),
        format!(
            "ask GET https://api.github.com/repos/owner/repo/commits/{SHA}/statuses?per_page=50
accept: application/vnd.github.v3+json
authorization: Bearer {{token}}
x-github-api-version: 2022-11-28"
        )
    );
}

#[test]
fn answers_to_both_calls_are_read() {
    let mut delivery = ready();
    delivery.responses = vec![response("[]"), response("{}")];
    assert_eq!(outcome(&delivery, ADDRESS), "Outcome::Delivered");
    for n_before in [0, 1] {
        delivery.responses = vec![response("[]"); n_before];
        let limited = r#"{"message":"You have exceeded a secondary rate limit."}"#;
        delivery.responses.push(Response { status: 403, ..response(limited) });
        assert!(outcome(&delivery, ADDRESS).contains("after: Some(60)"));
    }
}

#[test]
fn a_new_status_is_added() {
    let mut delivery = ready();
    delivery.event.severity = "error".to_owned();
    delivery.event.reason = "HTTPError".to_owned();
    delivery.responses = vec![response("[]")];
    assert_eq!(
        outcome(&delivery, ADDRESS),
        format!(
            r#"ask POST https://api.github.com/repos/owner/repo/statuses/{SHA}
content-type: application/json
accept: application/vnd.github.v3+json
authorization: Bearer {{token}}
x-github-api-version: 2022-11-28

{{"state":"failure","description":"http error","context":"{CONTEXT}"}}"#
        )
    );
}

#[test]
fn the_newest_status_of_the_name_decides() {
    let status = |state: &str, description: &str, context: &str| {
        format!(r#"{{"id":1,"state":"{state}","description":{description},"context":"{context}"}}"#)
    };
    let same = status("success", r#""reconciliation succeeded""#, CONTEXT);
    let other_name = status("failure", r#""x""#, "ci");
    let older = status("failure", r#""reconciliation succeeded""#, CONTEXT);
    let undescribed = status("success", "null", CONTEXT);
    let check = |listed: &[&String], is_skipped: bool| {
        let list: Vec<&str> = listed.iter().map(|text| text.as_str()).collect();
        let mut delivery = ready();
        delivery.responses = vec![response(&["[", &list.join(", "), "]"].concat())];
        let outcome = outcome(&delivery, ADDRESS);
        let expected = if is_skipped {
            r#"Outcome::Skipped("the commit has this status already")"#
        } else {
            "ask POST "
        };
        assert!(outcome.starts_with(expected), "{list:?}: {outcome}");
    };
    check(&[&same], true);
    check(&[&other_name, &same, &older], true);
    check(&[&older, &same], false);
    check(&[&undescribed], false);
    check(&[&other_name], false);
}

#[test]
fn an_answer_that_is_no_list_is_asked_for_again() {
    for body in ["", "<html></html>", "{}", "[}", "null"] {
        let mut delivery = ready();
        delivery.responses = vec![response(body)];
        assert!(outcome(&delivery, ADDRESS).starts_with("Failure::Later("), "{body}");
    }
}

#[test]
fn the_api_is_where_the_host_has_it() {
    let check = |host: &str, base: &str| {
        let mut delivery = ready();
        delivery.provider.address = url("https", host);
        let outcome = outcome(&delivery, &["https://", host, "/owner/repo"].concat());
        let expected = format!("ask GET {base}/repos/owner/repo/commits/");
        assert!(outcome.starts_with(&expected), "{host}: {outcome}");
    };
    check("github.com", "https://api.github.com");
    check("github.example", "{origin}/api/v3");
    check("api.github.example", "{origin}");
    check("ghe.api.example", "{origin}");
    check("www.github.com", "{origin}/api/v3");
}

#[test]
fn credentials_are_taken_in_their_order() {
    let check = |keys: &[&str], expected: &str| {
        let mut delivery = ready();
        delivery.provider.secret_keys = keys.iter().copied().map(str::to_owned).collect();
        let outcome = outcome(&delivery, ADDRESS);
        assert!(outcome.contains(expected), "{keys:?}: {outcome}");
    };
    check(&["githubAppID", "password", "token"], "authorization: Bearer {token}\n");
    check(&["githubAppID", "password", "username"], "authorization: Bearer {password}\n");
    check(&["githubAppID"], "authorization: {authorization github-app}\n");
    check(&["username"], "Failure::Misconfigured(\"there are no credentials for GitHub");
}

#[test]
fn what_cannot_be_a_status_says_why() {
    let check = |change: fn(&mut Delivery), expected: &str| {
        let mut delivery = ready();
        change(&mut delivery);
        let outcome = outcome(&delivery, ADDRESS);
        assert!(outcome.starts_with(expected), "{outcome}");
    };
    check(|d| d.event.reason = "Progressing".to_owned(), "Outcome::Skipped(\"reason Progressing");
    check(|d| d.event.metadata.clear(), "Failure::Unsendable(\"the event's metadata has no commit");
    check(
        |d| d.event.metadata = vec![("revision".to_owned(), "6.0.1".to_owned())],
        "Failure::Unsendable(\"the revision `6.0.1` names no commit",
    );
    check(|d| d.event.severity = "trace".to_owned(), "Failure::Unsendable(\"the severity `trace`");
    check(|d| d.commit_status = None, "Failure::Misconfigured(\"the name of the commit status");
    check(
        |d| d.commit_status = Some(String::new()),
        "Failure::Misconfigured(\"the name of the commit status",
    );
}

#[test]
fn the_commit_comes_from_the_first_key_there_is() {
    let other = SHA.replace('a', "b");
    let mut delivery = ready();
    delivery.event.metadata = vec![
        ("commit".to_owned(), SHA.to_owned()),
        ("originRevision".to_owned(), format!("main@sha1:{other}")),
        ("revision".to_owned(), "latest@sha256:x".to_owned()),
    ];
    assert!(outcome(&delivery, ADDRESS).contains(SHA));
    delivery.event.metadata.remove(0);
    assert!(outcome(&delivery, ADDRESS).contains(&other));
}

#[test]
fn a_long_description_is_cut_to_what_github_takes() {
    let mut delivery = ready();
    delivery.event.reason = "x".repeat(200);
    delivery.responses = vec![response("[]")];
    let description = ["\"", &"x".repeat(139), "…\""].concat();
    assert!(outcome(&delivery, ADDRESS).contains(&description));
}

#[test]
fn a_provider_is_checked_without_an_event() {
    let check = |host: &str, keys: &[&str], address: Option<&str>, n_problems: usize| {
        let found = super::check(&provider(url("https", host), keys), address);
        assert_eq!(found.len(), n_problems, "{address:?}: {found:?}");
    };
    check("github.com", &["token"], Some(ADDRESS), 0);
    check("github.com", &["githubAppID"], Some("git@github.com:owner/repo"), 0);
    check("github.com", &[], Some(ADDRESS), 1);
    check("github.com", &["token"], Some("https://github.com/owner"), 1);
    check("github.com", &[], Some("https://github.com/a/b/c"), 2);
    check("github.com", &["token"], None, 1);
    assert_eq!(super::check(&provider(None, &["token"]), None).len(), 1);
}
