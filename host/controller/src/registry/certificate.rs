//! Certificates as Fulcio issues them: whether one leads to an authority that is trusted, and whom it names.
//!
//! It must not know what was signed, or who is wanted.

use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use thiserror::Error;
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert, ring as algorithms};

use super::der::Reader;

/// That a certificate is for signing code, 1.3.6.1.5.5.7.3.3.
const CODE_SIGNING: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x03];
/// The names of whoever a certificate is for, 2.5.29.17.
const NAMES: &[u8] = &[0x55, 0x1d, 0x11];
/// Who vouched for them, 1.3.6.1.4.1.57264.1.1: the text itself.
const ISSUER: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x83, 0xbf, 0x30, 0x01, 0x01];
/// The same, 1.3.6.1.4.1.57264.1.8: the text in DER.
const ISSUER_V2: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x83, 0xbf, 0x30, 0x01, 0x08];

const OID: u8 = 0x06;
const OCTET_STRING: u8 = 0x04;
const UTF8_STRING: u8 = 0x0c;
const SEQUENCE: u8 = 0x30;
/// Of the parts of a certificate.
const EXTENSIONS: u8 = 0xa3;
/// Of names: an address for mail, and a URI.
const MAIL: u8 = 0x81;
const URI: u8 = 0x86;

/// What authorities sign certificates with.
static ALGORITHMS: &[&dyn SignatureVerificationAlgorithm] = &[
    algorithms::ECDSA_P256_SHA256,
    algorithms::ECDSA_P256_SHA384,
    algorithms::ECDSA_P384_SHA256,
    algorithms::ECDSA_P384_SHA384,
    algorithms::ED25519,
    algorithms::RSA_PKCS1_2048_8192_SHA256,
    algorithms::RSA_PKCS1_2048_8192_SHA384,
    algorithms::RSA_PKCS1_2048_8192_SHA512,
];
/// How many certificates of a chain are looked at.
const MAX_CHAIN: usize = 8;

/// Why a certificate does not count.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CertificateError {
    /// It is none.
    #[error("its certificate cannot be read; sign it again with `cosign sign`")]
    Form,
    /// It is of another authority.
    #[error(
        "its certificate does not lead to a root that is trusted here; if it should, add the root of the Fulcio that issued it to fulcio.crt.pem"
    )]
    Root,
    /// The signature was entered into the log too early or too late.
    #[error(
        "its certificate was not valid when the transparency log took the signature in, at {0} s after 1970; sign it again"
    )]
    Time(i64),
    /// It is for something else.
    #[error(
        "its certificate, or one on the way to the root, is not for signing code; have it signed with a certificate of Fulcio"
    )]
    Usage,
    /// Something else is wrong with it, in the words of webpki.
    #[error("its certificate is not valid ({0}); sign it again with `cosign sign`")]
    Other(String),
    /// It names nobody.
    #[error(
        "its certificate names nobody: it has no mail address or URI, or no issuer of the identity; have it signed with a certificate of Fulcio"
    )]
    Nobody,
}

/// Texts that hold no authorities.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ParseAuthoritiesError {
    /// They are no certificates.
    #[error(
        "is not a list of certificates: PEM texts that begin with `-----BEGIN CERTIFICATE-----`, of roots and what is between them and the signatures"
    )]
    Form,
    /// None of them is a root.
    #[error("has no root: one of its certificates must be signed by itself")]
    NoRoot,
}

/// The authorities that are trusted.
#[derive(Clone, Debug)]
pub struct Authorities {
    roots: Vec<TrustAnchor<'static>>,
    between: Vec<CertificateDer<'static>>,
}

impl Authorities {
    /// Reads certificates in PEM: those that are signed by themselves are trusted, others may be used on the way to them.
    ///
    /// # Errors
    /// They are no certificates, or none is a root.
    pub fn parse(pem: &str) -> Result<Self, ParseAuthoritiesError> {
        let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
        let all = all.map_err(|_| ParseAuthoritiesError::Form)?;
        let (mut roots, mut between) = (Vec::new(), Vec::new());
        for der in all {
            let parsed = EndEntityCert::try_from(&der).map_err(|_| ParseAuthoritiesError::Form)?;
            if parsed.issuer() == parsed.subject() {
                let root = anchor_from_trusted_cert(&der);
                roots.push(root.map_err(|_| ParseAuthoritiesError::Form)?.to_owned());
            } else {
                between.push(der);
            }
        }
        match (roots.is_empty(), between.is_empty()) {
            (false, _) => Ok(Self { roots, between }),
            (true, false) => Err(ParseAuthoritiesError::NoRoot),
            (true, true) => Err(ParseAuthoritiesError::Form),
        }
    }

