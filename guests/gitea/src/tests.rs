use herald_provider::testing::{delivery, provider, render, response, url};

use super::*;

const SHA: &str = "a1afe267b54f38b46b487f6e938a6fd508278c07";
const ADDRESS: &str = "https://gitea.example/owner/repo.git";
const CONTEXT: &str = "kustomization/gitops-system/0c9c2e41";

fn ready(keys: &[&str]) -> Delivery {
    let mut delivery = delivery(provider(url("https", "gitea.example"), keys));
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
        Ok(Action::Done(conclusion)) => format!("{:?}", conclusion.outcome),
        Err(failure) => format!("{failure:?}"),
    }
}

#[test]
fn the_statuses_of_the_commit_are_asked_for_first() {
    assert_eq!(
        outcome(&ready(&["token"]), ADDRESS),
        format!(
            "ask GET {{origin}}/api/v1/repos/owner/repo/commits/{SHA}/statuses?limit=50&page=1
content-type: application/json
authorization: token {{token}}"
        )
    );
}

#[test]
fn a_new_status_is_added() {
    let check = |severity: &str, reason: &str, state: &str, description: &str| {
        let mut delivery = ready(&["password", "username"]);
        delivery.event.severity = severity.to_owned();
        delivery.event.reason = reason.to_owned();
        delivery.responses = vec![response("[]")];
        assert_eq!(
            outcome(&delivery, ADDRESS),
            format!(
                r#"finish POST {{origin}}/api/v1/repos/owner/repo/statuses/{SHA}
content-type: application/json
authorization: token {{password}}

{{"state":"{state}","target_url":"","description":"{description}","context":"{CONTEXT}"}}"#
            )
        );
    };
    check("info", "ReconciliationSucceeded", "success", "reconciliation succeeded");
    check("error", "HTTPError", "failure", "http error");
    check("info", "Progressing", "pending", "progressing");
}

#[test]
fn the_newest_status_of_the_name_decides() {
    let status = |id: u32, status: &str, context: &str| {
        let description = "reconciliation succeeded";
        format!(
            r#"{{"id":{id},"status":"{status}","context":"{context}","description":"{description}"}}"#
        )
    };
    let check = |listed: &[String], is_skipped: bool| {
        let mut delivery = ready(&["token"]);
        delivery.responses = vec![response(&["[", &listed.join(","), "]"].concat())];
        let outcome = outcome(&delivery, ADDRESS);
        let expected = if is_skipped { "Outcome::Skipped(" } else { "finish POST " };
        assert!(outcome.starts_with(expected), "{listed:?}: {outcome}");
    };
    check(&[status(1, "success", CONTEXT)], true);
    check(&[status(2, "success", CONTEXT), status(1, "failure", CONTEXT)], true);
    // Two of one second, in either order.
    check(&[status(1, "pending", CONTEXT), status(2, "success", CONTEXT)], true);
    check(&[status(1, "success", CONTEXT), status(2, "failure", CONTEXT)], false);
    check(&[status(1, "success", "ci")], false);
}

#[test]
fn an_answer_that_is_no_list_is_asked_for_again() {
    for body in ["", "<html></html>", "{}", "[}", "null"] {
        let mut delivery = ready(&["token"]);
        delivery.responses = vec![response(body)];
        assert!(outcome(&delivery, ADDRESS).starts_with("Failure::Later("), "{body}");
    }
}

#[test]
fn what_cannot_be_a_status_says_why() {
    let check = |change: fn(&mut Delivery), expected: &str| {
        let mut delivery = ready(&["token"]);
        change(&mut delivery);
        let outcome = outcome(&delivery, ADDRESS);
        assert!(outcome.starts_with(expected), "{outcome}");
    };
    check(|d| d.event.metadata.clear(), "Failure::Unsendable(\"the event's metadata has no commit");
    check(|d| d.event.severity = "trace".to_owned(), "Failure::Unsendable(\"the severity `trace`");
    check(
        |d| d.provider.secret_keys.clear(),
        "Failure::Misconfigured(\"there are no credentials for Gitea",
    );
}

#[test]
fn a_provider_is_checked_without_an_event() {
    let check = |keys: &[&str], address: Option<&str>, n_problems: usize| {
        let found = super::check(&provider(url("https", "gitea.example"), keys), address);
        assert_eq!(found.len(), n_problems, "{address:?}: {found:?}");
    };
    check(&["token"], Some(ADDRESS), 0);
    check(&["password"], Some("git@gitea.example:owner/repo"), 0);
    check(&["username"], Some(ADDRESS), 1);
    check(&["token"], Some("https://gitea.example/a/b/c"), 1);
    check(&[], None, 2);
    assert_eq!(super::check(&provider(None, &["token"]), None).len(), 1);
}
