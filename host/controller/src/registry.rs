//! Modules in OCI registries, in the layout of the CNCF: a manifest with one layer that is the component.
//!
//! It talks to registries that the operator named, and must not know what a module is, which types there are, or where
//! a reference came from.

pub mod archive;
mod carry;
pub mod certificate;
mod der;
pub mod image;
pub mod keyless;
pub mod login;
pub mod rekor;
pub mod signature;

use std::collections::BTreeSet;
use std::error::Error as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use jiff::Timestamp;
use oci_client::client::{
    Certificate, CertificateEncoding, ClientConfig, ClientProtocol, Config, ImageLayer,
};
use oci_client::errors::OciDistributionError;
use oci_client::manifest::{OciDescriptor, OciImageManifest};
use oci_client::{Client, Reference};
use serde_json::json;
use thiserror::Error;
use tokio::io::AsyncWrite;
use tokio::time::timeout;

use self::image::Image;
use self::login::Login;
use self::signature::{SignatureError, Signed, Trust};

const CONFIG: &str = "application/vnd.wasm.config.v0+json";
const LAYER: &str = "application/wasm";
/// What a few older tools call the layer.
const OLD_LAYER: &str = "application/vnd.wasm.content.layer.v1+wasm";
const SIGNATURE_LAYER: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
// What cosign writes beside such a layer.
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
const CERTIFICATE: &str = "dev.sigstore.cosign/certificate";
const CHAIN: &str = "dev.sigstore.cosign/chain";
const BUNDLE: &str = "dev.sigstore.cosign/bundle";

/// How long one request may take, and how long a whole pull.
const REQUEST: Duration = Duration::from_secs(30);
const PULL: Duration = Duration::from_secs(300);
/// The largest payload of a signature; those of cosign have some hundred bytes.
const MAX_PAYLOAD_BYTES: u64 = 64 << 10;
/// How many signatures of one artifact are looked at.
const MAX_SIGNATURES: usize = 16;

/// Why a registry did not give or take an artifact.
#[derive(Debug, Error)]
pub enum RegistryError {
    /// It is not there.
    #[error("{0} is not in the registry; check its name, tag and digest")]
    NotFound(String),
    /// Whoever asked may not have it.
    #[error("the registry refuses {0}; it wants other credentials")]
    Refused(String),
    /// The registry cannot be talked to.
    #[error("the registry of {image} gives no answer: {why}")]
    Unreachable {
        /// What was asked for.
        image: String,
        /// Why.
        why: String,
    },
    /// What is there is no module.
    #[error("{image} is no module: {why}")]
    NoModule {
        /// What was asked for.
        image: String,
        /// Why.
        why: String,
    },
    /// It has no signature that counts.
    #[error("{image} is not signed as it must be")]
    Signature {
        /// What was asked for.
        image: String,
        /// Why.
        #[source]
        source: SignatureError,
    },
}

/// What a registry had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// The digest of its manifest.
    pub manifest: String,
    /// The component.
    pub wasm: Vec<u8>,
}

/// The registries that there are.
#[derive(Clone, Debug)]
pub struct Registries {
    /// Those that are asked without TLS, because the operator says so.
    insecure: BTreeSet<String>,
    /// The largest component that is pulled, in bytes.
    max_bytes: u64,
}

impl Registries {
    /// Registries with TLS, but for those that are `insecure`, and components up to this size.
    #[must_use]
    pub fn new(insecure: BTreeSet<String>, max_bytes: u64) -> Self {
        Self { insecure, max_bytes }
    }

    /// The digest of the manifest that a reference stands for now.
    ///
    /// # Errors
    /// The registry does not say.
    pub async fn resolve(&self, image: &Image, login: &Login) -> Result<String, RegistryError> {
        if let Some(digest) = image.reference().digest() {
            return Ok(digest.to_owned());
        }
        let client = self.client(login);
        let auth = login.auth(image);
        let asked = client.fetch_manifest_digest(image.reference(), &auth);
        in_time(image, REQUEST, asked).await
    }

