//! `gitea`: the status of a commit, on a Gitea or Forgejo.
//!
//! Knows two calls of Gitea's API, of which each server has its description at `/api/swagger`:
//! <https://docs.gitea.com/api/>. It needs the whole address, whose path names the repository.

mod status;

use std::borrow::Cow;

use herald_provider::commit_status::{self, CommitStatus, no_credentials};
use herald_provider::{
    Action, Base, Delivery, Description, Failure, Fragment, Module, Places, Provider, Purpose,
    Request, Url, full_address, module, place,
};

use crate::status::{DESCRIPTION_LIMIT, Status};

/// For people.
const NAME: &str = "Gitea";

struct Gitea;
module!(Gitea);

impl Module for Gitea {
    fn describe() -> Description {
        Description {
            secrets: vec![place("token", Places::HEADER), place("password", Places::HEADER)],
            ..Description::new("The status of a commit on Gitea or Forgejo", Purpose::CommitStatus)
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
    let repository = repository(provider, address).err();
    repository.into_iter().chain(token(provider).err()).collect()
}

/// Asks which statuses the commit has, then adds this one unless the newest of its name says the same.
fn next(delivery: &Delivery, address: Option<&str>) -> Result<Action, Failure> {
    let provider = &delivery.provider;
    let token = token(provider).map_err(Failure::misconfigured)?;
    let (owner, name) = repository(provider, address).map_err(Failure::misconfigured)?;
    let api = |resource: &[&str]| {
        let start = ["api", "v1", "repos", &owner, &name];
        Url::new(Base::Origin, start.into_iter().chain(resource.iter().copied()))
    };
    let is_progressing = commit_status::is_progressing(&delivery.event);
    let status = CommitStatus::of(delivery, NAME, DESCRIPTION_LIMIT)?;
    let status = Status::new(&status, is_progressing);

    let Some(listed) = delivery.responses.last() else {
        let url = api(&["commits", status.commit, "statuses"])
            .with_query("limit", "50")
            .with_query("page", "1");
        // Without a body, as Flux has it.
        let request =
            Request::get(url).with_header("content-type", vec![Fragment::text("application/json")]);
        return Ok(authorized(request, token).ask());
    };
    if status.is_set(listed)? {
        return Ok(commit_status::already_set());
    }
    let request = Request::post_json(api(&["statuses", status.commit]), status.body());
    Ok(authorized(request, token).finish())
}

/// The key of the token.
fn token(provider: &Provider) -> Result<&'static str, String> {
    provider.first_secret(&["token", "password"]).ok_or_else(|| no_credentials(NAME))
}

/// Owner and name.
fn repository<'a>(
    provider: &Provider,
    address: Option<&'a str>,
) -> Result<(Cow<'a, str>, Cow<'a, str>), String> {
    commit_status::owner_and_name(provider, address, "https://gitea.example/owner/repository")
}

fn authorized(request: Request, token: &str) -> Request {
    request.with_header("authorization", vec![Fragment::text("token "), Fragment::secret(token)])
}

#[cfg(test)]
mod tests;
