//! Git: the address of a repository, and the commit that a revision names.
//!
//! Knows the forms that Flux writes and users give; which forge it is, the modules know.

use std::borrow::Cow;

use crate::Event;

/// A repository's address in parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address<'a> {
    /// Host and port as written, without userinfo.
    pub host: &'a str,
    /// Path without the slashes around it and without `.git`, such as `owner/repo`.
    pub path: &'a str,
}

impl<'a> Address<'a> {
    /// Reads `https://host/path.git`, `ssh://git@host/path` and `git@host:path`; none for anything else.
    #[must_use]
    pub fn parse(address: &'a str) -> Option<Self> {
        let address = address.trim();
        let (authority, path) = match address.split_once("://") {
            Some((scheme, rest)) => {
                let known = ["http", "https", "ssh"];
                if !known.iter().any(|name| scheme.eq_ignore_ascii_case(name)) {
                    return None;
                }
                let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
                (authority, before(path, ['?', '#']))
            }
            // The form of scp.
            None => address.split_once(':')?,
        };
        let host = authority.rsplit('@').next().unwrap_or(authority);
        if host.is_empty() || host.contains('/') {
            return None;
        }
        let path = path.trim_matches('/');
        Some(Self { host, path: path.strip_suffix(".git").unwrap_or(path) })
    }

    /// Owner and name, where the path has exactly these two parts.
    #[must_use]
    pub fn owner_and_name(&self) -> Option<(&'a str, &'a str)> {
        let (owner, name) = self.path.split_once('/')?;
        let is_part = |part: &str| !part.is_empty() && !part.contains('/');
        (is_part(owner) && is_part(name)).then_some((owner, name))
    }
}

/// The revision that an event is about: of its metadata `commit`, `originRevision` and `revision`, the first there is.
#[must_use]
pub fn revision(event: &Event) -> Option<&str> {
    ["commit", "originRevision", "revision"].iter().find_map(|key| event.metadata_value(key))
}

/// The commit that a revision such as `main@sha1:<hash>` names: what follows its last colon or, without one, its last
/// slash.
///
/// Flux takes any 40 characters; here they have to be hexadecimal, and 64 are a commit of a SHA-256 repository. The
/// digest of an OCI artifact looks the same: no forge will know it.
#[must_use]
pub fn commit(revision: &str) -> Option<&str> {
    let hash = match revision.rsplit_once(':').or_else(|| revision.rsplit_once('/')) {
        Some((_, hash)) => hash,
        None => revision,
    };
    let is_hash =
        matches!(hash.len(), 40 | 64) && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash.then_some(hash)
}

/// A part of an address's path without percent-encoding; as it is where that gives no text.
#[must_use]
pub fn decoded(part: &str) -> Cow<'_, str> {
    if !part.contains('%') {
        return Cow::Borrowed(part);
    }
    let digit =
        |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut out = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let escaped = match (byte, tail) {
            (b'%', [high, low, tail @ ..]) => {
                digit(high).zip(digit(low)).map(|(high, low)| (high << 4 | low, tail))
            }
            _ => None,
        };
        let (byte, tail) = escaped.unwrap_or((byte, tail));
        out.push(byte);
        rest = tail;
    }
    String::from_utf8(out).map_or(Cow::Borrowed(part), Cow::Owned)
}

fn before(text: &str, ends: [char; 2]) -> &str {
    text.split(ends).next().unwrap_or(text)
}

#[cfg(test)]
mod tests;
