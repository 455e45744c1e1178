//! JSON with the bytes of Go's `encoding/json`: no spaces, keys in the order given, and `<`, `>`, `&`, U+2028 and
//! U+2029 escaped.
//!
//! Receivers read the same values either way; signatures and byte comparisons need the same bytes. A [`Value`] is JSON
//! that someone else wrote, read by serde_json.

pub use serde_json::Value;

use crate::bytes::Wanted;

/// An object as text; `fill` adds its members.
///
/// `capacity` is a guess at its length, which saves growing the text piece by piece.
#[must_use]
pub fn object(capacity: usize, fill: impl FnOnce(&mut Object<'_>)) -> String {
    let mut out = String::with_capacity(capacity);
    write_object(&mut out, fill);
    out
}

/// The inside of an object.
pub struct Object<'a> {
    out: &'a mut String,
    is_empty: bool,
}

impl Object<'_> {
    /// A member whose value is a text.
    pub fn text(&mut self, key: &str, value: &str) -> &mut Self {
        self.key(key);
        quote(self.out, value);
        self
    }

    /// The same, left out when the value is empty: Go's `omitempty`.
    pub fn text_unless_empty(&mut self, key: &str, value: &str) -> &mut Self {
        if value.is_empty() { self } else { self.text(key, value) }
    }

    /// A member whose value is a whole number.
    pub fn number(&mut self, key: &str, value: i64) -> &mut Self {
        self.raw(key, &value.to_string())
    }

    /// A member that is `true` or `false`.
    pub fn boolean(&mut self, key: &str, value: bool) -> &mut Self {
        self.raw(key, if value { "true" } else { "false" })
    }

    /// A member that is `null`.
    pub fn null(&mut self, key: &str) -> &mut Self {
        self.raw(key, "null")
    }

    /// A member whose value is JSON already.
    pub fn raw(&mut self, key: &str, json: &str) -> &mut Self {
        self.key(key);
        self.out.push_str(json);
        self
    }

    /// A member that is an object.
    pub fn object(&mut self, key: &str, fill: impl FnOnce(&mut Object<'_>)) -> &mut Self {
        self.key(key);
        write_object(self.out, fill);
        self
    }

    /// A member that is a list.
    pub fn array(&mut self, key: &str, fill: impl FnOnce(&mut Array<'_>)) -> &mut Self {
        self.key(key);
        self.out.push('[');
        fill(&mut Array { out: self.out, is_empty: true });
        self.out.push(']');
        self
    }

    fn key(&mut self, key: &str) {
        separate(self.out, &mut self.is_empty);
        quote(self.out, key);
        self.out.push(':');
    }
}

/// The inside of a list.
pub struct Array<'a> {
    out: &'a mut String,
    is_empty: bool,
}

impl Array<'_> {
    /// An element that is a text.
    pub fn text(&mut self, value: &str) -> &mut Self {
        separate(self.out, &mut self.is_empty);
        quote(self.out, value);
        self
    }

    /// An element that is an object.
    pub fn object(&mut self, fill: impl FnOnce(&mut Object<'_>)) -> &mut Self {
        separate(self.out, &mut self.is_empty);
        write_object(self.out, fill);
        self
    }
}

