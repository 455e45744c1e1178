//! A Sigstore of the test's own: an authority as Fulcio is one, a log as Rekor is one, and signatures with certificates as
//! cosign writes them without a key.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use herald_controller::registry::signature::Signed;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, PublicKeyData as _, SanType,
    date_time_ymd,
};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use crate::registry::{payload, signature};

/// When the certificates here begin to be valid, in seconds after 1970. They are for ten minutes, as those of Fulcio.
pub const ISSUED: i64 = 1_767_225_600;
const VALID: Duration = Duration::from_secs(600);
/// Who vouches for the subject, in the older and the newer form.
const ISSUER: &[u64] = &[1, 3, 6, 1, 4, 1, 57264, 1, 1];
const ISSUER_V2: &[u64] = &[1, 3, 6, 1, 4, 1, 57264, 1, 8];

/// What a certificate says.
#[derive(Clone, Debug)]
pub struct Person {
    /// Who signs: a mail address, or else a URI.
    pub subject: String,
    /// Who vouches for that; nobody, if it is empty.
    pub issuer: String,
    /// Whether the issuer stands there in the older form.
    pub is_old: bool,
    /// What the certificate is for.
    pub usage: ExtendedKeyUsagePurpose,
}

impl Person {
    /// Somebody whose certificate is for signing code.
    #[must_use]
    pub fn new(issuer: &str, subject: &str) -> Self {
        let (issuer, subject) = (issuer.to_owned(), subject.to_owned());
        Self { subject, issuer, is_old: false, usage: ExtendedKeyUsagePurpose::CodeSigning }
    }
}

/// An authority and a log.
pub struct Sigstore {
    root: CertifiedIssuer<'static, KeyPair>,
    between: CertifiedIssuer<'static, KeyPair>,
    log: KeyPair,
}

impl Default for Sigstore {
    fn default() -> Self {
        let root = CertifiedIssuer::self_signed(authority("a test's root"), pair()).unwrap();
        let mut params = authority("a test's authority");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
        let between = CertifiedIssuer::signed_by(params, pair(), &root).unwrap();
        Self { root, between, log: pair() }
    }
}

impl Sigstore {
    /// The root, as PEM.
    #[must_use]
    pub fn fulcio(&self) -> String {
        self.root.pem()
    }

    /// What stands between the root and those who sign, as PEM.
    #[must_use]
    pub fn between(&self) -> String {
        self.between.pem()
    }

    /// The log's key, as PEM.
    #[must_use]
    pub fn rekor(&self) -> String {
        self.log.public_key_pem()
    }

    /// Has somebody sign the manifest with this digest, and the log take it in so many seconds after the certificate
    /// begins.
    ///
    /// # Panics
    /// The texts of the person are not ASCII.
    #[must_use]
    pub fn sign(&self, digest: &str, person: &Person, after: i64) -> Signature {
        let key = pair();
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.not_before = date_time_ymd(2026, 1, 1);
        params.not_after = params.not_before + VALID;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![person.usage.clone()];
        let subject = person.subject.as_str().try_into().unwrap();
        params.subject_alt_names = vec![if person.subject.contains("://") {
            SanType::URI(subject)
        } else {
            SanType::Rfc822Name(subject)
        }];
        let issuer = person.issuer.as_bytes();
        if person.is_old {
            params.custom_extensions =
                vec![CustomExtension::from_oid_content(ISSUER, issuer.to_vec())];
        } else if !issuer.is_empty() {
            let der = [&[0x0c, u8::try_from(issuer.len()).unwrap()], issuer].concat();
            params.custom_extensions = vec![CustomExtension::from_oid_content(ISSUER_V2, der)];
        }
        let certificate = params.signed_by(&key, &self.between).unwrap().pem();
        let payload = payload(digest);
        let signature = signature(&key, payload.as_bytes());
        let entry = json!({
            "apiVersion": "0.0.1", "kind": "hashedrekord",
            "spec": {
                "data": {"hash": {"algorithm": "sha256", "value": sha256(payload.as_bytes())}},
                "signature": {
                    "content": signature,
                    "publicKey": {"content": STANDARD.encode(&certificate)},
                },
            },
        });
        let bundle = self.enter(&entry, ISSUED + after);
        let chain = format!("{}{}", self.between.pem(), self.root.pem());
        Signature { payload, signature, certificate, chain, bundle }
    }

    /// Has the log take in an entry, and gives what cosign keeps of that.
    #[must_use]
    pub fn enter(&self, entry: &Value, time: i64) -> Value {
        let body = STANDARD.encode(entry.to_string());
        let id = sha256(&self.log.subject_public_key_info());
        let signed =
            format!(r#"{{"body":"{body}","integratedTime":{time},"logID":"{id}","logIndex":7}}"#);
        json!({
            "SignedEntryTimestamp": signature(&self.log, signed.as_bytes()),
            "Payload": {"logIndex": 7, "logID": id, "integratedTime": time, "body": body},
        })
    }
}

/// A signature with what stands beside it.
#[derive(Clone, Debug)]
pub struct Signature {
    /// The text that is signed.
    pub payload: String,
    /// Its signature in base64.
    pub signature: String,
    /// The certificate of whoever signed, as PEM.
    pub certificate: String,
    /// The certificates from there to the root, as PEM.
    pub chain: String,
    /// What the log gave.
    pub bundle: Value,
}

impl Signature {
    /// The entry that the log took in.
    ///
    /// # Panics
    /// The bundle was changed into none.
    #[must_use]
    pub fn entry(&self) -> Value {
        let body = self.bundle["Payload"]["body"].as_str().unwrap();
        serde_json::from_slice(&STANDARD.decode(body).unwrap()).unwrap()
    }

    /// The same as Herald reads it from a registry, with `bundle` as the text of what the log gave.
    #[must_use]
    pub fn signed<'a>(&'a self, bundle: &'a str) -> Signed<'a> {
        Signed {
            payload: self.payload.as_bytes(),
            signature: &self.signature,
            certificate: Some(&self.certificate),
            chain: Some(&self.chain),
            bundle: Some(bundle),
        }
    }

    /// What cosign writes beside the text in a registry.
    #[must_use]
    pub fn annotations(&self) -> BTreeMap<String, String> {
        [
            ("dev.cosignproject.cosign/signature", self.signature.clone()),
            ("dev.sigstore.cosign/certificate", self.certificate.clone()),
            ("dev.sigstore.cosign/chain", self.chain.clone()),
            ("dev.sigstore.cosign/bundle", self.bundle.to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }
}

/// A key on P-256.
///
/// # Panics
/// There is no chance to be had.
#[must_use]
pub fn pair() -> KeyPair {
    KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap()
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

fn sha256(bytes: &[u8]) -> String {
    digest(&SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
