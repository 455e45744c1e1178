//! GitHub Apps: an App proves itself with its private key, and gets a token for one of its installations.
//!
//! <https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app>

use herald_core::provider::Provider;
use herald_core::secret::SecretText;
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderName};
use serde_json::{Value, json};
use url::Url;

use super::exchange::{self, Exchange, bearer, not_an_answer, with_token};
use super::jwt::SigningKey;
use super::kept::Minted;
use super::{ObtainError, misconfigured, secret};
use crate::egress::Transport;

/// Clocks differ, and GitHub refuses a token from the future
/// (<https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app>).
const BACKDATED: SignedDuration = SignedDuration::from_secs(60);
/// GitHub takes at most ten minutes from now (same page); a minute of them is left to clocks that differ.
const LIFE: SignedDuration = SignedDuration::from_mins(9);

const VERSION: HeaderName = HeaderName::from_static("x-github-api-version");
/// What every request to GitHub's API has.
const HEADERS: [(HeaderName, &str); 2] =
    [(ACCEPT, "application/vnd.github.v3+json"), (VERSION, "2022-11-28")];
const JSON: (HeaderName, &str) = (CONTENT_TYPE, "application/json");

const CHECK_KEY: &str = "check `githubAppID` and `githubAppPrivateKey` in the Secret";
const CHECK_INSTALLATION: &str = "check `githubAppInstallationID` in the Secret, and that the App is still installed and \
                                  not suspended; if it is, check `githubAppID` and `githubAppPrivateKey`";

/// The API that an App belongs to.
pub(super) struct Api {
    base: Url,
}

impl Api {
    /// That of github.com, or the one that the Secret names.
    pub(super) fn of(provider: &Provider) -> Result<Self, ObtainError> {
        let written = secret(provider, "githubAppBaseURL").unwrap_or("https://api.github.com");
        let mut base = Url::parse(written).ok().filter(Self::is_base).ok_or_else(|| {
            misconfigured(
                "`githubAppBaseURL` in the Secret is no URL of an API, such as https://github.example/api/v3",
            )
        })?;
        if base.domain() == Some("github.com") && base.set_host(Some("api.github.com")).is_err() {
            return Err(misconfigured("`githubAppBaseURL` in the Secret has no host"));
        }
        let host = base.host_str().unwrap_or_default();
        let is_api = host.starts_with("api.") || host.contains(".api.");
        let path = match base.path().trim_end_matches('/') {
            // Where a GitHub Enterprise Server has it.
            "" if !is_api => "/api/v3".to_owned(),
            path => path.to_owned(),
        };
        base.set_path(&path);
        Ok(Self { base })
    }

    fn is_base(url: &Url) -> bool {
        matches!(url.scheme(), "https" | "http")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
    }

