//! How a Provider's requests travel: its proxy and its certificates, from its references and its Secret.
//!
//! It must not open connections nor know the client that does.

use herald_core::address::{self, Address, is_nats};
use herald_core::provider::{ProxySettings, TlsSettings};
use herald_core::secret::SecretText;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use url::{Host, Url};

use super::wiring::{Wiring, field_of};
use crate::sources::manifest::SecretObject;

/// The most bytes that the address of a proxy may have.
const MAX_PROXY_BYTES: usize = 2048;

/// The keys of certificates; the older name of each counts where the newer one is missing.
const CA: [&str; 2] = ["ca.crt", "caFile"];
const CERTIFICATE: [&str; 2] = ["tls.crt", "certFile"];
const KEY: [&str; 2] = ["tls.key", "keyFile"];

/// The proxy that counts: `proxySecretRef` beats the Secret's `proxy`, which beats `spec.proxy`.
pub(super) fn proxy<'a>(
    wiring: &mut Wiring<'a>,
    secret: Option<&'a SecretObject>,
) -> Option<ProxySettings> {
    if let Some(name) = &wiring.object.proxy_secret {
        return proxy_of_secret(wiring, name);
    }
    if let Some(secret) = secret.filter(|secret| secret.values.contains_key("proxy")) {
        let text = wiring.text(secret, "proxy")?.expose().trim();
        if text.is_empty() {
            return None;
        }
        let parsed = parse_proxy(text);
        return match parsed {
            Ok(url) => Some(settings(&url)),
            Err(message) => {
                wiring.blame_key(secret, field_of(secret, "proxy"), message);
                None
            }
        };
    }
    let text = wiring.object.proxy.trim();
    if text.is_empty() {
        return None;
    }
    match parse_proxy(text) {
        Ok(url) => Some(settings(&url)),
        Err(message) => {
            wiring.blame("spec.proxy", message);
            None
        }
    }
}

/// Says that a proxy does not lead to this address: to go around it would be worse than not to go.
pub(super) fn blame_proxy_of_nats(wiring: &mut Wiring<'_>, address: &str) {
    if let Ok(Some(Address::Url { url })) = address::parse(address)
        && is_nats(url.scheme())
    {
        let message = "is one of NATS, which Herald does not reach through a proxy; remove `spec.proxySecretRef`, `spec.proxy` and the Secret's `proxy`";
        wiring.blame("spec.address", message.to_owned());
    }
}

fn proxy_of_secret(wiring: &mut Wiring<'_>, name: &str) -> Option<ProxySettings> {
    let reference = "spec.proxySecretRef.name";
    let secret = wiring.secret(reference, name)?;
    if !secret.values.contains_key("address") {
        wiring.blame(reference, format!("{} has no key `address`; add the proxy's URL", secret.id));
        return None;
    }
    let mut url = match parse_proxy(wiring.text(secret, "address")?.expose().trim()) {
        Ok(url) => url,
        Err(message) => {
            wiring.blame_key(secret, field_of(secret, "address"), message);
            return None;
        }
    };
    let username = wiring.text(secret, "username").filter(|username| !username.is_empty());
    let password = wiring.text(secret, "password").filter(|password| !password.is_empty());
    if username.is_some() || password.is_some() {
        let encoded = |text: Option<&SecretText>| {
            let text = text.map(SecretText::expose).unwrap_or_default();
            utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
        };
        let is_set = url.set_username(&encoded(username)).is_ok()
            && url.set_password(password.map(|_| encoded(password)).as_deref()).is_ok();
        if !is_set {
            wiring.blame_key(secret, field_of(secret, "address"), PROXY_FORM.to_owned());
            return None;
        }
    }
    Some(settings(&url))
}

const PROXY_FORM: &str =
    "is no URL of a proxy; write it as http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT";

fn parse_proxy(text: &str) -> Result<Url, String> {
    if text.len() > MAX_PROXY_BYTES {
        return Err(format!("is longer than {MAX_PROXY_BYTES} bytes; shorten it"));
    }
    // The parser's own error could quote a part of the URL, which may hold a password.
    let form = || PROXY_FORM.to_owned();
    let mut url = Url::parse(text).map_err(|_| form())?;
    if !matches!(url.scheme(), "http" | "https" | "socks5") {
        return Err(form());
    }
    // The host of a SOCKS proxy is kept as written by the parser; read as HTTP's is, it cannot be another for each of
    // those who judge it, resolve it and dial it. The client would pass over a proxy whose host it cannot read.
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(form)?;
    let host = Host::parse(host).map_err(|_| form())?;
    url.set_host(Some(&host.to_string())).map_err(|_| form())?;
    Ok(url)
}