/// Appends `text` in quotes.
pub fn quote(out: &mut String, text: &str) {
    out.reserve(text.len() + 2);
    out.push('"');
    let mut rest = text;
    while let Some(at) = SUSPECT.find(rest.as_bytes()) {
        // A suspect byte is never inside a character, so this splits at a border.
        let (plain, tail) = rest.split_at(at);
        out.push_str(plain);
        let mut chars = tail.chars();
        if let Some(char) = chars.next() {
            push_escaped(out, char);
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
    out.push('"');
}

/// How many bytes a character takes inside of quotes.
#[must_use]
pub fn quoted_length(char: char) -> usize {
    match char {
        '"' | '\\' | '\u{8}' | '\u{c}' | '\n' | '\r' | '\t' => 2,
        '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => 6,
        plain => plain.len_utf8(),
    }
}

/// A number of seconds, such as a receiver's hint when to come back, as whole seconds: never too early.
#[must_use]
pub fn whole_seconds(value: &Value) -> Option<u32> {
    let seconds = value.as_f64().filter(|seconds| *seconds >= 0.0)?;
    // `as` saturates.
    Some(seconds.ceil() as u32)
}

/// With what a character begins that may need an escape. The last one is the first byte of U+2028 and U+2029, and of many
/// that stay as they are.
const SUSPECT: Wanted<6> = Wanted::new([b'"', b'\\', b'<', b'>', b'&', 0xe2]).or_below(0x20);

fn push_escaped(out: &mut String, char: char) {
    match char {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
            out.push_str("\\u");
            let code = u32::from(char);
            for shift in [12, 8, 4, 0] {
                out.extend(char::from_digit((code >> shift) & 0xf, 16));
            }
        }
        plain => out.push(plain),
    }
}

fn write_object(out: &mut String, fill: impl FnOnce(&mut Object<'_>)) {
    out.push('{');
    fill(&mut Object { out, is_empty: true });
    out.push('}');
}

fn separate(out: &mut String, is_empty: &mut bool) {
    if !*is_empty {
        out.push(',');
    }
    *is_empty = false;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let mut out = String::new();
        quote(&mut out, text);
        assert_eq!(out, expected);
    }

    #[test]
    fn texts_are_escaped_as_go_does() {
        check("", r#""""#);
        check("plain", r#""plain""#);
        check("a\"b\\c/d", r#""a\"b\\c/d""#);
        check("\u{8}\u{c}\n\r\t", r#""\b\f\n\r\t""#);
        check("\0\u{1}\u{1f}\u{7f}", "\"\\u0000\\u0001\\u001f\u{7f}\"");
        check("<b>&</b>", r#""\u003cb\u003e\u0026\u003c/b\u003e""#);
        check("a\u{2028}b\u{2029}c", r#""a\u2028b\u2029c""#);
        check("“€” äöü 🦀", "\"“€” äöü 🦀\"");
        check("\u{fffd}", "\"\u{fffd}\"");
    }

    #[test]
    fn the_length_of_a_character_is_that_of_its_quoted_form() {
        for char in ['a', '"', '\\', '\n', '\u{8}', '\0', '\u{1f}', '<', '\u{2028}', '“', '🦀']
        {
            let mut out = String::new();
            quote(&mut out, char.encode_utf8(&mut [0; 4]));
            assert_eq!(quoted_length(char) + 2, out.len(), "{char:?}");
        }
    }

    #[test]
    fn seconds_are_never_too_early() {
        let check = |json: &str, expected: Option<u32>| {
            let value: Value = serde_json::from_str(json).expect("it is JSON");
            assert_eq!(whole_seconds(&value), expected, "{json}");
        };
        check("0", Some(0));
        check("0.5", Some(1));
        check("30", Some(30));
        check("64.57", Some(65));
        check("1e300", Some(u32::MAX));
        check("-1", None);
        check("\"30\"", None);
        check("null", None);
    }

    #[test]
    fn members_keep_their_order() {
        let json = object(0, |o| {
            o.text("z", "1").text_unless_empty("none", "").text_unless_empty("y", "2");
            o.number("n", -5).boolean("b", true).null("nothing").raw("raw", "[1]");
            o.object("empty", |_| {}).object("inner", |o| {
                o.boolean("b", false);
            });
            o.array("none", |_| {});
            o.array("list", |a| {
                a.text("x").object(|o| {
                    o.text("<", "k");
                });
            });
        });
        assert_eq!(
            json,
            r#"{"z":"1","y":"2","n":-5,"b":true,"nothing":null,"raw":[1],"empty":{},"inner":{"b":false},"none":[],"list":["x",{"\u003c":"k"}]}"#
        );
    }
}
