//! `bitbucketserver`: the build status of a commit on Bitbucket Server or Data Center.
//!
//! Knows two calls of its REST API:
//! <https://developer.atlassian.com/server/bitbucket/rest/v906/api-group-builds-and-deployments/>. It needs the whole
//! address, whose path names the repository and what stands before the API.

mod build;
mod repository;

use herald_provider::bitbucket::TEXT_LIMIT;
use herald_provider::commit_status::{self, CommitStatus};
use herald_provider::{
    Action, Delivery, Description, Failure, Fragment, Module, Places, Provider, Purpose, Request,
    basic, bearer, full_address, module, place,
};

use crate::build::Build;
use crate::repository::Repository;

/// For people.
const NAME: &str = "Bitbucket Server";

const NO_CREDENTIALS: &str = "there are no credentials for Bitbucket Server: put a `token` in the Secret of spec.secretRef, or a `password` beside spec.username or `username`";
const NO_USER: &str = "there is a password and no user name: set spec.username, or `username` in the Secret of spec.secretRef";

struct BitbucketServer;
module!(BitbucketServer);

impl Module for BitbucketServer {
    fn describe() -> Description {
        Description {
            secrets: vec![place("token", Places::HEADER), place("password", Places::HEADER)],
            ..Description::new(
                "The build status of a commit on Bitbucket Server or Data Center",
                Purpose::CommitStatus,
            )
        }
    }

    fn check(provider: &Provider) -> Vec<String> {
        check(provider, full_address::get().as_deref())
    }

    fn next(delivery: Delivery) -> Result<Action, Failure> {
        next(&delivery, full_address::get().as_deref())
    }
}

fn check(provider: &Provider, address: Option<&str>) -> Vec<String> {
    let repository = Repository::find(provider, address).err();
    repository.into_iter().chain(authorization(provider).err()).collect()
}

/// Asks for the commit's build of this key, then sets it unless it says the same.
fn next(delivery: &Delivery, address: Option<&str>) -> Result<Action, Failure> {
    if let Some(skipped) = commit_status::skip_progressing(&delivery.event) {
        return Ok(skipped);
    }
    let provider = &delivery.provider;
    let authorization = authorization(provider).map_err(Failure::misconfigured)?;
    let repository = Repository::find(provider, address).map_err(Failure::misconfigured)?;
    let status = CommitStatus::of(delivery, NAME, TEXT_LIMIT)?;
    let build = Build::new(&status, &delivery.event.involved_object, repository.link);
    let url = repository.builds(status.commit);

    let Some(answer) = delivery.responses.last() else {
        let request = Request::get(url.with_query("key", &build.key));
        // The commit has no such build.
        return Ok(with_headers(request, authorization).ask_expecting(&[404]));
    };
    if build.is_set(answer)? {
        return Ok(commit_status::already_set());
    }
    Ok(with_headers(Request::post_json(url, build.body()), authorization).finish())
}

/// A token, or user and password.
fn authorization(provider: &Provider) -> Result<Vec<Fragment>, String> {
    if provider.has_secret("token") {
        return Ok(bearer("token"));
    }
    if !provider.has_secret("password") {
        return Err(NO_CREDENTIALS.to_owned());
    }
    if provider.username.is_empty() {
        return Err(NO_USER.to_owned());
    }
    Ok(basic(&provider.username, "password"))
}

fn with_headers(request: Request, authorization: Vec<Fragment>) -> Request {
    request
        .with_header("authorization", authorization)
        // Without these the server may take a request for one that another page had a browser send.
        .with_header("x-atlassian-token", vec![Fragment::text("no-check")])
        .with_header("x-requested-with", vec![Fragment::text("XMLHttpRequest")])
}

#[cfg(test)]
mod tests;
