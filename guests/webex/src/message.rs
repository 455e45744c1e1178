//! What is said: a bold heading, the message, and a quoted line for each entry of the metadata, in Markdown.

use herald_provider::metadata::{Limits, fitting};
use herald_provider::{Event, html, text};

/// The longest message, in bytes ("The maximum message length is 7439 bytes",
/// <https://developer.webex.com/docs/api/v1/messages/create-a-message>).
const MARKDOWN_LIMIT: usize = 7439;

/// The longest name of the object. A name has at most 253 characters, its namespace 63 and its kind 63.
const OBJECT_LIMIT: usize = 400;

/// The longest key and value of the metadata, and what all of it may take from a long message. Webex has no limits of
/// its own for them.
const KEY_LIMIT: usize = 128;
const VALUE_LIMIT: usize = 1024;
const METADATA_LIMIT: usize = 3000;

/// The Markdown for this event. Its texts are escaped as HTML, which Markdown lets through: Webex reads `<@all>` as a
/// mention and drops a `<directory>`. Emphasis and lists are left, as controllers write them.
pub(crate) fn markdown(event: &Event) -> String {
    let length = html::length;
    let emoji = if event.is_error() { "💣" } else { "✅" };
    let object = event.involved_object.lower_full_name();
    let object = text::cut(&object, OBJECT_LIMIT, length);
    let heading = [emoji, " **", &html::escape(&object), "**\n"].concat();

    // The message ends in a line break.
    let room = MARKDOWN_LIMIT - heading.len() - 1;
    let beside_message = room.saturating_sub(text::measure(&event.message, length));
    let limits = Limits {
        entries: usize::MAX,
        key: KEY_LIMIT,
        value: VALUE_LIMIT,
        total: beside_message.max(METADATA_LIMIT),
        around: ">****: \n".len(),
        // The mark and a count that is at most 20 digits long.
        mark: ">… ".len() + 20 + " more\n".len(),
    };
    let metadata = fitting(&event.metadata, &limits, length);
    let message = text::cut(&event.message, room.saturating_sub(metadata.length), length);

    let mut out = String::with_capacity(MARKDOWN_LIMIT.min(heading.len() + 2 * message.len()));
    out.push_str(&heading);
    out.push_str(&html::escape(&message));
    out.push('\n');
    for (key, value) in &metadata.entries {
        out.push_str(&[">**", &html::escape(key), "**: ", &html::escape(value), "\n"].concat());
    }
    if let Some(rest) = metadata.rest() {
        out.push_str(&[">… ", &rest, "\n"].concat());
    }
    out
}
