//! The address of a Provider: a URL, a git address, an Event Hubs connection string, or a plain name.
//!
//! An address may be a credential, so nothing here shows more of one than its scheme, host and port: not in errors, not
//! in `Debug`. Whether requests may go there is for `policy` to say.

use std::borrow::Cow;
use std::fmt;

use percent_encoding::percent_decode_str;
use url::Url;

use crate::formatter::{Origin, ProviderAddress};

mod event_hubs;
mod nats;
mod written;

pub use event_hubs::{EventHubs, with_hub};
pub use nats::{is_nats, nats_servers};
pub use written::WrittenAddress;

/// The longest address that is read, in bytes.
pub const MAX_BYTES: usize = 2048;

/// Where a Provider sends to.
#[derive(Clone, PartialEq, Eq)]
pub enum Address {
    /// A URL.
    Url {
        /// Git addresses of other forms are read as `https`; user and password are kept, except for the user of `ssh`.
        url: Url,
    },
    /// The name of a project, a hub or the like.
    Name(String),
}

/// Why a text is no address. It never shows the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseAddressError {
    /// A path or host without a scheme.
    #[error(
        "the address has no scheme; put `https://` before it, or the scheme that its receiver needs"
    )]
    NoScheme,
    /// A path alone.
    #[error("the address is only a path; write the whole URL, such as `https://host/path`")]
    OnlyPath,
    /// Nothing where the host should be.
    #[error("the address names no host; write it as `https://host/path`")]
    NoHost,
    /// Control characters, or characters that neither a URL nor a name has.
    #[error("the address is neither a URL nor a name; write a URL such as `https://host/path`")]
    Unclear,
    /// Longer than what is read.
    #[error("the address is {n_bytes} bytes long; give one of at most {MAX_BYTES}")]
    TooLong {
        /// Its length.
        n_bytes: usize,
    },
    /// The URL is malformed.
    #[error("the address is no valid URL; correct the part named after this")]
    Url(#[source] url::ParseError),
    /// A list of NATS servers with something else in it.
    #[error(
        "the list of servers names one that is not of NATS; begin each with `nats://` or `tls://`"
    )]
    NotNats,
    /// An Event Hubs connection string without this part.
    #[error("the connection string has no `{part}`; add `{part}=…`, with `;` between the parts")]
    ConnectionString {
        /// The name of the part.
        part: &'static str,
    },
    /// The connection string of a namespace of Event Hubs, and nothing that names a hub in it.
    #[error(
        "the connection string names no event hub; add `;EntityPath=HUB` to it, or write the hub's name into `spec.channel`"
    )]
    NoHub,
    /// A name that no event hub has.
    #[error(
        "the name of the event hub has a character other than letters, digits, `-`, `_` and `.`; correct it"
    )]
    HubName,
}

/// Reads an address; an empty one is none.
///
/// # Errors
///
/// When it is none of the known forms.
pub fn parse(raw: &str) -> Result<Option<Address>, ParseAddressError> {
    if raw.len() > MAX_BYTES {
        return Err(ParseAddressError::TooLong { n_bytes: raw.len() });
    }
    let text = raw.trim();
    if text.is_empty() {
        return Ok(None);
    }
    if text.contains(char::is_control) {
        return Err(ParseAddressError::Unclear);
    }
    if let Some(hubs) = EventHubs::parse(text) {
        return hubs.map(|hubs| Some(Address::Url { url: hubs.url }));
    }
    if let Some((scheme, rest)) = text.split_once("://") {
        return parse_url(scheme, rest, text).map(|url| Some(Address::Url { url }));
    }
    if let Some((host, path)) = scp_like(text) {
        let url = parse_https(host, path.trim_start_matches('/'))?;
        return Ok(Some(Address::Url { url }));
    }
    if text.starts_with('/') {
        return Err(ParseAddressError::OnlyPath);
    }
    if text.contains([':', '/', '\\']) {
        return Err(ParseAddressError::NoScheme);
    }
    // A text with these is a URL's remains or a credential, and a name is shown to modules.
    if text.contains(|character: char| "@?#&=%;,".contains(character) || character.is_whitespace())
    {
        return Err(ParseAddressError::Unclear);
    }
    Ok(Some(Address::Name(text.to_owned())))
}

