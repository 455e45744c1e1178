//! JSON Web Tokens signed with RS256: proof that the host has an account's private key.
//!
//! It knows keys in PEM form and how claims are signed. It must not know who asks for a token, nor what the claims mean.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use herald_core::secret::SecretText;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};
use thiserror::Error;

/// A private RSA key.
pub(super) struct SigningKey(RsaKeyPair);

/// Why a text is no key to sign with. It never shows the text.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(super) enum ReadKeyError {
    #[error(
        "is no private key in PEM form; it begins with `-----BEGIN RSA PRIVATE KEY-----` or `-----BEGIN PRIVATE KEY-----`, \
         and every line break counts"
    )]
    NotPem,
    #[error("is a public key or a certificate; give the private key")]
    NotPrivate,
    #[error("is encrypted with a passphrase; give the key without one")]
    Encrypted,
    #[error("is no RSA key of 2048 to 4096 bits; make a new key and give the whole file")]
    NotRsa,
}

impl SigningKey {
    /// Reads a key in PKCS#1 or PKCS#8.
    pub(super) fn from_pem(pem: &str) -> Result<Self, ReadKeyError> {
        if ["BEGIN ENCRYPTED", "4,ENCRYPTED"].iter().any(|mark| pem.contains(mark)) {
            return Err(ReadKeyError::Encrypted);
        }
        let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| {
            let other = ["PUBLIC KEY-----", "CERTIFICATE-----"];
            match other.iter().any(|label| pem.contains(label)) {
                true => ReadKeyError::NotPrivate,
                false => ReadKeyError::NotPem,
            }
        })?;
        let key = match &key {
            PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
            PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
            _ => return Err(ReadKeyError::NotRsa),
        };
        key.map(Self).map_err(|_| ReadKeyError::NotRsa)
    }

    /// A token with these claims; `key_id` names the key where an account has several.
    pub(super) fn token(&self, claims: &Value, key_id: Option<&str>) -> SecretText {
        let mut head = json!({"alg": "RS256", "typ": "JWT"});
        if let Some(key_id) = key_id {
            head["kid"] = json!(key_id);
        }
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = [part(&head).as_str(), ".", &part(claims)].concat();
        let mut signature = vec![0; self.0.public().modulus_len()];
        self.0
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
            .expect(
                "the signature is as long as the modulus, and this padding takes no randomness",
            );
        SecretText::new([signed.as_str(), ".", &URL_SAFE_NO_PAD.encode(signature)].concat())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};

    use super::*;

    /// Throw-away keys: the first in PKCS#1, the same in PKCS#8, and one that is not RSA.
    pub(in crate::credentials) const PKCS1: &str =
        include_str!("../../../../tests/fixtures/keys/rsa-pkcs1.pem");
    const PKCS8: &str = include_str!("../../../../tests/fixtures/keys/rsa-pkcs8.pem");
    const ELLIPTIC: &str = include_str!("../../../../tests/fixtures/keys/elliptic.pem");

    /// The head and the claims of a token that the throw-away key signed.
    pub(in crate::credentials) fn read(token: &str) -> (Value, Value) {
        let parts: Vec<&str> = token.split('.').collect();
        let [head, claims, signature] = parts[..] else { panic!("{token} has not three parts") };
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap();
        let key = SigningKey::from_pem(PKCS1).unwrap();
        let public = RsaPublicKeyComponents::<Vec<u8>>::from(key.0.public());
        let signed = [head, ".", claims].concat();
        public
            .verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &decode(signature))
            .expect("the signature is that of the key");
        let read = |part: &str| serde_json::from_slice(&decode(part)).unwrap();
        (read(head), read(claims))
    }

    #[test]
    fn a_token_holds_its_claims_and_is_signed() {
        let claims = json!({"iss": "12345", "iat": 1_800_000_000});
        for pem in [PKCS1, PKCS8] {
            let key = SigningKey::from_pem(pem).unwrap();
            let (head, read_claims) = read(key.token(&claims, None).expose());
            assert_eq!(head, json!({"alg": "RS256", "typ": "JWT"}));
            assert_eq!(read_claims, claims);
            let (head, _) = read(key.token(&claims, Some("k1")).expose());
            assert_eq!(head["kid"], "k1");
        }
    }

    #[test]
    fn what_is_no_key_says_what_to_give() {
        let check = |pem: &str, expected: ReadKeyError| {
            assert_eq!(SigningKey::from_pem(pem).err(), Some(expected), "{pem}");
        };
        check("", ReadKeyError::NotPem);
        check("fake", ReadKeyError::NotPem);
        check(&PKCS1.replace('\n', " "), ReadKeyError::NotPem);
        check(PKCS1.get(..800).unwrap(), ReadKeyError::NotPem);
        let relabeled = |label: &str| PKCS1.replace("RSA PRIVATE KEY", label);
        check(&relabeled("PUBLIC KEY"), ReadKeyError::NotPrivate);
        check(&relabeled("ENCRYPTED PRIVATE KEY"), ReadKeyError::Encrypted);
        check(ELLIPTIC, ReadKeyError::NotRsa);
    }
}
