use herald_provider::testing::{delivery, provider, render, response, url};

use super::*;

const ADDRESS: &str = "https://gitlab.com/group/sub/project.git";
const MARKER: &str = "<!-- flux-mr-comment-key:0c9c2e41-d2f9-4f9b-9c41-bebc1984d67a/GitRepository/gitops-system/webapp -->";

fn ready(keys: &[&str]) -> Delivery {
    let mut delivery = delivery(provider(url("https", "gitlab.com"), keys));
    delivery.event.metadata = vec![("change_request".to_owned(), "42".to_owned())];
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
fn each_step_is_one_request() {
    let mut delivery = ready(&["password", "token"]);
    let headers = "accept: application/json\nprivate-token: {token}";
    let check = |delivery: &Delivery, expected: &[&str]| {
        let outcome = outcome(delivery, ADDRESS);
        assert!(outcome.starts_with(&expected.concat()), "{outcome}");
    };
    check(&delivery, &["ask GET {origin}/api/v4/user\n", headers]);
    delivery.responses.push(response(r#"{"username":"flux-bot"}"#));
    let notes = "{origin}/api/v4/projects/group/sub/project/merge_requests/42/notes";
    let query = "?order_by=created_at&per_page=100&sort=asc\n";
    check(&delivery, &["ask GET ", notes, query, headers]);
    delivery.responses.push(response("[]"));
    let json = "\ncontent-type: application/json\n";
    check(&delivery, &["finish POST ", notes, json, headers, "\n\n{\"body\":\""]);
    let listed = format!(r#"[{{"id":55,"author":{{"username":"flux-bot"}},"body":"{MARKER}"}}]"#);
    delivery.responses[1] = response(&listed);
    check(&delivery, &["finish PUT ", notes, "/55", json, headers, "\n\n{\"body\":\""]);
}

#[test]
fn the_second_page_is_asked_for_by_number() {
    let mut delivery = ready(&["token"]);
    let mut page = response("[]");
    page.headers = vec![("link".to_owned(), r#"<x>; rel="next""#.to_owned())];
    delivery.responses = vec![response(r#"{"username":"flux-bot"}"#), page];
    let outcome = outcome(&delivery, ADDRESS);
    assert!(
        outcome.contains("/notes?order_by=created_at&per_page=100&sort=asc&page=2\n"),
        "{outcome}"
    );
}

#[test]
fn a_quick_action_is_only_shown() {
    let mut delivery = ready(&["token"]);
    delivery.event.message = "failed\n/merge".to_owned();
    delivery.responses = vec![response(r#"{"username":"flux-bot"}"#), response("[]")];
    assert!(outcome(&delivery, ADDRESS).contains(r"failed\n\\/merge\n"));
}

#[test]
fn a_provider_is_checked_without_an_event() {
    let check = |keys: &[&str], address: Option<&str>, n_problems: usize| {
        let found = super::check(&provider(url("https", "gitlab.com"), keys), address);
        assert_eq!(found.len(), n_problems, "{address:?}: {found:?}");
    };
    check(&["token"], Some(ADDRESS), 0);
    check(&["password"], Some("git@gitlab.com:group/project"), 0);
    check(&["username"], Some(ADDRESS), 1);
    check(&["token"], Some("https://gitlab.com/project"), 1);
    check(&[], None, 2);
    assert!(
        outcome(&ready(&[]), ADDRESS).starts_with("Failure::Misconfigured(\"there is no GitLab")
    );
    assert!(
        outcome(&ready(&["token"]), "x").starts_with("Failure::Misconfigured(\"the address is")
    );
}
