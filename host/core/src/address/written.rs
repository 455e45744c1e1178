//! An address as its Provider has it, read once: every attempt asks for it several times.

use std::fmt;
use std::ops::Deref;

use super::{Address, ParseAddressError, parse};

/// The text of an address and what it was read as. It may be a credential.
#[derive(Clone, PartialEq, Eq)]
pub struct WrittenAddress {
    text: String,
    read: Result<Option<Address>, ParseAddressError>,
}

impl WrittenAddress {
    /// The address; none where there is no text.
    ///
    /// # Errors
    /// The text is none of the known forms.
    pub fn read(&self) -> Result<Option<&Address>, &ParseAddressError> {
        self.read.as_ref().map(Option::as_ref)
    }

    /// The address, where there is one that can be read.
    #[must_use]
    pub fn known(&self) -> Option<&Address> {
        self.read().ok().flatten()
    }
}

impl From<String> for WrittenAddress {
    fn from(text: String) -> Self {
        let read = parse(&text);
        Self { text, read }
    }
}

impl From<&str> for WrittenAddress {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

/// The text as it is written.
impl Deref for WrittenAddress {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

/// Shows what an address may show.
impl fmt::Debug for WrittenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WrittenAddress").field(&self.read).finish()
    }
}
