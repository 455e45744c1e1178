use herald_provider::testing::{delivery, provider, render, response, url};

use super::*;

const ADDRESS: &str = "https://gitea.example/owner/repo.git";
const MARKER: &str = "<!-- flux-pr-comment-key:0c9c2e41-d2f9-4f9b-9c41-bebc1984d67a/GitRepository/gitops-system/webapp -->";

fn ready(keys: &[&str]) -> Delivery {
    let mut delivery = delivery(provider(url("https", "gitea.example"), keys));
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
    let header = "authorization: token {token}";
    let check = |delivery: &Delivery, expected: &[&str]| {
        let outcome = outcome(delivery, ADDRESS);
        assert!(outcome.starts_with(&expected.concat()), "{outcome}");
    };
    check(&delivery, &["ask GET {origin}/api/v1/user\n", header]);
    delivery.responses.push(response(r#"{"login":"flux-bot"}"#));
    let issues = "{origin}/api/v1/repos/owner/repo/issues";
    check(&delivery, &["ask GET ", issues, "/42/comments?limit=100&page=1\n", header]);
    delivery.responses.push(response("[]"));
    let json = "\ncontent-type: application/json\n";
    check(&delivery, &["finish POST ", issues, "/42/comments", json, header, "\n\n{\"body\":\""]);
    let listed = format!(r#"[{{"id":55,"user":{{"login":"flux-bot"}},"body":"{MARKER}"}}]"#);
    delivery.responses[1] = response(&listed);
    check(&delivery, &["finish PATCH ", issues, "/comments/55", json, header, "\n\n{\"body\":\""]);
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
    assert!(
        outcome(&ready(&[]), ADDRESS).starts_with("Failure::Misconfigured(\"there is no Gitea")
    );
    assert!(
        outcome(&ready(&["token"]), "x").starts_with("Failure::Misconfigured(\"the address is")
    );
}
