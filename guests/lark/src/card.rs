//! What is said: a card with a heading, the message, and a line for each entry of the metadata.

use herald_provider::json::{self, Array, Object, Value};
use herald_provider::metadata::{Limits, fitting};
use herald_provider::{Event, text};

/// The longest body, in bytes: "20 KB" in the custom bot's guide
/// (<https://open.larksuite.com/document/client-docs/bot-v3/add-custom-bot>), which leaves open how many a KB has.
const BODY_LIMIT: usize = 20_000;

/// What the body takes besides its texts: the card's members, and time and signature.
const FRAME_LENGTH: usize = 512;

/// The longest heading, in bytes. A name of an object has at most 253 characters, its namespace 63 and its kind 63.
const HEADING_LIMIT: usize = 1_000;

/// The longest key and value of the metadata, and what all of it may take from a long message, in bytes. Lark has no
/// limits of its own for them.
const KEY_LIMIT: usize = 256;
const VALUE_LIMIT: usize = 2_048;
const METADATA_LIMIT: usize = 5_000;

/// Which card is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// As Flux sends it
    /// (<https://open.larksuite.com/document/uAjLw4CM/ukzMukzMukzM/feishu-cards/card-json-structure>).
    One,
    /// Schema 2.0
    /// (<https://open.larksuite.com/document/uAjLw4CM/ukzMukzMukzM/feishu-cards/card-json-v2-structure>). It refuses
    /// members that it does not know.
    Two,
}

impl Version {
    /// What the user chose.
    pub(crate) fn of(options: &Value) -> Self {
        if options["format"] == "cardV2" { Version::Two } else { Version::One }
    }

    /// What a character of message or metadata takes in the body.
    fn length(self, char: char) -> usize {
        match (self, markup(char)) {
            (Version::One, Some(escaped)) => text::measure(escaped, json::quoted_length),
            _ => json::quoted_length(char),
        }
    }

    /// The text as the card shows it unchanged.
    fn shown(self, text: &str) -> String {
        let mut out = String::with_capacity(text.len() + 16);
        for char in text.chars() {
            match (self, markup(char)) {
                (Version::One, Some(escaped)) => out.push_str(escaped),
                _ => out.push(char),
            }
        }
        out
    }
}

/// What stands for a character that begins markup in a text of version 1: tags such as `<at id=all>`, emphasis, links
/// (<https://open.larksuite.com/document/uAjLw4CM/ukzMukzMukzM/feishu-cards/card-components/content-components/rich-text>).
/// Other characters stay as they are, as Flux sends them.
fn markup(char: char) -> Option<&'static str> {
    match char {
        '<' => Some("&#60;"),
        '*' => Some("&#42;"),
        '~' => Some("&#126;"),
        '[' => Some("&#91;"),
        _ => None,
    }
}

/// The whole body for this event, unsigned.
pub(crate) fn message(event: &Event, version: Version) -> String {
    let length = |char| version.length(char);
    let emoji = if event.is_error() { "🚨" } else { "💫" };
    let heading = [emoji, " ", &event.involved_object.lower_full_name()].concat();
    let heading = text::cut(&heading, HEADING_LIMIT, json::quoted_length);

    let room = BODY_LIMIT - FRAME_LENGTH - text::measure(&heading, json::quoted_length);
    let beside_message = room.saturating_sub(text::measure(&event.message, length));
    let limits = Limits {
        entries: usize::MAX,
        key: KEY_LIMIT,
        value: VALUE_LIMIT,
        total: beside_message.max(METADATA_LIMIT),
        around: r": \n".len(),
        // The mark and a count that is at most 20 digits long.
        mark: r"…  more\n".len() + 20,
    };
    let metadata = fitting(&event.metadata, &limits, length);
    let message = text::cut(&event.message, room.saturating_sub(metadata.length), length);
    let message = version.shown(&message);
    let mut lines = String::with_capacity(2 * metadata.length);
    for (key, value) in &metadata.entries {
        lines.push_str(&[&version.shown(key), ": ", &version.shown(value), "\n"].concat());
    }
    if let Some(rest) = metadata.rest() {
        lines.push_str(&["… ", &rest, "\n"].concat());
    }

    let template = if event.is_error() { "red" } else { "turquoise" };
    let header = |o: &mut Object<'_>| {
        o.object("title", |o| {
            o.text("tag", "plain_text").text("content", &heading);
        });
        o.text("template", template);
    };
    json::object(BODY_LIMIT.min(1024 + 2 * message.len() + 2 * lines.len()), |o| {
        o.text("msg_type", "interactive").object("card", |o| match version {
            Version::One => {
                o.object("config", |o| {
                    o.boolean("wide_screen_mode", true);
                });
                o.object("header", header).array("elements", |a| {
                    div(a, "lark_md", &["**", &message, "**\n\n", &lines].concat());
                });
            }
            Version::Two => {
                o.text("schema", "2.0");
                o.object("config", |o| {
                    o.boolean("update_multi", true);
                });
                o.object("header", header).object("body", |o| {
                    o.array("elements", |a| {
                        for text in [message.as_str(), lines.trim_end_matches('\n')] {
                            if !text.is_empty() {
                                div(a, "plain_text", text);
                            }
                        }
                    });
                });
            }
        });
    })
}

fn div(elements: &mut Array<'_>, tag: &str, content: &str) {
    elements.object(|o| {
        o.text("tag", "div").object("text", |o| {
            o.text("tag", tag).text("content", content);
        });
    });
}
