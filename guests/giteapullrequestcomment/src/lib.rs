//! `giteapullrequestcomment`: one comment on a pull request for each object, on a Gitea or Forgejo.
//!
//! Knows four calls of Gitea's API, of which each server has its description at `/api/swagger`: <https://docs.gitea.com/api/>.
//! It needs the whole address, whose path names the repository.

use herald_provider::comment::{self, Forge, PAGE};
use herald_provider::json::Value;
use herald_provider::{
    Action, Base, Delivery, Description, Failure, Fragment, Module, Places, Provider, Purpose,
    Request, Url, full_address, git, module, place,
};

const NO_TOKEN: &str = "there is no Gitea token: put one that may write issues in the Secret of spec.secretRef under `token`";
const NO_REPOSITORY: &str = "the address is not that of a repository: set spec.address to its URL such as https://gitea.example/owner/repository";

struct GiteaPullRequestComment;
module!(GiteaPullRequestComment);

impl Module for GiteaPullRequestComment {
    fn describe() -> Description {
        Description {
            secrets: vec![place("token", Places::HEADER), place("password", Places::HEADER)],
            ..Description::new("A comment on a Gitea pull request", Purpose::ChangeRequest)
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
        .or_else(|| repository(address).is_none().then(|| NO_REPOSITORY.to_owned()))
        .into_iter()
        .chain(token)
        .collect()
}

fn next(delivery: &Delivery, address: Option<&str>) -> Result<Action, Failure> {
    let token = token(&delivery.provider).ok_or_else(|| Failure::misconfigured(NO_TOKEN))?;
    let (owner, name) = repository(address).ok_or_else(|| Failure::misconfigured(NO_REPOSITORY))?;
    comment::next(&Gitea { owner, name, token }, delivery)
}

/// The key of the token.
fn token(provider: &Provider) -> Option<&'static str> {
    provider.first_secret(&["token", "password"])
}

fn repository(address: Option<&str>) -> Option<(&str, &str)> {
    git::Address::parse(address?)?.owner_and_name()
}

struct Gitea<'a> {
    owner: &'a str,
    name: &'a str,
    token: &'static str,
}

impl Gitea<'_> {
    fn send(&self, request: Request) -> Request {
        let token = vec![Fragment::text("token "), Fragment::secret(self.token)];
        request.with_header("authorization", token)
    }

    fn api(resource: &[&str]) -> Url {
        Url::new(Base::Origin, ["api", "v1"].iter().chain(resource).copied())
    }

    /// A pull request is an issue where its comments are concerned.
    fn issues(&self, rest: &[&str]) -> Url {
        Self::api(&[&["repos", self.owner, self.name, "issues"], rest].concat())
    }
}

impl Forge for Gitea<'_> {
    const NAME: &'static str = "Gitea";
    const MARKER: &'static str = "flux-pr-comment-key";
    /// Gitea names none; this is GitHub's, whose API it follows.
    const LIMIT: usize = 65_536;

    fn whoami(&self) -> Option<Request> {
        Some(self.send(Request::get(Self::api(&["user"]))))
    }

    fn account<'a>(&self, answer: &'a Value) -> Option<&'a str> {
        answer["login"].as_str()
    }

    fn list(&self, number: &str, page: usize) -> Request {
        // Gitea passes over both parameters and lists all comments at once.
        let url = self
            .issues(&[number, "comments"])
            .with_query("limit", PAGE)
            .with_query("page", &page.to_string());
        self.send(Request::get(url))
    }

    fn author<'a>(&self, comment: &'a Value) -> Option<&'a str> {
        comment["user"]["login"].as_str()
    }

    fn create(&self, number: &str, body: String) -> Request {
        self.send(Request::post_json(self.issues(&[number, "comments"]), body))
    }

    fn update(&self, _number: &str, id: &str, body: String) -> Request {
        let request = Request::post_json(self.issues(&["comments", id]), body);
        self.send(Request { method: "PATCH".to_owned(), ..request })
    }
}

#[cfg(test)]
mod tests;
