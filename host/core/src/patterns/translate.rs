//! Turns a pattern in Go's syntax into one that means the same to the `regex` crate. Knows Go's grammar and its flags;
//! must not leave anything to the other side's own reading.
//!
//! A pattern is read the way Go reads it, atom by atom, and each atom is written in a form that both sides agree on:
//! flags stand around the atoms that they touch, groups capture nothing, characters other than letters and digits are
//! numbers. Only whether there is a match counts here, so greediness is read and dropped.

use super::class::Class;
use super::cursor::Cursor;
use super::escape::{SyntaxError, read_char, read_set};

/// Go's bound for one count, and for the product of counts within counts.
const MAX_REPEAT: u32 = 1000;

/// Go takes 1000 levels; compiling recurses, and nobody writes this many.
const MAX_DEPTH: usize = 100;

/// The translation of a pattern.
pub(super) fn translate(pattern: &str) -> Result<String, SyntaxError> {
    let mut translation =
        Translation { frames: Vec::new(), frame: Frame::default(), flags: Flags::default() };
    let mut cursor = Cursor::new(pattern);
    // What the last atom's repetition is written as, when a repetition is what was read last.
    let mut repetition: Option<Cursor<'_>> = None;
    while let Some(next) = cursor.peek() {
        let previous = repetition.take();
        let start = cursor.clone();
        match next {
            '(' => translation.open(&mut cursor)?,
            ')' => {
                cursor.next();
                translation.close()?;
            }
            '|' => {
                cursor.next();
                translation.frame.next_branch();
            }
            '*' | '+' | '?' | '{' => match Repeat::read(&mut cursor, previous.as_ref())? {
                Some(repeat) => {
                    translation.repeat(&repeat, cursor.since(&start))?;
                    repetition = Some(start);
                }
                // A brace that begins no count is a character.
                None => {
                    cursor.next();
                    translation.literal(u32::from('{'));
                }
            },
            _ => translation.atom(&mut cursor)?,
        }
    }
    translation.finish()
}

/// The flags that matter to whether there is a match.
#[derive(Clone, Copy, Debug, Default)]
struct Flags {
    ignores_case: bool,
    is_multi_line: bool,
    dot_takes_newline: bool,
}

/// An expression that may be followed by a repetition.
struct Atom {
    text: String,
    /// The largest product of counts within counts in it.
    n_copies: u32,
    is_repetition: bool,
}

/// A group, or the whole, that is being read.
#[derive(Default)]
struct Frame {
    /// The branches before the last `|`, joined.
    branches: String,
    branches_n_copies: u32,
    atoms: Vec<Atom>,
    /// The flags outside the group.
    flags: Flags,
}

impl Frame {
    fn next_branch(&mut self) {
        self.end_branch();
        self.branches.push('|');
    }

    fn end_branch(&mut self) {
        for atom in self.atoms.drain(..) {
            self.branches.push_str(&atom.text);
            self.branches_n_copies = self.branches_n_copies.max(atom.n_copies);
        }
    }
}

struct Translation {
    /// The frames around the one that is being read.
    frames: Vec<Frame>,
    frame: Frame,
    flags: Flags,
}

impl Translation {
    /// Reads anything that is neither a group, a branch nor a repetition.
    fn atom(&mut self, cursor: &mut Cursor<'_>) -> Result<(), SyntaxError> {
        match cursor.peek() {
            Some('^') => {
                cursor.next();
                self.push(if self.flags.is_multi_line { "(?m:^)" } else { "\\A" });
            }
            Some('$') => {
                cursor.next();
                self.push(if self.flags.is_multi_line { "(?m:$)" } else { "\\z" });
            }
            Some('.') => {
                cursor.next();
                self.push(if self.flags.dot_takes_newline { "(?s:.)" } else { "[^\\n]" });
            }
            Some('[') => {
                let class = Class::read(cursor)?;
                self.push_folded(&class.write());
            }
            Some('\\') => self.escape(cursor)?,
            Some(other) => {
                cursor.next();
                self.literal(u32::from(other));
            }
            None => {}
        }
        Ok(())
    }

