//! TLS as a Provider wants it: its own authorities or the system's, and the certificate that it shows.

use std::sync::Arc;

use herald_core::provider::TlsSettings;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;
use url::Host;

use crate::egress::SendError;

/// The name that the server's certificate must have.
pub(super) fn name(host: &str) -> Option<ServerName<'static>> {
    match Host::parse(host).ok()? {
        Host::Ipv4(ip) => Some(ServerName::from(std::net::IpAddr::from(ip))),
        Host::Ipv6(ip) => Some(ServerName::from(std::net::IpAddr::from(ip))),
        Host::Domain(name) => ServerName::try_from(name).ok(),
    }
}

/// The client's side of TLS.
///
/// # Errors
/// The certificates cannot be used.
pub(super) fn config(settings: Option<&TlsSettings>) -> Result<ClientConfig, SendError> {
    let unusable = |err: rustls::Error| SendError::Settings(err.to_string());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(unusable)?;
    let builder = match settings.and_then(|settings| settings.ca.as_ref()) {
        // The given authorities replace the system's, as they do for HTTP.
        Some(ca) => {
            let mut roots = RootCertStore::empty();
            let given = CertificateDer::pem_slice_iter(ca.expose().as_bytes());
            roots.add_parsable_certificates(given.filter_map(Result::ok));
            builder.with_root_certificates(roots)
        }
        None => builder.with_platform_verifier().map_err(unusable)?,
    };
    match settings.and_then(|settings| settings.identity.as_ref()) {
        Some((certificate, key)) => {
            let unreadable = |_| {
                SendError::Settings(
                    "tls.crt and tls.key are no certificate and key in PEM form".to_owned(),
                )
            };
            let chain = CertificateDer::pem_slice_iter(certificate.expose().as_bytes())
                .collect::<Result<Vec<_>, _>>()
                .map_err(unreadable)?;
            let key = PrivateKeyDer::from_pem_slice(key.expose().as_bytes()).map_err(unreadable)?;
            builder.with_client_auth_cert(chain, key).map_err(unusable)
        }
        None => Ok(builder.with_no_client_auth()),
    }
}
