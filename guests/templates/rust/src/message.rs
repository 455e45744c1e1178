//! What is said: a title, the event's message and its metadata, and how loud.

use herald_provider::{Event, json, text};

/// The longest message. A longer one would arrive as a file, and the body may have twice as much in all
/// (<https://docs.ntfy.sh/publish/#limitations>).
const MESSAGE_LIMIT: usize = 4_096;
/// The longest title, so that body and title fit together.
const TITLE_LIMIT: usize = 512;

/// The JSON body.
pub(crate) fn body(event: &Event, topic: &str) -> String {
    let title = title(event);
    let message = message(event);
    let is_error = event.severity == "error";
    json::object(256 + title.len() + 2 * message.len(), |o| {
        o.text("topic", topic).text("title", &title).text("message", &message);
        o.array("tags", |a| {
            a.text(if is_error { "rotating_light" } else { "white_check_mark" });
        });
        // From 1 to 5; 3 is the usual.
        o.number("priority", if is_error { 4 } else { 3 });
    })
}

/// `kustomization/web.apps: health check failed`.
fn title(event: &Event) -> String {
    let mut title = event.involved_object.lower_full_name();
    if !event.reason.is_empty() {
        title.push_str(&[": ", &text::reason_words(&event.reason)].concat());
    }
    text::cut(&title, TITLE_LIMIT, length).into_owned()
}

/// The message, and below it a line for each entry of the metadata.
fn message(event: &Event) -> String {
    let mut message = text::cut(&event.message, MESSAGE_LIMIT, length).into_owned();
    for (key, value) in &event.metadata {
        message.push_str(&["\n", key, ": ", value].concat());
        if message.len() > MESSAGE_LIMIT {
            break;
        }
    }
    text::cut(&message, MESSAGE_LIMIT, length).into_owned()
}

/// What a character takes in JSON.
fn length(char: char) -> usize {
    match char {
        '"' | '\\' | '\n' | '\r' | '\t' => 2,
        '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => 6,
        char if char.is_control() => 6,
        char => char.len_utf8(),
    }
}
