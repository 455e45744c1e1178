//! Signatures of artifacts as cosign makes them: ECDSA with P-256 and SHA-256 over a small JSON text that names the
//! manifest, with a key that is trusted or with a certificate (`keyless`). Whatever is wrong with one, it does not count.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Deserialize;
use thiserror::Error;

use super::keyless::{Keyless, KeylessError};

/// What stands before the point of a public key on P-256: its algorithm and its curve, as RFC 5480 has them in DER.
const P256: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// Why a signature does not count.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SignatureError {
    /// There is none.
    #[error("it has no signature; sign it with `cosign sign --new-bundle-format=false`")]
    None,
    /// It is by another key, or of another text.
    #[error("no signature of it was made with the key that is trusted here")]
    OtherKey,
    /// It is right and says something else.
    #[error("its signature is for another manifest")]
    OtherManifest,
    /// It was not made by somebody who may, as far as can be proved.
    #[error(transparent)]
    Keyless(#[from] KeylessError),
}

/// A text that is no key.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error(
    "is no public key of cosign: a PEM text that begins with `-----BEGIN PUBLIC KEY-----`, for ECDSA with P-256"
)]
pub struct ParseKeyError;

/// A public key that is trusted.
#[derive(Clone)]
pub struct Key(Vec<u8>);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

impl Key {
    /// Reads a key as `cosign generate-key-pair` writes it to `cosign.pub`.
    ///
    /// # Errors
    /// It is no such key.
    pub fn parse(pem: &str) -> Result<Self, ParseKeyError> {
        let der =
            SubjectPublicKeyInfoDer::from_pem_slice(pem.as_bytes()).map_err(|_| ParseKeyError)?;
        let point =
            der.strip_prefix(&P256).filter(|point| point.len() == 65).ok_or(ParseKeyError)?;
        Ok(Self(point.to_vec()))
    }

    /// The key in DER, with its algorithm.
    pub(super) fn to_der(&self) -> Vec<u8> {
        [&P256[..], &self.0].concat()
    }

    /// Whether it made this signature of this text.
    pub(super) fn has_signed(&self, text: &[u8], signature: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &self.0);
        key.verify(text, signature).is_ok()
    }
}

/// Whose signature an artifact must have.
#[derive(Clone, Debug)]
pub enum Trust {
    /// That of a key.
    Key(Key),
    /// That of somebody with a certificate.
    Keyless(Box<Keyless>),
}

/// A text and its signature, with what cosign puts beside it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Signed<'a> {
    /// The text.
    pub payload: &'a [u8],
    /// The signature in base64.
    pub signature: &'a str,
    /// The certificate of whoever signed, in PEM.
    pub certificate: Option<&'a str>,
    /// The certificates between that one and a root, in PEM.
    pub chain: Option<&'a str>,
    /// The entry of the transparency log, in JSON.
    pub bundle: Option<&'a str>,
}

#[derive(Deserialize)]
struct Payload {
    critical: Critical,
}

#[derive(Deserialize)]
struct Critical {
    image: Named,
}

#[derive(Deserialize)]
struct Named {
    #[serde(rename = "docker-manifest-digest")]
    digest: String,
}

impl Signed<'_> {
    /// Whether it is by whom it must be and about this manifest.
    ///
    /// # Errors
    /// It is not; the text says what to change.
    pub fn verify(self, trust: &Trust, digest: &str) -> Result<(), SignatureError> {
        match trust {
            Trust::Key(key) => {
                let signature = STANDARD.decode(self.signature.trim());
                let signature = signature.map_err(|_| SignatureError::OtherKey)?;
                if !key.has_signed(self.payload, &signature) {
                    return Err(SignatureError::OtherKey);
                }
            }
            Trust::Keyless(keyless) => keyless.verify(self)?,
        }
        // Only now is the text worth reading.
        let payload: Payload =
            serde_json::from_slice(self.payload).map_err(|_| SignatureError::OtherManifest)?;
        if payload.critical.image.digest == digest {
            Ok(())
        } else {
            Err(SignatureError::OtherManifest)
        }
    }
}

#[cfg(test)]
mod tests {
    use rcgen::PublicKeyData as _;
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};

    use super::*;

    #[test]
    fn a_signature_counts_for_its_key_and_its_manifest_alone() {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let other = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let random = SystemRandom::new();
        let signer = EcdsaKeyPair::from_pkcs8(
            &ECDSA_P256_SHA256_ASN1_SIGNING,
            &pair.serialize_der(),
            &random,
        );
        let payload = br#"{"critical":{"identity":{"docker-reference":""},"image":{"docker-manifest-digest":"sha256:aa"},"type":"cosign container image signature"},"optional":null}"#;
        let signature = STANDARD.encode(signer.unwrap().sign(&random, payload).unwrap());
        let key = Key::parse(&pair.public_key_pem()).unwrap();
        let other = Key::parse(&other.public_key_pem()).unwrap();
        assert_eq!(key.0, pair.der_bytes());
        let verify = |payload: &[u8], signature: &str, key: &Key, digest| {
            let signed = Signed { payload, signature, ..Signed::default() };
            signed.verify(&Trust::Key(key.clone()), digest)
        };
        assert_eq!(verify(payload, &signature, &key, "sha256:aa"), Ok(()));
        assert_eq!(
            verify(payload, &signature, &key, "sha256:bb"),
            Err(SignatureError::OtherManifest)
        );
        assert_eq!(verify(payload, &signature, &other, "sha256:aa"), Err(SignatureError::OtherKey));
        assert_eq!(verify(b"{}", &signature, &key, "sha256:aa"), Err(SignatureError::OtherKey));
        assert_eq!(verify(payload, "nonsense", &key, "sha256:aa"), Err(SignatureError::OtherKey));
    }

    #[test]
    fn what_is_no_key_is_told() {
        let rsa = "-----BEGIN PUBLIC KEY-----\nMFwwDQYJKoZIhvcNAQEBBQADSwAwSAJB\n-----END PUBLIC KEY-----\n";
        for pem in ["", "sha256:aa", rsa] {
            assert!(Key::parse(pem).is_err(), "{pem}");
        }
    }
}
