//! How deliveries are named by people: the first digits of their ids, and where a list goes on.

use std::fmt;
use std::str::FromStr;

use herald_core::delivery::{DeliveryId, EventId, JournalId};
use herald_journal::DeliveryKey;
use thiserror::Error;

/// Fewer digits name too many deliveries.
const MIN_DIGITS: usize = 4;
const MAX_DIGITS: usize = 32;

/// The first digits of a delivery's id, or all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdPrefix(String);

/// Why a text is not the beginning of an id.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "{0:?} is no id of a delivery: give at least its first {MIN_DIGITS} hexadecimal digits, of {MAX_DIGITS}"
)]
pub struct ParsePrefixError(String);

impl FromStr for IdPrefix {
    type Err = ParsePrefixError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_long_enough = (MIN_DIGITS..=MAX_DIGITS).contains(&text.len());
        if is_long_enough && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(ParsePrefixError(text.to_owned()))
        }
    }
}

impl fmt::Display for IdPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl IdPrefix {
    /// Whether this is how an id begins.
    pub(super) fn is_of(&self, id: &DeliveryId) -> bool {
        id.as_str().starts_with(&self.0)
    }

    pub(super) fn is_whole(&self) -> bool {
        self.0.len() == MAX_DIGITS
    }
}

/// The id of a delivery.
pub(super) fn of(journal: &JournalId, key: &DeliveryKey) -> DeliveryId {
    DeliveryId::new(journal, EventId(key.event.0), &key.alert)
}

/// Where a list goes on, as a text: after this delivery.
pub(super) fn cursor_text(event: herald_journal::EventId, alert: &str) -> String {
    format!("{event}.{alert}")
}

/// The delivery that such a text stands for.
pub(super) fn cursor(text: &str) -> Option<DeliveryKey> {
    let (event, alert) = text.split_once('.')?;
    let event = herald_journal::EventId(event.parse().ok()?);
    Some(DeliveryKey { event, alert: alert.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_an_id_names_it() {
        let id = DeliveryId::parse("0123456789abcdef0123456789abcdef").unwrap();
        for (text, is_of) in
            [("0123", true), ("0123456789ABCDEF0123456789ABCDEF", true), ("1234", false)]
        {
            assert_eq!(text.parse::<IdPrefix>().unwrap().is_of(&id), is_of, "{text}");
        }
        for text in ["", "012", "xyzw", "0123456789abcdef0123456789abcdef0", "+123"] {
            assert_eq!(text.parse::<IdPrefix>(), Err(ParsePrefixError(text.to_owned())));
        }
    }

    #[test]
    fn a_list_goes_on_where_it_ended() {
        let key = DeliveryKey { event: herald_journal::EventId(7), alert: "a.b-c".into() };
        assert_eq!(cursor(&cursor_text(key.event, &key.alert)), Some(key));
        assert_eq!(cursor("seven.a"), None);
        assert_eq!(cursor("7"), None);
    }
}
