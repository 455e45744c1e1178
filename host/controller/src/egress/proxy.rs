//! What a proxy's URL says: where it is, and what it is shown.

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
