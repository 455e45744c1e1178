//! What a workflow gets: the event as Flux serializes it, under a type that names the object.

use herald_provider::{Event, event_json_within, json, text};

/// The longest type
/// (<https://docs.github.com/en/rest/repos/repos#create-a-repository-dispatch-event>, `event_type`: "Must be 100
/// characters or fewer").
const TYPE_LIMIT: usize = 100;

/// The longest payload, in bytes (the same page, `client_payload`: "The total size of the JSON payload must be less than
/// 64KB"). It says neither which KB, nor whether the type counts, so a little is left. An event has eight of the ten
/// members at most that GitHub takes.
const PAYLOAD_LIMIT: usize = 63_000;

/// The JSON body for this event.
pub(crate) fn body(event: &Event) -> String {
    let payload = event_json_within(event, PAYLOAD_LIMIT);
    json::object(payload.len() + 256, |o| {
        o.text("event_type", &text::truncate(&event.involved_object.full_name(), TYPE_LIMIT))
            .raw("client_payload", &payload);
    })
}

#[cfg(test)]
mod tests {
    use herald_provider::{event_json, testing};

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
    fn a_long_payload_is_cut() {
        let mut event = testing::event();
        event.message = "x".repeat(70_000);
        let body = body(&event);
        let cut = body.contains(r#""client_payload":{"#) && body.contains("xx…\"");
        assert!(cut && body.len() <= PAYLOAD_LIMIT + 200, "{}", body.len());
    }
}
