//! Keyed hashes over what a request says, made where the key is known.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use herald_core::formatter::{Encoding, Hash};
use hmac::{Hmac, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha512};

/// The keyed hash of `message`, written as `encoding` says.
pub(crate) fn sign(hash: Hash, key: &[u8], message: &[u8], encoding: Encoding) -> String {
    let sum = match hash {
        Hash::Sha1 => sum::<Hmac<Sha1>>(key, message),
        Hash::Sha256 => sum::<Hmac<Sha256>>(key, message),
        Hash::Sha512 => sum::<Hmac<Sha512>>(key, message),
    };
    match encoding {
        Encoding::Hex => hex(&sum),
        Encoding::Base64 => STANDARD.encode(sum),
        Encoding::Base64Url => URL_SAFE_NO_PAD.encode(sum),
    }
}

fn sum<M: Mac + hmac::digest::KeyInit>(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = <M as Mac>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a String cannot fail");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 2202 and RFC 4231, test case 2.
    #[test]
    fn published_vectors_hold() {
        let (key, message) = (b"Jefe", b"what do ya want for nothing?");
        assert_eq!(
            sign(Hash::Sha1, key, message, Encoding::Hex),
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"
        );
        assert_eq!(
            sign(Hash::Sha256, key, message, Encoding::Hex),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(
            sign(Hash::Sha256, key, message, Encoding::Base64),
            "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM="
        );
        assert!(sign(Hash::Sha512, key, message, Encoding::Base64Url).starts_with("Fkt6e_"));
    }
}
