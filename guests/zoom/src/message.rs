//! What is said: a head with the object and the severity, the message, and a field for each entry of the metadata.

use std::borrow::Cow;

use herald_provider::{Event, json, text};

/// The longest text. Zoom states none for this webhook; a message in its chat has at most 4,096 characters
/// (<https://docs.recall.ai/docs/chat-messages>).
const TEXT_LIMIT: usize = 4_096;

/// The JSON body for this event. Without `is_markdown_support` Zoom reads no markup and no mentions in it
/// (<https://developers.zoom.us/docs/chat/customizing-messages/markdown/>), so nothing is escaped.
pub(crate) fn body(event: &Event) -> String {
    let metadata: usize =
        event.metadata.iter().map(|(key, value)| key.len() + value.len() + 24).sum();
    json::object(256 + 2 * event.message.len().min(TEXT_LIMIT) + metadata, |o| {
        o.object("content", |o| {
            o.object("head", |o| {
                o.text("text", &cut(&event.involved_object.lower_full_name()));
                o.object("sub_head", |o| {
                    o.text("text", &cut(&event.severity));
                });
            });
            o.array("body", |a| {
                a.object(|o| {
                    o.text("type", "message").text_unless_empty("text", &cut(&event.message));
                });
                if event.metadata.is_empty() {
                    return;
                }
                a.object(|o| {
                    o.text("type", "fields").array("items", |a| {
                        for (key, value) in &event.metadata {
                            a.object(|o| {
                                o.text("key", &cut(key)).text("value", &cut(value));
                            });
                        }
                    });
                });
            });
        });
    })
}

fn cut(text: &str) -> Cow<'_, str> {
    text::truncate(text, TEXT_LIMIT)
}
