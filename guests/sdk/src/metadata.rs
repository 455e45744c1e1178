//! As much of an event's metadata as a receiver takes.
//!
//! Knows limits of any measure; what an entry looks like, the modules know.

use std::borrow::Cow;

use crate::text;

/// What a receiver takes, in units of its own measure.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The most entries.
    pub entries: usize,
    /// The longest key.
    pub key: usize,
    /// The longest value.
    pub value: usize,
    /// The longest that all entries may be together.
    pub total: usize,
    /// What each entry takes besides its key and value.
    pub around: usize,
    /// What the mark takes that the module writes where entries are left out.
    pub mark: usize,
}

/// The entries that fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fitting<'a> {
    /// The first ones in their order, keys and values cut where they were too long.
    pub entries: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// How many were left out after them; a visible mark has to say so.
    pub left_out: usize,
    /// How long these are together, the mark included.
    pub length: usize,
}

impl Fitting<'_> {
    /// What the mark says of the entries left out; none when all are there.
    #[must_use]
    pub fn rest(&self) -> Option<String> {
        (self.left_out > 0).then(|| [&self.left_out.to_string(), " more"].concat())
    }
}

/// The first entries that are within the limits; `length` says what a character takes.
pub fn fitting<'a>(
    metadata: &'a [(String, String)],
    limits: &Limits,
    length: impl Fn(char) -> usize,
) -> Fitting<'a> {
    let mut entries = Vec::with_capacity(metadata.len().min(limits.entries));
    let mut used = 0;
    // The state in which the mark still fits behind, to go back to when something is left out.
    let (mut n_before_mark, mut used_before_mark) = (0, 0);
    for (key, value) in metadata {
        let key = text::cut(key, limits.key, &length);
        let value = text::cut(value, limits.value, &length);
        let after =
            used + text::measure(&key, &length) + text::measure(&value, &length) + limits.around;
        if after > limits.total || entries.len() == limits.entries {
            entries.truncate(n_before_mark);
            let left_out = metadata.len() - entries.len();
            return Fitting { entries, left_out, length: used_before_mark + limits.mark };
        }
        used = after;
        entries.push((key, value));
        if used + limits.mark <= limits.total && entries.len() < limits.entries {
            (n_before_mark, used_before_mark) = (entries.len(), used);
        }
    }
    Fitting { entries, left_out: 0, length: used }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { entries: 3, key: 4, value: 6, total: 20, around: 1, mark: 3 };

    #[track_caller]
    fn check(metadata: &[(&str, &str)], expected: &str, left_out: usize) {
        let metadata: Vec<(String, String)> =
            metadata.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
        let found = fitting(&metadata, &LIMITS, |_| 1);
        let shown: Vec<String> =
            found.entries.iter().map(|(key, value)| [key, "=", value].concat()).collect();
        assert_eq!((shown.join(" ").as_str(), found.left_out), (expected, left_out));
        assert!(found.length <= LIMITS.total, "{found:?}");
    }

    #[test]
    fn entries_are_kept_while_they_and_the_mark_fit() {
        check(&[], "", 0);
        check(&[("a", "1"), ("b", "2"), ("c", "3")], "a=1 b=2 c=3", 0);
        check(&[("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")], "a=1 b=2", 2);
        check(&[("a", "123456"), ("b", "123456"), ("c", "1")], "a=123456 b=123456 c=1", 0);
        check(&[("a", "123456"), ("b", "123456"), ("c", "123456")], "a=123456 b=123456", 1);
        // Two would fit, but not the mark behind them.
        check(&[("abcd", "123456"), ("ab", "123456"), ("c", "1")], "abcd=123456", 2);
    }

    #[test]
    fn long_keys_and_values_are_cut() {
        check(&[("abcde", "1234567")], "abc…=12345…", 0);
    }

    #[test]
    fn the_rest_is_counted() {
        let metadata = [("a".to_owned(), "1".to_owned()), ("b".to_owned(), "2".to_owned())];
        let limits = Limits { entries: 1, ..LIMITS };
        assert_eq!(fitting(&metadata, &limits, |_| 1).rest().as_deref(), Some("2 more"));
        assert_eq!(fitting(&metadata, &LIMITS, |_| 1).rest(), None);
    }
}