    fn escape(&mut self, cursor: &mut Cursor<'_>) -> Result<(), SyntaxError> {
        if cursor.eat("\\A") {
            self.push("\\A");
        } else if cursor.eat("\\z") {
            self.push("\\z");
        } else if cursor.eat("\\b") {
            self.push("(?-u:\\b)");
        } else if cursor.eat("\\B") {
            self.push("(?-u:\\B)");
        } else if cursor.eat("\\Q") {
            // Without an end the quotation goes on to the end of the pattern.
            let rest = cursor.rest();
            let quoted = cursor.until("\\E").unwrap_or_else(|| {
                *cursor = Cursor::new("");
                rest
            });
            for letter in quoted.chars() {
                self.literal(u32::from(letter));
            }
        } else {
            let mut class = Class::default();
            if read_set(cursor, &mut class)? {
                self.push_folded(&class.write());
            } else {
                let value = read_char(cursor)?;
                self.literal(value);
            }
        }
        Ok(())
    }

    fn literal(&mut self, value: u32) {
        match char::from_u32(value) {
            Some(letter) if letter.is_ascii_alphanumeric() => self.push_folded(&letter.to_string()),
            Some(letter) if letter.is_ascii() => self.push(&format!("\\x{{{value:X}}}")),
            Some(_) => self.push_folded(&format!("\\x{{{value:X}}}")),
            None => self.push(&Class::of_char(value).write()),
        }
    }

    fn push_folded(&mut self, text: &str) {
        if self.flags.ignores_case {
            self.push(&format!("(?i:{text})"));
        } else {
            self.push(text);
        }
    }

    fn push(&mut self, text: &str) {
        self.frame.atoms.push(Atom { text: text.to_owned(), n_copies: 1, is_repetition: false });
    }

    /// Repeats the last atom; `written` is the repetition as the user wrote it.
    fn repeat(&mut self, repeat: &Repeat, written: &str) -> Result<(), SyntaxError> {
        let Some(atom) = self.frame.atoms.last_mut() else {
            return Err(SyntaxError::MissingRepeatArgument(written.to_owned()));
        };
        // Possible where something that leaves no atom stands between two of them, such as a flag.
        if atom.is_repetition {
            atom.text = format!("(?:{})", atom.text);
        }
        atom.is_repetition = true;
        match repeat {
            Repeat::Operator(operator) => atom.text.push(*operator),
            Repeat::Count { min, max } => {
                let too_large = || SyntaxError::InvalidRepeatSize(written.to_owned());
                if *min > MAX_REPEAT || max.is_some_and(|max| max > MAX_REPEAT || max < *min) {
                    return Err(too_large());
                }
                let upper = max.map(|max| max.to_string()).unwrap_or_default();
                atom.text.push_str(&format!("{{{min},{upper}}}"));
                atom.n_copies = match max {
                    // What is never there is not counted.
                    Some(0) => 1,
                    _ => atom.n_copies.saturating_mul(max.unwrap_or(*min).max(1)),
                };
                if max.unwrap_or(*min) >= 2 && atom.n_copies > MAX_REPEAT {
                    return Err(too_large());
                }
            }
        }
        Ok(())
    }

    /// Reads the beginning of a group, or flags for the rest of this one.
    fn open(&mut self, cursor: &mut Cursor<'_>) -> Result<(), SyntaxError> {
        let start = cursor.clone();
        let outer = self.flags;
        cursor.next();
        if cursor.eat("?P<") || cursor.eat("?<") {
            let name = cursor.until(">");
            let is_word = |name: &str| {
                name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
            };
            if !name.is_some_and(|name| !name.is_empty() && is_word(name)) {
                let shown = if name.is_some() { cursor.since(&start) } else { start.rest() };
                return Err(SyntaxError::InvalidNamedCapture(shown.to_owned()));
            }
        } else if cursor.eat("?") {
            let invalid =
                |cursor: &Cursor<'_>| SyntaxError::InvalidPerlOp(cursor.since(&start).to_owned());
            let (flags, is_group) =
                read_flags(cursor, self.flags).ok_or_else(|| invalid(cursor))?;
            self.flags = flags;
            if !is_group {
                return Ok(());
            }
        }
        if self.frames.len() == MAX_DEPTH {
            return Err(SyntaxError::TooDeep { max: MAX_DEPTH });
        }
        let inner = Frame { flags: outer, ..Frame::default() };
        self.frames.push(std::mem::replace(&mut self.frame, inner));
        Ok(())
    }

