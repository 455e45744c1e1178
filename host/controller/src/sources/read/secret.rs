//! Reads a Secret: `data`, which is base64, and `stringData`, which is not and wins.
//!
//! It must not know what a key is for. No message shows any part of a value.

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use herald_core::secret::{self, SecretText};

use super::Head;
use super::fields::{Fields, Notes, text_of};
use crate::sources::Mistake;
use crate::sources::manifest::{SecretObject, SecretValue};
use crate::sources::yaml::Value;

const OBJECT: [&str; 7] =
    ["apiVersion", "kind", "metadata", "type", "immutable", "data", "stringData"];

/// Reads what follows the head.
pub(super) fn read(
    fields: &Fields<'_>,
    head: Head,
    mut notes: Notes,
) -> (SecretObject, Vec<Mistake>) {
    let mut values = BTreeMap::new();
    if let Some(entry) = fields.entry("sops", &mut notes) {
        let message = "the Secret is encrypted with SOPS; put it into the folder decrypted";
        notes.mistake(entry.line, "sops", message);
    } else {
        fields.expect_only(&OBJECT, &mut notes);
        fields.text("type", &mut notes);
        fields.flag("immutable", &mut notes);
        data(fields, &mut values, &mut notes);
        string_data(fields, &mut values, &mut notes);
    }
    let problems = notes.problems();
    let (origin, mistakes) = notes.finish();
    (SecretObject { id: head.id, origin, values, problems }, mistakes)
}

fn data(fields: &Fields<'_>, values: &mut BTreeMap<String, SecretValue>, notes: &mut Notes) {
    let Some(data) = fields.fields("data", notes) else {
        return;
    };
    data.expect_once(notes);
    for entry in data.entries() {
        let field = take_key(&data, &entry.key, entry.line, notes);
        let encoded = match &entry.value.value {
            Value::Null => "",
            Value::String(encoded) => encoded,
            Value::Bool(_) | Value::Number(_) | Value::List(_) | Value::Map(_) => {
                let message = "must be base64 text; put the value in quotes if it is that, or move it to `stringData`";
                notes.mistake(entry.line, &field, message);
                continue;
            }
        };
        // Line breaks do not count, as with kubectl.
        let encoded: String = encoded.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
        match BASE64_STANDARD.decode(encoded) {
            Ok(bytes) => {
                let text = secret::text_of(bytes);
                values.insert(entry.key.clone(), SecretValue { field, text });
            }
            Err(_) => {
                let message =
                    "is not base64; encode the value, or move it to `stringData` as it is";
                notes.mistake(entry.line, &field, message);
            }
        }
    }
}

fn string_data(fields: &Fields<'_>, values: &mut BTreeMap<String, SecretValue>, notes: &mut Notes) {
    let Some(data) = fields.fields("stringData", notes) else {
        return;
    };
    data.expect_once(notes);
    for entry in data.entries() {
        let field = take_key(&data, &entry.key, entry.line, notes);
        let text = match entry.value.value {
            Value::Null => Some(""),
            _ => text_of(&entry.value, entry.line, &field, notes),
        };
        if let Some(text) = text {
            let text = Ok(SecretText::from(text));
            values.insert(entry.key.clone(), SecretValue { field, text });
        }
    }
}

/// Takes an entry whose key must be one of a Secret; its path.
fn take_key(data: &Fields<'_>, key: &str, line: u64, notes: &mut Notes) -> String {
    let field = data.path_of(key);
    data.entry(key, notes);
    expect_key(key, line, &field, notes);
    field
}

/// A key with a slash could pass for an entry of `headers`.
fn expect_key(key: &str, line: u64, field: &str, notes: &mut Notes) {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if key.is_empty() || !key.chars().all(is_allowed) {
        let message = "is no key of a Secret; use letters, digits, `-`, `_` and `.` only";
        notes.mistake(line, field, message);
    }
}
