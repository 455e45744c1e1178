//! Entries of Rekor, the transparency log of Sigstore, as cosign keeps one beside a signature: when the log took the
//! signature in, by the log's own signature, and what it took in.
//!
//! It must not know who may sign. It asks no log: what it needs stands beside the signature.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use data_encoding::HEXLOWER;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::certificate::Certificate;
use super::signature::{Key, ParseKeyError};

/// Why an entry does not count.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum EntryError {
    /// It is none.
    #[error(
        "the entry of the transparency log beside its signature cannot be read; sign it again with `cosign sign --new-bundle-format=false`"
    )]
    Form,
    /// Another log took it in.
    #[error(
        "its signature is in the transparency log {0}, whose key is not trusted here; if it should be, give that log's key as rekor.pub"
    )]
    OtherLog(String),
    /// The log did not sign it.
    #[error(
        "the entry of the transparency log beside its signature is not signed with the log's key; sign it again with `cosign sign`"
    )]
    NotSigned,
    /// It is of a kind that is not known here.
    #[error(
        "the entry of the transparency log is of the kind {0}, not hashedrekord 0.0.1; sign it with `cosign sign --new-bundle-format=false`"
    )]
    Kind(String),
    /// It was made for something else.
    #[error(
        "the entry of the transparency log is for another {0}; sign it again with `cosign sign`"
    )]
    Other(&'static str),
}

/// The log that is trusted.
#[derive(Clone, Debug)]
pub struct Log {
    key: Key,
    /// What it calls itself: the SHA-256 of its key.
    id: String,
}

/// What stands beside a signature.
#[derive(Deserialize)]
struct Bundle {
    #[serde(rename = "SignedEntryTimestamp")]
    signature: String,
    #[serde(rename = "Payload")]
    payload: Payload,
}

/// What the log signs.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    body: String,
    integrated_time: i64,
    log_index: i64,
    #[serde(rename = "logID")]
    log_id: String,
}

/// What an entry must be for.
#[derive(Clone, Copy)]
pub(super) struct Entered<'a> {
    pub(super) text: &'a [u8],
    pub(super) signature: &'a [u8],
    pub(super) certificate: &'a Certificate,
}

impl Log {
    /// Reads the key of a log as `/api/v1/log/publicKey` of Rekor gives it.
    ///
    /// # Errors
    /// It is no key on P-256.
    pub fn parse(pem: &str) -> Result<Self, ParseKeyError> {
        let key = Key::parse(pem)?;
        let id = HEXLOWER.encode(&Sha256::digest(key.to_der()));
        Ok(Self { key, id })
    }

    /// When the log took this in, in seconds after 1970.
    pub(super) fn time(&self, bundle: &str, of: Entered<'_>) -> Result<i64, EntryError> {
        let Bundle { signature, payload } =
            serde_json::from_str(bundle).map_err(|_| EntryError::Form)?;
        if payload.log_id != self.id {
            // It comes from the registry, and is shown to people.
            let shown = payload.log_id.chars().filter(char::is_ascii_hexdigit).take(64).collect();
            return Err(EntryError::OtherLog(shown));
        }
        let signature = STANDARD.decode(signature).map_err(|_| EntryError::Form)?;
        if !self.key.has_signed(payload.canonical().as_bytes(), &signature) {
            return Err(EntryError::NotSigned);
        }
        let body = STANDARD.decode(&payload.body).map_err(|_| EntryError::Form)?;
        let entry: Value = serde_json::from_slice(&body).map_err(|_| EntryError::Form)?;
        is_for(&entry, of)?;
        Ok(payload.integrated_time)
    }
}

impl Payload {
    /// The form that is signed, that of RFC 8785: without blanks, its members by name.
    fn canonical(&self) -> String {
        let text = |text: &str| Value::from(text).to_string();
        format!(
            r#"{{"body":{},"integratedTime":{},"logID":{},"logIndex":{}}}"#,
            text(&self.body),
            self.integrated_time,
            text(&self.log_id),
            self.log_index
        )
    }
}

/// Whether an entry was made for this signature, by this certificate, of this text.
fn is_for(entry: &Value, of: Entered<'_>) -> Result<(), EntryError> {
    let at = |pointer: &str| entry.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let decoded = |pointer: &str| STANDARD.decode(at(pointer)).map_err(|_| EntryError::Form);
    let kind = (at("/kind"), at("/apiVersion"));
    if kind != ("hashedrekord", "0.0.1") {
        return Err(EntryError::Kind(format!("{:?} {:?}", kind.0, kind.1)));
    }
    let hash = (at("/spec/data/hash/algorithm"), at("/spec/data/hash/value"));
    if hash != ("sha256", &HEXLOWER.encode(&Sha256::digest(of.text))) {
        return Err(EntryError::Other("text"));
    }
    if decoded("/spec/signature/content")? != of.signature {
        return Err(EntryError::Other("signature"));
    }
    // A bare key stands there for what was signed without a certificate.
    let certificate = Certificate::parse(&decoded("/spec/signature/publicKey/content")?);
    if !certificate.is_ok_and(|certificate| certificate.der() == of.certificate.der()) {
        return Err(EntryError::Other("certificate"));
    }
    Ok(())
}
