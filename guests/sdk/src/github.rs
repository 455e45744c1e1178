//! GitHub's REST API, as far as the types share it: where a repository's API is, with which credentials it is called, and
//! the headers of each call (<https://docs.github.com/en/rest/about-the-rest-api/api-versions>).

use std::borrow::Cow;

use crate::commit_status::{no_credentials, owner_and_name};
use crate::{
    Base, Failure, Fragment, Placement, Places, Provider, Request, Response, Url, bearer, place,
    text,
};

/// The host of the API of github.com.
pub const API: &str = "api.github.com";

/// The credential of a GitHub App, which the host obtains.
pub const APP: &str = "github-app";

/// For people.
pub const NAME: &str = "GitHub";

/// What an address looks like.
const EXAMPLE: &str = "https://github.com/owner/repository";

/// The secrets that [`authorization`] places.
#[must_use]
pub fn secrets() -> Vec<Placement> {
    vec![place("token", Places::HEADER), place("password", Places::HEADER)]
}

/// Everything wrong with this Provider; `address` is its whole address.
#[must_use]
pub fn check(provider: &Provider, address: Option<&str>) -> Vec<String> {
    let repository = Repository::find(provider, address).err();
    repository.into_iter().chain(authorization(provider).err()).collect()
}

/// A token, a password that is one, or what the host obtains for a GitHub App.
///
/// # Errors
///
/// There is none of them; says what to change.
pub fn authorization(provider: &Provider) -> Result<Vec<Fragment>, String> {
    match provider.first_secret(&["token", "password"]) {
        Some(key) => Ok(bearer(key)),
        None if provider.has_secret("githubAppID") => {
            Ok(vec![Fragment::Authorization(APP.to_owned())])
        }
        None => Err(no_credentials(NAME)),
    }
}

/// The request with what every call carries.
#[must_use]
pub fn with_headers(request: Request, authorization: Vec<Fragment>) -> Request {
    request
        .with_header("accept", vec![Fragment::text("application/vnd.github.v3+json")])
        .with_header("authorization", authorization)
        .with_header("x-github-api-version", vec![Fragment::text("2022-11-28")])
}

/// Answers besides 2xx that a module asks to see, and has [`refusal`] judge: what exceeds a secondary limit has the same
/// status as what is forbidden.
pub const REFUSALS: &[u16] = &[403, 429];

/// The seconds to wait where GitHub names none: "wait for at least one minute before retrying"
/// (<https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit>).
const WAIT: u32 = 60;

/// The most that is quoted of an answer, in characters.
const SAID_LIMIT: usize = 300;

/// What an answer means that is one of [`REFUSALS`]; none for any other.
#[must_use]
pub fn refusal(response: &Response) -> Option<Failure> {
    if !REFUSALS.contains(&response.status) {
        return None;
    }
    let answer = response.json().unwrap_or_default();
    let message = answer["message"].as_str().unwrap_or_default();
    let said = text::truncate(message, SAID_LIMIT);
    let said = [NAME, " answered ", &response.status.to_string(), ": ", &said].concat();
    let spent = response.header("x-ratelimit-remaining").is_some_and(|left| left.trim() == "0");
    Some(if response.header("retry-after").is_some() || spent {
        // The host reads how long.
        Failure::later(said)
    } else if response.status == 429 || message.contains("secondary rate limit") {
        Failure::later_after(said, Some(WAIT))
    } else {
        let change = ": check what the credentials in the Provider's Secret may do";
        Failure::misconfigured([&said, change].concat())
    })
}

/// A repository, and the API that serves it.
#[derive(Debug)]
pub struct Repository<'a> {
    base: Base,
    /// What precedes `repos` in the API's paths.
    prefix: &'static [&'static str],
    owner: Cow<'a, str>,
    name: Cow<'a, str>,
}

