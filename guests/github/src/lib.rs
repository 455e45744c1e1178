//! `github`: the status of a commit, on github.com or a GitHub Enterprise Server.
//!
//! Knows two calls of GitHub's REST API: <https://docs.github.com/en/rest/commits/statuses?apiVersion=2022-11-28>.
//! It needs the whole address, whose path names the repository.

mod status;

use herald_provider::commit_status::{self, CommitStatus};
use herald_provider::github::{
    self, API, APP, NAME, REFUSALS, Repository, authorization, check, secrets, with_headers,
};
use herald_provider::{
    Action, Delivery, Description, Failure, Module, Provider, Purpose, Request, full_address,
    module,
};

use crate::status::DESCRIPTION_LIMIT;

struct Github;
module!(Github);

impl Module for Github {
    fn describe() -> Description {
        Description {
            hosts: vec![API.to_owned()],
            secrets: secrets(),
            credentials: vec![APP.to_owned()],
            ..Description::new("The status of a commit on GitHub", Purpose::CommitStatus)
        }
    }

    fn check(provider: &Provider) -> Vec<String> {
        check(provider, full_address::get().as_deref())
    }

    fn next(delivery: Delivery) -> Result<Action, Failure> {
        next(&delivery, full_address::get().as_deref())
    }
}

/// Asks which statuses the commit has, then adds this one unless the newest of its name says the same.
fn next(delivery: &Delivery, address: Option<&str>) -> Result<Action, Failure> {
    if let Some(skipped) = commit_status::skip_progressing(&delivery.event) {
        return Ok(skipped);
    }
    let authorization = authorization(&delivery.provider).map_err(Failure::misconfigured)?;
    let repository =
        Repository::find(&delivery.provider, address).map_err(Failure::misconfigured)?;
    let status = CommitStatus::of(delivery, NAME, DESCRIPTION_LIMIT)?;

    if let Some(refusal) = delivery.responses.last().and_then(github::refusal) {
        return Err(refusal);
    }
    let [response, written @ ..] = delivery.responses.as_slice() else {
        let url =
            repository.url(&["commits", status.commit, "statuses"]).with_query("per_page", "50");
        return Ok(with_headers(Request::get(url), authorization).ask_expecting(REFUSALS));
    };
    if !written.is_empty() {
        return Ok(Action::delivered());
    }
    if status::is_set(&status, response)? {
        return Ok(commit_status::already_set());
    }
    let url = repository.url(&["statuses", status.commit]);
    let request = Request::post_json(url, status::body(&status));
    Ok(with_headers(request, authorization).ask_expecting(REFUSALS))
}

#[cfg(test)]
mod tests;
