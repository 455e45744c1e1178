//! Where each credential may go: to the service that gave it out, whatever a module asks for.
//!
//! It judges the URL of a request. It must not know how a credential is obtained.

use reqwest::Method;
use url::Url;

use super::exchange::host;
use super::github::Api;
use super::{Asking, Credential, CredentialError, misconfigured};

/// Refuses a request that is not for the credential's audience.
pub(super) fn check<T>(
    credential: Credential,
    asking: &Asking<'_, T>,
) -> Result<(), CredentialError> {
    let name = credential.name();
    let api = Api::of(asking.provider)
        .map_err(|failure| CredentialError::Obtain { name, failure: failure.into() })?;
    github(credential, &api, asking.method, asking.url)
}

fn github(
    credential: Credential,
    api: &Api,
    method: &Method,
    url: &Url,
) -> Result<(), CredentialError> {
    let name = credential.name();
    if !api.serves(url) {
        let (base, other) = (api.url(&[]), host(url));
        let text = format!(
            "it is for {base} and not for {other}: set `githubAppBaseURL` in the Secret to the API that the App belongs \
             to, such as https://{other}/api/v3"
        );
        return Err(CredentialError::Obtain { name, failure: misconfigured(text).into() });
    }
    // With it a module could make tokens of its own, so it is good for the App's description alone.
    let is_description = *method == Method::GET && *url == api.url(&["app"]);
    if credential == Credential::GithubAppJwt && !is_description {
        return Err(elsewhere(name, "GET /app", url));
    }
    Ok(())
}

fn elsewhere(name: &'static str, audience: &str, url: &Url) -> CredentialError {
    CredentialError::Audience { name, audience: audience.to_owned(), host: host(url) }
}
