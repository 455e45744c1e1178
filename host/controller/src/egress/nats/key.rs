//! Keys of NATS users: a seed in base32, which signs what a server gives.
//!
//! The form is that of <https://github.com/nats-io/nkeys>: a kind, the bytes, and a checksum.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use data_encoding::BASE32_NOPAD;
use ring::signature::{Ed25519KeyPair, KeyPair as _};

/// The kind of a seed: the letter `S`.
const SEED: u8 = 18 << 3;
/// The kind of a user's key: the letter `U`.
const USER: u8 = 20 << 3;
/// Two bytes of kinds, the seed and its checksum.
const SEED_BYTES: usize = 2 + 32 + 2;

/// The key of a user.
pub(super) struct UserKey {
    pair: Ed25519KeyPair,
}

impl UserKey {
    /// The key of a seed; none when it is not one of a user.
    pub(super) fn of_seed(seed: &str) -> Option<Self> {
        let bytes = BASE32_NOPAD.decode(seed.trim().as_bytes()).ok()?;
        if bytes.len() != SEED_BYTES {
            return None;
        }
        let (content, checksum) = bytes.split_at(SEED_BYTES - 2);
        let (kinds, seed) = content.split_at(2);
        let &[first, second] = kinds else { return None };
        // The two kinds have five bits each, one after the other.
        let kind = (first & 0b111) << 5 | (second & 0b1111_1000) >> 3;
        let is_user = first & 0b1111_1000 == SEED && kind == USER;
        let is_whole = checksum == crc16(content).to_le_bytes();
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).ok()?;
        (is_user && is_whole).then_some(Self { pair })
    }

    /// The public key, which servers know a user by.
    pub(super) fn public(&self) -> String {
        let mut bytes = vec![USER];
        bytes.extend_from_slice(self.pair.public_key().as_ref());
        bytes.extend_from_slice(&crc16(&bytes).to_le_bytes());
        BASE32_NOPAD.encode(&bytes)
    }

    /// The signature of what the server gave, as a login has it.
    pub(super) fn sign(&self, nonce: &str) -> String {
        URL_SAFE_NO_PAD.encode(self.pair.sign(nonce.as_bytes()))
    }
}

/// CRC-16 with the polynomial 0x1021, starting from zero.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte) << 8, |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_is_that_of_xmodem() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
    }
}
