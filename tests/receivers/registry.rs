//! Debian's docker-registry as the source of modules: by tag and by digest, with a password and a private authority, away
//! at start, with a wrong digest, and with signatures that are right, missing and wrong.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use herald_controller::modules::{MAX_MODULE_BYTES, built_in};
use herald_controller::registry::Registries;
use herald_controller::registry::image::Image;
use herald_controller::registry::login::Login;
use herald_tests::events::kustomization;
use herald_tests::herald::{Herald, output, serve};
use herald_tests::receiver::Receiver;
use herald_tests::service::client;
use herald_tests::tls::Authority;
use jiff::Timestamp;
use oci_client::client::{Certificate, CertificateEncoding, ClientConfig, Config, ImageLayer};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::held;
use crate::process::{Process, free_port};
use herald_tests::install::debian;

/// `fake-password` as the registry wants it.
const HASH: &str = "$2b$04$PoY5vpk1sJdCQfKOA5G5/.HdiK2dS8maql79Ij/8Mb3RiPJbePjNS";
const GROUP: &str = "notification.toolkit.fluxcd.io/v1beta3";

struct Registry {
    process: Option<Process>,
    port: u16,
    authority: Authority,
    /// What it holds outlives the process.
    storage: TempDir,
}

impl Registry {
    async fn start() -> Self {
        // Another test may have been faster.
        drop(rustls::crypto::ring::default_provider().install_default());
        let (authority, storage) = (Authority::default(), tempfile::tempdir().unwrap());
        let mut registry = Self { process: None, port: free_port(), authority, storage };
        registry.restart().await;
        registry
    }

    async fn restart(&mut self) {
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

    fn stop(&mut self) {
        drop(self.process.take());
    }

    fn image(&self, tag: &str) -> Image {
        format!("127.0.0.1:{}/acme/message{tag}", self.port).parse().unwrap()
    }

    fn logins(&self) -> String {
        let auth = STANDARD.encode("herald:fake-password");
        json!({"auths": {format!("127.0.0.1:{}", self.port): {"auth": auth}}}).to_string()
    }

    /// Puts the built-in module of a type there. Returns the digest of its manifest.
    async fn push(&self, kind: &str, tag: &str) -> String {
        let login = Login::parse(&self.logins()).unwrap().trusting(Some(self.authority.pem()));
        let registries = Registries::new([].into(), MAX_MODULE_BYTES);
        let wasm = built_in(kind).unwrap().to_vec();
        registries.push(&self.image(tag), &login, wasm, Timestamp::now()).await.unwrap()
    }

    /// Signs a manifest as `cosign sign --key` does.
    async fn sign(&self, digest: &str, named: &str, key: &rcgen::KeyPair) {
        let random = SystemRandom::new();
        let signer = EcdsaKeyPair::from_pkcs8(
            &ECDSA_P256_SHA256_ASN1_SIGNING,
            &key.serialize_der(),
            &random,
        );
        let payload = json!({"critical": {
            "identity": {"docker-reference": format!("127.0.0.1:{}/acme/message", self.port)},
            "image": {"docker-manifest-digest": named},
            "type": "cosign container image signature",
        }, "optional": null})
        .to_string();
        let signature = signer.unwrap().sign(&random, payload.as_bytes()).unwrap();
        let annotation =
            ("dev.cosignproject.cosign/signature".to_owned(), STANDARD.encode(signature));
        let layer = ImageLayer::new(
            payload,
            "application/vnd.dev.cosign.simplesigning.v1+json".to_owned(),
            Some(BTreeMap::from([annotation])),
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
        client.push(&at, &[layer], config, &auth, None).await.unwrap();
    }
}

/// A folder with a Provider of the type `message`, its Alert, and the ProviderModule for it.
struct Place {
    receiver: Receiver,
    config: TempDir,
    work: TempDir,
    registry: Registry,
}

impl Place {
    async fn new() -> Self {
        let (receiver, registry) = (Receiver::start().await, Registry::start().await);
        let (config, work) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        Self { receiver, config, work, registry }
    }

    /// Writes the manifests anew; `spec` and `oci` are added to what each ProviderModule has here.
    fn write(&self, reference: &Image, spec: &Value, oci: &Value, key: &str) {
        let named = |name: &str| json!({"namespace": "default", "name": name});
        let mut source = json!({
            "reference": reference.to_string(),
            "pullSecretRef": named("registry"),
            "certSecretRef": named("registry"),
        });
        merge(&mut source, oci);
        let mut module = json!({"type": "message", "interval": "10s", "source": {"oci": source}});
        merge(&mut module, spec);
        let all = [
            json!({"apiVersion": "herald.dev/v1alpha1", "kind": "ProviderModule", "metadata": {"name": "message"}, "spec": module}),
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "registry"}, "stringData": {
                ".dockerconfigjson": self.registry.logins(), "ca.crt": self.registry.authority.pem(), "cosign.pub": key}}),
            json!({"apiVersion": GROUP, "kind": "Provider", "metadata": {"name": "hook"}, "spec": {
                "type": "message", "address": self.receiver.url("/")}}),
            json!({"apiVersion": GROUP, "kind": "Alert", "metadata": {"name": "hook"}, "spec": {
                "providerRef": {"name": "hook"},
                "eventSources": [{"kind": "Kustomization", "name": "*", "namespace": "apps"}]}}),
        ];
        let text: Vec<String> = all.iter().map(Value::to_string).collect();
        fs::write(self.config.path().join("all.yaml"), text.join("\n---\n")).unwrap();
    }

    fn data(&self) -> std::path::PathBuf {
        self.work.path().join("data")
    }

    async fn herald(&self) -> Herald {
        Herald::start(self.config.path(), &self.data(), &[]).await
    }

    /// What a start says that ends with the code for a mistake.
    fn refused(&self) -> String {
        let fresh = tempfile::tempdir().unwrap();
        let said = output(&mut serve(self.config.path(), &fresh.path().join("data"), &[]));
        let text = String::from_utf8_lossy(&said.stderr).into_owned();
        assert_eq!(said.status.code(), Some(64), "{text}");
        text
    }

    /// Posts an event and says in which form it arrived.
    async fn form(&self, herald: &Herald, message: &str) -> &'static str {
        let before = self.receiver.count();
        let event = kustomization(message, "info", "R", message).to_string();
        let answer = client().post(herald.events()).body(event).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 202);
        held(message, || herald.log(), async || (self.receiver.count() > before).then_some(()))
            .await;
        let body: Value = self.receiver.received().last().unwrap().json();
        if body.get("attachments").is_some() { "slack" } else { "generic" }
    }
}

