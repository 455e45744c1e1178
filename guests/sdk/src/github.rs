//! GitHub's REST API, as far as the types share it: where a repository's API is, with which credentials it is called, and
//! the headers of each call (<https://docs.github.com/en/rest/about-the-rest-api/api-versions>).

use crate::{Base, Fragment, Placement, Places, Provider, Request, Url, bearer, git, place};

/// The host of the API of github.com.
pub const API: &str = "api.github.com";

/// The credential of a GitHub App, which the host obtains.
pub const APP: &str = "github-app";

/// What to change where there is neither a token nor an App.
pub const NO_CREDENTIALS: &str =
    "there are no credentials for GitHub: put a `token` in the Secret of spec.secretRef";

/// The secrets that [`authorization`] places.
#[must_use]
pub fn secrets() -> Vec<Placement> {
    vec![place("token", Places::HEADER), place("password", Places::HEADER)]
}

/// Everything wrong with this Provider; `address` is its whole address.
#[must_use]
pub fn check(provider: &Provider, address: Option<&str>) -> Vec<String> {
    let credentials = authorization(provider).is_none().then(|| NO_CREDENTIALS.to_owned());
    provider
        .http_address_problem()
        .or_else(|| Repository::find(provider, address).err())
        .into_iter()
        .chain(credentials)
        .collect()
}

/// A token, a password that is one, or what the host obtains for a GitHub App.
#[must_use]
pub fn authorization(provider: &Provider) -> Option<Vec<Fragment>> {
    match provider.first_secret(&["token", "password"]) {
        Some(key) => Some(bearer(key)),
        None => provider
            .has_secret("githubAppID")
            .then(|| vec![Fragment::Authorization(APP.to_owned())]),
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

/// A repository, and the API that serves it.
#[derive(Debug)]
pub struct Repository<'a> {
    base: Base,
    /// What precedes `repos` in the API's paths.
    prefix: &'static [&'static str],
    owner: &'a str,
    name: &'a str,
}

impl<'a> Repository<'a> {
    /// The repository of this Provider; `address` is its whole address.
    ///
    /// # Errors
    ///
    /// Says what to change.
    pub fn find(provider: &Provider, address: Option<&'a str>) -> Result<Self, String> {
        const CHANGE: &str =
            "set spec.address to a repository's URL such as https://github.com/owner/repository";
        let host = provider.origin().map(|origin| origin.host.as_str());
        let (Some(host), Some(parsed)) = (host, address.and_then(git::Address::parse)) else {
            return Err(["the address is not that of a Git repository: ", CHANGE].concat());
        };
        // The path is not quoted: the host would mask it, as that of a webhook is a secret.
        let (owner, name) = parsed.owner_and_name().ok_or_else(|| {
            ["invalid repository id: the path is not an owner and a name: ", CHANGE].concat()
        })?;
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
        self.api(&[&["repos", self.owner, self.name], resource].concat())
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
