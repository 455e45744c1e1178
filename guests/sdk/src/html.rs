//! HTML: text in a receiver's field that is read as HTML, or as Markdown that lets HTML through.
//!
//! An event's text is never markup: without the entities a `<directory>` vanishes from what people read, and some
//! receivers would take `<@all>` for a mention.

use std::borrow::Cow;

use crate::bytes::Wanted;
use crate::{json, text};

/// The entity for a character that HTML reads as its own.
#[must_use]
pub fn entity(char: char) -> Option<&'static str> {
    match char {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        _ => None,
    }
}

/// The text with its entities.
#[must_use]
pub fn escape(text: &str) -> Cow<'_, str> {
    escape_within(text, usize::MAX)
}

/// The text with its entities in at most so many characters, with [`text::CUT`] as the last one where it is cut.
#[must_use]
pub fn escape_within(text: &str, limit: usize) -> Cow<'_, str> {
    text::escape_within(text, limit, Wanted::new(*b"&<>"), entity)
}

/// How many bytes a character takes once it is escaped; for [`text::cut`].
#[must_use]
pub fn length(char: char) -> usize {
    entity(char).map_or(char.len_utf8(), str::len)
}

/// How many bytes a character takes once it is escaped and inside of JSON's quotes; for [`text::cut`].
#[must_use]
pub fn quoted_length(char: char) -> usize {
    match entity(char) {
        Some(entity) => text::measure(entity, json::quoted_length),
        None => json::quoted_length(char),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_becomes_text() {
        for (text, expected) in [
            ("", ""),
            ("plain \"text\" 'äöü' 🦀", "plain \"text\" 'äöü' 🦀"),
            ("a && b", "a &amp;&amp; b"),
            ("<@all> <b>x</b>", "&lt;@all&gt; &lt;b&gt;x&lt;/b&gt;"),
            ("&lt;", "&amp;lt;"),
        ] {
            let escaped = escape(text);
            assert_eq!(escaped, expected, "{text:?}");
            assert_eq!(text::measure(text, length), expected.len(), "{text:?}");
            let mut quoted = String::new();
            json::quote(&mut quoted, &escaped);
            assert_eq!(text::measure(text, quoted_length) + 2, quoted.len(), "{text:?}");
        }
    }
}
