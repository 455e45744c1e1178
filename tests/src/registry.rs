//! Debian's docker-registry as a process of the test's own, with a password and a private authority: artifacts are put
//! there, and signed as cosign does it.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use herald_controller::modules::{MAX_MODULE_BYTES, built_in};
use herald_controller::registry::Registries;
use herald_controller::registry::image::Image;
use herald_controller::registry::login::Login;
use hyper::header::HeaderValue;
use jiff::Timestamp;
use oci_client::client::{Certificate, CertificateEncoding, ClientConfig, Config, ImageLayer};
use oci_client::manifest::OciImageManifest;
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use serde_json::json;
use tempfile::TempDir;

use crate::install::debian;
use crate::process::{Process, free_port};
use crate::tls::Authority;

/// `fake-password` as the registry wants it.
const HASH: &str = "$2b$04$PoY5vpk1sJdCQfKOA5G5/.HdiK2dS8maql79Ij/8Mb3RiPJbePjNS";
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";

/// A registry. It ends with this value.
pub struct Registry {
    process: Option<Process>,
    port: u16,
    authority: Authority,
    /// What it holds outlives the process.
    storage: TempDir,
}

impl Registry {
    /// Installs and starts one, and waits until it listens.
    ///
    /// # Panics
    /// It cannot be installed or started.
    pub async fn start() -> Self {
        // Another test may have been faster.
        drop(rustls::crypto::ring::default_provider().install_default());
        let (authority, storage) = (Authority::default(), tempfile::tempdir().unwrap());
        let mut registry = Self { process: None, port: free_port(), authority, storage };
        registry.restart().await;
        registry
    }

    /// Starts it on the same port with what it held.
    ///
    /// # Panics
    /// It does not start.
    pub async fn restart(&mut self) {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
        let (certificate, key) = self.authority.server_pem("127.0.0.1");
        write("tls.crt", &certificate);
        write("tls.key", &key);
        write("htpasswd", &format!("herald:{HASH}\n"));
        let config = json!({
            "version": 0.1,
            "log": {"level": "warn"},
            "storage": {"filesystem": {"rootdirectory": self.storage.path()}},
            "auth": {"htpasswd": {"realm": "modules", "path": "htpasswd"}},
            "http": {
                "addr": format!("127.0.0.1:{}", self.port),
                "tls": {"certificate": "tls.crt", "key": "tls.key"},
            },
        });
        // JSON is YAML.
        write("config.yml", &config.to_string());
        let mut command = Command::new(debian("docker-registry").join("usr/bin/docker-registry"));
        command.args(["serve", "config.yml"]);
        self.process = Some(Process::start(command, self.port, dir).await);
    }

    /// Ends the process. What it holds is there for the next.
    pub fn stop(&mut self) {
        drop(self.process.take());
    }

    /// The name of the artifact with this tag or digest, such as `:1`.
    ///
    /// # Panics
    /// It is neither.
    #[must_use]
    pub fn image(&self, tag: &str) -> Image {
        format!("127.0.0.1:{}/acme/message{tag}", self.port).parse().unwrap()
    }

    /// The login as a `.dockerconfigjson`.
    #[must_use]
    pub fn logins(&self) -> String {
        let auth = STANDARD.encode("herald:fake-password");
        json!({"auths": {format!("127.0.0.1:{}", self.port): {"auth": auth}}}).to_string()
    }

    /// The authority that signed its certificate, as PEM.
    #[must_use]
    pub fn ca(&self) -> String {
        self.authority.pem()
    }

    /// Puts the built-in module of a type there. Returns the digest of its manifest.
    ///
    /// # Panics
    /// There is no such type, or the registry does not take it.
    pub async fn push(&self, kind: &str, tag: &str) -> String {
        let login = Login::parse(&self.logins()).unwrap().trusting(Some(self.authority.pem()));
        let registries = Registries::new([].into(), MAX_MODULE_BYTES);
        let wasm = built_in(kind).unwrap().to_vec();
        registries.push(&self.image(tag), &login, wasm, Timestamp::now()).await.unwrap()
    }

    /// Signs a manifest as `cosign sign --key` does, with a text that names another one if `named` is another.
    ///
    /// # Panics
    /// The registry does not take it.
    pub async fn sign(&self, digest: &str, named: &str, key: &rcgen::KeyPair) {
        let payload = payload(named);
        let annotation = (SIGNATURE.to_owned(), signature(key, payload.as_bytes()));
        self.attach(digest, payload, [annotation].into()).await;
    }

    /// Puts a text with these annotations where cosign puts the signatures of a manifest.
    ///
    /// # Panics
    /// The registry does not take it.
    pub async fn attach(
        &self,
        digest: &str,
        payload: String,
        annotations: BTreeMap<String, String>,
    ) {
        let layer = ImageLayer::new(
            payload,
            "application/vnd.dev.cosign.simplesigning.v1+json".to_owned(),
            Some(annotations),
        );
        let config = Config::new("{}", "application/vnd.oci.image.config.v1+json".to_owned(), None);
        let ca = Certificate {
            encoding: CertificateEncoding::Pem,
            data: self.authority.pem().into_bytes(),
        };
        let client = Client::new(ClientConfig {
            extra_root_certificates: vec![ca],
            ..ClientConfig::default()
        });
        let at: Reference =
            format!("127.0.0.1:{}/acme/message:{}.sig", self.port, digest.replace(':', "-"))
                .parse()
                .unwrap();
        let auth = RegistryAuth::Basic("herald".to_owned(), "fake-password".to_owned());
        let (layers, media_type) = ([layer], "application/vnd.oci.image.manifest.v1+json");
        let manifest = OciImageManifest::build(&layers, &config, None);
        let bare = layers.clone().map(|layer| ImageLayer { annotations: None, ..layer });
        client.push(&at, &bare, config, &auth, None).await.unwrap();
        // The client's form of JSON leaves line breaks of PEM texts as they are, which no registry takes.
        let manifest = serde_json::to_vec(&manifest).unwrap();
        let media_type = HeaderValue::from_static(media_type);
        client.push_manifest_raw(&at, manifest, media_type).await.unwrap();
    }
}

/// What cosign signs for the manifest with this digest.
#[must_use]
pub fn payload(digest: &str) -> String {
    json!({"critical": {
        "identity": {"docker-reference": "registry.example.com/acme/message"},
        "image": {"docker-manifest-digest": digest},
        "type": "cosign container image signature",
    }, "optional": null})
    .to_string()
}

/// The signature of a text with a key on P-256, in base64.
///
/// # Panics
/// The key is on another curve.
#[must_use]
pub fn signature(key: &rcgen::KeyPair, text: &[u8]) -> String {
    let random = SystemRandom::new();
    let algorithm = &ECDSA_P256_SHA256_ASN1_SIGNING;
    let signer = EcdsaKeyPair::from_pkcs8(algorithm, &key.serialize_der(), &random).unwrap();
    STANDARD.encode(signer.sign(&random, text).unwrap())
}
