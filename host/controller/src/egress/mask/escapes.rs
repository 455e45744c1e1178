//! Escapes undone: a text as it was before somebody put it into a URL, JSON or HTML, and where each byte came from.
//!
//! Every writer escapes other characters in another case, so a list of what a value may have become is never complete;
//! reading is the same for all of them.

use std::ops::Range;

/// A way to escape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Escape {
    /// `%2F`.
    Percent,
    /// `%2F`, and `+` for a space.
    Form,
    /// `\"`, `\/` and `\u003c`.
    Json,
    /// `&lt;` and `&#34;`.
    Html,
}

/// All of them.
pub(super) const ESCAPES: [Escape; 4] = [Escape::Percent, Escape::Form, Escape::Json, Escape::Html];

/// A text without its escapes.
pub(super) struct Plain {
    pub(super) bytes: Vec<u8>,
    undone: Vec<Undone>,
}

/// One escape: what it became, and what it was.
struct Undone {
    plain: Range<usize>,
    escaped: Range<usize>,
}

impl Escape {
    /// The text without escapes of this kind; none when it has none.
    pub(super) fn undo(self, text: &[u8]) -> Option<Plain> {
        let mark = self.mark();
        // A text without `+` reads the same as percent-encoded.
        text.contains(&mark).then_some(())?;
        let mut plain = Plain { bytes: Vec::with_capacity(text.len()), undone: Vec::new() };
        let mut at = 0;
        while let Some(&byte) = text.get(at) {
            let rest = text.get(at..).unwrap_or_default();
            match self.read(rest) {
                Some((character, length)) => {
                    let start = plain.bytes.len();
                    character.append_to(&mut plain.bytes);
                    let escaped = at..at + length;
                    plain.undone.push(Undone { plain: start..plain.bytes.len(), escaped });
                    at += length;
                }
                None => {
                    plain.bytes.push(byte);
                    at += 1;
                }
            }
        }
        (!plain.undone.is_empty()).then_some(plain)
    }

    /// What a text with such escapes has in any case.
    fn mark(self) -> u8 {
        match self {
            Escape::Percent => b'%',
            Escape::Form => b'+',
            Escape::Json => b'\\',
            Escape::Html => b'&',
        }
    }

    /// The escape at the front of a text, and its length.
    fn read(self, rest: &[u8]) -> Option<(Unescaped, usize)> {
        match (self, rest) {
            (Escape::Form, [b'+', ..]) => Some((Unescaped::Byte(b' '), 1)),
            (Escape::Percent | Escape::Form, [b'%', high, low, ..]) => {
                let byte = number(&[*high, *low], 16)?;
                Some((Unescaped::Byte(u8::try_from(byte).ok()?), 3))
            }
            (Escape::Json, [b'\\', b'u', ..]) => json_code(rest),
            (Escape::Json, [b'\\', letter, ..]) => {
                let byte = match letter {
                    b'"' | b'\\' | b'/' | b'\'' => *letter,
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 0x08,
                    b'f' => 0x0c,
                    _ => return None,
                };
                Some((Unescaped::Byte(byte), 2))
            }
            (Escape::Html, [b'&', after @ ..]) => {
                let length = after.iter().take(10).position(|byte| *byte == b';')?;
                let name = after.get(..length)?;
                Some((html(name)?, length + 2))
            }
            _ => None,
        }
    }
}

impl Plain {
    /// Where a part of this text stood in the escaped one.
    pub(super) fn origin(&self, span: Range<usize>) -> Range<usize> {
        let start = self.place(span.start).start;
        let end = span.end.checked_sub(1).map_or(start, |last| self.place(last).end);
        start..end
    }

