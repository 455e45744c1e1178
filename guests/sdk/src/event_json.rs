//! An event as Flux serializes it: the body of `generic`, and what others embed or sign; whole, or cut to what a receiver
//! takes.

use crate::json::quoted_length;
use crate::metadata::{Limits, fitting};
use crate::{Event, ObjectReference, json, text};

/// What the parts of an event are held to once it is too long, in bytes of JSON: a key of its metadata, a value of it,
/// what all of it may take from a long message, and every other text. No receiver asks for these: they leave most of the
/// room to the message.
const KEY_LIMIT: usize = 1 << 10;
const VALUE_LIMIT: usize = 8 << 10;
const METADATA_LIMIT: usize = 16 << 10;
const TEXT_LIMIT: usize = 1 << 10;

/// The whole event as JSON, byte for byte what Flux sends: its order of fields, its escapes, empty optional fields left
/// out, and `null` for a missing timestamp.
#[must_use]
pub fn event_json(event: &Event) -> String {
    let metadata: usize =
        event.metadata.iter().map(|(key, value)| key.len() + value.len() + 8).sum();
    json::object(512 + event.message.len() + metadata, |o| {
        o.object("involvedObject", |o| {
            let object = &event.involved_object;
            o.text_unless_empty("kind", &object.kind)
                .text_unless_empty("namespace", &object.namespace)
                .text_unless_empty("name", &object.name)
                .text_unless_empty("uid", &object.uid)
                .text_unless_empty("apiVersion", &object.api_version)
                .text_unless_empty("resourceVersion", &object.resource_version)
                .text_unless_empty("fieldPath", &object.field_path);
        });
        o.text("severity", &event.severity);
        match &event.timestamp {
            Some(timestamp) => o.text("timestamp", &timestamp.rfc3339),
            None => o.null("timestamp"),
        };
        o.text("message", &event.message).text("reason", &event.reason);
        if !event.metadata.is_empty() {
            o.object("metadata", |o| {
                for (key, value) in &event.metadata {
                    o.text(key, value);
                }
            });
        }
        o.text("reportingController", &event.reporting_controller)
            .text_unless_empty("reportingInstance", &event.reporting_instance);
    })
}

