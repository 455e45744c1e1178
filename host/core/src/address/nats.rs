//! Addresses of NATS: one server, or a list of servers with commas between them.

use url::Url;

use super::ParseAddressError;

/// What a server's address begins with.
const SCHEMES: [&str; 2] = ["nats", "tls"];

/// Whether addresses of this scheme are those of NATS.
#[must_use]
pub fn is_nats(scheme: &str) -> bool {
    SCHEMES.contains(&scheme)
}

/// The servers that an address names, in its order. They form a cluster, so each is as good as another; only the first
/// has to have a scheme.
///
/// # Errors
///
/// When one of them is no URL of NATS.
pub fn nats_servers(raw: &str) -> Result<Vec<Url>, ParseAddressError> {
    let servers = raw.split(',').map(str::trim).filter(|server| !server.is_empty());
    servers.map(server).collect()
}

fn server(text: &str) -> Result<Url, ParseAddressError> {
    let mut url = if text.contains("://") {
        Url::parse(text)
    } else {
        Url::parse(&["nats://", text].concat())
    }
    .map_err(super::url_error)?;
    if !is_nats(url.scheme()) {
        return Err(ParseAddressError::NotNats);
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(ParseAddressError::NoHost);
    }
    url.set_fragment(None);
    Ok(url)
}
