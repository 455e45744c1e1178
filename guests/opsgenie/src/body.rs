//! The two bodies: an alert, and the note with which one is closed.

use herald_provider::metadata::{Limits, fitting};
use herald_provider::{Event, json, text};
use sha2::{Digest, Sha256};

/// The longest message, description and note, in characters (<https://docs.opsgenie.com/docs/alert-api>, the tables of
/// "Create Alert" and "Close Alert"). Opsgenie refuses a longer message and cuts the others without a mark.
const MESSAGE_LIMIT: usize = 130;
const DESCRIPTION_LIMIT: usize = 15_000;
const NOTE_LIMIT: usize = 25_000;

/// The most that all details take, in characters (the same page: "8000 characters in total").
const DETAILS_LIMIT: usize = 8_000;

/// The longest key and value of a detail. Opsgenie has no limits of its own for them; with these, one entry does not keep
/// out all others.
const KEY_LIMIT: usize = 500;
const VALUE_LIMIT: usize = 4_000;

/// The longest severity, which is a word.
const SEVERITY_LIMIT: usize = 100;

/// What Opsgenie knows an alert by: as long as one with this alias is open, a further one only adds to its count.
pub(crate) fn alias(event: &Event, provider_uid: &str) -> String {
    let object = &event.involved_object;
    let key =
        [provider_uid, &object.kind, &object.namespace, &object.name, &event.reason].join("/");
    let mut alias = String::with_capacity(64);
    for byte in Sha256::digest(key) {
        for digit in [byte >> 4, byte & 0xf] {
            alias.extend(char::from_digit(u32::from(digit), 16));
        }
    }
    alias
}

/// Opens an alert, or adds to the one that is open.
pub(crate) fn create(event: &Event, alias: &str) -> String {
    let object = &event.involved_object;
    let message = [&object.kind, "/", &object.name].concat();
    json::object(1024 + event.message.len().min(4 * DESCRIPTION_LIMIT), |o| {
        o.text("message", &text::truncate(&message, MESSAGE_LIMIT))
            .text("alias", alias)
            .text("description", &text::truncate(&event.message, DESCRIPTION_LIMIT));
        o.object("details", |o| {
            let severity = text::truncate(&event.severity, SEVERITY_LIMIT);
            // It replaces metadata of this name, as in Flux.
            let metadata: Vec<(String, String)> =
                event.metadata.iter().filter(|(key, _)| key != SEVERITY).cloned().collect();
            let limits = Limits {
                entries: usize::MAX,
                key: KEY_LIMIT,
                value: VALUE_LIMIT,
                total: DETAILS_LIMIT - SEVERITY.len() - SEVERITY_LIMIT,
                around: 0,
                // A count has at most 20 digits.
                mark: "… more".chars().count() + 20,
            };
            let details = fitting(&metadata, &limits, |_| 1);
            for (key, value) in &details.entries {
                o.text(key, value);
            }
            o.text(SEVERITY, &severity);
            if let Some(rest) = details.rest() {
                o.text("…", &rest);
            }
        });
    })
}

const SEVERITY: &str = "severity";

/// Says in the alert's log why it was closed.
pub(crate) fn close(event: &Event) -> String {
    json::object(64 + event.message.len().min(4 * NOTE_LIMIT), |o| {
        o.text("note", &text::truncate(&event.message, NOTE_LIMIT));
    })
}