/// The event as JSON in at most `limit` bytes, of which 32 KiB are needed. Where it is longer, its texts and the keys and
/// values of its metadata are cut with [`text::CUT`], and what does not fit of the metadata is counted under that key.
#[must_use]
pub fn event_json_within(event: &Event, limit: usize) -> String {
    /// What an entry of the metadata takes besides its key and value.
    const AROUND: usize = r#""":"","#.len();

    // Escapes can make an event six times as long as it came, so it is not written only to be measured.
    if length_of_texts(event) <= limit {
        let whole = event_json(event);
        if whole.len() <= limit {
            return whole;
        }
    }
    let bare = without_long_texts(event);
    let room = limit.saturating_sub(event_json(&bare).len() + r#","metadata":{}"#.len());
    let message = text::measure(&event.message, quoted_length);
    let limits = Limits {
        entries: usize::MAX,
        key: KEY_LIMIT,
        value: VALUE_LIMIT,
        total: room.saturating_sub(message).max(METADATA_LIMIT).min(room),
        around: AROUND,
        // A count has at most 20 digits.
        mark: r#""…":" more","#.len() + 20,
    };
    let fitting = fitting(&event.metadata, &limits, quoted_length);
    let rest = fitting.rest().map(|rest| (text::CUT.to_string(), rest));
    let room = room.saturating_sub(fitting.length);
    let event = Event {
        message: text::cut(&event.message, room, quoted_length).into_owned(),
        metadata: fitting
            .entries
            .into_iter()
            .map(|(key, value)| (key.into_owned(), value.into_owned()))
            .chain(rest)
            .collect(),
        ..bare
    };
    event_json(&event)
}

/// How long all texts of an event are in JSON, without what stands around them.
fn length_of_texts(event: &Event) -> usize {
    let object = &event.involved_object;
    let texts = [
        &object.api_version,
        &object.kind,
        &object.namespace,
        &object.name,
        &object.uid,
        &object.resource_version,
        &object.field_path,
        &event.severity,
        &event.message,
        &event.reason,
        &event.reporting_controller,
        &event.reporting_instance,
    ];
    let metadata = event.metadata.iter().flat_map(|(key, value)| [key, value]);
    texts.into_iter().chain(metadata).map(|text| text::measure(text, quoted_length)).sum()
}

/// The event with neither message nor metadata, and all its other texts short.
fn without_long_texts(event: &Event) -> Event {
    let short = |text: &str| text::cut(text, TEXT_LIMIT, quoted_length).into_owned();
    let object = &event.involved_object;
    Event {
        involved_object: ObjectReference {
            api_version: short(&object.api_version),
            kind: short(&object.kind),
            namespace: short(&object.namespace),
            name: short(&object.name),
            uid: short(&object.uid),
            resource_version: short(&object.resource_version),
            field_path: short(&object.field_path),
        },
        severity: short(&event.severity),
        timestamp: event.timestamp.clone(),
        message: String::new(),
        reason: short(&event.reason),
        metadata: Vec::new(),
        reporting_controller: short(&event.reporting_controller),
        reporting_instance: short(&event.reporting_instance),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::event;

    #[test]
    fn an_event_has_the_bytes_of_flux() {
        let expected = r#"{"involvedObject":{"kind":"GitRepository","namespace":"gitops-system","name":"webapp","uid":"1234","apiVersion":"source.toolkit.fluxcd.io/v1"},"severity":"info","timestamp":"2020-01-01T00:00:00Z","message":"message","reason":"reason","metadata":{"test":"metadata"},"reportingController":"source-controller","reportingInstance":"source-controller-xyz"}"#;
        assert_eq!(expected.len(), 351);
        assert_eq!(event_json(&event()), expected);
    }

    #[test]
    fn what_is_missing_is_null_or_left_out() {
        let event = Event {
            timestamp: None,
            metadata: Vec::new(),
            reporting_controller: String::new(),
            reporting_instance: String::new(),
            ..event()
        };
        assert_eq!(
            event_json(&event),
            r#"{"involvedObject":{"kind":"GitRepository","namespace":"gitops-system","name":"webapp","uid":"1234","apiVersion":"source.toolkit.fluxcd.io/v1"},"severity":"info","timestamp":null,"message":"message","reason":"reason","reportingController":""}"#
        );
    }

    #[test]
    fn a_long_event_is_cut_to_what_is_taken() {
        const LIMIT: usize = 63_000;
        let check = |message: &str, n_values: usize, value: &str, expected: &[&str]| {
            let mut event = event();
            event.message = message.to_owned();
            event.metadata =
                (0..n_values).map(|n| (format!("key-{n:03}"), value.to_owned())).collect();
            let json = event_json_within(&event, LIMIT);
            assert!(json.len() <= LIMIT && json.len() > LIMIT - 9_000, "{}", json.len());
            for part in expected {
                assert!(json.contains(part), "{part}");
            }
        };
        check(&"x".repeat(70_000), 1, "value", &["xx…\"", r#""key-000":"value"}"#]);
        check(&"<".repeat(70_000), 0, "", &["\\u003c…\""]);
        check(&"🦀".repeat(20_000), 1, "value", &["🦀…\"", r#""key-000":"value"}"#]);
        check("short", 100, &"y".repeat(1000), &[r#""message":"short""#, r#""…":"#, " more\"}"]);
        check(&"x".repeat(70_000), 100, &"y".repeat(1000), &["xx…\"", " more\"}"]);
        check(&"x".repeat(60_000), 1, &"y".repeat(20_000), &["yy…\"}"]);
    }

    #[test]
    fn an_event_is_cut_wherever_it_is_long() {
        let long = "\u{1}".repeat(100_000);
        let mut event = event();
        event.involved_object.name = long.clone();
        event.involved_object.field_path = long.clone();
        event.reason = long.clone();
        event.reporting_instance = long.clone();
        event.metadata = vec![(long.clone(), long)];
        let json = event_json_within(&event, 63_000);
        assert!(json.len() <= 63_000 && json.contains(r#""message":"message""#), "{}", json.len());
        assert_eq!(json.matches("\\u0001…\"").count(), 6);
        assert_eq!(event_json_within(&event, usize::MAX), event_json(&event));
    }
}
