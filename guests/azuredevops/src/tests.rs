use herald_provider::testing::{delivery, provider, render, response, url};
use herald_provider::{Outcome, Response};

use super::*;

const SHA: &str = "a1afe267b54f38b46b487f6e938a6fd508278c07";
const ADDRESS: &str = "https://dev.azure.com/Acme-Lab/Fleet%20Project/_git/fleet";
const CONTEXT: &str = "kustomization/gitops-system/0c9c2e41";

fn ready() -> Delivery {
    let mut delivery = delivery(provider(url("https", "dev.azure.com"), &["token"]));
    delivery.event.reason = "ReconciliationSucceeded".to_owned();
    delivery.event.metadata = vec![("revision".to_owned(), format!("main@sha1:{SHA}"))];
    delivery.commit_status = Some(CONTEXT.to_owned());
    delivery
}

/// What comes of a delivery, in one text.
fn outcome(delivery: &Delivery, address: &str) -> String {
    match next(delivery, Some(address)) {
        Ok(Action::Ask(question)) => format!("ask {}", render(&question.request)),
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
fn the_statuses_of_the_commit_are_asked_for_first() {
    assert_eq!(
        outcome(&ready(), ADDRESS),
        format!(
            r#"ask GET {{origin}}/acme-lab/Fleet Project/_apis/git/repositories/fleet/commits/{SHA}/statuses?latestOnly=true&api-version=6.0
accept: application/json
authorization: Basic {{base64 [Plain::Text(":"), Plain::Secret("token")]}}
x-tfs-fedauthredirect: Suppress"#
        )
    );
}

#[test]
fn a_new_status_is_added() {
    let mut delivery = ready();
    delivery.provider.secret_keys.clear();
    delivery.event.severity = "error".to_owned();
    delivery.event.reason = "HTTPError".to_owned();
    delivery.event.metadata.push(("summary".to_owned(), "prod / \"eu\"".to_owned()));
    delivery.responses = vec![response(r#"{"count":0,"value":[]}"#)];
    assert_eq!(
        outcome(&delivery, ADDRESS),
        format!(
            r#"ask POST {{origin}}/acme-lab/Fleet Project/_apis/git/repositories/fleet/commits/{SHA}/statuses?api-version=6.0
content-type: application/json;charset=utf-8
accept: application/json
authorization: {{authorization azure-devops}}
x-tfs-fedauthredirect: Suppress

{{"context":{{"genre":"fluxcd:prod / \"eu\"","name":"{CONTEXT}"}},"description":"http error","state":"error"}}"#
        )
    );
}

#[test]
fn the_newest_status_of_name_and_genre_decides() {
    let status = |id: u32, state: &str, genre: &str, name: &str| {
        let description = "reconciliation succeeded";
        format!(
            r#"{{"id":{id},"state":"{state}","description":"{description}","context":{{"genre":"{genre}","name":"{name}"}}}}"#
        )
    };
    let check = |listed: &[String], is_skipped: bool| {
        let mut delivery = ready();
        delivery.responses = vec![response(&[r#"{"value":["#, &listed.join(","), "]}"].concat())];
        let outcome = outcome(&delivery, ADDRESS);
        let expected = if is_skipped { "skipped: the commit has" } else { "ask POST " };
        assert!(outcome.starts_with(expected), "{listed:?}: {outcome}");
    };
    check(&[status(1, "succeeded", "fluxcd", CONTEXT)], true);
    check(
        &[status(1, "error", "fluxcd", CONTEXT), status(2, "succeeded", "fluxcd", CONTEXT)],
        true,
    );
    check(
        &[status(1, "succeeded", "fluxcd", CONTEXT), status(2, "error", "fluxcd", CONTEXT)],
        false,
    );
    check(&[status(1, "succeeded", "fluxcd:prod", CONTEXT)], false);
    check(&[status(1, "succeeded", "fluxcd", "ci")], false);
    check(&[r#"{"id":1,"state":"succeeded"}"#.to_owned()], false);
}

#[test]
fn an_answer_is_read_whatever_its_status() {
    let check = |answers: &[(u16, &str)], expected: &str| {
        let mut delivery = ready();
        delivery.responses = answers
            .iter()
            .map(|(status, body)| Response { status: *status, ..response(body) })
            .collect();
        let outcome = outcome(&delivery, ADDRESS);
        assert!(outcome.starts_with(expected), "{answers:?}: {outcome}");
    };
    let list = (200, r#"{"count":0,"value":[]}"#);
    let foreign = "later: the answer is not one of Azure DevOps's: is a proxy in between?";
    let sign_in = "misconfigured: Azure DevOps answered 203";
    check(&[list, (201, r#"{"id":1,"state":"succeeded"}"#)], "delivered");
    check(&[list, (203, "<html>Sign in</html>")], sign_in);
    check(&[(203, "<html>Sign in</html>")], sign_in);
    for body in ["", "<html></html>", "[]", "null"] {
        check(&[(200, body)], foreign);
        check(&[list, (200, body)], foreign);
    }
    check(&[(200, "{}")], foreign);
}

#[test]
fn the_api_is_where_the_address_has_it() {
    let check = |host: &str, path: &str, expected: &str| {
        let mut delivery = ready();
        delivery.provider.address = url("https", host);
        let outcome = outcome(&delivery, &["https://", host, path].concat());
        assert!(outcome.starts_with(expected), "{host}{path}: {outcome}");
    };
    let repository = "p/_apis/git/repositories/r/commits/";
    let in_cloud = ["ask GET https://dev.azure.com/org/", repository].concat();
    check("ssh.dev.azure.com", "/v3/Org/p/r", &in_cloud);
    check("vs-ssh.visualstudio.com", "/v3/Org/p/r", &in_cloud);
    check("dev.azure.com", "/Org/p/_git/r/", &["ask GET {origin}/org/", repository].concat());
    check("org.visualstudio.com", "/p/_git/r", &["ask GET {origin}/", repository].concat());
    check(
        "org.visualstudio.com",
        "/DefaultCollection/p/_git/r",
        &["ask GET {origin}/defaultcollection/", repository].concat(),
    );
    check(
        "tfs.example",
        "/tfs/Main/p/_git/r",
        &["ask GET {origin}/tfs/main/", repository].concat(),
    );
    for path in [
        "",
        "/org/p/r",
        "/p/_git/r",
        "/a/org/p/_git/r",
        "/org/p/_git",
        "/org/p/_git/r/x",
        "/org//_git/r",
    ] {
        check("dev.azure.com", path, "misconfigured: invalid repository id");
    }
    check("ssh.dev.azure.com", "/v4/org/p/r", "misconfigured: invalid repository id");
    check("ssh.dev.azure.com", "/org/p/_git/r", "misconfigured: invalid repository id");
    check("tfs.example", "/p/_git/r", "misconfigured: invalid repository id");
}

#[test]
fn what_cannot_be_a_status_says_why() {
    let check = |change: fn(&mut Delivery), expected: &str| {
        let mut delivery = ready();
        change(&mut delivery);
        let outcome = outcome(&delivery, ADDRESS);
        assert!(outcome.starts_with(expected), "{outcome}");
    };
    check(|d| d.event.reason = "Progressing".to_owned(), "skipped: reason Progressing");
    check(|d| d.event.metadata.clear(), "unsendable: the event's metadata has no commit");
    check(|d| d.event.severity = "trace".to_owned(), "unsendable: the severity `trace`");
}

#[test]
fn a_provider_is_checked_without_an_event() {
    let check = |keys: &[&str], address: Option<&str>, n_problems: usize| {
        let found = super::check(&provider(url("https", "dev.azure.com"), keys), address);
        assert_eq!(found.len(), n_problems, "{address:?}: {found:?}");
    };
    check(&["token"], Some(ADDRESS), 0);
    check(&[], Some(ADDRESS), 0);
    check(&["token"], Some("https://dev.azure.com/org/project"), 1);
    check(&["token"], None, 1);
    assert_eq!(super::check(&provider(None, &["token"]), None).len(), 1);
}
