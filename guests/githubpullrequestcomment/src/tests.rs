use herald_provider::testing::{delivery, provider, render, response, url};

use super::*;

const ADDRESS: &str = "https://github.com/owner/repo";
const MARKER: &str = "<!-- flux-pr-comment-key:0c9c2e41-d2f9-4f9b-9c41-bebc1984d67a/GitRepository/gitops-system/webapp -->";

fn ready(keys: &[&str]) -> Delivery {
    let mut delivery = delivery(provider(url("https", "github.com"), keys));
    delivery.event.metadata = vec![("change_request".to_owned(), "42".to_owned())];
    delivery
}

/// What comes of a delivery, in one text.
fn outcome(delivery: &Delivery) -> String {
    match next(delivery, Some(ADDRESS)) {
        Ok(Action::Ask(question)) => format!("ask {}", render(&question.request)),
        Ok(Action::Finish(request)) => format!("finish {}", render(&request)),
        Ok(Action::Done(conclusion)) => format!("{:?}", conclusion.outcome),
        Err(failure) => format!("{failure:?}"),
    }
}

#[test]
fn a_user_is_asked_for_and_an_app_is_not() {
    assert_eq!(
        outcome(&ready(&["token"])),
        "ask GET https://api.github.com/user
accept: application/vnd.github.v3+json
authorization: Bearer {token}
x-github-api-version: 2022-11-28"
    );
    let listed = "ask GET https://api.github.com/repos/owner/repo/issues/42/comments?direction=asc&per_page=100&sort=created
authorization: {authorization github-app}
x-github-api-version: 2022-11-28
accept: application/vnd.github.squirrel-girl-preview";
    assert_eq!(outcome(&ready(&["githubAppID"])), listed);
    assert_eq!(
        outcome(&ready(&[])),
        "Failure::Misconfigured(\"there are no credentials for GitHub: put a `token` in the Secret of spec.secretRef\")"
    );
}

#[test]
fn an_app_rewrites_what_an_app_wrote() {
    let check = |author: &str, expected: &str| {
        let mut delivery = ready(&["githubAppID"]);
        let listed = format!(r#"[{{"id":55,"user":{{"login":"{author}"}},"body":"{MARKER}"}}]"#);
        delivery.responses = vec![response(&listed)];
        let outcome = outcome(&delivery);
        assert!(outcome.starts_with(expected), "{author}: {outcome}");
    };
    check(
        "flux-lab[bot]",
        "finish PATCH https://api.github.com/repos/owner/repo/issues/comments/55\n",
    );
    check("flux-lab", "finish POST https://api.github.com/repos/owner/repo/issues/42/comments\n");
}

#[test]
fn the_second_page_is_asked_for_by_number() {
    let mut delivery = ready(&["token"]);
    let mut page = response("[]");
    page.headers = vec![("link".to_owned(), r#"<x>; rel="next""#.to_owned())];
    delivery.responses = vec![response(r#"{"login":"flux-bot"}"#), page];
    let outcome = outcome(&delivery);
    let url = "issues/42/comments?direction=asc&per_page=100&sort=created&page=2\n";
    assert!(outcome.contains(url), "{outcome}");
}
