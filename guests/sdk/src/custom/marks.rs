//! Marks in a text: where a secret belongs.
//!
//! A module has no value of a secret, so a text has the secret's key between two marks until it becomes a request. The marks
//! are control characters, which are taken out of everything that comes from outside, so that no event places a secret.

use std::borrow::Cow;

use crate::Fragment;

/// Before and behind the key of a secret.
const SECRET: char = '\u{4}';
const SECRET_END: char = '\u{5}';

/// A part of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// Text as it is.
    Plain(&'a str),
    /// The key of a secret.
    Secret(&'a str),
}

/// Whether a character is a mark, or kept for the marks of a module's own.
#[must_use]
pub fn is_mark(char: char) -> bool {
    matches!(char, '\u{1}'..=SECRET_END)
}

/// A text from outside without anything that could be taken for a mark.
#[must_use]
pub fn cleaned(text: &str) -> Cow<'_, str> {
    without(text, is_mark)
}

/// The text without these characters.
#[must_use]
pub fn without(text: &str, is_out: impl Fn(char) -> bool) -> Cow<'_, str> {
    if text.contains(&is_out) {
        Cow::Owned(text.chars().filter(|char| !is_out(*char)).collect())
    } else {
        Cow::Borrowed(text)
    }
}

/// What stands for the secret of this key.
#[must_use]
pub fn secret(key: &str) -> String {
    let mut text = String::with_capacity(key.len() + 2);
    text.push(SECRET);
    text.push_str(key);
    text.push(SECRET_END);
    text
}

/// The parts of a text in which secrets may have a place.
#[must_use]
pub fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once(SECRET) {
        // Half a mark, as cutting a text may leave it, is dropped.
        let Some((key, after)) = behind.split_once(SECRET_END) else {
            rest = before;
            break;
        };
        push_plain(&mut parts, before);
        parts.push(Part::Secret(key));
        rest = after;
    }
    push_plain(&mut parts, rest);
    parts
}

fn push_plain<'a>(parts: &mut Vec<Part<'a>>, text: &'a str) {
    for plain in text.split(SECRET_END).filter(|plain| !plain.is_empty()) {
        parts.push(Part::Plain(plain));
    }
}

/// Appends a text with its plain parts escaped.
pub fn escape(out: &mut String, text: &str, escape: impl Fn(&mut String, &str)) {
    for part in parts(text) {
        match part {
            Part::Plain(plain) => escape(out, plain),
            Part::Secret(key) => out.push_str(&secret(key)),
        }
    }
}

/// Appends a text in JSON's quotes.
pub fn quote(out: &mut String, text: &str) {
    out.push('"');
    escape(out, text, super::escape::json);
    out.push('"');
}

/// The text without what stands for secrets.
#[must_use]
pub fn without_secrets(text: &str) -> Cow<'_, str> {
    let parts = parts(text);
    if let [Part::Plain(plain)] = parts.as_slice() {
        return Cow::Borrowed(*plain);
    }
    let plain = |part: &Part<'_>| match *part {
        Part::Plain(plain) => plain.to_owned(),
        Part::Secret(_) => String::new(),
    };
    Cow::Owned(parts.iter().map(plain).collect())
}

/// The text as a request has it.
#[must_use]
pub fn fragments(text: &str) -> Vec<Fragment> {
    let fragment = |part: &Part<'_>| match *part {
        Part::Plain(plain) => Fragment::text(plain),
        Part::Secret(key) => Fragment::secret(key),
    };
    parts(text).iter().map(fragment).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_stands_between_parts() {
        let marked = ["a", &secret("token"), "b"].concat();
        assert_eq!(parts(&marked), [Part::Plain("a"), Part::Secret("token"), Part::Plain("b")]);
        assert_eq!(without_secrets(&marked), "ab");
        assert_eq!(parts("a\u{4}tok"), [Part::Plain("a")]);
        assert_eq!(parts("en\u{5}b"), [Part::Plain("en"), Part::Plain("b")]);
        assert_eq!(parts(""), []);
    }

    #[test]
    fn a_secret_is_not_escaped_with_its_text() {
        let mut out = String::new();
        quote(&mut out, &["\"", &secret("token")].concat());
        assert_eq!(out, ["\"\\\"", &secret("token"), "\""].concat());
    }

    #[test]
    fn nothing_from_outside_has_a_mark() {
        assert_eq!(cleaned("\u{1}a\u{2}\u{3}b\u{4}token\u{5}\n"), "abtoken\n");
    }
}