    fn close(&mut self) -> Result<(), SyntaxError> {
        let outer = self.frames.pop().ok_or(SyntaxError::UnexpectedParen)?;
        let mut inner = std::mem::replace(&mut self.frame, outer);
        inner.end_branch();
        self.flags = inner.flags;
        self.frame.atoms.push(Atom {
            text: format!("(?:{})", inner.branches),
            n_copies: inner.branches_n_copies.max(1),
            is_repetition: false,
        });
        Ok(())
    }

    fn finish(mut self) -> Result<String, SyntaxError> {
        if !self.frames.is_empty() {
            return Err(SyntaxError::MissingParen);
        }
        self.frame.end_branch();
        Ok(self.frame.branches)
    }
}

/// Reads flags up to `:` or `)`; the second result is whether a group begins.
fn read_flags(cursor: &mut Cursor<'_>, mut flags: Flags) -> Option<(Flags, bool)> {
    let mut is_on = true;
    let mut n_off = 0;
    loop {
        match cursor.next()? {
            'i' => flags.ignores_case = is_on,
            'm' => flags.is_multi_line = is_on,
            's' => flags.dot_takes_newline = is_on,
            // Greediness does not change whether there is a match.
            'U' => {}
            '-' if is_on => {
                is_on = false;
                continue;
            }
            end @ (':' | ')') if is_on || n_off > 0 => return Some((flags, end == ':')),
            _ => return None,
        }
        n_off += u32::from(!is_on);
    }
}

/// A repetition.
enum Repeat {
    Operator(char),
    Count { min: u32, max: Option<u32> },
}

impl Repeat {
    /// Reads a repetition and its mark of laziness; none when a brace comes next that begins no count. `previous` is
    /// where a repetition directly before it began.
    fn read(
        cursor: &mut Cursor<'_>,
        previous: Option<&Cursor<'_>>,
    ) -> Result<Option<Self>, SyntaxError> {
        let repeat = if cursor.peek() == Some('{') {
            let Some(count) = Self::read_count(cursor) else { return Ok(None) };
            count
        } else {
            Self::Operator(cursor.next().unwrap_or('*'))
        };
        cursor.eat("?");
        match previous {
            Some(previous) => Err(SyntaxError::InvalidRepeatOp(cursor.since(previous).to_owned())),
            None => Ok(Some(repeat)),
        }
    }

    /// Reads `{n}`, `{n,}` or `{n,m}`; nothing is passed over when it is none of these.
    fn read_count(cursor: &mut Cursor<'_>) -> Option<Self> {
        let mut ahead = cursor.clone();
        ahead.next();
        let min = read_number(&mut ahead)?;
        let max = if !ahead.eat(",") {
            Some(min)
        } else if ahead.peek() == Some('}') {
            None
        } else {
            Some(read_number(&mut ahead)?)
        };
        if !ahead.eat("}") {
            return None;
        }
        *cursor = ahead;
        Some(Self::Count { min, max })
    }
}

/// Reads a number without leading zeros; one that is far too large stays too large.
fn read_number(cursor: &mut Cursor<'_>) -> Option<u32> {
    let start = cursor.clone();
    while cursor.next_if(|next| next.is_ascii_digit()).is_some() {}
    let digits = cursor.since(&start);
    let has_leading_zero = digits.len() > 1 && digits.starts_with('0');
    (!digits.is_empty() && !has_leading_zero).then(|| digits.parse().unwrap_or(u32::MAX))
}
