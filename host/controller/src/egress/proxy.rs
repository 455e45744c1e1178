//! What a proxy's URL says: where it is, whether it may be dialed, and what it is shown.

use herald_core::policy::{AddressPolicy, Denied};
use herald_core::provider::Provider;
use percent_encoding::percent_decode_str;
use reqwest::header::HeaderValue;
use url::Url;

use super::fill::basic;

/// A Provider's proxy as far as a request shows it.
pub(crate) struct ProxyView {
    /// Its host and port.
    pub(crate) authority: String,
    /// From the userinfo of its URL.
    pub(crate) authorization: Option<HeaderValue>,
}

/// Judges the proxy that a Provider names: the client dials it in place of the receiver, and an address literal without
/// asking the resolver.
///
/// # Errors
/// A rule refuses it.
pub(super) fn check(provider: &Provider, policy: &AddressPolicy) -> Result<(), Denied> {
    // What is no URL becomes no client either.
    let url = provider.proxy.as_ref().and_then(|proxy| Url::parse(proxy.url.expose()).ok());
    url.as_ref().and_then(Url::host_str).map_or(Ok(()), |host| policy.check_host(host))
}

/// The name of a Provider's proxy, when it is one of SOCKS.
pub(super) fn name_of_socks(provider: &Provider) -> Option<String> {
    let url = Url::parse(provider.proxy.as_ref()?.url.expose()).ok()?;
    url.host_str().filter(|_| url.scheme().starts_with("socks")).map(str::to_owned)
}

/// The proxy of a Provider, if it has one with a readable URL.
pub(crate) fn proxy_of(provider: &Provider) -> Option<ProxyView> {
    let url = Url::parse(provider.proxy.as_ref()?.url.expose()).ok()?;
    let host = url.host_str()?;
    let authority = url
        .port_or_known_default()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let authorization = (!url.username().is_empty())
        .then(|| basic(&decode(url.username()), &decode(url.password().unwrap_or_default())));
    Some(ProxyView { authority, authorization })
}