    /// Where one byte came from.
    fn place(&self, at: usize) -> Range<usize> {
        let before = self.undone.partition_point(|undone| undone.plain.start <= at);
        match before.checked_sub(1).and_then(|index| self.undone.get(index)) {
            Some(undone) if undone.plain.contains(&at) => undone.escaped.clone(),
            Some(undone) => {
                let start = undone.escaped.end + (at - undone.plain.end);
                start..start + 1
            }
            None => at..at + 1,
        }
    }
}

/// What an escape stands for.
#[derive(Clone, Copy)]
enum Unescaped {
    Byte(u8),
    Char(char),
}

impl Unescaped {
    fn append_to(self, bytes: &mut Vec<u8>) {
        match self {
            Unescaped::Byte(byte) => bytes.push(byte),
            Unescaped::Char(c) => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

/// `\u003c`, or two of them for a character beyond the first 65,536.
fn json_code(rest: &[u8]) -> Option<(Unescaped, usize)> {
    let unit = |at: usize| match rest.get(at..at + 6)? {
        [b'\\', b'u', digits @ ..] => number(digits, 16),
        _ => None,
    };
    let first = unit(0)?;
    if let Some(c) = char::from_u32(first) {
        return Some((Unescaped::Char(c), 6));
    }
    let second = unit(6).filter(|second| (0xdc00..0xe000).contains(second))?;
    let code = 0x10000 + ((first & 0x3ff) << 10) + (second & 0x3ff);
    char::from_u32(code).map(|c| (Unescaped::Char(c), 12))
}

/// What stands between `&` and `;`.
fn html(name: &[u8]) -> Option<Unescaped> {
    let code = match name {
        [b'#', b'x' | b'X', digits @ ..] => number(digits, 16)?,
        [b'#', digits @ ..] => number(digits, 10)?,
        b"lt" => u32::from(b'<'),
        b"gt" => u32::from(b'>'),
        b"amp" => u32::from(b'&'),
        b"quot" => u32::from(b'"'),
        b"apos" => u32::from(b'\''),
        _ => return None,
    };
    char::from_u32(code).map(Unescaped::Char)
}

fn number(digits: &[u8], radix: u32) -> Option<u32> {
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit);
    let text = std::str::from_utf8(digits).ok().filter(|_| is_number)?;
    u32::from_str_radix(text, radix).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(escape: Escape, text: &str, expected: &str) {
        let plain = escape.undo(text.as_bytes()).expect("the text has escapes");
        assert_eq!(String::from_utf8_lossy(&plain.bytes), expected, "{text}");
    }

    #[test]
    fn each_kind_of_escape_is_undone() {
        check(Escape::Percent, "a%2Fb%2f%zz%4", "a/b/%zz%4");
        check(Escape::Form, "a+b%2Bc", "a b+c");
        check(Escape::Json, r#"a\/b\"c\\d\ne\u003C\ud83d\ude00\q\u12"#, "a/b\"c\\d\ne<😀\\q\\u12");
        check(Escape::Html, "&lt;a&#34;b&#x3e;&amp;lt;&nbsp;&;", "<a\"b>&lt;&nbsp;&;");
    }

    #[test]
    fn a_text_without_escapes_is_left() {
        for escape in ESCAPES {
            assert!(escape.undo(b"nothing, 100 of them").is_none());
            assert!(escape.undo(b"% & \\").is_none(), "{escape:?}");
        }
    }

    #[test]
    fn every_part_is_found_where_it_came_from() {
        let text = "ab%2Fcd%C3%A9f";
        let plain = Escape::Percent.undo(text.as_bytes()).expect("it has escapes");
        assert_eq!(plain.bytes, "ab/cdéf".as_bytes());
        for (span, expected) in [
            (0..2, "ab"),
            (1..3, "b%2F"),
            (2..3, "%2F"),
            (3..5, "cd"),
            (5..7, "%C3%A9"),
            (0..8, "ab%2Fcd%C3%A9f"),
            (7..8, "f"),
        ] {
            assert_eq!(text.get(plain.origin(span.clone())), Some(expected), "{span:?}");
        }
    }
}
