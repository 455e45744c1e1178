//! The URL of a request: the base that the module chose, its path segments and its query, percent-encoded.
//!
//! Segments never change the path that stands before them: a slash in a text is encoded, and `.` and `..` are refused.

use herald_core::address::{Address, is_nats};
use herald_core::formatter::{Base, Description};
use herald_core::policy::host_allowed;
use herald_core::provider::Provider;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use url::Url;

use super::PrepareError;

/// Every byte but these and letters and digits is encoded, in text and secret alike.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b',')
    .remove(b':')
    .remove(b'@');

/// Percent-encodes bytes for a path segment or a query.
pub(super) fn encode(bytes: &[u8]) -> String {
    percent_encode(bytes, ENCODED).to_string()
}

/// Puts a URL together. Segments and query are filled in and not yet encoded.
pub(super) fn build(
    base: &Base,
    segments: &[Vec<u8>],
    query: &[(String, Vec<u8>)],
    address: Option<&Address>,
    description: &Description,
    provider: &Provider,
) -> Result<Url, PrepareError> {
    let mut url = match base {
        Base::Address | Base::AddressEnding | Base::AddressOr | Base::Origin => {
            own(address)?.clone()
        }
        Base::Site(site) => declared_site(site, description, provider)?,
    };
    // Userinfo becomes an `authorization` header elsewhere, and a fragment is never sent.
    for cleared in [url.set_username(""), url.set_password(None)] {
        cleared.map_err(|()| PrepareError::NoUrl)?;
    }
    url.set_fragment(None);
    if matches!(base, Base::Origin) {
        url.set_path("");
        url.set_query(None);
    }

    let suffix = suffix(segments)?;
    let keeps_path = match base {
        Base::AddressEnding => !suffix.is_empty() && url.path().ends_with(&suffix),
        Base::AddressOr => url.path().len() > 1,
        Base::Address | Base::Origin | Base::Site(_) => false,
    };
    if !keeps_path && !suffix.is_empty() {
        let path = [url.path().trim_end_matches('/'), &suffix].concat();
        url.set_path(&path);
    }

    let mut pairs: Vec<String> = url
        .query()
        .filter(|query| !query.is_empty())
        .map(|query| vec![query.to_owned()])
        .unwrap_or_default();
    let present: Vec<String> = url.query_pairs().map(|(key, _)| key.into_owned()).collect();
    for (key, value) in query {
        if !present.contains(key) {
            pairs.push([&encode(key.as_bytes()), "=", &encode(value)].concat());
        }
    }
    url.set_query((!pairs.is_empty()).then(|| pairs.join("&")).as_deref());
    Ok(url)
}

/// The URL of a subject of NATS: the provider's server, and the subject as the whole path.
///
/// The subject stands in a line of the protocol, so what would end it there is refused.
pub(super) fn subject(
    base: &Base,
    segments: &[Vec<u8>],
    query: &[(String, Vec<u8>)],
    address: Option<&Address>,
) -> Result<Url, PrepareError> {
    let mut url = own(address)?.clone();
    if !is_nats(url.scheme()) || matches!(base, Base::Site(_)) {
        return Err(PrepareError::NotNats);
    }
    let [subject] = segments else { return Err(PrepareError::Subject) };
    let text = std::str::from_utf8(subject).map_err(|_| PrepareError::Subject)?;
    let breaks = |c: char| c.is_whitespace() || c.is_control();
    if text.is_empty() || text.contains(breaks) || !query.is_empty() {
        return Err(PrepareError::Subject);
    }
    for cleared in [url.set_username(""), url.set_password(None)] {
        cleared.map_err(|()| PrepareError::NoUrl)?;
    }
    url.set_path(&suffix(segments)?);
    url.set_query(None);
    Ok(url)
}

fn own(address: Option<&Address>) -> Result<&Url, PrepareError> {
    match address {
        Some(Address::Url { url, .. }) => Ok(url),
        Some(Address::Name(_)) | None => Err(PrepareError::NoUrl),
    }
}

/// `/a/b` for the segments `a` and `b`.
fn suffix(segments: &[Vec<u8>]) -> Result<String, PrepareError> {
    let mut suffix = String::new();
    for segment in segments {
        if segment == b"." || segment == b".." {
            return Err(PrepareError::DotSegment);
        }
        suffix.push('/');
        suffix.push_str(&encode(segment));
    }
    Ok(suffix)
}

/// A site beside the provider's address: `https`, port 443, a DNS name that the module declared.
///
/// Anyone can rent a name under a wildcard such as `*.servicebus.windows.net`, so one that only a wildcard covers must
/// be named by the Provider as well: in its address, its channel or its config.
fn declared_site(
    site: &str,
    description: &Description,
    provider: &Provider,
) -> Result<Url, PrepareError> {
    let refused = || PrepareError::UndeclaredSite(site.chars().take(100).collect());
    let url = Url::parse(site).map_err(|_| refused())?;
    let named = url.domain().is_some_and(|host| {
        let exact = description.hosts.iter().any(|declared| declared.eq_ignore_ascii_case(host));
        exact || (host_allowed(host, &description.hosts) && is_named(host, provider))
    });
    let plain = url.scheme() == "https"
        && url.port().is_none()
        && url.username().is_empty()
        && url.password().is_none()
        && url.path() == "/"
        && url.query().is_none();
    if named && plain { Ok(url) } else { Err(refused()) }
}

