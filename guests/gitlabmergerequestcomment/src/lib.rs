//! `gitlabmergerequestcomment`: one comment on a merge request for each object, on gitlab.com or a GitLab of one's own.
//!
//! Knows four calls of GitLab's REST API: <https://docs.gitlab.com/api/notes/#merge-requests> and
//! <https://docs.gitlab.com/api/users/#get-the-current-user>. It needs the whole address, whose path names the project.

mod quick_actions;

use herald_provider::comment::{self, Forge, PAGE};
use herald_provider::json::Value;
use herald_provider::{
    Action, Base, Delivery, Description, Failure, Fragment, Module, Places, Provider, Purpose,
    Request, Url, full_address, git, module, place,
};

const NO_TOKEN: &str = "there is no GitLab token: put one with the scope api in the Secret of spec.secretRef under `token`";
const NO_PROJECT: &str = "the address is not that of a project: set spec.address to its URL such as https://gitlab.com/group/project";

struct GitlabMergeRequestComment;
module!(GitlabMergeRequestComment);

impl Module for GitlabMergeRequestComment {
    fn describe() -> Description {
        Description {
            secrets: vec![place("token", Places::HEADER), place("password", Places::HEADER)],
            ..Description::new("A comment on a GitLab merge request", Purpose::ChangeRequest)
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
    let token = token(provider).is_none().then(|| NO_TOKEN.to_owned());
    provider
        .http_address_problem()
        .or_else(|| project(address).is_none().then(|| NO_PROJECT.to_owned()))
        .into_iter()
        .chain(token)
        .collect()
}

fn next(delivery: &Delivery, address: Option<&str>) -> Result<Action, Failure> {
    let token = token(&delivery.provider).ok_or_else(|| Failure::misconfigured(NO_TOKEN))?;
    let project = project(address).ok_or_else(|| Failure::misconfigured(NO_PROJECT))?;
    comment::next(&GitLab { project, token }, delivery)
}

/// The key of the token.
fn token(provider: &Provider) -> Option<&'static str> {
    provider.first_secret(&["token", "password"])
}

/// The path of the project, which has a group or a user and perhaps subgroups before its name.
fn project(address: Option<&str>) -> Option<&str> {
    let path = git::Address::parse(address?)?.path;
    path.contains('/').then_some(path)
}

struct GitLab<'a> {
    project: &'a str,
    token: &'static str,
}

impl GitLab<'_> {
    fn send(&self, request: Request) -> Request {
        request
            .with_header("accept", vec![Fragment::text("application/json")])
            .with_header("private-token", vec![Fragment::secret(self.token)])
    }

    fn api(resource: &[&str]) -> Url {
        Url::new(Base::Origin, ["api", "v4"].iter().chain(resource).copied())
    }

    fn notes(&self, number: &str, rest: &[&str]) -> Url {
        // The whole path of the project is one segment.
        let notes = ["projects", self.project, "merge_requests", number, "notes"];
        Self::api(&[&notes, rest].concat())
    }
}

impl Forge for GitLab<'_> {
    const NAME: &'static str = "GitLab";
    const MARKER: &'static str = "flux-mr-comment-key";
    /// <https://docs.gitlab.com/api/notes/#create-new-merge-request-note>, `body`: "Limited to 1,000,000 characters".
    const LIMIT: usize = 1_000_000;

    fn whoami(&self) -> Option<Request> {
        Some(self.send(Request::get(Self::api(&["user"]))))
    }

    fn account<'a>(&self, answer: &'a Value) -> Option<&'a str> {
        answer["username"].as_str()
    }

    fn list(&self, number: &str, page: usize) -> Request {
        let mut url = self
            .notes(number, &[])
            .with_query("order_by", "created_at")
            .with_query("per_page", PAGE)
            .with_query("sort", "asc");
        if page > 1 {
            url = url.with_query("page", &page.to_string());
        }
        self.send(Request::get(url))
    }

    fn author<'a>(&self, comment: &'a Value) -> Option<&'a str> {
        comment["author"]["username"].as_str()
    }

    fn disarm(&self, text: String) -> String {
        quick_actions::disarm(&text)
    }

    fn create(&self, number: &str, body: String) -> Request {
        self.send(Request::post_json(self.notes(number, &[]), body))
    }

    fn update(&self, number: &str, id: &str, body: String) -> Request {
        let request = Request::post_json(self.notes(number, &[id]), body);
        self.send(Request { method: "PUT".to_owned(), ..request })
    }
}

#[cfg(test)]
mod tests;
