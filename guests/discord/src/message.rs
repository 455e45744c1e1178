//! What is said: one attachment, of which Discord makes an embed.

use herald_provider::json::Array;
use herald_provider::metadata::{Limits, fitting};
use herald_provider::{Event, json, text};

use crate::markdown;

/// Limits of an embed (<https://docs.discord.com/developers/resources/message#embed-object-embed-limits>); Discord refuses
/// a message beyond one of them with 400.
const DESCRIPTION_LIMIT: usize = 4096;
const AUTHOR_LIMIT: usize = 256;
const FIELD_NAME_LIMIT: usize = 256;
const FIELD_VALUE_LIMIT: usize = 1024;
const FIELDS_LIMIT: usize = 25;
/// All texts of a message's embeds together.
const TOTAL_LIMIT: usize = 6000;

/// The longest name that a webhook may speak under (`username` in
/// <https://docs.discord.com/developers/resources/user#usernames-and-nicknames>).
const USERNAME_LIMIT: usize = 80;

/// Room for the field that stands for those left out: `…` and a count.
const MARK_LENGTH: usize = 32;

/// Slack's colors `good` and `danger`: Discord's definition of this endpoint names only hexadecimal ones
/// (<https://github.com/discord/discord-api-spec>, `WebhookSlackEmbed`).
const GOOD: &str = "#2eb886";
const DANGER: &str = "#a30100";

/// Stands for an empty text where Discord refuses one: a space without width.
const NOTHING: &str = "\u{200b}";

/// The JSON body for this event. Without a user name the message is the reporting controller's.
pub(crate) fn body(event: &Event, username: &str) -> String {
    let username = if username.is_empty() { &event.reporting_controller } else { username };
    let author = event.involved_object.lower_full_name();
    let author = text::cut(&author, AUTHOR_LIMIT, char::len_utf16);
    let message = text::cut(&event.message, DESCRIPTION_LIMIT, markdown::length);
    let used = text::measure(&author, char::len_utf16) + text::measure(&message, markdown::length);
    let limits = Limits {
        entries: FIELDS_LIMIT,
        key: FIELD_NAME_LIMIT,
        value: FIELD_VALUE_LIMIT,
        total: TOTAL_LIMIT - used,
        // A name and a value that may be empty.
        around: 2,
        mark: MARK_LENGTH,
    };
    let fields = fitting(&event.metadata, &limits, markdown::length);
    json::object(512 + 2 * message.len() + 2 * fields.length, |o| {
        o.text_unless_empty("username", &text::cut(username, USERNAME_LIMIT, char::len_utf16));
        o.array("attachments", |a| {
            a.object(|o| {
                o.text("color", if event.is_error() { DANGER } else { GOOD })
                    .text("author_name", &author)
                    .text_unless_empty("text", &markdown::escape(&message));
                o.array("fields", |a| {
                    for (key, value) in &fields.entries {
                        field(a, &markdown::escape(key), &markdown::escape(value));
                    }
                    if let Some(rest) = fields.rest() {
                        field(a, "…", &rest);
                    }
                });
            });
        });
    })
}

/// A field under the names that Slack gives its members, and under those in Discord's own definition of this endpoint:
/// it passes over the ones it does not know.
fn field(fields: &mut Array<'_>, name: &str, value: &str) {
    let (name, value) = (or_nothing(name), or_nothing(value));
    fields.object(|o| {
        o.text("title", name).text("name", name).text("value", value);
        o.boolean("short", false).boolean("inline", false);
    });
}

fn or_nothing(text: &str) -> &str {
    if text.is_empty() { NOTHING } else { text }
}
