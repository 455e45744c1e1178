//! What a workflow gets: the event as Flux serializes it, under a type that names the object.

use herald_provider::json::quoted_length;
use herald_provider::metadata::{Limits, fitting};
use herald_provider::{Event, event_json, json, text};

/// The longest type
/// (<https://docs.github.com/en/rest/repos/repos#create-a-repository-dispatch-event>, `event_type`: "Must be 100
/// characters or fewer").
const TYPE_LIMIT: usize = 100;

/// The longest payload, in bytes (the same page, `client_payload`: "The total size of the JSON payload must be less than
/// 64KB"). It says neither which KB, nor whether the type counts, so a little is left. An event has eight of the ten
/// members at most that GitHub takes.
const PAYLOAD_LIMIT: usize = 63_000;

/// What metadata is held to once a payload is too long, in bytes: the longest key and value, and what all of it may take
/// from a long message. GitHub has no limits of its own for them.
const KEY_LIMIT: usize = 1 << 10;
const VALUE_LIMIT: usize = 8 << 10;
const METADATA_LIMIT: usize = 16 << 10;

/// The JSON body for this event.
pub(crate) fn body(event: &Event) -> String {
    let payload = payload(event);
    json::object(payload.len() + 256, |o| {
        o.text("event_type", &text::truncate(&event.involved_object.full_name(), TYPE_LIMIT))
            .raw("client_payload", &payload);
    })
}

/// The event as JSON; where that is too long, with its message and metadata cut.
fn payload(event: &Event) -> String {
    const AROUND: usize = r#""":"","#.len();

    let whole = event_json(event);
    if whole.len() <= PAYLOAD_LIMIT {
        return whole;
    }
    let message = text::measure(&event.message, quoted_length);
    let entry = |(key, value): &(String, String)| {
        text::measure(key, quoted_length) + text::measure(value, quoted_length) + AROUND
    };
    let metadata: usize = event.metadata.iter().map(entry).sum();
    let room = PAYLOAD_LIMIT.saturating_sub(whole.len().saturating_sub(message + metadata));
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
        ..event.clone()
    };
    event_json(&event)
}

#[cfg(test)]
mod tests {
    use herald_provider::testing;

    use super::*;

    #[test]
    fn an_event_is_passed_on_as_it_is() {
        let event = testing::event();
        assert_eq!(
            body(&event),
            [
                r#"{"event_type":"GitRepository/webapp.gitops-system","client_payload":"#,
                &event_json(&event),
                "}"
            ]
            .concat()
        );
    }

    #[test]
    fn a_long_type_is_cut() {
        let mut event = testing::event();
        event.involved_object.name = "x".repeat(120);
        let expected =
            ["{\"event_type\":\"GitRepository/", &"x".repeat(85), "…\",\"client_payload\""]
                .concat();
        assert!(body(&event).starts_with(&expected));
    }

    #[test]
    fn a_payload_is_cut_to_what_github_takes() {
        let check = |message: &str, n_values: usize, value: &str, expected: &[&str]| {
            let mut event = testing::event();
            event.message = message.to_owned();
            event.metadata =
                (0..n_values).map(|n| (format!("key-{n:03}"), value.to_owned())).collect();
            let payload = payload(&event);
            assert!(payload.len() <= PAYLOAD_LIMIT, "{}", payload.len());
            assert!(payload.len() > PAYLOAD_LIMIT - 9_000, "{}", payload.len());
            for part in expected {
                assert!(payload.contains(part), "{part}");
            }
        };
        check(&"x".repeat(70_000), 1, "value", &["xx…\"", r#""key-000":"value"}"#]);
        check(&"<".repeat(70_000), 0, "", &["\\u003c…\""]);
        check(&"🦀".repeat(20_000), 1, "value", &["🦀…\"", r#""key-000":"value"}"#]);
        check("short", 100, &"y".repeat(1000), &[r#""message":"short""#, r#""…":"#, " more\"}"]);
        check(&"x".repeat(70_000), 100, &"y".repeat(1000), &["xx…\"", " more\"}"]);
        check(&"x".repeat(60_000), 1, &"y".repeat(20_000), &["yy…\"}"]);
    }
}
