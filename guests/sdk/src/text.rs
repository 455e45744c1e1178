//! Texts for people: what fits a receiver's limit, and the words of a reason.

use std::borrow::Cow;

use crate::bytes::Wanted;

/// Stands where a text was cut.
pub const CUT: char = '…';

/// The first line, without its line break.
#[must_use]
pub fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// The text in at most `limit` characters, with [`CUT`] as the last one where it is cut.
#[must_use]
pub fn truncate(text: &str, limit: usize) -> Cow<'_, str> {
    escape_within(text, limit, Wanted::new([]), |_| None)
}

/// The text in at most `limit` characters, counted after every character has been replaced for which `escape` has a
/// replacement, each of them in ASCII and among `escaped`; with [`CUT`] as the last one where it is cut, and no replacement
/// cut in two.
pub(crate) fn escape_within<const N: usize>(
    text: &str,
    limit: usize,
    escaped: Wanted<N>,
    escape: impl Fn(char) -> Option<&'static str>,
) -> Cow<'_, str> {
    // Most texts are short and need no escape; a character has at least one byte.
    if text.len() <= limit && escaped.find(text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len().min(limit.saturating_mul(4)) + 32);
    let mut n_chars = 0;
    // Where to cut if what follows does not fit: the longest beginning that leaves room for the mark.
    let mut cut_at = 0;
    for char in text.chars() {
        let length = match escape(char) {
            Some(replacement) => {
                out.push_str(replacement);
                replacement.chars().count()
            }
            None => {
                out.push(char);
                1
            }
        };
        n_chars += length;
        if n_chars > limit {
            out.truncate(cut_at);
            if limit > 0 {
                out.push(CUT);
            }
            break;
        }
        if n_chars < limit {
            cut_at = out.len();
        }
    }
    Cow::Owned(out)
}

/// The text in at most `limit` units, of which a character takes as many as `length` says: UTF-16 units, bytes, or what
/// its escape will take. Where it is cut, [`CUT`] is the last character. Escape the text afterwards.
pub fn cut(text: &str, limit: usize, length: impl Fn(char) -> usize) -> Cow<'_, str> {
    let mark = length(CUT);
    let mut used = 0;
    // The longest beginning that leaves room for the mark.
    let mut end = 0;
    for (at, char) in text.char_indices() {
        if used + mark <= limit {
            end = at;
        }
        used += length(char);
        if used > limit {
            let mut out = text.get(..end).unwrap_or_default().to_owned();
            if mark <= limit {
                out.push(CUT);
            }
            return Cow::Owned(out);
        }
    }
    Cow::Borrowed(text)
}

/// How long a text is by this measure of its characters.
pub fn measure(text: &str, length: impl Fn(char) -> usize) -> usize {
    text.chars().map(length).sum()
}

/// The words of a camel-case reason, in lower case: `ApplySucceeded` is `apply succeeded`, `HTTPError` is `http error`.
///
/// As Flux splits them: runs of lower-case letters, capitals, digits and everything else, where a run of capitals gives
/// its last one to the lower-case letters that follow. Only ASCII letters are told apart, as Kubernetes has no others
/// in a reason, and the tables of Unicode would be a tenth of a module.
#[must_use]
pub fn reason_words(reason: &str) -> String {
    let chars: Vec<char> = reason.chars().collect();
    let classes: Vec<Class> = chars.iter().map(|char| Class::of(*char)).collect();
    let mut words = String::with_capacity(reason.len() + 8);
    for (at, char) in chars.iter().enumerate() {
        let class = classes[at];
        let starts_word = at > 0 && {
            let before = classes[at - 1];
            let after = classes.get(at + 1).copied();
            match (before, class) {
                (Class::Upper, Class::Upper) => after == Some(Class::Lower),
                // The capital before belongs to this word already.
                (Class::Upper, Class::Lower) => false,
                _ => before != class,
            }
        };
        if starts_word {
            words.push(' ');
        }
        words.push(char.to_ascii_lowercase());
    }
    words
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Lower,
    Upper,
    Digit,
    Other,
}

impl Class {
    fn of(char: char) -> Self {
        if char.is_ascii_lowercase() {
            Class::Lower
        } else if char.is_ascii_uppercase() {
            Class::Upper
        } else if char.is_ascii_digit() {
            Class::Digit
        } else {
            Class::Other
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_ends_at_a_break() {
        for (text, expected) in
            [("", ""), ("one", "one"), ("one\ntwo", "one"), ("one\r\ntwo", "one"), ("\ntwo", "")]
        {
            assert_eq!(first_line(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_long_text_is_cut_at_a_character_with_a_mark() {
        for (text, limit, expected) in [
            ("", 3, ""),
            ("abc", 3, "abc"),
            ("abcd", 3, "ab…"),
            ("🦀🦀🦀", 3, "🦀🦀🦀"),
            ("🦀🦀🦀🦀", 3, "🦀🦀…"),
            ("äöü€", 4, "äöü€"),
            ("äöü€x", 4, "äöü…"),
            ("ab", 1, "…"),
            ("ab", 0, ""),
        ] {
            assert_eq!(truncate(text, limit), expected, "{text:?} in {limit}");
        }
    }

    #[test]
    fn an_escape_is_never_cut() {
        let escape = |char| (char == '<').then_some("&lt;");
        for (text, limit, expected) in [
            ("a<b", 9, "a&lt;b"),
            ("a<b", 6, "a&lt;b"),
            ("a<b", 5, "a…"),
            ("a<bc", 6, "a&lt;…"),
            ("<<", 7, "&lt;…"),
            ("<<", 4, "…"),
            ("🦀<🦀🦀", 7, "🦀&lt;🦀🦀"),
            ("🦀<🦀🦀", 6, "🦀&lt;…"),
        ] {
            let escaped = escape_within(text, limit, Wanted::new([b'<']), escape);
            assert_eq!(escaped, expected, "{text:?} in {limit}");
        }
    }

    #[test]
    fn a_text_is_cut_by_any_measure() {
        for (text, limit, expected) in [
            ("", 0, ""),
            ("abc", 3, "abc"),
            ("abcd", 3, "ab…"),
            ("a🦀", 3, "a🦀"),
            ("a🦀b", 3, "a…"),
            ("🦀🦀", 3, "🦀…"),
            ("🦀🦀", 2, "…"),
            ("ab", 1, "…"),
            ("ab", 0, ""),
        ] {
            assert_eq!(cut(text, limit, char::len_utf16), expected, "{text:?} in {limit} units");
        }
        for (text, limit, expected) in
            [("abcdef", 6, "abcdef"), ("abcdefg", 6, "abc…"), ("ab€", 4, "a…"), ("abc", 2, "")]
        {
            assert_eq!(cut(text, limit, char::len_utf8), expected, "{text:?} in {limit} bytes");
        }
        assert_eq!(measure("a🦀", char::len_utf16), 3);
    }

    #[test]
    fn a_reason_is_split_at_its_capitals() {
        for (reason, expected) in [
            ("", ""),
            ("reason", "reason"),
            ("ApplySucceeded", "apply succeeded"),
            ("ReconciliationFailed", "reconciliation failed"),
            ("HTTPError", "http error"),
            ("HTTP", "http"),
            ("GetHTTP", "get http"),
            ("AError", "a error"),
            ("Error404Found", "error 404 found"),
            ("HTTP2Error", "http 2 error"),
            ("snake_case", "snake _ case"),
            ("two words", "two   words"),
            ("Voilà", "voil à"),
        ] {
            assert_eq!(reason_words(reason), expected, "{reason:?}");
        }
    }
}
