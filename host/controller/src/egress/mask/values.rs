//! What is secret about a Provider: the values of its Secret, what its address holds beyond the host, and passwords of
//! proxies.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use herald_core::address::{self, Address, EventHubs};
use herald_core::provider::Provider;
use percent_encoding::percent_decode_str;
use url::Url;

use super::AddressSeen;

/// The shortest part of an address that is masked: no credential is that short, and `/apps` is a word of many texts.
const MIN_ADDRESS_BYTES: usize = 8;
/// From this length on a segment of a path may be a credential by itself.
const MIN_SEGMENT_BYTES: usize = 16;

/// Keys of a Secret whose values are no secrets.
const PUBLIC_KEYS: [&str; 10] = [
    "username",
    "githubAppID",
    "githubAppInstallationID",
    "githubAppInstallationOwner",
    "githubAppBaseURL",
    "azureTenantID",
    "azureClientID",
    "azureAuthorityHost",
    "headers/Content-Type",
    "headers/Accept",
];

/// Every value that is no text; it is masked as it is, and as it looks where somebody took it for a text.
pub(super) fn bytes(provider: &Provider) -> Vec<Vec<u8>> {
    let mut values = Vec::new();
    for value in provider.secret.iter_bytes() {
        let value = value.expose();
        values.push(value.to_vec());
        values.push(value.trim_ascii().to_vec());
        values.push(String::from_utf8_lossy(value.trim_ascii()).into_owned().into_bytes());
        // Each byte as the character of its number is how headers are often read.
        values.push(
            value.trim_ascii().iter().map(|byte| char::from(*byte)).collect::<String>().into(),
        );
    }
    values
}

/// Every text that is to be masked.
pub(super) fn values(provider: &Provider, seen: AddressSeen) -> Vec<String> {
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
        if key == "creds" {
            values.extend(long_lines(value));
        }
        if let Some(key) = key_of_file(value) {
            values.extend(long_lines(&key));
        }
        if key == "proxy" {
            values.extend(userinfo_parts(value));
        }
        if key.starts_with("headers/") {
            values.extend(credential_of(value.trim()));
        }
    }
    values.extend(userinfo_parts(&provider.address));
    values.extend(address_parts(&provider.address, seen));
    if let Some(Ok(hubs)) = EventHubs::parse(&provider.address) {
        values.push(hubs.key.expose().to_owned());
    }
    if let Some(proxy) = &provider.proxy {
        values.extend(userinfo_parts(proxy.url.expose()));
    }
    values
}

/// The private key in a key file of Google, which is JSON around it.
fn key_of_file(value: &str) -> Option<String> {
    if !value.trim_start().starts_with('{') {
        return None;
    }
    let file: serde_json::Value = serde_json::from_str(value).ok()?;
    file["private_key"].as_str().map(str::to_owned)
}

/// The lines of a file of credentials that are ones: a token and a seed stand between lines for people.
fn long_lines(text: &str) -> Vec<String> {
    let is_credential = |line: &&str| line.len() >= MIN_SEGMENT_BYTES && !line.contains(' ');
    text.lines().map(str::trim).filter(is_credential).map(str::to_owned).collect()
}

/// What follows the scheme in `Bearer …` and `Basic …`; a receiver may take it apart before it complains.
fn credential_of(header: &str) -> Vec<String> {
    let Some((scheme, credential)) = header.split_once(' ') else { return Vec::new() };
    let credential = credential.trim();
    if credential.contains(char::is_whitespace) || credential.len() < MIN_ADDRESS_BYTES {
        return Vec::new();
    }
    let mut parts = vec![credential.to_owned()];
    if scheme.eq_ignore_ascii_case("basic")
        && let Some(pair) =
            STANDARD.decode(credential).ok().and_then(|pair| String::from_utf8(pair).ok())
    {
        parts.extend(pair.split_once(':').map(|(_, password)| password.to_owned()));
        parts.push(pair);
    }
    parts
}

/// The parts of an address that may be a credential, as they are written and decoded.
fn address_parts(raw: &str, seen: AddressSeen) -> Vec<String> {
    let mut parts = Vec::new();
    if let Ok(Some(Address::Url { url, .. })) = address::parse(raw) {
        if seen == AddressSeen::Origin {
            parts.extend(path_parts(&url));
        }
        if let Some(query) = url.query() {
            parts.push(query.to_owned());
            let written = query.split('&').filter_map(|pair| pair.split_once('='));
            parts.extend(written.map(|(_, value)| value.to_owned()));
            parts.extend(url.query_pairs().map(|(_, value)| value.into_owned()));
        }
    }
    let decoded: Vec<String> = parts.iter().map(|part| decode(part)).collect();
    parts.extend(decoded);
    parts.retain(|part| part.len() >= MIN_ADDRESS_BYTES);
    parts
}

/// The path, and its long segments: one of those is as good as the whole, and receivers echo either.
fn path_parts(url: &Url) -> Vec<String> {
    let segments = url.path_segments().into_iter().flatten();
    let long = segments.filter(|part| part.len() >= MIN_SEGMENT_BYTES).map(str::to_owned);
    std::iter::once(url.path().trim_matches('/').to_owned()).chain(long).collect()
}

/// The password, and the user where there is none: a token is often written so.
fn userinfo_parts(raw: &str) -> Vec<String> {
    // Each server of a list has its own.
    if let Ok(servers) = address::nats_servers(raw)
        && let [_, _, ..] = servers.as_slice()
    {
        return servers.iter().flat_map(|server| userinfo_parts(server.as_str())).collect();
    }
    // A proxy of another scheme is no address of a Provider, so it is read as a URL first.
    let userinfo = match Url::parse(raw.trim()) {
        Ok(url) => Some((decode(url.username()), decode(url.password().unwrap_or_default()))),
        Err(_) => address::parse(raw).ok().flatten().and_then(|address| address.userinfo()),
    };
    match userinfo {
        Some((user, password)) if !user.is_empty() || !password.is_empty() => {
            let whole = [&user, ":", &password].concat();
            let credential = if password.is_empty() { user } else { password };
            vec![whole, credential]
        }
        _ => Vec::new(),
    }
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}