fn settings(url: &Url) -> ProxySettings {
    ProxySettings { url: SecretText::new(url.as_str().to_owned()) }
}

/// Certificates from `certSecretRef` or, without one, from the Provider's Secret if it has any.
pub(super) fn tls<'a>(
    wiring: &mut Wiring<'a>,
    secret: Option<&'a SecretObject>,
) -> Option<TlsSettings> {
    let is_named = wiring.object.cert_secret.is_some();
    let secret = match &wiring.object.cert_secret {
        Some(name) => wiring.secret("spec.certSecretRef.name", name)?,
        None => secret?,
    };
    let ca = key_of(secret, CA);
    let certificate = key_of(secret, CERTIFICATE);
    let key = key_of(secret, KEY);
    let identity = match (certificate, key) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (Some(certificate), None) => {
            let message = "has no `tls.key` beside it; add the key or remove the certificate";
            wiring.blame_key(secret, field_of(secret, certificate), message.to_owned());
            None
        }
        (None, Some(key)) => {
            let message = "has no `tls.crt` beside it; add the certificate or remove the key";
            wiring.blame_key(secret, field_of(secret, key), message.to_owned());
            None
        }
        (None, None) => {
            if is_named && ca.is_none() {
                let message = format!(
                    "{} has neither `ca.crt` nor `tls.crt` with `tls.key`; add one of them",
                    secret.id
                );
                wiring.blame("spec.certSecretRef.name", message);
            }
            None
        }
    };
    let ca = ca.and_then(|key| pem(wiring, secret, key, has_certificate_authority, "certificate"));
    let identity = identity.and_then(|(certificate, key)| {
        let certificate = pem(wiring, secret, certificate, has_certificate, "certificate");
        let key = pem(wiring, secret, key, has_private_key, "private key");
        certificate.zip(key)
    });
    (ca.is_some() || identity.is_some()).then_some(TlsSettings { ca, identity })
}

/// The first of these keys that the Secret has.
fn key_of(secret: &SecretObject, keys: [&'static str; 2]) -> Option<&'static str> {
    keys.into_iter().find(|key| secret.values.contains_key(*key))
}

/// The PEM text under `key`, when `is_usable` finds in it what it is for.
fn pem<'a>(
    wiring: &mut Wiring<'a>,
    secret: &'a SecretObject,
    key: &str,
    is_usable: fn(&[u8]) -> bool,
    what: &str,
) -> Option<SecretText> {
    let text = wiring.text(secret, key)?;
    if is_usable(text.expose().as_bytes()) {
        return Some(text.clone());
    }
    let block = what.to_uppercase();
    let message = format!(
        "holds no {what} that can be read; give one in PEM form, with the lines `BEGIN {block}` and `END {block}`"
    );
    wiring.blame_key(secret, field_of(secret, key), message);
    None
}

fn has_certificate(pem: &[u8]) -> bool {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    certificates.is_ok_and(|certificates| !certificates.is_empty())
}

/// Whether at least one certificate can be trusted; like the peer, one odd certificate in a bundle does no harm.
fn has_certificate_authority(pem: &[u8]) -> bool {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    certificates.is_ok_and(|certificates| {
        RootCertStore::empty().add_parsable_certificates(certificates).0 > 0
    })
}

fn has_private_key(pem: &[u8]) -> bool {
    PrivateKeyDer::from_pem_slice(pem).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_a_proxy_is_read_in_one_way() {
        let check = |text: &str, expected: &str| {
            assert_eq!(parse_proxy(text).as_ref().map(Url::as_str), Ok(expected), "{text}");
        };
        check("http://proxy.example:3128", "http://proxy.example:3128/");
        check("socks5://PROXY.example:1080", "socks5://proxy.example:1080");
        // As the resolver of the system would read it.
        check("socks5://0x7f.1:1080", "socks5://127.0.0.1:1080");
        check("socks5://2130706433", "socks5://127.0.0.1");
        check("http://127.1", "http://127.0.0.1/");
    }

    #[test]
    fn what_is_no_proxy_is_refused_without_a_word_of_it() {
        for text in
            ["", "hunter2", "ftp://u:hunter2@h.example", "http://u:hunter2@", "socks5://h%00"]
        {
            assert_eq!(parse_proxy(text), Err(PROXY_FORM.to_owned()), "{text}");
        }
        let long = format!("http://{}.example", "h".repeat(MAX_PROXY_BYTES));
        let problem = parse_proxy(&long).expect_err("it is too long");
        assert_eq!(problem, "is longer than 2048 bytes; shorten it");
    }
}
