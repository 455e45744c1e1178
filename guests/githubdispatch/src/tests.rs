use herald_provider::testing::{delivery, provider, render, url};

use super::*;

const ADDRESS: &str = "https://github.com/owner/repo.git";

/// What comes of a delivery, in one text.
fn outcome(keys: &[&str], address: &str) -> String {
    match next(&delivery(provider(url("https", "github.com"), keys)), Some(address)) {
        Ok(Action::Ask(question)) => render(&question.request),
        Ok(other) => format!("{other:?}"),
        Err(failure) => format!("{failure:?}"),
    }
}

#[test]
fn an_event_is_one_dispatch() {
    let sent = outcome(&["token"], ADDRESS);
    let expected = r#"POST https://api.github.com/repos/owner/repo/dispatches
content-type: application/json
accept: application/vnd.github.v3+json
authorization: Bearer {token}
x-github-api-version: 2022-11-28

{"event_type":"GitRepository/webapp.gitops-system","client_payload":{"involvedObject":{"#;
    assert!(sent.starts_with(expected), "{sent}");
}

#[test]
fn what_is_missing_is_said() {
    let check = |keys: &[&str], address: &str, expected: &str| {
        let outcome = outcome(keys, address);
        assert!(outcome.contains(expected), "{outcome}");
    };
    check(&["githubAppID"], ADDRESS, "authorization: {authorization github-app}\n");
    check(&[], ADDRESS, "Failure::Misconfigured(\"there are no credentials for GitHub");
    check(&["token"], "https://github.com/a/b/c", "Failure::Misconfigured(\"invalid repository id");
}
