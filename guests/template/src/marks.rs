//! Marks in what a template renders: what in it is the template's own text, and what is a value.
//!
//! A value is escaped only when the whole is there, because only then its place is known: inside of quotes or not. Until
//! then it stands between marks, and nothing that a filter does to it can make it a part of the template. Like those of
//! secrets the marks are characters that are taken out of everything that comes from outside.

use std::borrow::Cow;

use herald_provider::custom::marks;

/// Before and behind a text.
pub(crate) const TEXT: char = '\u{1}';
pub(crate) const END: char = '\u{2}';
/// Before any other value, as JSON.
pub(crate) const JSON: char = '\u{3}';

/// A piece of what was rendered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// As the template has it.
    Literal(Cow<'a, str>),
    /// A text from elsewhere.
    Text(Cow<'a, str>),
    /// Another value as JSON; empty when it is none.
    Json(Cow<'a, str>),
}

/// A text that a block captured, as a plain one: without the marks around its values.
pub(crate) fn unwrapped(text: &str) -> Cow<'_, str> {
    marks::without(text, |char| matches!(char, TEXT | END | JSON))
}

/// The pieces of what was rendered. A value may have got into another one, which then is one with it; a mark without its
/// other half ends with the text.
pub(crate) fn pieces(rendered: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = rendered;
    while let Some(at) = rest.find([TEXT, JSON]) {
        let (literal, marked) = rest.split_at(at);
        push_literal(&mut pieces, literal);
        let (inside, behind) = marked.split_at(length(marked));
        let plain = unwrapped(inside);
        let is_text = inside.starts_with(TEXT);
        pieces.push(if is_text { Piece::Text(plain) } else { Piece::Json(plain) });
        rest = behind;
    }
    push_literal(&mut pieces, rest);
    pieces
}

/// How long the value is that a text begins with, its marks included.
fn length(marked: &str) -> usize {
    let mut depth = 0_usize;
    for (at, char) in marked.char_indices() {
        match char {
            TEXT | JSON => depth += 1,
            END if depth == 1 => return at + char.len_utf8(),
            END => depth -= 1,
            _ => {}
        }
    }
    marked.len()
}

fn push_literal<'a>(pieces: &mut Vec<Piece<'a>>, literal: &'a str) {
    if !literal.is_empty() {
        pieces.push(Piece::Literal(unwrapped(literal)));
    }
}

/// What a template rendered with its values escaped, and without the marks around them.
pub(crate) fn place(rendered: &str, escape: impl Fn(&mut String, &str)) -> String {
    let mut out = String::with_capacity(rendered.len());
    for piece in pieces(rendered) {
        match piece {
            Piece::Literal(text) => out.push_str(&text),
            Piece::Text(text) | Piece::Json(text) => marks::escape(&mut out, &text, &escape),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_rendered_falls_into_its_pieces() {
        let text = |text: &'static str| Piece::Text(Cow::Borrowed(text));
        let json = |text: &'static str| Piece::Json(Cow::Borrowed(text));
        let literal = |text: &'static str| Piece::Literal(Cow::Borrowed(text));
        for (rendered, expected) in [
            ("", vec![]),
            ("a", vec![literal("a")]),
            ("a\u{1}b\u{2}c", vec![literal("a"), text("b"), literal("c")]),
            ("\u{3}1\u{2}\u{1}\u{2}", vec![json("1"), text("")]),
            // What filters may leave of marks.
            ("\u{2}a\u{1}b", vec![literal("a"), text("b")]),
            ("\u{1}a\u{1}b\u{2}c\u{2}d", vec![text("abc"), literal("d")]),
            ("\u{1}a\u{1}b\u{2}c", vec![text("abc")]),
        ] {
            assert_eq!(pieces(rendered), expected, "{rendered:?}");
        }
    }
}