    /// Pulls the component of a reference.
    ///
    /// # Errors
    /// The registry does not give it, or it is no component.
    pub async fn pull(&self, image: &Image, login: &Login) -> Result<Artifact, RegistryError> {
        let client = self.client(login);
        let auth = login.auth(image);
        let asked = client.pull_image_manifest(image.reference(), &auth);
        let (manifest, digest) = in_time(image, REQUEST, asked).await?;
        let layer = layer_of(image, &manifest)?;
        let wasm = self.blob(&client, image, layer, self.max_bytes).await?;
        Ok(Artifact { manifest: digest, wasm })
    }

    /// Puts a component into a registry. Returns the digest of its manifest.
    ///
    /// # Errors
    /// The registry does not take it.
    pub async fn push(
        &self,
        image: &Image,
        login: &Login,
        wasm: Vec<u8>,
        now: Timestamp,
    ) -> Result<String, RegistryError> {
        let client = self.client(login);
        let auth = login.auth(image);
        let layer = ImageLayer::new(wasm, LAYER.to_owned(), None);
        let config = json!({
            "created": now.to_string(),
            "architecture": "wasm",
            "os": "wasip2",
            "layerDigests": [layer.sha256_digest()],
        });
        let config = Config::new(config.to_string(), CONFIG.to_owned(), None);
        let layers = [layer];
        let manifest = OciImageManifest::build(&layers, &config, None);
        let pushed = client.push(image.reference(), &layers, config, &auth, Some(manifest));
        in_time(image, PULL, pushed).await?;
        in_time(image, REQUEST, client.fetch_manifest_digest(image.reference(), &auth)).await
    }

    /// Checks that the manifest with this digest was signed by whom it must be, as cosign does it.
    ///
    /// # Errors
    /// There is no such signature; or the registry does not say.
    pub async fn verify(
        &self,
        image: &Image,
        digest: &str,
        login: &Login,
        trust: &Trust,
    ) -> Result<(), RegistryError> {
        let failed = |source| RegistryError::Signature { image: image.to_string(), source };
        let client = self.client(login);
        let auth = login.auth(image);
        let signatures = image.signatures(digest);
        let asked = client.pull_image_manifest(signatures.reference(), &auth);
        let (manifest, _) = match in_time(&signatures, REQUEST, asked).await {
            Ok(found) => found,
            Err(RegistryError::NotFound(_)) => return Err(failed(SignatureError::None)),
            Err(err) => return Err(err),
        };
        let mut last = SignatureError::None;
        let layers = manifest.layers.iter().filter(|layer| layer.media_type == SIGNATURE_LAYER);
        for layer in layers.take(MAX_SIGNATURES) {
            let said = |name: &str| {
                let all = layer.annotations.as_ref()?;
                all.get(name).map(String::as_str)
            };
            let Some(signature) = said(SIGNATURE) else { continue };
            let payload = self.blob(&client, &signatures, layer, MAX_PAYLOAD_BYTES).await?;
            let signed = Signed {
                payload: &payload,
                signature,
                certificate: said(CERTIFICATE),
                chain: said(CHAIN),
                bundle: said(BUNDLE),
            };
            match signed.verify(trust, digest) {
                Ok(()) => return Ok(()),
                Err(err) => last = err,
            }
        }
        Err(failed(last))
    }

    async fn blob(
        &self,
        client: &Client,
        image: &Image,
        layer: &OciDescriptor,
        max: u64,
    ) -> Result<Vec<u8>, RegistryError> {
        let too_large = || RegistryError::NoModule {
            image: image.to_string(),
            why: format!("it is larger than {max} bytes"),
        };
        if u64::try_from(layer.size).is_ok_and(|size| size > max) {
            return Err(too_large());
        }
        // What a registry says of a size is not what it sends.
        let mut bytes = Bounded { bytes: Vec::new(), left: max, is_over: false };
        let pulled =
            in_time(image, PULL, client.pull_blob(image.reference(), layer, &mut bytes)).await;
        match pulled {
            _ if bytes.is_over => Err(too_large()),
            Ok(()) => Ok(bytes.bytes),
            Err(err) => Err(err),
        }
    }

