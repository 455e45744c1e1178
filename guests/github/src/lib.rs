//! `github`: the status of a commit, on github.com or a GitHub Enterprise Server.
//!
//! Knows two calls of GitHub's REST API: <https://docs.github.com/en/rest/commits/statuses?apiVersion=2022-11-28>.
//! It needs the whole address, whose path names the repository.

mod status;

use herald_provider::github::{
    API, APP, NO_CREDENTIALS, Repository, authorization, check, secrets, with_headers,
};
use herald_provider::{
    Action, Delivery, Description, Failure, Module, Provider, Purpose, Request, full_address, git,
    json, module,
};

use crate::status::{State, Status};

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
    let event = &delivery.event;
    if event.reason == "Progressing" {
        return Ok(Action::skipped(
            "reason Progressing: a status is set when the outcome is known",
        ));
    }
    let authorization =
        authorization(&delivery.provider).ok_or_else(|| Failure::misconfigured(NO_CREDENTIALS))?;
    let repository =
        Repository::find(&delivery.provider, address).map_err(Failure::misconfigured)?;
    let revision = git::revision(event).ok_or_else(|| {
        Failure::unsendable("the event's metadata has no commit, originRevision or revision")
    })?;
    let commit = git::commit(revision).ok_or_else(|| {
        Failure::unsendable(["the revision `", revision, "` names no commit"].concat())
    })?;
    let state = State::of(event)?;
    let context =
        delivery.commit_status.as_deref().filter(|name| !name.is_empty()).ok_or_else(|| {
            Failure::misconfigured(
                "the name of the commit status is empty: change spec.commitStatusExpr",
            )
        })?;
    let status = Status::new(state, &event.reason, context);

    let Some(response) = delivery.responses.last() else {
        let url = repository.url(&["commits", commit, "statuses"]).with_query("per_page", "50");
        return Ok(with_headers(Request::get(url), authorization).ask());
    };
    if status.is_newest(response)? {
        return Ok(Action::skipped("the commit has this status already"));
    }
    let body = json::object(256, |o| status.write(o));
    let request = Request::post_json(repository.url(&["statuses", commit]), body);
    Ok(with_headers(request, authorization).finish())
}

#[cfg(test)]
mod tests;
