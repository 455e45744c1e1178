//! `gitlab`: the status of a commit, on gitlab.com or a GitLab of one's own.
//!
//! Knows two calls of GitLab's REST API: <https://docs.gitlab.com/api/commits/#list-commit-statuses> and
//! <https://docs.gitlab.com/api/commits/#set-commit-pipeline-status>. It needs the whole address, whose path names the
//! project.

mod answer;
mod status;

use herald_provider::commit_status::{self, CommitStatus, no_credentials};
use herald_provider::{
    Action, Base, Delivery, Description, Failure, Fragment, Module, Places, Provider, Purpose,
    Request, Url, full_address, git, module, place,
};

use crate::status::{DESCRIPTION_LIMIT, NAME_LIMIT};

/// For people.
const NAME: &str = "GitLab";

/// What an address looks like.
const EXAMPLE: &str = "https://gitlab.com/group/project";

struct Gitlab;
module!(Gitlab);

impl Module for Gitlab {
    fn describe() -> Description {
        Description {
            secrets: vec![place("token", Places::HEADER), place("password", Places::HEADER)],
            ..Description::new("The status of a commit on GitLab", Purpose::CommitStatus)
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
    let project = project(provider, address).err();
    project.into_iter().chain(token(provider).err()).collect()
}

/// Asks which statuses of this name the commit has, then adds this one unless the newest says the same.
fn next(delivery: &Delivery, address: Option<&str>) -> Result<Action, Failure> {
    if let Some(skipped) = commit_status::skip_progressing(&delivery.event) {
        return Ok(skipped);
    }
    let provider = &delivery.provider;
    let token = token(provider).map_err(Failure::misconfigured)?;
    let project = project(provider, address).map_err(Failure::misconfigured)?;
    let status = CommitStatus::of(delivery, NAME, DESCRIPTION_LIMIT)?;

    match delivery.responses.as_slice() {
        [] => {
            let url = api(&project, &["repository", "commits", status.commit, "statuses"])
                .with_query("name", &status.name_within(NAME_LIMIT));
            Ok(with_headers(Request::get(url), token).ask())
        }
        [listed] if status::is_set(&status, listed)? => Ok(commit_status::already_set()),
        [_] => {
            let url = api(&project, &["statuses", status.commit]);
            let request = Request::post_json(url, status::body(&status));
            Ok(with_headers(request, token).ask_expecting(&answer::EXPECTED))
        }
        [.., answer] => answer::judge(answer),
    }
}

/// The key of the token.
fn token(provider: &Provider) -> Result<&'static str, String> {
    provider.first_secret(&["token", "password"]).ok_or_else(|| no_credentials(NAME))
}

/// The whole path of the project, with the groups that it is in; or its number, which GitLab takes as well.
fn project(provider: &Provider, address: Option<&str>) -> Result<String, String> {
    let path = commit_status::repository(provider, address, EXAMPLE)?.path;
    let is_number = !path.is_empty() && path.bytes().all(|byte| byte.is_ascii_digit());
    if path.contains('/') || is_number {
        return Ok(path.split('/').map(git::decoded).collect::<Vec<_>>().join("/"));
    }
    let why = "invalid project: the path is not a group and a name: ";
    Err([why, &commit_status::change(EXAMPLE)].concat())
}

/// A resource of this project, whose path is one segment.
fn api(project: &str, resource: &[&str]) -> Url {
    let start = ["api", "v4", "projects", project];
    Url::new(Base::Origin, start.into_iter().chain(resource.iter().copied()))
}

fn with_headers(request: Request, token: &str) -> Request {
    request
        .with_header("accept", vec![Fragment::text("application/json")])
        .with_header("private-token", vec![Fragment::secret(token)])
}

#[cfg(test)]
mod tests;
