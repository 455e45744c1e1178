//! Where each credential may go: to the service that gave it out, whatever a module asks for.
//!
//! It judges the URL of a request. It must not know how a credential is obtained.

use herald_core::address::Address;
use herald_core::provider::Provider;
use reqwest::Method;
use url::Url;

use super::exchange::host;
use super::github::Api;
use super::{Asking, Credential, CredentialError, event_hubs, misconfigured};

/// Refuses a request that is not for the credential's audience.
pub(super) fn check<T>(
    credential: Credential,
    asking: &Asking<'_, T>,
) -> Result<(), CredentialError> {
    let name = credential.name();
    let (provider, url) = (asking.provider, asking.url);
    match credential {
        Credential::GithubApp | Credential::GithubAppJwt => {
            let api = Api::of(provider)
                .map_err(|failure| CredentialError::Obtain { name, failure: failure.into() })?;
            github(credential, &api, asking.method, url)
        }
        Credential::Google if is_site(url) && is_below(url, "googleapis.com") => Ok(()),
        Credential::Google => Err(elsewhere(name, "*.googleapis.com", url)),
        Credential::AzureEventHubs => match event_hubs::is_audience(provider, url) {
            Ok(true) => Ok(()),
            Ok(false) => Err(elsewhere(name, "the Provider's namespace", url)),
            Err(failure) => Err(CredentialError::Obtain { name, failure: failure.into() }),
        },
        Credential::AzureDevops => devops(provider, url),
    }
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

/// `dev.azure.com`, and the hosts that organizations had before.
fn devops(provider: &Provider, url: &Url) -> Result<(), CredentialError> {
    let name = Credential::AzureDevops.name();
    let is_cloud = url.domain() == Some("dev.azure.com") || is_below(url, "visualstudio.com");
    if is_site(url) && is_cloud {
        return Ok(());
    }
    let own = provider.address.known();
    if matches!(own, Some(Address::Url { url: own }) if own.origin() == url.origin()) {
        let text = format!(
            "{} takes no tokens of Microsoft Entra: put `token` into the Provider's Secret",
            host(url)
        );
        return Err(CredentialError::Obtain { name, failure: misconfigured(text).into() });
    }
    Err(elsewhere(name, "dev.azure.com and *.visualstudio.com", url))
}

/// Whether it is a URL of `https` without a port.
fn is_site(url: &Url) -> bool {
    url.scheme() == "https" && url.port().is_none()
}

/// Whether the host has labels of its own before this domain.
fn is_below(url: &Url, domain: &str) -> bool {
    let before = url.domain().and_then(|host| host.strip_suffix(domain)?.strip_suffix('.'));
    before.is_some_and(|labels| !labels.is_empty())
}

fn elsewhere(name: &'static str, audience: &str, url: &Url) -> CredentialError {
    CredentialError::Audience { name, audience: audience.to_owned(), host: host(url) }
}
