//! What is said: a bold heading, the message, and a line for each entry of the metadata.

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

/// How a text is marked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Markup {
    /// <https://core.telegram.org/bots/api#markdownv2-style>.
    Markdown,
    /// <https://core.telegram.org/bots/api#html-style>.
    Html,
}

impl Markup {
    /// What `parse_mode` says.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Markup::Markdown => "MarkdownV2",
            Markup::Html => "HTML",
        }
    }

    /// Begins and ends bold text.
    fn bold(self) -> (&'static str, &'static str) {
        match self {
            Markup::Markdown => ("*", "*"),
            Markup::Html => ("<b>", "</b>"),
        }
    }

    /// Appends the text as it will be read.
    fn escape(self, out: &mut String, text: &str) {
        for char in text.chars() {
            match (self, char) {
                (Markup::Html, '&') => out.push_str("&amp;"),
                (Markup::Html, '<') => out.push_str("&lt;"),
                (Markup::Html, '>') => out.push_str("&gt;"),
                (Markup::Markdown, reserved) if "\\_*[]()~`>#+-=|{}.!".contains(reserved) => {
                    out.push('\\');
                    out.push(reserved);
                }
                (_, plain) => out.push(plain),
            }
        }
    }
}

/// The text for this event. It is cut before it is escaped, so that no escape is cut in two.
pub(crate) fn text(event: &Event, markup: Markup) -> String {
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

    let (bold, end_bold) = markup.bold();
    let mut out = String::with_capacity(heading.len() + 2 * message.len() + 2 * metadata.length);
    out.push_str(bold);
    markup.escape(&mut out, &heading);
    out.push_str(end_bold);
    out.push('\n');
    markup.escape(&mut out, &message);
    out.push('\n');
    for (key, value) in &metadata.entries {
        markup.escape(&mut out, "- ");
        out.push_str(bold);
        markup.escape(&mut out, key);
        out.push_str(end_bold);
        out.push_str(": ");
        markup.escape(&mut out, value);
        out.push('\n');
    }
    if let Some(rest) = metadata.rest() {
        out.push_str("… ");
        out.push_str(&rest);
        out.push('\n');
    }
    out
}
