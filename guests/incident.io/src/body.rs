//! The alert's state after an event.

use std::borrow::Cow;

use herald_provider::json::quoted_length;
use herald_provider::metadata::{Limits, fitting};
use herald_provider::{Event, json, text};

/// The most that the description and the metadata take in the body, in bytes. incident.io takes 512 KB in all (its own
/// notifier in Alertmanager says so:
/// <https://github.com/prometheus/alertmanager/blob/main/notify/incidentio/incidentio.go>), of which a fifth is left to the
/// rest.
const DESCRIPTION_LIMIT: usize = 256 << 10;
const METADATA_LIMIT: usize = 144 << 10;

/// The longest key and value of the metadata, in bytes. incident.io documents none.
const KEY_LIMIT: usize = 1 << 10;
const VALUE_LIMIT: usize = 32 << 10;

/// The longest title, key of the alert, and name in the metadata, in characters. incident.io documents none; no object of
/// Kubernetes has as many.
const NAME_LIMIT: usize = 1024;

/// The JSON body for this event.
pub(crate) fn alert(event: &Event) -> String {
    let object = &event.involved_object;
    let title = [&object.lower_full_name(), ": ", &event.reason].concat();
    json::object(1024 + event.message.len().min(DESCRIPTION_LIMIT), |o| {
        o.text("title", &text::truncate(&title, NAME_LIMIT))
            .text("status", if event.is_error() { "firing" } else { "resolved" })
            // A source made today refuses an event without it.
            .text("deduplication_key", &text::truncate(&object.identity(), NAME_LIMIT))
            .text_unless_empty(
                "description",
                &text::cut(&event.message, DESCRIPTION_LIMIT, quoted_length),
            );
        o.object("metadata", |o| {
            for (key, value) in metadata(event) {
                o.text(&key, &value);
            }
        });
    })
}

/// The event's own words and as much of the metadata as fits, sorted by key.
fn metadata(event: &Event) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
    let mut own: Vec<(&str, &str)> = vec![("reason", &event.reason), ("severity", &event.severity)];
    if !event.reporting_controller.is_empty() {
        own.push(("reportingController", &event.reporting_controller));
    }
    let limits = Limits {
        entries: usize::MAX,
        key: KEY_LIMIT,
        value: VALUE_LIMIT,
        total: METADATA_LIMIT,
        around: r#""":"","#.len(),
        // A count has at most 20 digits.
        mark: r#""…":" more","#.len() + 20,
    };
    let found = fitting(&event.metadata, &limits, quoted_length);
    let rest = found.rest();
    // The event's own replace metadata of their name, as in Flux.
    let mut all: Vec<(Cow<'_, str>, Cow<'_, str>)> = found
        .entries
        .into_iter()
        .filter(|(key, _)| !own.iter().any(|(name, _)| name == key))
        .collect();
    for (key, value) in own {
        all.push((Cow::Borrowed(key), text::truncate(value, NAME_LIMIT)));
    }
    all.sort();
    all.extend(rest.map(|rest| (Cow::Borrowed("…"), Cow::Owned(rest))));
    all
}
