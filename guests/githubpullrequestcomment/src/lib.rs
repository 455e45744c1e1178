//! `githubpullrequestcomment`: one comment on a pull request for each object, on github.com or a GitHub Enterprise Server.
//!
//! Knows four calls of GitHub's REST API: <https://docs.github.com/en/rest/issues/comments?apiVersion=2022-11-28> and
//! <https://docs.github.com/en/rest/users/users#get-the-authenticated-user>. It needs the whole address, whose path names
//! the repository.

use herald_provider::comment::{self, Forge, PAGE};
use herald_provider::github::{self, API, APP, Repository, authorization, with_headers};
use herald_provider::json::Value;
use herald_provider::{
    Action, Delivery, Description, Failure, Fragment, Module, Provider, Purpose, Request, Response,
    Url, full_address, module,
};

struct GithubPullRequestComment;
module!(GithubPullRequestComment);

impl Module for GithubPullRequestComment {
    fn describe() -> Description {
        Description {
            hosts: vec![API.to_owned()],
            secrets: github::secrets(),
            credentials: vec![APP.to_owned()],
            ..Description::new("A comment on a GitHub pull request", Purpose::ChangeRequest)
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
    let authorization = authorization(&delivery.provider).map_err(Failure::misconfigured)?;
    let is_app = matches!(authorization.as_slice(), [Fragment::Authorization(_)]);
    let repository =
        Repository::find(&delivery.provider, address).map_err(Failure::misconfigured)?;
    comment::next(&GitHub { repository, authorization, is_app }, delivery)
}

struct GitHub<'a> {
    repository: Repository<'a>,
    authorization: Vec<Fragment>,
    is_app: bool,
}

impl GitHub<'_> {
    fn send(&self, request: Request) -> Request {
        with_headers(request, self.authorization.clone())
    }

    /// A pull request is an issue where its comments are concerned.
    fn comments(&self, number: &str) -> Url {
        self.repository.url(&["issues", number, "comments"])
    }
}

impl Forge for GitHub<'_> {
    const NAME: &'static str = "GitHub";
    const MARKER: &'static str = "flux-pr-comment-key";
    /// GitHub refuses a longer one with 422: "Body is too long (maximum is 65536 characters)"
    /// (<https://github.com/orgs/community/discussions/27190>).
    const LIMIT: usize = 65_536;

    const REFUSALS: &'static [u16] = github::REFUSALS;

    fn refusal(&self, response: &Response) -> Option<Failure> {
        github::refusal(response)
    }

    fn whoami(&self) -> Option<Request> {
        // The token of an App's installation is no user's.
        (!self.is_app).then(|| self.send(Request::get(self.repository.api(&["user"]))))
    }

    fn account<'a>(&self, answer: &'a Value) -> Option<&'a str> {
        answer["login"].as_str()
    }

    fn list(&self, number: &str, page: usize) -> Request {
        let mut url = self
            .comments(number)
            .with_query("direction", "asc")
            .with_query("per_page", PAGE)
            .with_query("sort", "created");
        if page > 1 {
            url = url.with_query("page", &page.to_string());
        }
        // Asks for reactions as well, as Flux's library does; GitHub has given them to everyone since 2022.
        let accept = Fragment::text("application/vnd.github.squirrel-girl-preview");
        self.send(Request::get(url)).with_header("accept", vec![accept])
    }

    fn author<'a>(&self, comment: &'a Value) -> Option<&'a str> {
        comment["user"]["login"].as_str()
    }

    fn may_be_own(&self, author: &str) -> bool {
        // An App writes as `<slug>[bot]`, and no person's name has brackets. Which slug, only the App itself may ask.
        author.ends_with("[bot]")
    }

    fn create(&self, number: &str, body: String) -> Request {
        self.send(Request::post_json(self.comments(number), body))
    }

    fn update(&self, _number: &str, id: &str, body: String) -> Request {
        let url = self.repository.url(&["issues", "comments", id]);
        self.send(Request { method: "PATCH".to_owned(), ..Request::post_json(url, body) })
    }
}

#[cfg(test)]
mod tests;
