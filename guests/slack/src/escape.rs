//! Slack's own markup: what it would read in a text that is meant literally.

use std::borrow::Cow;

use herald_provider::text;

/// The text with the three characters replaced that Slack reads as its own, so that no event can mention a channel
/// (`<!here>`) or disguise a link (<https://docs.slack.dev/messaging/formatting-message-text#escaping>).
pub(crate) fn escape(text: &str, limit: usize) -> Cow<'_, str> {
    text::escape_within(text, limit, replacement)
}

/// What a character takes once it is escaped.
pub(crate) fn length(char: char) -> usize {
    replacement(char).map_or(1, str::len)
}

fn replacement(char: char) -> Option<&'static str> {
    match char {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        _ => None,
    }
}
