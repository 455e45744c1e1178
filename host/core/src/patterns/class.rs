//! Classes of characters: reads Go's brackets and writes them so that Rust finds nothing in them to interpret. Knows the
//! sets behind the names; must not know flags or what stands around a class.
//!
//! Every character is written as its number, since `&&`, `--`, `~~` and an inner `[` are operators to Rust and plain
//! characters to Go. The named sets are ASCII, and are written out, because `\d`, `\w` and `\s` are Unicode to Rust.

use std::fmt::Write as _;

use super::cursor::Cursor;
use super::escape::{SyntaxError, read_char, read_set};

const SURROGATES: (u32, u32) = (0xD800, 0xDFFF);

const NOTHING: &str = "[^\\x{0}-\\x{10FFFF}]";
const EVERYTHING: &str = "[\\x{0}-\\x{10FFFF}]";

type Ranges = &'static [(char, char)];
const DIGITS: Ranges = &[('0', '9')];
const SPACES: Ranges = &[('\t', '\n'), ('\u{C}', '\r'), (' ', ' ')];
const WORDS: Ranges = &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')];

/// The sets of `[[:name:]]`.
const POSIX: &[(&str, Ranges)] = &[
    ("alnum", &[('0', '9'), ('A', 'Z'), ('a', 'z')]),
    ("alpha", &[('A', 'Z'), ('a', 'z')]),
    ("ascii", &[('\0', '\u{7F}')]),
    ("blank", &[('\t', '\t'), (' ', ' ')]),
    ("cntrl", &[('\0', '\u{1F}'), ('\u{7F}', '\u{7F}')]),
    ("digit", DIGITS),
    ("graph", &[('!', '~')]),
    ("lower", &[('a', 'z')]),
    ("print", &[(' ', '~')]),
    ("punct", &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')]),
    ("space", &[('\t', '\r'), (' ', ' ')]),
    ("upper", &[('A', 'Z')]),
    ("word", WORDS),
    ("xdigit", &[('0', '9'), ('A', 'F'), ('a', 'f')]),
];

/// The members of a class, in Rust's syntax.
#[derive(Debug, Default)]
pub(super) struct Class {
    members: String,
    is_negated: bool,
}

impl Class {
    /// Reads a class in brackets; the opening one comes next.
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Self, SyntaxError> {
        let start = cursor.clone();
        let missing = || SyntaxError::MissingBracket(start.rest().to_owned());
        cursor.next();
        let mut class = Self { members: String::new(), is_negated: cursor.eat("^") };
        // A closing bracket at the beginning is a member.
        let mut is_first = true;
        while is_first || !cursor.eat("]") {
            is_first = false;
            if class.read_posix(cursor)? || read_set(cursor, &mut class)? {
                continue;
            }
            let range = cursor.clone();
            let low = read_member(cursor).ok_or_else(missing)??;
            let mut high = low;
            // A hyphen before the closing bracket is a member.
            let mut after_hyphen = cursor.clone();
            if after_hyphen.eat("-") && after_hyphen.peek().is_some_and(|next| next != ']') {
                *cursor = after_hyphen;
                high = read_member(cursor).ok_or_else(missing)??;
            }
            if high < low {
                return Err(SyntaxError::InvalidClass(cursor.since(&range).to_owned()));
            }
            class.add_range(low, high);
        }
        Ok(class)
    }

    /// A class of one character.
    pub(super) fn of_char(value: u32) -> Self {
        let mut class = Self::default();
        class.add_range(value, value);
        class
    }

    /// The class as an expression.
    pub(super) fn write(&self) -> String {
        match (self.members.as_str(), self.is_negated) {
            // Only surrogates were in it, and no text holds one.
            ("", false) => NOTHING.to_owned(),
            ("", true) => EVERYTHING.to_owned(),
            (members, false) => format!("[{members}]"),
            (members, true) => format!("[^{members}]"),
        }
    }

    pub(super) fn add_digits(&mut self, is_negated: bool) {
        self.add_set(DIGITS, is_negated);
    }

    pub(super) fn add_spaces(&mut self, is_negated: bool) {
        self.add_set(SPACES, is_negated);
    }

    pub(super) fn add_words(&mut self, is_negated: bool) {
        self.add_set(WORDS, is_negated);
    }

    pub(super) fn add_unicode(&mut self, name: &str, is_negated: bool) {
        let negation = if is_negated { "^" } else { "" };
        if ["cs", "surrogate"].contains(&name.to_ascii_lowercase().as_str()) {
            // Rust does not have this one category, and no text has a member of it.
            self.push(format_args!("{}", if is_negated { EVERYTHING } else { NOTHING }));
        } else {
            self.push(format_args!("[{negation}\\p{{{name}}}]"));
        }
    }

    /// Reads `[:name:]`; none when it is not one. Without its end the bracket is a member like any other.
    fn read_posix(&mut self, cursor: &mut Cursor<'_>) -> Result<bool, SyntaxError> {
        let start = cursor.clone();
        let name = if cursor.eat("[:") { cursor.until(":]") } else { None };
        let Some(name) = name else {
            *cursor = start;
            return Ok(false);
        };
        let positive = name.strip_prefix('^');
        match POSIX.iter().find(|(known, _)| *known == positive.unwrap_or(name)) {
            Some((_, ranges)) => self.add_set(ranges, positive.is_some()),
            None => return Err(SyntaxError::InvalidClass(cursor.since(&start).to_owned())),
        }
        Ok(true)
    }

    fn add_set(&mut self, ranges: Ranges, is_negated: bool) {
        // In brackets of its own, so that under (?i) it is folded before it is negated, as in Go.
        self.push(format_args!("[{}", if is_negated { "^" } else { "" }));
        for (low, high) in ranges {
            self.add_range(u32::from(*low), u32::from(*high));
        }
        self.push(format_args!("]"));
    }

    /// Adds a range without the surrogates in it, which Go has as code points and Rust has not.
    fn add_range(&mut self, low: u32, high: u32) {
        let below = (low, high.min(SURROGATES.0 - 1));
        let above = (low.max(SURROGATES.1 + 1), high);
        let has_surrogates = low <= SURROGATES.1 && high >= SURROGATES.0;
        let parts = if has_surrogates { vec![below, above] } else { vec![(low, high)] };
        for (low, high) in parts.into_iter().filter(|(low, high)| low <= high) {
            self.push(format_args!("\\x{{{low:X}}}-\\x{{{high:X}}}"));
        }
    }

    fn push(&mut self, text: std::fmt::Arguments<'_>) {
        self.members.write_fmt(text).expect("writing to a String does not fail");
    }
}

/// Reads one character of a class; none at the end of the pattern.
fn read_member(cursor: &mut Cursor<'_>) -> Option<Result<u32, SyntaxError>> {
    if cursor.peek()? == '\\' {
        return Some(read_char(cursor));
    }
    cursor.next().map(|member| Ok(u32::from(member)))
}
