//! What is said: a line for the object, the message, and a line for each entry of the metadata.

use herald_provider::json::{self, Object, Value};
use herald_provider::metadata::{Fitting, Limits, fitting};
use herald_provider::{Event, text};

/// The longest content of a message, as canonical JSON in bytes. An event has at most 65,536
/// (<https://spec.matrix.org/latest/client-server-api/#size-limits>), of which the server needs some for what it adds:
/// sender, room, signatures, and the events before this one.
const CONTENT_LIMIT: usize = 60_000;

/// What the content takes besides its texts: names of members, quotes, and in HTML the elements around the message.
const FRAME_LENGTH: usize = 512;

/// The longest line for the object. A name of an object has at most 253 characters, its namespace 63 and its kind 63.
const HEADING_LIMIT: usize = 1_000;

/// The longest key and value of the metadata, and what all of it may take from a long message. Matrix has no limits of
/// its own for them.
const KEY_LIMIT: usize = 512;
const VALUE_LIMIT: usize = 4_096;
const METADATA_LIMIT: usize = 8_192;

/// How the text is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// As Flux sends it.
    Text,
    /// HTML, and the text for clients that show none.
    Html,
}

impl Form {
    /// What the user chose.
    pub(crate) fn of(options: &Value) -> Self {
        if options["format"] == "html" { Form::Html } else { Form::Text }
    }

    /// What a character takes in the content.
    fn length(self, char: char) -> usize {
        let plain = canonical_length(char);
        match (self, html(char)) {
            (Form::Text, _) => plain,
            (Form::Html, None) => 2 * plain,
            (Form::Html, Some(escaped)) => plain + escaped.len(),
        }
    }

    /// What an entry of the metadata takes besides its key and value.
    fn around_entry(self) -> usize {
        let plain = "- : \\n".len();
        match self {
            Form::Text => plain,
            Form::Html => plain + "<li><strong></strong>: </li>".len(),
        }
    }
}

/// Writes the content of the message's event.
pub(crate) fn write(o: &mut Object<'_>, event: &Event, form: Form) {
    let length = |char| form.length(char);
    let emoji = if event.is_error() { "🚨" } else { "💫" };
    let object = event.involved_object.lower_full_name();
    let object = text::cut(&object, HEADING_LIMIT, length);

    let room = CONTENT_LIMIT - FRAME_LENGTH - text::measure(&object, length);
    let beside_message = room.saturating_sub(text::measure(&event.message, length));
    let limits = Limits {
        entries: usize::MAX,
        key: KEY_LIMIT,
        value: VALUE_LIMIT,
        total: beside_message.max(METADATA_LIMIT),
        around: form.around_entry(),
        // The entry that stands for those left out: a mark of three bytes, and a count that is at most 20 digits long.
        mark: form.around_entry() + 2 * ("…  more".len() + 20),
    };
    let metadata = fitting(&event.metadata, &limits, length);
    let message = text::cut(&event.message, room.saturating_sub(metadata.length), length);

    let plain = plain_text(emoji, &object, &message, &metadata);
    o.text("body", &plain);
    if form == Form::Html {
        o.text("format", "org.matrix.custom.html")
            .text("formatted_body", &html_text(emoji, &object, &message, &metadata));
    }
    // Says that nobody is meant: without it, old rules of notification look for `@room` in the text
    // (<https://spec.matrix.org/latest/client-server-api/#user-and-room-mentions>).
    if form == Form::Html || plain.contains("@room") {
        o.object("m.mentions", |_| {});
    }
    o.text("msgtype", "m.text");
}

fn plain_text(emoji: &str, object: &str, message: &str, metadata: &Fitting<'_>) -> String {
    let mut out = [emoji, " ", object, "\n", message, "\n"].concat();
    for (key, value) in &metadata.entries {
        out.push_str(&["- ", key, ": ", value, "\n"].concat());
    }
    if let Some(rest) = metadata.rest() {
        out.push_str(&["… ", &rest, "\n"].concat());
    }
    out
}

/// The same in elements that the specification recommends clients to show
/// (<https://spec.matrix.org/latest/client-server-api/#mroommessage-msgtypes>).
fn html_text(emoji: &str, object: &str, message: &str, metadata: &Fitting<'_>) -> String {
    let mut out = ["<p>", emoji, " <strong>", &escape(object), "</strong></p>"].concat();
    if !message.is_empty() {
        out.push_str(&["<p>", &escape(message), "</p>"].concat());
    }
    let rest = metadata.rest();
    if metadata.entries.is_empty() && rest.is_none() {
        return out;
    }
    out.push_str("<ul>");
    for (key, value) in &metadata.entries {
        let (key, value) = (escape(key), escape(value));
        out.push_str(&["<li><strong>", &key, "</strong>: ", &value, "</li>"].concat());
    }
    if let Some(rest) = rest {
        out.push_str(&["<li>… ", &rest, "</li>"].concat());
    }
    out.push_str("</ul>");
    out
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for char in text.chars() {
        match html(char) {
            Some(escaped) => out.push_str(escaped),
            None => out.push(char),
        }
    }
    out
}

/// What stands for a character in HTML; a line break stays one.
fn html(char: char) -> Option<&'static str> {
    match char {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        '"' => Some("&quot;"),
        '\n' => Some("<br>"),
        _ => None,
    }
}

/// What a character takes in canonical JSON, in which the server measures; it escapes less than what is sent.
fn canonical_length(char: char) -> usize {
    match char {
        '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => char.len_utf8(),
        other => json::quoted_length(other),
    }
}
