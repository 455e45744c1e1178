use herald_provider::Response;
use herald_provider::testing::{delivery, provider, render, response, url};

use super::*;

const SHA: &str = "a1afe267b54f38b46b487f6e938a6fd508278c07";
const ADDRESS: &str = "https://bitbucket.org/owner/repo.git";
/// The SHA-1 of `kustomization/gitops-system/0c9c2e41`.
const KEY: &str = "c99410a43c260fddd152a40c296bddfa0b8fd879";

fn ready() -> Delivery {
    let mut delivery = delivery(provider(url("https", "bitbucket.org"), &["token"]));
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
        outcome(&ready(), ADDRESS),
        format!(
            r#"ask [404] GET https://api.bitbucket.org/2.0/repositories/owner/repo/commit/{SHA}/statuses/build/{KEY}
authorization: Basic {{base64 [Plain::Secret("token")]}}"#
        )
    );
}

#[test]
fn a_new_build_is_set() {
    let mut delivery = ready();
    delivery.event.severity = "error".to_owned();
    delivery.event.reason = "HTTPError".to_owned();
    delivery.responses = vec![Response { status: 404, ..response("") }];
    assert_eq!(
        outcome(&delivery, ADDRESS),
        format!(
            r#"finish POST https://api.bitbucket.org/2.0/repositories/owner/repo/commit/{SHA}/statuses/build
content-type: application/json
authorization: Basic {{base64 [Plain::Secret("token")]}}

{{"key":"{KEY}","url":"https://bitbucket.org","state":"FAILED","name":"gitrepository/webapp","description":"http error"}}"#
        )
    );
}

#[test]
fn a_build_that_says_the_same_is_left() {
    let check = |body: &str, expected: &str| {
        let mut delivery = ready();
        delivery.responses = vec![response(body)];
        let outcome = outcome(&delivery, ADDRESS);
        assert!(outcome.starts_with(expected), "{body}: {outcome}");
    };
    let skipped = r#"Outcome::Skipped("the commit has this status already")"#;
    check(r#"{"state":"SUCCESSFUL","description":"reconciliation succeeded","name":"x"}"#, skipped);
    let post = "finish POST ";
    check(r#"{"state":"FAILED","description":"reconciliation succeeded"}"#, post);
    check(r#"{"state":"SUCCESSFUL","description":"artifact up to date"}"#, post);
    check(r#"{"state":"SUCCESSFUL","description":null}"#, post);
    for body in ["", "<html></html>", "[]", "null"] {
        check(body, "Failure::Later(");
    }
}

#[test]
fn a_long_name_is_cut() {
    let mut delivery = ready();
    delivery.event.involved_object.name = "n".repeat(300);
    delivery.event.reason = "r".repeat(300);
    delivery.responses = vec![Response { status: 404, ..response("") }];
    let outcome = outcome(&delivery, ADDRESS);
    let name = ["\"gitrepository/", &"n".repeat(240), "…\""].concat();
    let description = ["\"", &"r".repeat(254), "…\""].concat();
    assert!(outcome.contains(&name) && outcome.contains(&description), "{outcome}");
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
    check(|d| d.event.severity = "trace".to_owned(), "Failure::Unsendable(\"the severity `trace`");
    check(
        |d| d.provider.secret_keys = vec!["password".to_owned()],
        "Failure::Misconfigured(\"there are no credentials for Bitbucket",
    );
}

#[test]
fn a_provider_is_checked_without_an_event() {
    let check = |keys: &[&str], address: Option<&str>, n_problems: usize| {
        let found = super::check(&provider(url("https", "bitbucket.org"), keys), address);
        assert_eq!(found.len(), n_problems, "{address:?}: {found:?}");
    };
    check(&["token"], Some(ADDRESS), 0);
    check(&["token"], Some("git@bitbucket.org:owner/repo"), 0);
    check(&["password"], Some(ADDRESS), 1);
    check(&["token"], Some("https://bitbucket.org/scm/owner/repo"), 1);
    check(&[], None, 2);
    assert_eq!(super::check(&provider(None, &["token"]), None).len(), 1);
}
