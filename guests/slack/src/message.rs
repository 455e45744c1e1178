//! What is said: one attachment, its fields in the order in which Flux writes them.

use herald_provider::{Event, json, text};

use crate::escape::escape;

/// The longest text of the attachment. Slack cuts a message's text after 40,000 characters and marks nothing
/// (<https://api.slack.com/changelog/2018-04-truncating-really-long-messages>); Flux declares 39,000 for its messages.
const TEXT_LIMIT: usize = 39_000;

/// The longest value of a field. Slack documents none for attachments; this is the limit of a field of a section block
/// (<https://docs.slack.dev/reference/block-kit/blocks/section-block>).
const FIELD_VALUE_LIMIT: usize = 2_000;

/// The longest title of a field, which is one line of bold text. Slack documents none for attachments; this is the
/// limit of a header block (<https://docs.slack.dev/reference/block-kit/blocks/header-block>).
const FIELD_TITLE_LIMIT: usize = 150;

/// The longest author line. A name of an object has at most 253 characters, its namespace 63 and its kind 63.
pub(crate) const AUTHOR_LIMIT: usize = 400;

/// The longest line for a notification and for clients without attachments. Slack documents none.
pub(crate) const FALLBACK_LIMIT: usize = 2_000;

/// The JSON body for this event. Without a user name the message is the reporting controller's.
pub(crate) fn body(event: &Event, channel: &str, username: &str) -> String {
    let username = if username.is_empty() { &event.reporting_controller } else { username };
    let object = event.involved_object.lower_full_name();
    let fallback = [object.as_str(), ": ", text::first_line(&event.message)].concat();
    let metadata: usize =
        event.metadata.iter().map(|(key, value)| key.len() + value.len() + 48).sum();
    let capacity = 384 + 2 * event.message.len().min(TEXT_LIMIT) + metadata;
    json::object(capacity, |o| {
        o.text("channel", channel).text("username", username);
        o.text("icon_url", "").text("icon_emoji", "");
        o.array("attachments", |a| {
            a.object(|o| {
                o.text("fallback", &escape(&fallback, FALLBACK_LIMIT))
                    .text("color", color(event))
                    .text("author_name", &escape(&object, AUTHOR_LIMIT))
                    .text("text", &escape(&event.message, TEXT_LIMIT));
                o.array("mrkdwn_in", |a| {
                    a.text("text");
                });
                o.array("fields", |a| {
                    for (key, value) in &event.metadata {
                        a.object(|o| {
                            o.text("title", &escape(key, FIELD_TITLE_LIMIT))
                                .text("value", &escape(value, FIELD_VALUE_LIMIT))
                                .boolean("short", false);
                        });
                    }
                });
            });
        });
    })
}

/// The color of the bar beside it.
pub(crate) fn color(event: &Event) -> &'static str {
    if event.is_error() { "danger" } else { "good" }
}
