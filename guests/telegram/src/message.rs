//! What is said: a bold heading, the message, and a line for each entry of the metadata, in MarkdownV2.

use herald_provider::metadata::{Limits, fitting};
use herald_provider::{Event, text};

/// The longest text, counted in UTF-16 units after its entities are parsed, so without escapes and marks of emphasis
/// (<https://core.telegram.org/bots/api#sendmessage>: "1-4096 characters after entities parsing").
const TEXT_LIMIT: usize = 4096;

/// The longest heading. A name of an object has at most 253 characters, its namespace 63 and its kind 63.
const HEADING_LIMIT: usize = 400;

/// The longest key and value of the metadata, and what all of it may take from a long message. Telegram has no limits of
/// its own for them.
const KEY_LIMIT: usize = 128;
const VALUE_LIMIT: usize = 1024;
const METADATA_LIMIT: usize = 2048;

/// The text for this event. It is cut before it is escaped, so that no escape is cut in two.
pub(crate) fn text(event: &Event) -> String {
    let length = char::len_utf16;
    let object = &event.involved_object;
    let emoji = if event.is_error() { "🚨" } else { "💫" };
    let kind = object.kind.to_ascii_lowercase();
    let heading = [emoji, " ", &kind, "/", &object.name, "/", &object.namespace].concat();
    let heading = text::cut(&heading, HEADING_LIMIT, length);

    // The heading and the message end in a line break each.
    let room = TEXT_LIMIT - text::measure(&heading, length) - 2;
    let beside_message = room.saturating_sub(text::measure(&event.message, length));
    let limits = Limits {
        entries: usize::MAX,
        key: KEY_LIMIT,
        value: VALUE_LIMIT,
        total: beside_message.max(METADATA_LIMIT),
        around: "- : \n".len(),
        // The mark and a count that is at most 20 digits long.
        mark: "… ".len() + 20 + " more\n".len(),
    };
    let metadata = fitting(&event.metadata, &limits, length);
    let message = text::cut(&event.message, room.saturating_sub(metadata.length), length);

    let mut out = String::with_capacity(heading.len() + 2 * message.len() + 2 * metadata.length);
    out.push('*');
    escape(&mut out, &heading);
    out.push_str("*\n");
    escape(&mut out, &message);
    out.push('\n');
    for (key, value) in &metadata.entries {
        out.push_str("\\- *");
        escape(&mut out, key);
        out.push_str("*: ");
        escape(&mut out, value);
        out.push('\n');
    }
    if let Some(rest) = metadata.rest() {
        out.push_str("… ");
        out.push_str(&rest);
        out.push('\n');
    }
    out
}

/// Appends the text with a backslash before each character that MarkdownV2 reserves
/// (<https://core.telegram.org/bots/api#markdownv2-style>).
fn escape(out: &mut String, text: &str) {
    for char in text.chars() {
        if "\\_*[]()~`>#+-=|{}.!".contains(char) {
            out.push('\\');
        }
        out.push(char);
    }
}