impl<'a> Repository<'a> {
    /// The repository of this Provider; `address` is its whole address.
    ///
    /// # Errors
    ///
    /// Says what to change.
    pub fn find(provider: &Provider, address: Option<&'a str>) -> Result<Self, String> {
        let (owner, name) = owner_and_name(provider, address, EXAMPLE)?;
        let host = provider.origin().map_or("", |origin| origin.host.as_str());
        let (base, prefix): (_, &[_]) = if host == "github.com" {
            (Base::Site(["https://", API].concat()), &[])
        } else if host.starts_with("api.") || host.contains(".api.") {
            (Base::Origin, &[])
        } else {
            // Where a GitHub Enterprise Server has it.
            (Base::Origin, &["api", "v3"])
        };
        Ok(Self { base, prefix, owner, name })
    }

    /// A resource of this repository.
    #[must_use]
    pub fn url(&self, resource: &[&str]) -> Url {
        self.api(&[&["repos", &*self.owner, &*self.name], resource].concat())
    }

    /// A resource of the API beside the repositories.
    #[must_use]
    pub fn api(&self, resource: &[&str]) -> Url {
        let segments = self.prefix.iter().copied().chain(resource.iter().copied());
        Url::new(self.base.clone(), segments)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{provider, render, url};

    #[test]
    fn the_api_is_where_the_host_has_it() {
        let check = |host: &str, repository: &str, user: &str| {
            let address = ["https://", host, "/owner/repo.git"].concat();
            let provider = provider(url("https", host), &[]);
            let found = Repository::find(&provider, Some(&address)).expect("it is one");
            let shown = |url: Url| render(&Request::get(url));
            assert_eq!(shown(found.url(&["dispatches"])), ["GET ", repository].concat());
            assert_eq!(shown(found.api(&["user"])), ["GET ", user].concat());
        };
        check(
            "github.com",
            "https://api.github.com/repos/owner/repo/dispatches",
            "https://api.github.com/user",
        );
        check("ghe.example", "{origin}/api/v3/repos/owner/repo/dispatches", "{origin}/api/v3/user");
        check("api.ghe.example", "{origin}/repos/owner/repo/dispatches", "{origin}/user");
    }

    #[test]
    fn a_limit_is_told_from_what_is_forbidden() {
        let check = |status: u16, headers: &[(&str, &str)], message: &str, expected: &str| {
            let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into()));
            let body = [r#"{"message":""#, message, r#""}"#].concat().into_bytes();
            let response = Response { status, headers: headers.collect(), body };
            let found = match refusal(&response) {
                None => "none".to_owned(),
                Some(Failure::Later(later)) => format!("later {:?}", later.after),
                Some(Failure::Misconfigured(why)) => why,
                Some(other) => panic!("{other:?}"),
            };
            assert_eq!(found, expected, "{status} {message}");
        };
        const SECONDARY: &str = "You have exceeded a secondary rate limit.";
        check(403, &[("retry-after", "7")], SECONDARY, "later None");
        check(403, &[("x-ratelimit-remaining", "0")], "API rate limit exceeded", "later None");
        check(403, &[("x-ratelimit-remaining", "9")], SECONDARY, "later Some(60)");
        check(429, &[], "", "later Some(60)");
        check(
            403,
            &[],
            "Resource not accessible",
            "GitHub answered 403: Resource not accessible: check what the credentials in the Provider's Secret may do",
        );
        check(200, &[], SECONDARY, "none");
        check(404, &[], SECONDARY, "none");
    }

    #[test]
    fn what_is_wrong_is_said_with_what_to_change() {
        let check = |keys: &[&str], address: Option<&str>, n_problems: usize| {
            let found = super::check(&provider(url("https", "github.com"), keys), address);
            assert_eq!(found.len(), n_problems, "{address:?}: {found:?}");
        };
        check(&["token"], Some("https://github.com/owner/repo"), 0);
        check(&["password"], Some("git@github.com:owner/repo"), 0);
        check(&["githubAppID"], Some("https://github.com/owner/repo"), 0);
        check(&["username"], Some("https://github.com/owner/repo"), 1);
        check(&["token"], Some("https://github.com/owner"), 1);
        check(&[], None, 2);
    }
}
