//! `bitbucket`: the build status of a commit on Bitbucket Cloud.
//!
//! Knows two calls of its REST API: <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-commit-statuses/>.
//! It needs the whole address, whose path names the repository; the address's host is that of the API's whatever it is.

mod status;

use std::borrow::Cow;

use herald_provider::bitbucket::TEXT_LIMIT;
use herald_provider::commit_status::{self, CommitStatus};
use herald_provider::{
    Action, Base, Delivery, Description, Failure, Fragment, Module, Places, Plain, Provider,
    Purpose, Request, Url, full_address, module, place,
};

use crate::status::Build;

/// For people.
const NAME: &str = "Bitbucket";

/// The host of the API.
const API: &str = "api.bitbucket.org";

const NO_TOKEN: &str = "there are no credentials for Bitbucket: put `<user>:<API token>`, the user being an e-mail address, under `token` in the Secret of spec.secretRef";

struct Bitbucket;
module!(Bitbucket);

impl Module for Bitbucket {
    fn describe() -> Description {
        Description {
            hosts: vec![API.to_owned()],
            secrets: vec![place("token", Places::HEADER)],
            ..Description::new(
                "The build status of a commit on Bitbucket Cloud",
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
    let token = (!provider.has_secret("token")).then(|| NO_TOKEN.to_owned());
    repository(provider, address).err().into_iter().chain(token).collect()
}

/// Asks for the commit's build of this key, then sets it unless it says the same.
fn next(delivery: &Delivery, address: Option<&str>) -> Result<Action, Failure> {
    if let Some(skipped) = commit_status::skip_progressing(&delivery.event) {
        return Ok(skipped);
    }
    let provider = &delivery.provider;
    if !provider.has_secret("token") {
        return Err(Failure::misconfigured(NO_TOKEN));
    }
    let (owner, name) = repository(provider, address).map_err(Failure::misconfigured)?;
    let status = CommitStatus::of(delivery, NAME, TEXT_LIMIT)?;
    let build = Build::new(&status, &delivery.event.involved_object);
    let builds = |key: Option<&str>| {
        let start = ["2.0", "repositories", &owner, &name, "commit", status.commit];
        let segments = start.into_iter().chain(["statuses", "build"]).chain(key);
        Url::new(Base::Site(["https://", API].concat()), segments)
    };

    let Some(answer) = delivery.responses.last() else {
        // The commit has no such build.
        return Ok(authorized(Request::get(builds(Some(&build.key)))).ask_expecting(&[404]));
    };
    if build.is_set(answer)? {
        return Ok(commit_status::already_set());
    }
    Ok(authorized(Request::post_json(builds(None), build.body())).finish())
}

/// Owner, which Bitbucket calls the workspace, and name.
fn repository<'a>(
    provider: &Provider,
    address: Option<&'a str>,
) -> Result<(Cow<'a, str>, Cow<'a, str>), String> {
    commit_status::owner_and_name(provider, address, "https://bitbucket.org/workspace/repository")
}

/// The token is user and password already, with the colon between them that Basic wants.
fn authorized(request: Request) -> Request {
    let token = Fragment::Base64(vec![Plain::Secret("token".to_owned())]);
    request.with_header("authorization", vec![Fragment::text("Basic "), token])
}

#[cfg(test)]
mod tests;