/// Whether the Provider's owner wrote this host, or the label of it that is under the wildcard.
fn is_named(host: &str, provider: &Provider) -> bool {
    let label = host.split('.').next().unwrap_or_default();
    let config = provider.config.to_string();
    let in_host = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    [&*provider.address, &provider.channel, &config]
        .iter()
        .flat_map(|text| text.split(|c| !in_host(c)))
        .any(|word| word.eq_ignore_ascii_case(host) || word.eq_ignore_ascii_case(label))
}

#[cfg(test)]
mod tests {
    use herald_core::formatter::Purpose;

    use super::*;
    use crate::egress::fixture::provider;

    fn description(hosts: &[&str]) -> Description {
        Description {
            summary: "x".to_owned(),
            purpose: Purpose::Message,
            hosts: hosts.iter().map(|&host| host.to_owned()).collect(),
            secrets: Vec::new(),
            credentials: Vec::new(),
            config_schema: String::new(),
        }
    }

    fn check(
        base: &Base,
        address: &str,
        segments: &[&str],
        query: &[(&str, &str)],
        expected: &str,
    ) {
        let address = herald_core::address::parse(address).unwrap();
        let segments: Vec<Vec<u8>> = segments.iter().map(|s| s.as_bytes().to_vec()).collect();
        let query: Vec<_> =
            query.iter().map(|(k, v)| ((*k).to_owned(), v.as_bytes().to_vec())).collect();
        let built = build(
            base,
            &segments,
            &query,
            address.as_ref(),
            &description(&["api.github.com", "*.servicebus.example"]),
            &provider("https://mine.servicebus.example", &[]),
        );
        let shown = built.map_or_else(|err| err.to_string(), |url| url.to_string());
        assert_eq!(shown, expected);
    }

    #[test]
    fn bases_join_path_and_query() {
        let hook = "https://u:p@h.example:8443/a/b?k=v#f";
        check(&Base::Address, hook, &[], &[], "https://h.example:8443/a/b?k=v");
        check(
            &Base::Address,
            hook,
            &["c"],
            &[("x", "1 2")],
            "https://h.example:8443/a/b/c?k=v&x=1%202",
        );
        check(&Base::Address, hook, &[], &[("k", "other")], "https://h.example:8443/a/b?k=v");
        check(&Base::AddressEnding, hook, &["b"], &[], "https://h.example:8443/a/b?k=v");
        check(&Base::AddressEnding, hook, &["slack"], &[], "https://h.example:8443/a/b/slack?k=v");
        check(&Base::AddressOr, hook, &["v1", "traces"], &[], "https://h.example:8443/a/b?k=v");
        check(
            &Base::AddressOr,
            "https://h.example",
            &["v1", "traces"],
            &[],
            "https://h.example/v1/traces",
        );
        check(&Base::Origin, hook, &["api", "v3"], &[], "https://h.example:8443/api/v3");
        check(&Base::Origin, hook, &["dir", ""], &[], "https://h.example:8443/dir/");
        let site = Base::Site("https://api.github.com".to_owned());
        check(&site, hook, &["repos", "g/s p.x"], &[], "https://api.github.com/repos/g%2Fs%20p.x");
    }

    /// Rule S4.
    #[test]
    fn segments_stay_segments() {
        check(
            &Base::Origin,
            "https://h.example",
            &["a", ".."],
            &[],
            &PrepareError::DotSegment.to_string(),
        );
        check(
            &Base::Origin,
            "https://h.example",
            &["."],
            &[],
            &PrepareError::DotSegment.to_string(),
        );
        check(&Base::Origin, "https://h.example", &["%2e%2e"], &[], "https://h.example/%252e%252e");
        check(&Base::Origin, "https://h.example", &["a?b#c"], &[], "https://h.example/a%3Fb%23c");
        check(&Base::Origin, "https://h.example", &["123:ABC"], &[], "https://h.example/123:ABC");
    }

    /// Rule R3.
    #[test]
    fn sites_must_be_declared_https_origins() {
        for site in [
            "https://evil.example",
            "http://api.github.com",
            "https://api.github.com:444",
            "https://u@api.github.com",
            "https://api.github.com/x",
            "https://api.github.com.evil.example",
            "https://127.0.0.1",
        ] {
            let refused = PrepareError::UndeclaredSite(site.to_owned()).to_string();
            check(&Base::Site(site.to_owned()), "https://h.example", &[], &[], &refused);
        }
    }

    /// Rule R3.
    #[test]
    fn a_site_under_a_wildcard_must_be_named_by_the_provider() {
        let site = |host: &str| Base::Site(format!("https://{host}"));
        check(
            &site("mine.servicebus.example"),
            "name",
            &["hub"],
            &[],
            "https://mine.servicebus.example/hub",
        );
        for host in
            ["rented.servicebus.example", "a.mine.servicebus.example", "ne.servicebus.example"]
        {
            let refused = PrepareError::UndeclaredSite(format!("https://{host}")).to_string();
            check(&site(host), "name", &[], &[], &refused);
        }
    }

    #[test]
    fn a_name_is_no_url() {
        check(&Base::Address, "my-project", &[], &[], &PrepareError::NoUrl.to_string());
    }
}
