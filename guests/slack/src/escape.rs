//! Slack's own markup: what it would read in a text that is meant literally.

use std::borrow::Cow;

use herald_provider::html;

/// The text with the three characters replaced that Slack reads as its own, so that no event can mention a channel
/// (`<!here>`) or disguise a link (<https://docs.slack.dev/messaging/formatting-message-text#escaping>).
pub(crate) fn escape(text: &str, limit: usize) -> Cow<'_, str> {
    // They are those of HTML.
    html::escape_within(text, limit)
}

/// What a character takes once it is escaped.
pub(crate) fn length(char: char) -> usize {
    html::entity(char).map_or(1, str::len)
}
