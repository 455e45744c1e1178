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

#[cfg(test)]
mod tests {
    use herald_core::policy::Rule;
    use herald_core::provider::ProxySettings;
    use herald_core::secret::SecretText;

    use super::*;
    use crate::egress::fixture;

    fn through(url: &str) -> Provider {
        let url = SecretText::new(url.to_owned());
        Provider { proxy: Some(ProxySettings { url }), ..fixture::provider("", &[]) }
    }

    /// Rule R5.
    #[test]
    fn the_address_of_a_proxy_is_judged_like_a_receiver_s() {
        let policy = AddressPolicy { allow_loopback: false, allow_private: true };
        let check = |url: &str, expected: Option<Rule>| {
            let found = super::check(&through(url), &policy).err().map(|denied| denied.rule());
            assert_eq!(found, expected, "{url}");
        };
        check("http://proxy.example:3128", None);
        check("socks5://10.0.0.8:1080", None);
        check("http://127.0.0.1:3128", Some(Rule::Loopback));
        check("http://u:p@[::1]:3128", Some(Rule::Loopback));
        check("socks5://localhost:1080", Some(Rule::Loopback));
        check("socks5://169.254.169.254:1080", Some(Rule::LinkLocal));
        check("https://metadata.google.internal", Some(Rule::Metadata));
        assert!(super::check(&fixture::provider("", &[]), &policy).is_ok());
    }

    #[test]
    fn only_socks_proxies_are_named_for_a_second_look() {
        let check = |url: &str, expected: Option<&str>| {
            assert_eq!(name_of_socks(&through(url)).as_deref(), expected, "{url}");
        };
        check("socks5://u:p@proxy.example:1080", Some("proxy.example"));
        check("socks5h://proxy.example:1080", Some("proxy.example"));
        check("http://proxy.example:3128", None);
    }

    #[test]
    fn a_request_shows_where_the_proxy_is_and_its_user() {
        let check = |url: &str, authority: &str, authorization: Option<&str>| {
            let view = proxy_of(&through(url)).expect("the URL can be read");
            assert_eq!(view.authority, authority, "{url}");
            let shown = view.authorization.as_ref().map(|value| value.as_bytes());
            assert_eq!(shown, authorization.map(str::as_bytes), "{url}");
        };
        check("http://proxy.example", "proxy.example:80", None);
        check("https://proxy.example", "proxy.example:443", None);
        check("http://proxy.example:3128", "proxy.example:3128", None);
        // `a b:c/d`, decoded once.
        check("http://a%20b:c%2Fd@proxy.example:1", "proxy.example:1", Some("Basic YSBiOmMvZA=="));
    }
}
