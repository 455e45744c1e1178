//! What is said: one embed, in either of two forms.

use std::borrow::Cow;

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

/// The same as the numbers that an embed takes.
const GOOD_NUMBER: i64 = 0x2e_b8_86;
const DANGER_NUMBER: i64 = 0xa3_01_00;

/// Stands for a text of nothing or blanks where Discord refuses one: a space without width.
const NOTHING: &str = "\u{200b}";

/// What is said of an event, within all limits and escaped.
struct Parts<'a> {
    username: Cow<'a, str>,
    author: String,
    message: String,
    fields: Vec<(String, String)>,
}

impl<'a> Parts<'a> {
    /// Without a user name the message is the reporting controller's.
    fn of(event: &'a Event, username: &'a str) -> Self {
        let username = if username.is_empty() { &event.reporting_controller } else { username };
        let author = event.involved_object.lower_full_name();
        let author = text::cut(&author, AUTHOR_LIMIT, char::len_utf16);
        let message = text::cut(&event.message, DESCRIPTION_LIMIT, markdown::length);
        let used =
            text::measure(&author, char::len_utf16) + text::measure(&message, markdown::length);
        let limits = Limits {
            entries: FIELDS_LIMIT,
            key: FIELD_NAME_LIMIT,
            value: FIELD_VALUE_LIMIT,
            total: TOTAL_LIMIT - used,
            // A name and a value that may be empty.
            around: 2,
            mark: MARK_LENGTH,
        };
        let fitting = fitting(&event.metadata, &limits, markdown::length);
        let rest = fitting.rest().map(|rest| (text::CUT.to_string(), rest));
        let fields = fitting
            .entries
            .iter()
            .map(|(key, value)| (markdown::escape(key), markdown::escape(value)))
            .chain(rest)
            .map(|(key, value)| (or_nothing(key), or_nothing(value)))
            .collect();
        Self {
            username: text::cut(username.trim(), USERNAME_LIMIT, char::len_utf16),
            message: markdown::escape(&message),
            author: author.into_owned(),
            fields,
        }
    }

    /// A guess at the length of the body.
    fn capacity(&self) -> usize {
        let fields: usize =
            self.fields.iter().map(|(key, value)| 2 * key.len() + value.len() + 80).sum();
        512 + self.message.len() + fields
    }
}

/// The JSON body of the Slack-compatible side: one attachment, of which Discord makes an embed.
pub(crate) fn attachment(event: &Event, username: &str) -> String {
    let parts = Parts::of(event, username);
    json::object(parts.capacity(), |o| {
        o.text_unless_empty("username", &parts.username);
        o.array("attachments", |a| {
            a.object(|o| {
                o.text("color", if event.is_error() { DANGER } else { GOOD })
                    .text("author_name", &parts.author)
                    .text_unless_empty("text", &parts.message);
                o.array("fields", |a| {
                    for (name, value) in &parts.fields {
                        slack_field(a, name, value);
                    }
                });
            });
        });
    })
}

/// The JSON body of the webhook itself: one embed, and nobody is mentioned whatever its texts say.
pub(crate) fn embed(event: &Event, username: &str) -> String {
    let parts = Parts::of(event, username);
    json::object(parts.capacity(), |o| {
        o.text_unless_empty("username", &parts.username);
        o.array("embeds", |a| {
            a.object(|o| {
                o.object("author", |o| {
                    o.text("name", &parts.author);
                })
                .text_unless_empty("description", &parts.message)
                .number("color", if event.is_error() { DANGER_NUMBER } else { GOOD_NUMBER });
                if let Some(timestamp) = &event.timestamp {
                    o.text("timestamp", &timestamp.rfc3339);
                }
                o.array("fields", |a| {
                    for (name, value) in &parts.fields {
                        a.object(|o| {
                            o.text("name", name).text("value", value).boolean("inline", false);
                        });
                    }
                });
            });
        });
        o.object("allowed_mentions", |o| {
            o.array("parse", |_| {});
        });
    })
}

/// A field under the names that Slack gives its members, and under those in Discord's own definition of this endpoint:
/// it passes over the ones it does not know.
fn slack_field(fields: &mut Array<'_>, name: &str, value: &str) {
    fields.object(|o| {
        o.text("title", name).text("name", name).text("value", value);
        o.boolean("short", false).boolean("inline", false);
    });
}

fn or_nothing(text: String) -> String {
    if text.trim().is_empty() { NOTHING.to_owned() } else { text }
}
