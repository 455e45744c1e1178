//! Takes a provider's secrets out of texts that come back: answers, errors, and what modules say.
//!
//! A value is searched in the forms in which a receiver may echo it: as it is, percent-encoded, JSON-escaped, in base64
//! and in hexadecimal. Values shorter than [`MIN_BYTES`] are left: masking every `1` would hide more than it protects.
//! What a module may know anyway is left as well, as it compares answers with it: the user name, identifiers of an App,
//! and the path of an address that it may see whole.

use std::borrow::Cow;

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use herald_core::address::{self, Address};
use herald_core::formatter::Response;
use herald_core::provider::Provider;

use super::url;

/// The shortest value that is masked.
const MIN_BYTES: usize = 4;
/// What stands in place of a secret.
const MARK: &str = "*****";
/// The longest text that is kept or shown, in bytes.
const MAX_TEXT_BYTES: usize = 1024;
/// The most headers of an answer that a module sees.
const MAX_HEADERS: usize = 64;

/// The shortest part of an address that is masked: no credential is that short, and `/apps` is a word of many texts.
const MIN_ADDRESS_BYTES: usize = 8;

/// Keys of a Secret whose values are no secrets.
const PUBLIC_KEYS: [&str; 7] = [
    "username",
    "githubAppID",
    "githubAppInstallationID",
    "githubAppInstallationOwner",
    "githubAppBaseURL",
    "headers/Content-Type",
    "headers/Accept",
];

/// How much of its Provider's address a module may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressSeen {
    /// Scheme, host and port. For many receivers the rest is the credential.
    Origin,
    /// All of it but the userinfo: for its kind of receiver the path names a repository or the like.
    Whole,
}

/// The secrets of one provider, ready to be searched for.
pub struct Mask {
    finder: Option<AhoCorasick>,
}

impl Mask {
    /// Everything secret that this provider uses: Secret values, and its address beyond the host.
    #[must_use]
    pub fn new(provider: &Provider, seen: AddressSeen) -> Self {
        let mut values: Vec<String> = Vec::new();
        for (key, value) in provider.secret.iter() {
            if PUBLIC_KEYS.iter().any(|public| public.eq_ignore_ascii_case(key)) {
                continue;
            }
            let value = value.expose();
            values.push(value.to_owned());
            values.push(value.trim().to_owned());
            // Receivers that show the beginning of a key they do not know often leave out its end.
            let mut shorter = value.trim().to_owned();
            if shorter.pop().is_some() && shorter.len() >= MIN_ADDRESS_BYTES {
                values.push(shorter);
            }
        }
        values.extend(userinfo_parts(&provider.address));
        if seen == AddressSeen::Origin {
            values.extend(address_parts(&provider.address));
        }
        if let Some(proxy) = &provider.proxy {
            values.extend(userinfo_parts(proxy.url.expose()));
        }
        let mut forms: Vec<Vec<u8>> = values
            .iter()
            .filter(|value| value.len() >= MIN_BYTES)
            .flat_map(|value| forms(value))
            .collect();
        forms.sort_unstable();
        forms.dedup();
        // The longest form wins, so that no tail of a value is left standing.
        let finder =
            AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&forms).ok();
        Self { finder: finder.filter(|_| !forms.is_empty()) }
    }

    /// The bytes without any secret.
    #[must_use]
    pub fn bytes(&self, bytes: Vec<u8>) -> Vec<u8> {
        match &self.finder {
            Some(finder) if finder.is_match(&bytes) => {
                let mut masked = Vec::with_capacity(bytes.len());
                finder.replace_all_with_bytes(&bytes, &mut masked, |_, _, out| {
                    out.extend_from_slice(MARK.as_bytes());
                    true
                });
                masked
            }
            _ => bytes,
        }
    }

    /// A text without any secret, its lines kept.
    #[must_use]
    pub fn lines<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match &self.finder {
            Some(finder) if finder.is_match(text) => Cow::Owned(
                String::from_utf8_lossy(&self.bytes(text.as_bytes().to_vec())).into_owned(),
            ),
            _ => Cow::Borrowed(text),
        }
    }

    /// A text for people: without secrets and control characters, and cut to 1 KiB.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        let masked = self.lines(text);
        let mut shown = String::with_capacity(masked.len().min(MAX_TEXT_BYTES));
        for c in masked.chars() {
            let c = if c.is_control() { ' ' } else { c };
            if shown.len() + c.len_utf8() > MAX_TEXT_BYTES {
                shown.push('…');
                break;
            }
            shown.push(c);
        }
        shown
    }

    /// An answer as a module may see it.
    #[must_use]
    pub fn response(&self, response: Response) -> Response {
        let headers = response
            .headers
            .into_iter()
            .filter(|(name, _)| name != "set-cookie")
            .take(MAX_HEADERS)
            .map(|(name, value)| {
                (name, String::from_utf8_lossy(&self.bytes(value.into_bytes())).into_owned())
            })
            .collect();
        Response { status: response.status, headers, body: self.bytes(response.body) }
    }
}

/// The parts of an address that may be a credential.
fn address_parts(raw: &str) -> Vec<String> {
    let mut parts = Vec::new();
    if let Ok(Some(Address::Url { url, .. })) = address::parse(raw) {
        parts.push(url.path().trim_matches('/').to_owned());
        // One segment of a hook's path is as good as the whole: receivers echo either.
        parts.extend(
            url.path_segments()
                .into_iter()
                .flatten()
                .filter(|part| part.len() >= 16)
                .map(str::to_owned),
        );
        if let Some(query) = url.query() {
            parts.push(query.to_owned());
            parts.extend(url.query_pairs().map(|(_, value)| value.into_owned()));
        }
    }
    parts.retain(|part| part.len() >= MIN_ADDRESS_BYTES);
    parts
}

fn userinfo_parts(raw: &str) -> Vec<String> {
    match address::parse(raw).ok().flatten().and_then(|address| address.userinfo()) {
        Some((user, password)) => vec![[&user, ":", &password].concat(), password],
        None => Vec::new(),
    }
}

fn forms(value: &str) -> Vec<Vec<u8>> {
    let json = serde_json::Value::from(value).to_string();
    let json = json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or_default();
    let hex: String = value.bytes().map(|byte| format!("{byte:02x}")).collect();
    vec![
        value.as_bytes().to_vec(),
        url::encode(value.as_bytes()).into_bytes(),
        percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC)
            .to_string()
            .into_bytes(),
        json.as_bytes().to_vec(),
        STANDARD.encode(value).into_bytes(),
        STANDARD.encode(value).trim_end_matches('=').as_bytes().to_vec(),
        URL_SAFE_NO_PAD.encode(value).into_bytes(),
        hex.to_uppercase().into_bytes(),
        hex.into_bytes(),
    ]
}

#[cfg(test)]
mod tests;
