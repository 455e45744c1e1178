//! Names of a fixed length, made of texts of any length.
//!
//! No secret goes in here: a module sees none, and signatures are the host's.

use sha1::{Digest, Sha1};

/// The SHA-1 of a text in 40 hexadecimal digits: what Flux gives receivers whose keys are short.
#[must_use]
pub fn sha1_hex(text: &str) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16);
    Sha1::digest(text)
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)])
        .flatten()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_that_of_flux() {
        let check = |text: &str, expected: &str| assert_eq!(sha1_hex(text), expected, "{text}");
        check("", "da39a3ee5e6b4b0d3255bfef95601890afd80709");
        check("abc", "a9993e364706816aba3e25717850c26c9cd0d89d");
        check("kustomization/gitops-system/0c9c2e41", "c99410a43c260fddd152a40c296bddfa0b8fd879");
    }
}
