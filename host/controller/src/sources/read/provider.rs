//! Reads a Provider: the fields of all its versions and Herald's own `spec.config`.
//!
//! It checks what shows in the object itself. Where references lead, and which address counts, is found when all objects
//! are assembled.

use std::time::Duration;

use herald_core::commit_status::CommitStatusExpr;
use herald_core::provider::{
    CONCURRENCY, DEFAULT_TIMEOUT, FALLBACK, Fallback, parse_concurrency, parse_fallback,
    parse_timeout,
};

use super::Head;
use super::annotations;
use super::fields::{Fields, Notes};
use crate::sources::Mistake;
use crate::sources::manifest::ProviderObject;
use crate::sources::mistake::explain;

const OBJECT: [&str; 5] = ["apiVersion", "kind", "metadata", "spec", "status"];
const SPEC: [&str; 14] = [
    "type",
    "channel",
    "username",
    "address",
    "proxy",
    "timeout",
    "interval",
    "secretRef",
    "certSecretRef",
    "proxySecretRef",
    "serviceAccountName",
    "commitStatusExpr",
    "suspend",
    "config",
];

/// The annotations that are Herald's own.
const ANNOTATIONS: [&str; 2] = [CONCURRENCY, FALLBACK];

/// The most bytes of `channel`, `username` and `proxy`, as in the API; the address has its own check.
const MAX_TEXT_BYTES: usize = 2048;

/// Reads what follows the head; no object when there is no `spec`.
pub(super) fn read(
    fields: &Fields<'_>,
    head: Head,
    mut notes: Notes,
) -> (Option<ProviderObject>, Vec<Mistake>) {
    fields.expect_only(&OBJECT, &mut notes);
    let Own { concurrency, fallback } = Own::read(fields, &mut notes);
    if fields.entry("spec", &mut notes).is_none() {
        fields.note_missing("spec", "add it with the Provider's `type:`", &mut notes);
    }
    let Some(spec) = fields.fields("spec", &mut notes) else {
        return (None, notes.finish().1);
    };
    spec.expect_only(&SPEC, &mut notes);
    let kind = spec.required_text("type", "name the type of receiver, such as `slack`", &mut notes);
    let [channel, username, proxy] =
        ["channel", "username", "proxy"].map(|key| limited_text(&spec, key, &mut notes));
    let address = spec.text("address", &mut notes).unwrap_or_default();
    let timeout = timeout(&spec, &mut notes);
    let suspend = spec.flag("suspend", &mut notes);
    let secret = reference(&spec, "secretRef", &mut notes);
    let cert_secret = reference(&spec, "certSecretRef", &mut notes);
    let proxy_secret = reference(&spec, "proxySecretRef", &mut notes);
    let commit_status_expr = commit_status_expr(&spec, &mut notes);
    let config = match spec.fields("config", &mut notes) {
        Some(_) => spec.entry("config", &mut notes).map(|entry| entry.value.to_json()),
        None => None,
    };
    // Without effect since v1beta3, but where it stands it is still a duration.
    spec.text("interval", &mut notes);
    let service_account = spec.text("serviceAccountName", &mut notes);
    let service_account = service_account.filter(|name| !name.is_empty()).map(str::to_owned);

    let problems = notes.problems();
    let (origin, mistakes) = notes.finish();
    let object = ProviderObject {
        id: head.id,
        origin,
        uid: head.uid,
        kind: kind.unwrap_or_default().to_owned(),
        channel,
        username,
        address: address.to_owned(),
        proxy,
        timeout,
        concurrency,
        fallback,
        suspend,
        secret,
        cert_secret,
        proxy_secret,
        service_account,
        commit_status_expr,
        config: config.unwrap_or_else(|| serde_json::json!({})),
        json: head.json,
        problems,
    };
    (Some(object), mistakes)
}

/// What Herald's own annotations say.
#[derive(Default)]
struct Own {
    concurrency: Option<u8>,
    fallback: Option<Fallback>,
}

impl Own {
    fn read(fields: &Fields<'_>, notes: &mut Notes) -> Self {
        let mut own = Self::default();
        for annotation in annotations::read(fields, &ANNOTATIONS, notes) {
            let mistake = match annotation.name {
                CONCURRENCY => parse_concurrency(annotation.value)
                    .map(|number| own.concurrency = Some(number))
                    .err()
                    .map(|err| err.to_string()),
                _ => parse_fallback(annotation.value)
                    .map(|fallback| own.fallback = fallback)
                    .err()
                    .map(|err| err.to_string()),
            };
            if let Some(mistake) = mistake {
                notes.mistake(annotation.line, &annotation.path, mistake);
            }
        }
        own
    }
}

fn limited_text(spec: &Fields<'_>, key: &str, notes: &mut Notes) -> String {
    let text = spec.text(key, notes).unwrap_or_default();
    if text.len() > MAX_TEXT_BYTES
        && let Some(entry) = spec.entry(key, notes)
    {
        let message = format!("is longer than {MAX_TEXT_BYTES} bytes; shorten it");
        notes.mistake(entry.line, &spec.path_of(key), message);
    }
    text.to_owned()
}

fn timeout(spec: &Fields<'_>, notes: &mut Notes) -> Duration {
    let Some(text) = spec.text("timeout", notes) else {
        return DEFAULT_TIMEOUT;
    };
    match parse_timeout(text) {
        Ok(timeout) => timeout,
        Err(error) => {
            if let Some(entry) = spec.entry("timeout", notes) {
                notes.mistake(entry.line, &spec.path_of("timeout"), explain(&error));
            }
            DEFAULT_TIMEOUT
        }
    }
}

/// The name in a reference to a Secret.
fn reference(spec: &Fields<'_>, key: &str, notes: &mut Notes) -> Option<String> {
    let reference = spec.fields(key, notes)?;
    reference.expect_only(&["name"], notes);
    reference
        .required_text("name", "name the Secret, or remove the reference", notes)
        .map(str::to_owned)
}

fn commit_status_expr(spec: &Fields<'_>, notes: &mut Notes) -> Option<String> {
    let source = spec.text("commitStatusExpr", notes).filter(|source| !source.is_empty())?;
    match CommitStatusExpr::compile(source) {
        Ok(_) => Some(source.to_owned()),
        Err(error) => {
            let entry = spec.entry("commitStatusExpr", notes)?;
            notes.mistake(entry.line, &spec.path_of("commitStatusExpr"), explain(&error));
            None
        }
    }
}
