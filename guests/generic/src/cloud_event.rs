//! The event within a CloudEvent, in structured mode: one JSON object that holds attributes and data.

use herald_provider::{Delivery, event_json, json};

/// The content type of structured mode
/// (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md>).
pub(crate) const CONTENT_TYPE: &str = "application/cloudevents+json";

/// What kind of thing `data` is. It changes with the event's form, and not with what happened.
const TYPE: &str = "dev.herald.event.v1";

/// The JSON body: who reports is the source, the object the subject, and the event as Flux sends it the data.
pub(crate) fn body(delivery: &Delivery) -> String {
    let event = &delivery.event;
    let data = event_json(event);
    json::object(data.len() + 384, |o| {
        // The same for every attempt, so that a receiver knows what it has already.
        o.text("specversion", "1.0")
            .text("id", &delivery.id)
            .text("source", &source(&event.reporting_controller))
            .text("type", TYPE)
            .text("subject", &event.involved_object.full_name());
        if let Some(timestamp) = &event.timestamp {
            o.text("time", &timestamp.rfc3339);
        }
        o.text("datacontenttype", "application/json").raw("data", &data);
    })
}

/// The controller as a path. A source is a reference to a URI and never empty.
fn source(controller: &str) -> String {
    let mut out = String::with_capacity(controller.len() + 8);
    out.push('/');
    for byte in controller.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            other => {
                out.push('%');
                for digit in [other >> 4, other & 0xf] {
                    let digit = char::from_digit(u32::from(digit), 16).unwrap_or_default();
                    out.push(digit.to_ascii_uppercase());
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_a_reference_to_a_uri() {
        for (controller, expected) in [
            ("kustomize-controller", "/kustomize-controller"),
            ("", "/"),
            ("ci.example/run", "/ci.example%2Frun"),
            ("ä b", "/%C3%A4%20b"),
        ] {
            assert_eq!(source(controller), expected);
        }
    }
}
