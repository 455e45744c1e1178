//! Escapes of Go's syntax that mean one character or one named set, and what can be wrong with a pattern. Knows nothing
//! of the structure around them.

use super::class::Class;
use super::cursor::Cursor;

/// What is wrong with a pattern's syntax. Texts show the part that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SyntaxError {
    /// A group has no end.
    #[error("a closing ) is missing")]
    MissingParen,
    /// A group has an end but no beginning.
    #[error("a ) has no opening (; write \\) for the character")]
    UnexpectedParen,
    /// A class has no end.
    #[error("a closing ] is missing for the class that begins in: {}", shown(.0))]
    MissingBracket(String),
    /// A range ends before it begins, or a class has no such name.
    #[error("invalid character class or range: {}", shown(.0))]
    InvalidClass(String),
    /// A backslash before something that has no meaning with it.
    #[error("invalid escape: {}", shown(.0))]
    InvalidEscape(String),
    /// A backslash at the end.
    #[error("a backslash ends the expression; write \\\\ for the character")]
    TrailingBackslash,
    /// `*`, `+`, `?` or a count with nothing before it.
    #[error("nothing to repeat before: {}", shown(.0))]
    MissingRepeatArgument(String),
    /// One repetition directly after another.
    #[error("a repetition directly after another: {}", shown(.0))]
    InvalidRepeatOp(String),
    /// A count over 1000, or bounds in the wrong order.
    #[error("invalid repeat count, at most 1000 altogether: {}", shown(.0))]
    InvalidRepeatSize(String),
    /// `(?` with something that Go does not have, such as look-around.
    #[error("invalid or unsupported syntax after (?: {}", shown(.0))]
    InvalidPerlOp(String),
    /// The name of a group is not a word.
    #[error("invalid name of a group: {}", shown(.0))]
    InvalidNamedCapture(String),
    /// Groups in groups in groups.
    #[error("groups are nested too deeply, at most {max} levels")]
    TooDeep {
        /// How deep they may be.
        max: usize,
    },
}

/// The beginning of a pattern or of a part of it, for an error: users may write long ones.
pub(super) fn shown(pattern: &str) -> String {
    const MAX_CHARS: usize = 200;
    match pattern.chars().nth(MAX_CHARS) {
        Some(_) => pattern.chars().take(MAX_CHARS).chain(['…']).collect(),
        None => pattern.to_owned(),
    }
}

/// Reads an escape that stands for one character; the backslash comes next.
pub(super) fn read_char(cursor: &mut Cursor<'_>) -> Result<u32, SyntaxError> {
    let start = cursor.clone();
    cursor.next();
    let Some(letter) = cursor.next() else { return Err(SyntaxError::TrailingBackslash) };
    let value = match letter {
        // One digit other than zero would be a back-reference, which Go does not have.
        '1'..='7' if !cursor.peek().is_some_and(|next| next.is_digit(8)) => None,
        '0'..='7' => {
            let mut value = letter.to_digit(8);
            for _ in 0..2 {
                let Some(digit) = cursor.next_if(|next| next.is_digit(8)) else { break };
                value = value.zip(digit.to_digit(8)).map(|(value, digit)| value * 8 + digit);
            }
            value
        }
        'x' => read_hex(cursor),
        'a' => Some(0x07),
        'f' => Some(0x0C),
        'n' => Some(0x0A),
        'r' => Some(0x0D),
        't' => Some(0x09),
        'v' => Some(0x0B),
        other => (other.is_ascii() && !other.is_ascii_alphanumeric()).then_some(u32::from(other)),
    };
    value.ok_or_else(|| SyntaxError::InvalidEscape(cursor.since(&start).to_owned()))
}

/// The number after `\x`: two digits, or any number of them in braces.
fn read_hex(cursor: &mut Cursor<'_>) -> Option<u32> {
    let digit = |cursor: &mut Cursor<'_>| cursor.next().and_then(|next| next.to_digit(16));
    if !cursor.eat("{") {
        return Some(digit(cursor)? * 16 + digit(cursor)?);
    }
    let mut value = digit(cursor)?;
    while !cursor.eat("}") {
        value = value * 16 + digit(cursor)?;
        if value > u32::from(char::MAX) {
            return None;
        }
    }
    Some(value)
}

/// Reads `\pN`, `\p{Name}`, `\d` and their like into a class; none when something else comes next.
pub(super) fn read_set(cursor: &mut Cursor<'_>, class: &mut Class) -> Result<bool, SyntaxError> {
    let start = cursor.clone();
    if !cursor.eat("\\") {
        return Ok(false);
    }
    match cursor.next() {
        Some('d') => class.add_digits(false),
        Some('D') => class.add_digits(true),
        Some('s') => class.add_spaces(false),
        Some('S') => class.add_spaces(true),
        Some('w') => class.add_words(false),
        Some('W') => class.add_words(true),
        Some(letter @ ('p' | 'P')) => {
            let one = cursor.clone();
            let name = if cursor.eat("{") {
                cursor.until("}")
            } else {
                cursor.next();
                Some(cursor.since(&one))
            };
            let invalid = || SyntaxError::InvalidClass(cursor.since(&start).to_owned());
            let name = name.ok_or_else(invalid)?;
            let positive = name.strip_prefix('^');
            let is_negated = (letter == 'P') != positive.is_some();
            let name = positive.unwrap_or(name);
            if !is_unicode_name(name) {
                return Err(invalid());
            }
            class.add_unicode(name, is_negated);
        }
        Some(_) | None => {
            *cursor = start;
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether this may name a category or script. Both sides compare names without regard to case, spaces, `_` and `-`;
/// the forms with `=` and `:` are Rust's alone.
fn is_unicode_name(name: &str) -> bool {
    !name.is_empty()
        && name.chars().all(|letter| letter.is_ascii_alphabetic() || " _-".contains(letter))
}
