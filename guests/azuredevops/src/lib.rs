//! `azuredevops`: the status of a commit, on Azure DevOps or an Azure DevOps Server.
//!
//! Knows two calls of its REST API: <https://learn.microsoft.com/en-us/rest/api/azure/devops/git/statuses>. It needs the
//! whole address, whose path names the repository.

mod answer;
mod repository;
mod status;

use herald_provider::commit_status::{self, CommitStatus};
use herald_provider::{
    Action, Delivery, Description, Failure, Fragment, Module, Places, Provider, Purpose, Request,
    basic, full_address, module, place,
};

use crate::repository::{CLOUD, Repository};
use crate::status::{DESCRIPTION_LIMIT, Status};

/// For people.
const NAME: &str = "Azure DevOps";

/// What the host obtains for a managed identity or a workload identity.
const IDENTITY: &str = "azure-devops";

/// The one that Flux negotiates; Azure DevOps Server has it from its release of 2020 on.
const API_VERSION: &str = "6.0";

struct AzureDevOps;
module!(AzureDevOps);

impl Module for AzureDevOps {
    fn describe() -> Description {
        Description {
            hosts: vec![CLOUD.to_owned()],
            secrets: vec![place("token", Places::HEADER)],
            credentials: vec![IDENTITY.to_owned()],
            ..Description::new("The status of a commit on Azure DevOps", Purpose::CommitStatus)
        }
    }

    fn check(provider: &Provider) -> Vec<String> {
        check(provider, full_address::get().as_deref())
    }

    fn next(delivery: Delivery) -> Result<Action, Failure> {
        next(&delivery, full_address::get().as_deref())
    }
}

/// Without a token there may be an identity, which only the host can tell.
fn check(provider: &Provider, address: Option<&str>) -> Vec<String> {
    Repository::find(provider, address).err().into_iter().collect()
}

/// Asks which statuses the commit has, then adds this one unless the newest of its name and genre says the same.
fn next(delivery: &Delivery, address: Option<&str>) -> Result<Action, Failure> {
    if let Some(skipped) = commit_status::skip_progressing(&delivery.event) {
        return Ok(skipped);
    }
    let repository =
        Repository::find(&delivery.provider, address).map_err(Failure::misconfigured)?;
    let status = CommitStatus::of(delivery, NAME, DESCRIPTION_LIMIT)?;
    let status = Status::new(&status, &delivery.event);
    let url = repository.statuses(status.commit);

    match delivery.responses.as_slice() {
        [] => {
            // The order of the list is documented nowhere, so it is asked for one status of each name and genre.
            let url = url.with_query("latestOnly", "true").with_query("api-version", API_VERSION);
            Ok(with_headers(Request::get(url), &delivery.provider).ask())
        }
        [listed] if status.is_set(listed)? => Ok(commit_status::already_set()),
        [_] => {
            let url = url.with_query("api-version", API_VERSION);
            let request = Request::post_json(url, status.body()).with_header(
                "content-type",
                vec![Fragment::text("application/json;charset=utf-8")],
            );
            Ok(with_headers(request, &delivery.provider).ask())
        }
        [.., answer] => answer::read(answer).map(|_| Action::delivered()),
    }
}

fn with_headers(request: Request, provider: &Provider) -> Request {
    let authorization = if provider.has_secret("token") {
        basic("", "token")
    } else {
        vec![Fragment::Authorization(IDENTITY.to_owned())]
    };
    request
        .with_header("accept", vec![Fragment::text("application/json")])
        .with_header("authorization", authorization)
        // 401 instead of a redirect to a page to sign in on.
        .with_header("x-tfs-fedauthredirect", vec![Fragment::text("Suppress")])
}

#[cfg(test)]
mod tests;
