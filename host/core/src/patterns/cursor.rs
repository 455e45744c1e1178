//! A place in a pattern. Knows characters, not what they mean.

use std::str::Chars;

/// What is left of a pattern.
#[derive(Clone, Debug)]
pub(super) struct Cursor<'a>(Chars<'a>);

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self(text.chars())
    }

    pub(super) fn rest(&self) -> &'a str {
        self.0.as_str()
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.0.clone().next()
    }

    pub(super) fn next(&mut self) -> Option<char> {
        self.0.next()
    }

    /// Passes over `literal` if it comes next.
    pub(super) fn eat(&mut self, literal: &str) -> bool {
        let rest = self.rest().strip_prefix(literal);
        if let Some(rest) = rest {
            self.0 = rest.chars();
        }
        rest.is_some()
    }

    /// Passes over the next character if it is one of these kinds.
    pub(super) fn next_if(&mut self, is_wanted: impl Fn(char) -> bool) -> Option<char> {
        let next = self.peek().filter(|next| is_wanted(*next))?;
        self.0.next();
        Some(next)
    }

    /// The text before `end`, both passed over; nothing is passed over when there is no `end`.
    pub(super) fn until(&mut self, end: &str) -> Option<&'a str> {
        let (before, rest) = self.rest().split_once(end)?;
        self.0 = rest.chars();
        Some(before)
    }

    /// What was passed over since `earlier`, which is a copy of this cursor.
    pub(super) fn since(&self, earlier: &Self) -> &'a str {
        earlier.rest().strip_suffix(self.rest()).unwrap_or_default()
    }
}
