//! Signatures of artifacts as cosign makes them without a key of one's own: with a certificate of Fulcio that names who
//! signed, and an entry of Rekor that says when.
//!
//! What is trusted is given: no root comes from the network, and no service but the registry is asked. Not checked are the
//! promise of a certificate log inside of the certificate (SCT) and the proof of inclusion in Rekor; the log's signed
//! promise is.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use herald_core::patterns::{PatternError, Patterns};
use herald_core::provider_module::Identity;
use thiserror::Error;

use super::certificate::{
    Authorities, Certificate, CertificateError, Names, ParseAuthoritiesError,
};
use super::rekor::{Entered, EntryError, Log};
use super::signature::{ParseKeyError, Signed};

/// The longest name of somebody that an error shows, in characters.
const MAX_SHOWN: usize = 200;

/// Why a signature without a key does not count.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum KeylessError {
    /// It was made with a key.
    #[error(
        "its signature has no certificate, so it was made with a key; sign it with `cosign sign --new-bundle-format=false` without `--key`, or trust the key with verifySecretRef"
    )]
    NoCertificate,
    /// Nothing says when it was made.
    #[error(
        "its signature has no entry of a transparency log; sign it with `cosign sign --new-bundle-format=false` and an upload to the log"
    )]
    NoEntry,
    /// Its entry does not count.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// Its certificate does not count.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// It is no signature, or that of somebody else.
    #[error("its signature was not made with its certificate; sign it again with `cosign sign`")]
    Signature,
    /// Somebody signed who is not wanted.
    #[error(
        "it was signed by {subject:?} of the issuer {issuer:?}; if that is right, add them to matchOIDCIdentity"
    )]
    Identity {
        /// Who signed.
        subject: String,
        /// Who vouched for that.
        issuer: String,
    },
}

/// What cannot be used to look at signatures.
#[derive(Clone, Debug, Error)]
pub enum ParseKeylessError {
    /// The authorities.
    #[error("fulcio.crt.pem {0}")]
    Authorities(#[from] ParseAuthoritiesError),
    /// The log's key.
    #[error("rekor.pub {0}")]
    Log(#[from] ParseKeyError),
    /// An expression.
    #[error("matchOIDCIdentity")]
    Identity(#[source] PatternError),
    /// Nobody may sign.
    #[error("matchOIDCIdentity names nobody; give an issuer and a subject")]
    Nobody,
}

/// Who may sign, and who is believed to say who signed.
#[derive(Clone, Debug)]
pub struct Keyless {
    authorities: Authorities,
    log: Log,
    /// Issuer and subject.
    identities: Vec<(Patterns, Patterns)>,
}

impl Keyless {
    /// Reads the certificates of authorities and the key of a log, both in PEM, and who may sign.
    ///
    /// # Errors
    /// One of them cannot be used.
    pub fn parse(
        fulcio: &str,
        rekor: &str,
        identities: &[Identity],
    ) -> Result<Self, ParseKeylessError> {
        let pattern = |text: &String| {
            let (patterns, errors) = Patterns::compile(std::slice::from_ref(text));
            errors.into_iter().next().map_or(Ok(patterns), Err)
        };
        let pair = |identity: &Identity| {
            Ok::<_, PatternError>((pattern(&identity.issuer)?, pattern(&identity.subject)?))
        };
        let identities: Result<Vec<_>, _> = identities.iter().map(pair).collect();
        let identities = identities.map_err(ParseKeylessError::Identity)?;
        if identities.is_empty() {
            return Err(ParseKeylessError::Nobody);
        }
        Ok(Self { authorities: Authorities::parse(fulcio)?, log: Log::parse(rekor)?, identities })
    }

    /// Whether one of those who may have signed this text with this signature, as the log and the authorities say.
    pub(super) fn verify(&self, signed: Signed<'_>) -> Result<(), KeylessError> {
        let certificate = signed.certificate.ok_or(KeylessError::NoCertificate)?;
        let bundle = signed.bundle.ok_or(KeylessError::NoEntry)?;
        let certificate = Certificate::parse(certificate.as_bytes())?;
        let signature = STANDARD.decode(signed.signature.trim());
        let signature = signature.map_err(|_| KeylessError::Signature)?;
        let entered =
            Entered { text: signed.payload, signature: &signature, certificate: &certificate };
        let time = self.log.time(bundle, entered)?;
        self.authorities.verify(&certificate, signed.chain, time)?;
        if !certificate.has_signed(signed.payload, &signature) {
            return Err(KeylessError::Signature);
        }
        let Names { issuer, subjects } = certificate.names()?;
        let is_wanted = self.identities.iter().any(|(wanted_issuer, wanted)| {
            wanted_issuer.any_match(&issuer)
                && subjects.iter().any(|subject| wanted.any_match(subject))
        });
        if is_wanted {
            return Ok(());
        }
        let shown = |text: &str| text.chars().take(MAX_SHOWN).collect();
        Err(KeylessError::Identity { subject: shown(&subjects.join(", ")), issuer: shown(&issuer) })
    }
}