fn merge(into: &mut Value, more: &Value) {
    let into = into.as_object_mut().unwrap();
    into.extend(more.as_object().unwrap().iter().map(|(key, value)| (key.clone(), value.clone())));
}

#[tokio::test]
async fn a_tag_is_followed_and_what_it_had_serves_while_the_registry_is_away() {
    let mut place = Place::new().await;
    place.registry.push("generic", ":1").await;
    place.write(&place.registry.image(":1"), &json!({}), &json!({}), "");
    let herald = place.herald().await;
    assert_eq!(place.form(&herald, "first").await, "generic");

    place.registry.push("slack", ":1").await;
    let swapped = || (herald.log().matches("a module is swapped in").count() == 2).then_some(());
    held("the tag is looked up again", || herald.log(), async || swapped()).await;
    assert_eq!(place.form(&herald, "second").await, "slack");
    assert_eq!(herald.stop().await, Some(0));

    place.registry.stop();
    let herald = place.herald().await;
    assert_eq!(place.form(&herald, "third").await, "slack");
    assert!(herald.log().contains("gives no answer"), "{}", herald.log());
    place.registry.restart().await;
    place.registry.push("generic", ":1").await;
    let swapped = || (herald.log().matches("a module is swapped in").count() == 3).then_some(());
    held("it is asked again", || herald.log(), async || swapped()).await;
    assert_eq!(place.form(&herald, "fourth").await, "generic");
    assert_eq!(herald.stop().await, Some(0));
}

#[tokio::test]
async fn a_digest_is_one_artifact_and_nothing_else() {
    let place = Place::new().await;
    let generic = place.registry.push("generic", ":1").await;
    place.registry.push("slack", ":1").await;
    place.write(&place.registry.image(&format!("@{generic}")), &json!({}), &json!({}), "");
    let herald = place.herald().await;
    assert_eq!(place.form(&herald, "first").await, "generic");
    assert_eq!(herald.stop().await, Some(0));

    let wrong = format!("sha256:{}", "0".repeat(64));
    let image = place.registry.image(":1");
    place.write(&image, &json!({"digest": wrong}), &json!({}), "");
    let said = place.refused();
    assert!(said.contains("digest: it has the digest sha256:") && said.contains(&wrong), "{said}");
    place.write(&place.registry.image(&format!("@{wrong}")), &json!({}), &json!({}), "");
    let said = place.refused();
    assert!(said.contains("is not in the registry"), "{said}");
    let other = json!({"pullSecretRef": null});
    place.write(&image, &json!({}), &other, "");
    let said = place.refused();
    assert!(said.contains("it wants other credentials"), "{said}");
    place.write(&image, &json!({}), &json!({"certSecretRef": null}), "");
    let said = place.refused();
    assert!(said.contains("gives no answer") && said.contains("certificate"), "{said}");
    assert!(!said.contains("fake-password"), "{said}");
}

#[tokio::test]
async fn only_what_is_signed_with_the_key_serves() {
    let place = Place::new().await;
    let pair = || rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let (key, other) = (pair(), pair());
    let digest = place.registry.push("generic", ":1").await;
    let signed = json!({"verifySecretRef": {"namespace": "default", "name": "registry"}});
    let image = place.registry.image(":1");
    place.write(&image, &json!({}), &signed, &key.public_key_pem());
    let said = place.refused();
    assert!(said.contains("it has no signature"), "{said}");
    place.registry.sign(&digest, &digest, &other).await;
    let said = place.refused();
    assert!(said.contains("the key that is trusted here"), "{said}");
    place.registry.sign(&digest, &format!("sha256:{}", "0".repeat(64)), &key).await;
    let said = place.refused();
    assert!(said.contains("for another manifest"), "{said}");
    place.write(&image, &json!({}), &signed, "no key");
    let said = place.refused();
    assert!(said.contains("is no public key of cosign"), "{said}");

    place.registry.sign(&digest, &digest, &key).await;
    place.write(&image, &json!({}), &signed, &key.public_key_pem());
    let herald = place.herald().await;
    assert_eq!(place.form(&herald, "first").await, "generic");
    // What is not signed does not take its place.
    place.registry.push("slack", ":1").await;
    let told = || herald.log().contains("it has no signature").then_some(());
    held("the new artifact is refused", || herald.log(), async || told()).await;
    assert_eq!(place.form(&herald, "second").await, "generic");
    assert_eq!(herald.stop().await, Some(0));
    assert!(Path::new(&place.data()).join("modules/revisions.json").exists());
}
