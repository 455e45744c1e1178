//! Values that must never be shown: the contents of Secrets, keys and credentials.
//!
//! It knows how to keep a text out of every output and how a Secret's keys are named. It must not know what a key is for,
//! where a value may be placed, or how a Secret is read.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use secrecy::{ExposeSecret, SecretSlice, SecretString};

/// A text that is never shown and is wiped from memory when it is dropped.
#[derive(Clone, Default)]
pub struct SecretText(SecretString);

impl SecretText {
    /// Keeps `text` from now on.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(SecretString::from(text))
    }

    /// The text itself, for the one place that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.expose().is_empty()
    }
}

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&str> for SecretText {
    fn from(text: &str) -> Self {
        Self(SecretString::from(text))
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

// Both sides come from the cluster's own objects, so nobody learns anything from how long a comparison takes.
impl PartialEq for SecretText {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for SecretText {}

/// Bytes that are no text, and are never shown and wiped from memory like one.
#[derive(Clone)]
pub struct SecretBytes(SecretSlice<u8>);

impl SecretBytes {
    /// The bytes themselves, for the one place that needs them.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.expose_secret()
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl PartialEq for SecretBytes {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for SecretBytes {}

/// A value as it stands in a Secret: a text, or bytes that are none.
///
/// # Errors
/// The bytes, when they are no UTF-8 text.
pub fn text_of(value: Vec<u8>) -> Result<SecretText, SecretBytes> {
    String::from_utf8(value)
        .map(SecretText::new)
        .map_err(|error| SecretBytes(SecretSlice::from(error.into_bytes())))
}

/// The values of a Provider's Secret by key; an entry of its `headers` has the key `headers/<name>`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretValues {
    texts: BTreeMap<String, SecretText>,
    /// What is no text: a receiver may still take it in a header or as a key.
    bytes: BTreeMap<String, SecretBytes>,
}

impl SecretValues {
    /// The text of this key, which may be empty.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&SecretText> {
        self.texts.get(key)
    }

    /// The value of this key where it is no text.
    #[must_use]
    pub fn bytes(&self, key: &str) -> Option<&SecretBytes> {
        self.bytes.get(key)
    }

    /// The keys whose value is not empty, sorted.
    pub fn keys_with_value(&self) -> impl Iterator<Item = &str> {
        let texts = self.texts.iter().filter(|(_, text)| !text.is_empty()).map(|(key, _)| key);
        let keys: BTreeSet<&str> = texts.chain(self.bytes.keys()).map(String::as_str).collect();
        keys.into_iter()
    }

    /// Every key and text, sorted by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &SecretText)> {
        self.texts.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// Every value that is no text, sorted by its key.
    pub fn iter_bytes(&self) -> impl Iterator<Item = &SecretBytes> {
        self.bytes.values()
    }

    /// Sets a text; a value that was there under this key is gone.
    pub fn insert(&mut self, key: impl Into<String>, value: SecretText) {
        let key = key.into();
        self.bytes.remove(&key);
        self.texts.insert(key, value);
    }

    /// Sets a value that is no text; one that was there under this key is gone.
    pub fn insert_bytes(&mut self, key: impl Into<String>, value: SecretBytes) {
        let key = key.into();
        self.texts.remove(&key);
        self.bytes.insert(key, value);
    }

    /// Whether there is no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty() && self.bytes.is_empty()
    }
}

impl<K: Into<String>> FromIterator<(K, SecretText)> for SecretValues {
    fn from_iter<I: IntoIterator<Item = (K, SecretText)>>(values: I) -> Self {
        let texts = values.into_iter().map(|(key, value)| (key.into(), value)).collect();
        Self { texts, bytes: BTreeMap::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_keys_and_no_value() {
        let values: SecretValues = [("token", SecretText::from("hunter2"))].into_iter().collect();
        let shown = format!("{values:?} {:#?}", values.get("token"));
        assert!(shown.contains("token") && shown.contains("[secret]"), "{shown}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn keys_with_value_are_sorted_and_leave_out_empty_ones() {
        let values: SecretValues =
            [("token", "t"), ("headers/X-B", "b"), ("password", ""), ("headers/X-A", "a")]
                .into_iter()
                .map(|(key, value)| (key, SecretText::from(value)))
                .collect();
        let keys: Vec<&str> = values.keys_with_value().collect();
        assert_eq!(keys, ["headers/X-A", "headers/X-B", "token"]);
        assert_eq!(values.get("password"), Some(&SecretText::default()));
        assert_eq!(values.get("missing"), None);
    }

    #[test]
    fn bytes_that_are_no_text_stand_beside_the_texts() {
        let mut values = SecretValues::default();
        let blob = text_of(vec![0xff, b's']).unwrap_err();
        values.insert_bytes("blob", blob.clone());
        values.insert("token", text_of(b"ok".to_vec()).unwrap());
        assert_eq!(values.keys_with_value().collect::<Vec<_>>(), ["blob", "token"]);
        assert_eq!(values.get("blob"), None);
        assert_eq!(values.bytes("blob"), Some(&blob));
        assert_eq!(values.bytes("token"), None);
        assert_eq!(format!("{blob:?}"), "[secret]");

        values.insert("blob", SecretText::from("text"));
        assert_eq!((values.bytes("blob"), values.iter_bytes().count()), (None, 0));
        values.insert_bytes("blob", blob);
        assert_eq!(values.get("blob"), None);
    }
}
