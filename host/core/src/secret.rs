//! Values that must never be shown: the contents of Secrets, keys and credentials.
//!
//! It knows how to keep a text out of every output and how a Secret's keys are named. It must not know what a key is for,
//! where a value may be placed, or how a Secret is read.

use std::collections::BTreeMap;
use std::fmt;

use secrecy::zeroize::Zeroize;
use secrecy::{ExposeSecret, SecretString};

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

/// Why a value of a Secret cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the value of the key `{key}` is not UTF-8 text; store it as text, base64 if it is binary")]
pub struct NotTextError {
    /// The key.
    pub key: String,
}

/// The values of a Provider's Secret by key; an entry of its `headers` has the key `headers/<name>`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretValues(BTreeMap<String, SecretText>);

impl SecretValues {
    /// The value of this key, which may be empty.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&SecretText> {
        self.0.get(key)
    }

    /// The keys whose value is not empty, sorted.
    pub fn keys_with_value(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter(|(_, value)| !value.is_empty()).map(|(key, _)| key.as_str())
    }

    /// Every key and value, sorted by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &SecretText)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// Sets a value; one that was there under this key is gone.
    pub fn insert(&mut self, key: impl Into<String>, value: SecretText) {
        self.0.insert(key.into(), value);
    }

    /// Sets a value as it stands in a Secret.
    ///
    /// # Errors
    ///
    /// When the bytes are no UTF-8 text; nothing is set then.
    pub fn insert_bytes(
        &mut self,
        key: impl Into<String>,
        value: Vec<u8>,
    ) -> Result<(), NotTextError> {
        let key = key.into();
        match String::from_utf8(value) {
            Ok(text) => {
                self.insert(key, SecretText::new(text));
                Ok(())
            }
            Err(error) => {
                error.into_bytes().zeroize();
                Err(NotTextError { key })
            }
        }
    }

    /// Whether there is no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<K: Into<String>> FromIterator<(K, SecretText)> for SecretValues {
    fn from_iter<I: IntoIterator<Item = (K, SecretText)>>(values: I) -> Self {
        Self(values.into_iter().map(|(key, value)| (key.into(), value)).collect())
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
    fn bytes_that_are_no_text_are_refused_by_key() {
        let mut values = SecretValues::default();
        assert_eq!(values.insert_bytes("token", b"ok".to_vec()), Ok(()));
        let error = values.insert_bytes("blob", vec![0xff, b's']).unwrap_err();
        assert_eq!(error.key, "blob");
        assert!(values.get("blob").is_none());
        assert_eq!(values.get("token").map(SecretText::expose), Some("ok"));
    }
}
