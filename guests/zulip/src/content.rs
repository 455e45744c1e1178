//! What is said: the report that Flux sends, within Zulip's limit and without anyone being notified.

use std::borrow::Cow;

use herald_provider::metadata::{Limits, fitting};
use herald_provider::{Event, ObjectReference, markdown_report, text};

/// The longest content, in characters (<https://zulip.com/api/register-queue>, `max_message_length`). Zulip cuts a
/// longer one at its end, where the metadata is.
const CONTENT_LIMIT: usize = 10_000;

/// What the report has around the texts of an event: heading, signs, line breaks, `Metadata:`.
const FRAME_LENGTH: usize = 64;

/// The longest kind, namespace and name: the first two have at most 63 characters in Kubernetes, a name 253.
const NAME_LIMIT: usize = 253;

/// The longest key and value of the metadata, and what all of it may take from a long message. Zulip has no limits of
/// its own for them.
const KEY_LIMIT: usize = 256;
const VALUE_LIMIT: usize = 1_024;
const METADATA_LIMIT: usize = 3_000;

/// A space without width.
const NOTHING: char = '\u{200b}';

/// The content for this event.
pub(crate) fn of(event: &Event) -> String {
    let length = |_| 1;
    let name = |text: &str| text::truncate(&harmless(text), NAME_LIMIT).into_owned();
    let object = &event.involved_object;
    let object = ObjectReference {
        kind: name(&object.kind),
        namespace: name(&object.namespace),
        name: name(&object.name),
        ..object.clone()
    };
    let message = harmless(&event.message);
    let all: Vec<(String, String)> = event
        .metadata
        .iter()
        .map(|(key, value)| (harmless(key).into_owned(), harmless(value).into_owned()))
        .collect();

    let names = [&object.kind, &object.namespace, &object.name];
    let names: usize = names.iter().map(|name| text::measure(name, length)).sum();
    let room = CONTENT_LIMIT - FRAME_LENGTH - names;
    let beside_message = room.saturating_sub(text::measure(&message, length));
    let limits = Limits {
        entries: usize::MAX,
        key: KEY_LIMIT,
        value: VALUE_LIMIT,
        total: beside_message.max(METADATA_LIMIT),
        around: "* ``: \n".len(),
        // The mark and a count that is at most 20 digits long.
        mark: "* … \n".len() + 20 + " more".len(),
    };
    let metadata = fitting(&all, &limits, length);
    let message = text::truncate(&message, room.saturating_sub(metadata.length)).into_owned();
    let rest = metadata.rest();
    let entries = metadata.entries.into_iter();
    let metadata = entries.map(|(key, value)| (key.into_owned(), value.into_owned())).collect();

    let mut out =
        markdown_report(&Event { involved_object: object, message, metadata, ..event.clone() });
    if let Some(rest) = rest {
        out.push_str(&["* … ", &rest, "\n"].concat());
    }
    out
}

/// The text without the NUL, for which Zulip refuses a message, and with a space without width in what would notify
/// people: `@**name**`, `@**all**` and `@*group*` (<https://zulip.com/help/mention-a-user-or-group>). It reads the
/// same, and the rest of the Markdown stays: controllers write some.
fn harmless(text: &str) -> Cow<'_, str> {
    if !text.contains("@*") && !text.contains('\0') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    let mut before = ' ';
    for char in text.chars().filter(|char| *char != '\0') {
        if before == '@' && char == '*' {
            out.push(NOTHING);
        }
        out.push(char);
        before = char;
    }
    Cow::Owned(out)
}
