//! `githubdispatch`: the whole event to a repository on github.com or a GitHub Enterprise Server, where it starts workflows.
//!
//! Knows one call of GitHub's REST API:
//! <https://docs.github.com/en/rest/repos/repos?apiVersion=2022-11-28#create-a-repository-dispatch-event>.
//! It needs the whole address, whose path names the repository.

mod payload;

use herald_provider::github::{self, API, APP, REFUSALS, Repository, authorization, with_headers};
use herald_provider::{
    Action, Delivery, Description, Failure, Module, Provider, Purpose, Request, full_address,
    module,
};

struct GithubDispatch;
module!(GithubDispatch);

impl Module for GithubDispatch {
    fn describe() -> Description {
        Description {
            hosts: vec![API.to_owned()],
            secrets: github::secrets(),
            credentials: vec![APP.to_owned()],
            ..Description::new("The event to workflows of a GitHub repository", Purpose::Message)
        }
    }

    fn check(provider: &Provider) -> Vec<String> {
        github::check(provider, full_address::get().as_deref())
    }

    fn next(delivery: Delivery) -> Result<Action, Failure> {
        next(&delivery, full_address::get().as_deref())
    }
}

fn next(delivery: &Delivery, address: Option<&str>) -> Result<Action, Failure> {
    if let Some(response) = delivery.responses.last() {
        return github::refusal(response).map_or(Ok(Action::delivered()), Err);
    }
    let authorization = authorization(&delivery.provider).map_err(Failure::misconfigured)?;
    let repository =
        Repository::find(&delivery.provider, address).map_err(Failure::misconfigured)?;
    let request =
        Request::post_json(repository.url(&["dispatches"]), payload::body(&delivery.event));
    Ok(with_headers(request, authorization).ask_expecting(REFUSALS))
}

#[cfg(test)]
mod tests;