    fn client(&self, login: &Login) -> Client {
        let insecure: Vec<String> = self.insecure.iter().cloned().collect();
        let protocol = if insecure.is_empty() {
            ClientProtocol::Https
        } else {
            ClientProtocol::HttpsExcept(insecure)
        };
        let ca = login.ca().map(|pem| Certificate {
            encoding: CertificateEncoding::Pem,
            data: pem.as_bytes().to_vec(),
        });
        Client::new(ClientConfig {
            protocol,
            extra_root_certificates: ca.into_iter().collect(),
            // A module runs everywhere, so there is nothing to choose from.
            platform_resolver: None,
            read_timeout: Some(REQUEST),
            connect_timeout: Some(REQUEST),
            user_agent: concat!("herald/", env!("CARGO_PKG_VERSION")),
            ..ClientConfig::default()
        })
    }
}

/// The layer of a manifest that is the component.
fn layer_of<'a>(
    image: &Image,
    manifest: &'a OciImageManifest,
) -> Result<&'a OciDescriptor, RegistryError> {
    let no_module = |why: String| RegistryError::NoModule { image: image.to_string(), why };
    let [layer] = manifest.layers.as_slice() else {
        return Err(no_module(format!(
            "its manifest has {} layers, and that of a module has one of the type {LAYER}",
            manifest.layers.len()
        )));
    };
    if ![LAYER, OLD_LAYER].contains(&layer.media_type.as_str()) {
        let found = &layer.media_type;
        return Err(no_module(format!("its layer is of the type {found}, not {LAYER}")));
    }
    Ok(layer)
}

/// Waits so long for a registry, and says what its failure means.
async fn in_time<T>(
    image: &Image,
    limit: Duration,
    asked: impl Future<Output = Result<T, OciDistributionError>>,
) -> Result<T, RegistryError> {
    let unreachable = |why| RegistryError::Unreachable { image: image.to_string(), why };
    match timeout(limit, asked).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(err)) => Err(told(image, &err)),
        Err(_) => Err(unreachable(format!("it took longer than {} s", limit.as_secs()))),
    }
}

fn told(image: &Image, err: &OciDistributionError) -> RegistryError {
    use OciDistributionError as Oci;
    let name = image.to_string();
    match err {
        Oci::ImageManifestNotFoundError(_) => RegistryError::NotFound(name),
        Oci::UnauthorizedError { .. } | Oci::AuthenticationFailure(_) => {
            RegistryError::Refused(name)
        }
        Oci::ServerError { code: 404, .. } => RegistryError::NotFound(name),
        Oci::ServerError { code: 401 | 403, .. } => RegistryError::Refused(name),
        Oci::RegistryError { envelope, .. } => {
            let said = envelope.to_string();
            let has = |word| said.to_ascii_lowercase().contains(word);
            if has("unknown") || has("not found") {
                RegistryError::NotFound(name)
            } else if has("unauthorized") || has("denied") {
                RegistryError::Refused(name)
            } else {
                RegistryError::Unreachable { image: name, why: said }
            }
        }
        Oci::DigestError(_)
        | Oci::ImageIndexParsingNoPlatformResolverError
        | Oci::ManifestParsingError(_)
        | Oci::ManifestEncodingError(_)
        | Oci::UnsupportedMediaTypeError(_) => {
            RegistryError::NoModule { image: name, why: err.to_string() }
        }
        other => {
            // What lies below says whether it was the name, the port or the certificate. It holds no credentials: they
            // travel in headers.
            let mut why = other.to_string();
            let mut below = other.source();
            while let Some(cause) = below {
                why = format!("{why}: {cause}");
                below = cause.source();
            }
            RegistryError::Unreachable { image: name, why }
        }
    }
}

/// Takes so many bytes and no more.
struct Bounded {
    bytes: Vec<u8>,
    left: u64,
    is_over: bool,
}

impl AsyncWrite for &mut Bounded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.left.checked_sub(buffer.len() as u64) {
            Some(left) => {
                self.left = left;
                self.bytes.extend_from_slice(buffer);
                Poll::Ready(Ok(buffer.len()))
            }
            None => {
                self.is_over = true;
                Poll::Ready(Err(io::Error::other("it is too large")))
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// So that a reference and its parts are read in one place.
pub(crate) fn parse(text: &str) -> Result<Reference, String> {
    text.parse::<Reference>().map_err(|err| err.to_string())
}