fn parse_url(scheme: &str, rest: &str, text: &str) -> Result<Url, ParseAddressError> {
    let scheme = scheme.to_ascii_lowercase();
    // A URL of HTTP would skip these and take the first part of the path for its host.
    if rest.starts_with(['/', '\\']) {
        return Err(ParseAddressError::NoHost);
    }
    if matches!(scheme.as_str(), "ssh" | "git+ssh" | "ssh+git") {
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        // The user of ssh is no user of the site.
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        return parse_https(host, path);
    }
    // A list of NATS servers is one address, and modules and people are shown the first.
    if is_nats(&scheme) {
        return nats_servers(text)?.into_iter().next().ok_or(ParseAddressError::NoHost);
    }
    let mut url = Url::parse(text).map_err(url_error)?;
    if url.host_str().is_none_or(str::is_empty) {
        return Err(ParseAddressError::NoHost);
    }
    // A fragment is never sent, and what is appended to the address would end up in it.
    url.set_fragment(None);
    Ok(url)
}

fn url_error(error: url::ParseError) -> ParseAddressError {
    match error {
        url::ParseError::EmptyHost => ParseAddressError::NoHost,
        url::ParseError::RelativeUrlWithoutBase => ParseAddressError::NoScheme,
        error => ParseAddressError::Url(error),
    }
}

fn parse_https(host: &str, path: &str) -> Result<Url, ParseAddressError> {
    if host.is_empty() {
        return Err(ParseAddressError::NoHost);
    }
    parse_url("https", host, &format!("https://{host}/{path}"))
}

/// `user@host:path`, which git reads as an address of ssh.
fn scp_like(text: &str) -> Option<(&str, &str)> {
    let (user, rest) = text.split_once('@')?;
    if user.is_empty() || user.contains([':', '/', '?', '#']) {
        return None;
    }
    // An IPv6 address in brackets has colons of its own.
    let (bracketed, after) = rest.split_once(']').map_or(("", rest), |(_, after)| ("]", after));
    let (host_end, path) = after.split_once(':')?;
    let host_length = rest.len() - after.len() + host_end.len();
    let host = rest.get(..host_length)?;
    let is_host = !host.is_empty()
        && !host.contains(['/', '@', '?', '#'])
        && (bracketed.is_empty() || host_end.is_empty());
    (is_host && !path.is_empty()).then_some((host, path))
}

impl Address {
    /// The part that modules and people may see.
    #[must_use]
    pub fn public(&self) -> ProviderAddress {
        match self {
            Address::Url { url } => ProviderAddress::Url(Origin {
                scheme: url.scheme().to_owned(),
                // Of the schemes that are not HTTP's the host is kept as written.
                host: url.host_str().unwrap_or_default().to_ascii_lowercase(),
                port: url.port(),
            }),
            Address::Name(name) => ProviderAddress::Name(name.clone()),
        }
    }

    /// The whole address without user and password, for modules that may see it.
    #[must_use]
    pub fn full(&self) -> String {
        match self {
            Address::Url { url } => {
                let mut url = url.clone();
                let stripped = url.set_username("").and(url.set_password(None));
                // This fails for URLs that cannot have a user; showing nothing is right for any other.
                if stripped.is_ok() { url.into() } else { String::new() }
            }
            Address::Name(name) => name.clone(),
        }
    }

    /// The whole address as it is, user and password included.
    #[must_use]
    pub fn with_userinfo(&self) -> String {
        match self {
            Address::Url { url } => url.as_str().to_owned(),
            Address::Name(name) => name.clone(),
        }
    }

    /// User and password, decoded; none when the address has neither.
    #[must_use]
    pub fn userinfo(&self) -> Option<(String, String)> {
        let Address::Url { url } = self else { return None };
        let password = url.password().unwrap_or_default();
        if url.username().is_empty() && password.is_empty() {
            return None;
        }
        let decode = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
        Some((decode(url.username()), decode(password)))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.public() {
            ProviderAddress::Url(Origin { scheme, host, port }) => {
                let port = port.map_or(Cow::Borrowed(""), |port| format!(":{port}").into());
                write!(f, "Url({scheme}://{host}{port}/…)")
            }
            ProviderAddress::Name(name) => f.debug_tuple("Name").field(&name).finish(),
        }
    }
}

#[cfg(test)]
mod tests;
