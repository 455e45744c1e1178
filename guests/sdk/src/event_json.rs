//! An event as Flux serializes it: the body of `generic`, and what others embed or sign.

use crate::{Event, json};

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
}