    /// Whether a certificate leads to one of the roots, was valid so many seconds after 1970, and is for signing code.
    pub(super) fn verify(
        &self,
        leaf: &Certificate,
        chain: Option<&str>,
        seconds: i64,
    ) -> Result<(), CertificateError> {
        let mut between = self.between.clone();
        let chain = CertificateDer::pem_slice_iter(chain.unwrap_or_default().as_bytes());
        between.extend(chain.take(MAX_CHAIN).flatten());
        let time = u64::try_from(seconds).map_err(|_| CertificateError::Time(seconds))?;
        let time = UnixTime::since_unix_epoch(Duration::from_secs(time));
        let usage = KeyUsage::required(CODE_SIGNING);
        let parsed = leaf.parsed()?;
        let verified =
            parsed.verify_for_usage(ALGORITHMS, &self.roots, &between, time, usage, None, None);
        match verified {
            Ok(_) => Ok(()),
            Err(webpki::Error::CertExpired { .. } | webpki::Error::CertNotValidYet { .. }) => {
                Err(CertificateError::Time(seconds))
            }
            Err(webpki::Error::UnknownIssuer | webpki::Error::InvalidSignatureForPublicKey) => {
                Err(CertificateError::Root)
            }
            Err(webpki::Error::RequiredEkuNotFoundContext(_)) => Err(CertificateError::Usage),
            Err(other) => Err(CertificateError::Other(other.to_string())),
        }
    }
}

/// The certificate of whoever signed.
pub(super) struct Certificate(CertificateDer<'static>);

/// Whom a certificate names, and who vouched for that.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Names {
    pub(super) issuer: String,
    pub(super) subjects: Vec<String>,
}

impl Certificate {
    pub(super) fn parse(pem: &[u8]) -> Result<Self, CertificateError> {
        CertificateDer::from_pem_slice(pem).map(Self).map_err(|_| CertificateError::Form)
    }

    pub(super) fn der(&self) -> &[u8] {
        &self.0
    }

    fn parsed(&self) -> Result<EndEntityCert<'_>, CertificateError> {
        EndEntityCert::try_from(&self.0).map_err(|_| CertificateError::Form)
    }

    /// Whether its key made this signature of this text.
    pub(super) fn has_signed(&self, text: &[u8], signature: &[u8]) -> bool {
        self.parsed().is_ok_and(|parsed| {
            parsed.verify_signature(algorithms::ECDSA_P256_SHA256, text, signature).is_ok()
        })
    }

    /// Whom it names. Worth reading only once it is verified.
    pub(super) fn names(&self) -> Result<Names, CertificateError> {
        self.read_names().ok_or(CertificateError::Nobody)
    }

    fn read_names(&self) -> Option<Names> {
        let certificate = Reader::new(self.der()).expect(SEQUENCE)?;
        let signed = Reader::new(certificate).expect(SEQUENCE)?;
        let extensions = Reader::new(signed).seek(EXTENSIONS)?;
        let extensions = Reader::new(extensions).expect(SEQUENCE)?;
        let (mut issuer, mut subjects) = (None, Vec::new());
        for extension in Reader::new(extensions) {
            let mut parts = Reader::new(extension.content);
            let (oid, value) = (parts.expect(OID)?, parts.seek(OCTET_STRING)?);
            if oid == NAMES {
                let names = Reader::new(Reader::new(value).expect(SEQUENCE)?);
                let names = names.filter(|name| [MAIL, URI].contains(&name.tag));
                subjects = names.map(|name| text(name.content)).collect::<Option<_>>()?;
            } else if oid == ISSUER_V2 {
                issuer = Some(text(Reader::new(value).expect(UTF8_STRING)?)?);
            } else if oid == ISSUER && issuer.is_none() {
                issuer = Some(text(value)?);
            }
        }
        let issuer = issuer.filter(|_| !subjects.is_empty())?;
        Some(Names { issuer, subjects })
    }
}

fn text(bytes: &[u8]) -> Option<String> {
    String::from_utf8(bytes.to_vec()).ok()
}