    /// A resource of the API.
    pub(super) fn url(&self, segments: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    /// Whether a request to this URL goes to the API.
    pub(super) fn serves(&self, url: &Url) -> bool {
        let base = self.base.path().trim_end_matches('/');
        let inside = url.path().strip_prefix(base).is_some_and(|rest| rest.starts_with('/'));
        url.origin() == self.base.origin() && inside
    }
}

/// The App's own token, with which it asks about itself.
pub(super) fn own_token<T: Transport>(
    exchange: &Exchange<'_, '_, T>,
) -> Result<Minted, ObtainError> {
    let provider = exchange.provider();
    let app = secret(provider, "githubAppID").ok_or_else(|| missing("githubAppID"))?;
    let key =
        secret(provider, "githubAppPrivateKey").ok_or_else(|| missing("githubAppPrivateKey"))?;
    let key = SigningKey::from_pem(key)
        .map_err(|err| misconfigured(format!("`githubAppPrivateKey` in the Secret {err}")))?;
    let ends = exchange.now().saturating_add(LIFE).unwrap_or(exchange.now());
    let token = key.token(&claims(app, exchange.now(), ends), None);
    exchange.mask().hide_proof(&token);
    bearer(token, ends)
}

fn claims(app: &str, now: Timestamp, ends: Timestamp) -> Value {
    let issued = now.saturating_sub(BACKDATED).unwrap_or(now);
    json!({"iat": issued.as_second(), "exp": ends.as_second(), "iss": app})
}

fn missing(key: &str) -> ObtainError {
    misconfigured(format!("`{key}` is missing in the Secret: it belongs to a GitHub App"))
}

/// A token of the App's installation.
pub(super) async fn token<T: Transport>(
    exchange: &Exchange<'_, '_, T>,
) -> Result<Minted, ObtainError> {
    let api = Api::of(exchange.provider())?;
    let own = own_token(exchange)?;
    let [own] = &own.secrets[..] else { return Err(missing("githubAppPrivateKey")) };
    let installation = installation(exchange, &api, own).await?;
    let url = api.url(&["app", "installations", &installation, "access_tokens"]);
    let service = exchange::host(&url);
    let [accept, version] = HEADERS;
    let headers = with_token(own, &[accept, JSON, version])?;
    // An empty body would do; this is what Flux sends.
    let response = exchange.send(Method::POST, url, headers, "null\n").await?;
    let advice = match response.status {
        401 => CHECK_KEY,
        _ => CHECK_INSTALLATION,
    };
    let answer = exchange::json(&response, &service, exchange.now(), advice)?;
    let token = exchange.token(&answer, "token", &service)?;
    let ends = answer.get("expires_at").and_then(Value::as_str).and_then(|text| text.parse().ok());
    bearer(token, ends.ok_or_else(|| not_an_answer(&service))?)
}

/// The number of the App's installation: given, or found by its owner.
async fn installation<T: Transport>(
    exchange: &Exchange<'_, '_, T>,
    api: &Api,
    own: &SecretText,
) -> Result<String, ObtainError> {
    let provider = exchange.provider();
    let owner = match (
        secret(provider, "githubAppInstallationID"),
        secret(provider, "githubAppInstallationOwner"),
    ) {
        (Some(id), None) if id.bytes().all(|byte| byte.is_ascii_digit()) => {
            return Ok(id.to_owned());
        }
        (Some(_), None) => {
            return Err(misconfigured(
                "`githubAppInstallationID` in the Secret is no number: it ends the URL of the installation's page",
            ));
        }
        (None, Some(owner)) => owner,
        (None, None) => {
            return Err(misconfigured(
                "the Secret has neither `githubAppInstallationID` nor `githubAppInstallationOwner`: add one of them",
            ));
        }
        (Some(_), Some(_)) => {
            return Err(misconfigured(
                "the Secret has `githubAppInstallationID` and `githubAppInstallationOwner`: keep one of them",
            ));
        }
    };
    for kind in ["orgs", "users"] {
        let url = api.url(&[kind, owner, "installation"]);
        let service = exchange::host(&url);
        let headers = with_token(own, &HEADERS)?;
        let response = exchange.send(Method::GET, url, headers, "").await?;
        if response.status == 404 {
            continue;
        }
        let answer = exchange::json(&response, &service, exchange.now(), CHECK_KEY)?;
        let id = answer.get("id").and_then(Value::as_u64);
        return id.map(|id| id.to_string()).ok_or_else(|| not_an_answer(&service));
    }
    Err(misconfigured(format!(
        "the App is not installed for the organization or user {owner}: install it, or correct \
         `githubAppInstallationOwner` in the Secret"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::jwt::tests::{PKCS1, read};
    use crate::egress::fixture;

    fn api(base: &str) -> Result<Api, ObtainError> {
        Api::of(&fixture::provider("https://github.com/o/r", &[("githubAppBaseURL", base)]))
    }

    #[test]
    fn the_api_is_where_the_secret_says() {
        let check = |base: &str, expected: &str| {
            assert_eq!(api(base).unwrap().url(&["app"]).as_str(), expected, "{base}");
        };
        check("", "https://api.github.com/app");
        check("https://github.com/", "https://api.github.com/app");
        check("https://api.github.com/", "https://api.github.com/app");
        check("https://git.example", "https://git.example/api/v3/app");
        check("https://git.example/api/v3/\n", "https://git.example/api/v3/app");
        check("https://api.acme.ghe.com", "https://api.acme.ghe.com/app");
        check("http://127.0.0.1:8080/x", "http://127.0.0.1:8080/x/app");
        for base in
            ["git.example", "ftp://git.example", "https://u:p@git.example", "https://g/?x=1"]
        {
            assert!(api(base).is_err(), "{base}");
        }
    }

    #[test]
    fn only_the_api_is_served() {
        let api = api("https://git.example/api/v3").unwrap();
        let serves = |url: &str| api.serves(&Url::parse(url).unwrap());
        assert!(serves("https://git.example/api/v3/repos/o/r"));
        for url in [
            "https://git.example/api/v3",
            "https://git.example/api/v3x/repos",
            "https://git.example/o/r",
            "http://git.example/api/v3/repos",
            "https://git.example:8443/api/v3/repos",
            "https://api.github.com/api/v3/repos",
        ] {
            assert!(!serves(url), "{url}");
        }
    }

    #[test]
    fn names_cannot_change_the_path() {
        let url = api("").unwrap().url(&["orgs", "a/../b?c", "installation"]);
        assert_eq!(url.as_str(), "https://api.github.com/orgs/a%2F..%2Fb%3Fc/installation");
    }

    /// The claims that <https://docs.github.com> asks for: backdated, and ten minutes from one end to the other.
    #[test]
    fn an_app_claims_ten_minutes() {
        let now: Timestamp = "2026-03-14T09:30:00Z".parse().unwrap();
        let ends = now + LIFE;
        let key = SigningKey::from_pem(PKCS1).unwrap();
        let (_, claims) = read(key.token(&claims("12345", now, ends), None).expose());
        let second = now.as_second();
        assert_eq!(claims, json!({"iss": "12345", "iat": second - 60, "exp": second + 540}));
    }
}
