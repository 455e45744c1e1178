//! The identities of journals, events and deliveries. Knows how a delivery's id comes from its parts; must not know what
//! a delivery carries or where it goes.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

/// The random identity of a journal, made with its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JournalId([u8; 16]);

impl JournalId {
    /// The id with these bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for JournalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl FromStr for JournalId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse_hex(text).map(|bits| Self(bits.to_be_bytes()))
    }
}

/// The position of an event in its journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId(pub i64);

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The identity of one event on its way to one Alert's provider: 32 lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeliveryId(String);

impl DeliveryId {
    /// The id of this event's delivery for this Alert; it never repeats, not even in a new journal.
    #[must_use]
    pub fn new(journal: &JournalId, event: EventId, alert_uid: &str) -> Self {
        // The first two parts have a fixed length, so no two triples give the same bytes.
        let digest = Sha256::new()
            .chain_update(journal.as_bytes())
            .chain_update(event.0.to_be_bytes())
            .chain_update(alert_uid)
            .finalize();
        let half = digest.iter().take(16).fold(0, |bits: u128, byte| bits << 8 | u128::from(*byte));
        Self(format!("{half:032x}"))
    }

    /// Reads an id as a person or a file gives it.
    ///
    /// # Errors
    /// When it is not 32 hexadecimal digits.
    pub fn parse(text: &str) -> Result<Self, ParseIdError> {
        parse_hex(text).map(|bits| Self(format!("{bits:032x}")))
    }

    /// Its digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is no id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id has 32 hexadecimal digits")]
pub struct ParseIdError;

/// Reads exactly 32 hexadecimal digits of either case.
fn parse_hex(text: &str) -> Result<u128, ParseIdError> {
    // `from_str_radix` alone would take a sign.
    if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(ParseIdError);
    }
    u128::from_str_radix(text, 16).map_err(|_| ParseIdError)
}

fn write_hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOURNAL: JournalId = JournalId([0xab; 16]);

    #[test]
    fn a_journal_id_survives_its_text() {
        let text = JOURNAL.to_string();
        assert_eq!(text, "abababababababababababababababab");
        assert_eq!(text.parse(), Ok(JOURNAL));
    }

    #[test]
    fn a_delivery_id_depends_on_each_part_and_nothing_else() {
        let id = DeliveryId::new(&JOURNAL, EventId(7), "uid");
        assert_eq!(id, DeliveryId::new(&JOURNAL, EventId(7), "uid"));
        assert_ne!(id, DeliveryId::new(&JournalId([0; 16]), EventId(7), "uid"));
        assert_ne!(id, DeliveryId::new(&JOURNAL, EventId(8), "uid"));
        assert_ne!(id, DeliveryId::new(&JOURNAL, EventId(7), "uie"));
    }

    #[test]
    fn a_delivery_id_never_changes_between_releases() {
        // Receivers hold these as idempotency keys across an upgrade.
        let id = DeliveryId::new(&JOURNAL, EventId(7), "a1e47000-0000-4000-8000-00000000cafe");
        assert_eq!(id.as_str(), "4e5401fba93b517c08ba72a48e6de8f0");
    }

    #[test]
    fn a_delivery_id_is_read_in_either_case_and_kept_in_lower_case() {
        let id = DeliveryId::parse("0123456789ABCDEF0123456789abcdef").unwrap();
        assert_eq!(id.to_string(), "0123456789abcdef0123456789abcdef");
    }

    #[test]
    fn what_is_not_32_hexadecimal_digits_is_no_id() {
        for text in
            ["", "ab", "+123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdefg", "é"]
        {
            assert_eq!(DeliveryId::parse(text), Err(ParseIdError), "{text}");
            assert_eq!(text.parse::<JournalId>(), Err(ParseIdError), "{text}");
        }
    }
}
