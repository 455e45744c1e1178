//! What is said: one attachment, its fields in the order in which Flux writes them.
//!
//! Nothing is escaped. Rocket.Chat looks for mentions in a message's own text and in the `description` of attachments,
//! and Flux's form has neither, so that no event can notify anyone; and it does not read HTML.

use herald_provider::{Event, json, text};

/// The longest text of the attachment. Rocket.Chat's own limit (`Message_MaxAllowedSize`) is for a message's text,
/// which this form does not have; Flux declares 39,000 for its messages.
const TEXT_LIMIT: usize = 39_000;

/// The longest title and value of a field. Rocket.Chat has none; these keep a message readable.
const FIELD_TITLE_LIMIT: usize = 150;
const FIELD_VALUE_LIMIT: usize = 2_000;

/// The longest author line. A name of an object has at most 253 characters, its namespace 63 and its kind 63.
const AUTHOR_LIMIT: usize = 400;

/// Stands for an empty title or value, for which Rocket.Chat refuses the whole message (`validateAttachmentsFields` in
/// `sendMessage`): a space without width.
const NOTHING: &str = "\u{200b}";

/// The JSON body for this event. Without a channel it goes to the webhook's own.
pub(crate) fn body(event: &Event, channel: &str, username: &str) -> String {
    let metadata: usize =
        event.metadata.iter().map(|(key, value)| key.len() + value.len() + 48).sum();
    let capacity = 384 + 2 * event.message.len().min(TEXT_LIMIT) + metadata;
    json::object(capacity, |o| {
        o.text("channel", channel).text("username", username);
        o.text("icon_url", "").text("icon_emoji", "");
        o.array("attachments", |a| {
            a.object(|o| {
                let author = event.involved_object.lower_full_name();
                o.text("fallback", "")
                    .text("color", if event.is_error() { "#FF0000" } else { "#0076D7" })
                    .text("author_name", &text::truncate(&author, AUTHOR_LIMIT))
                    .text("text", &text::truncate(&event.message, TEXT_LIMIT));
                o.array("mrkdwn_in", |a| {
                    a.text("text");
                });
                o.array("fields", |a| {
                    for (key, value) in &event.metadata {
                        a.object(|o| {
                            o.text("title", or_nothing(&text::truncate(key, FIELD_TITLE_LIMIT)))
                                .text(
                                    "value",
                                    or_nothing(&text::truncate(value, FIELD_VALUE_LIMIT)),
                                )
                                .boolean("short", false);
                        });
                    }
                });
            });
        });
    })
}

fn or_nothing(text: &str) -> &str {
    if text.is_empty() { NOTHING } else { text }
}
