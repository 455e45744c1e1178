//! Debian's docker-registry as the source of modules: by tag and by digest, with a password and a private authority, away
//! at start, with a wrong digest, and with signatures that are right, missing and wrong, with a key and without.

use std::fs;
use std::path::Path;
use std::process::Command;

use herald_controller::registry::image::Image;
use herald_tests::events::kustomization;
use herald_tests::herald::{Herald, binary, output, serve};
use herald_tests::receiver::Receiver;
use herald_tests::registry::Registry;
use herald_tests::service::client;
use herald_tests::sigstore::{Person, Sigstore};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::held;

const GROUP: &str = "notification.toolkit.fluxcd.io/v1beta3";

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

    /// The signed artifact serves, and one that is not signed does not take its place.
    async fn keeps_what_is_signed(&self) {
        let herald = self.herald().await;
        assert_eq!(self.form(&herald, "first").await, "generic");
        self.registry.push("slack", ":1").await;
        let told = || herald.log().contains("it has no signature").then_some(());
        held("the new artifact is refused", || herald.log(), async || told()).await;
        assert_eq!(self.form(&herald, "second").await, "generic");
        assert_eq!(herald.stop().await, Some(0));
    }

    /// Writes the manifests anew; `spec` and `oci` are added to what each ProviderModule has here.
    fn write(&self, reference: &Image, spec: &Value, oci: &Value, key: &str) {
        self.write_trusting(reference, spec, oci, &json!({"cosign.pub": key}));
    }

    /// The same with all that the Secret has for signatures.
    fn write_trusting(&self, reference: &Image, spec: &Value, oci: &Value, trusted: &Value) {
        let named = |name: &str| json!({"namespace": "default", "name": name});
        let mut source = json!({
            "reference": reference.to_string(),
            "pullSecretRef": named("registry"),
            "certSecretRef": named("registry"),
        });
        merge(&mut source, oci);
        let mut module = json!({"type": "message", "interval": "10s", "source": {"oci": source}});
        merge(&mut module, spec);
        let mut values =
            json!({".dockerconfigjson": self.registry.logins(), "ca.crt": self.registry.ca()});
        merge(&mut values, trusted);
        let all = [
            json!({"apiVersion": "herald.dev/v1alpha1", "kind": "ProviderModule", "metadata": {"name": "message"}, "spec": module}),
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "registry"}, "stringData": values}),
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
    place.keeps_what_is_signed().await;
    assert!(Path::new(&place.data()).join("modules/revisions.json").exists());
}

#[tokio::test]
async fn a_signed_module_is_carried_to_another_registry_as_it_is() {
    let (from, place) = (Registry::start().await, Place::new().await);
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let digest = from.push("generic", ":1").await;
    from.sign(&digest, &digest, &key).await;

    let work = tempfile::tempdir().unwrap();
    // What the command prints, or why it fails.
    let module = |registry: &Registry, args: &[&str]| {
        fs::write(work.path().join("ca.pem"), registry.ca()).unwrap();
        fs::write(work.path().join("logins.json"), registry.logins()).unwrap();
        let access = ["--ca", "ca.pem", "--registry-config", "logins.json"];
        let mut command = Command::new(binary());
        let said = output(command.arg("module").args(args).args(access).current_dir(work.path()));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if said.status.success() { Ok(text(&said.stdout)) } else { Err(text(&said.stderr)) }
    };
    let here = place.registry.image(":2");
    let said = module(&from, &["save", &from.image(":1").to_string(), "message.tar"]).unwrap();
    assert!(said.contains(&digest) && said.contains("with its signatures"), "{said}");
    let said = module(&place.registry, &["load", "message.tar", &here.to_string()]).unwrap();
    assert_eq!(said.trim(), here.at(&digest).to_string());

    // It is what was pinned, and what was signed.
    let signed = json!({"verifySecretRef": {"namespace": "default", "name": "registry"}});
    let pinned = place.registry.image(&format!("@{digest}"));
    place.write(&pinned, &json!({}), &signed, &key.public_key_pem());
    let herald = place.herald().await;
    assert_eq!(place.form(&herald, "carried").await, "generic");
    assert_eq!(herald.stop().await, Some(0));

    let load = ["load", "message.tar", &pinned.to_string()];
    assert!(module(&place.registry, &load).unwrap_err().contains("give a tag"));
    let path = work.path().join("message.tar");
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).unwrap();
    let said = module(&place.registry, &["load", "message.tar", &here.to_string()]).unwrap_err();
    assert!(said.contains("it is damaged") && said.contains("save it again"), "{said}");
}

#[tokio::test]
async fn only_what_somebody_signed_who_may_serves() {
    const ISSUER: &str = "https://token.actions.githubusercontent.com";
    const WORKFLOW: &str =
        "https://github.com/acme/modules/.github/workflows/release.yml@refs/tags/1";
    let (place, sigstore) = (Place::new().await, Sigstore::default());
    let named = |name: &str| json!({"namespace": "default", "name": name});
    let wanted =
        json!({"issuer": format!("^{ISSUER}$"), "subject": "^https://github.com/acme/modules/"});
    let signed = json!({"verifyKeyless": {
        "trustRootSecretRef": named("registry"), "matchOIDCIdentity": [wanted]}});
    let trusted = json!({"fulcio.crt.pem": sigstore.fulcio(), "rekor.pub": sigstore.rekor()});
    let image = place.registry.image(":1");
    let digest = place.registry.push("generic", ":1").await;
    let attach = async |from: &Sigstore, subject: &str, named: &str| {
        let made = from.sign(named, &Person::new(ISSUER, subject), 60);
        place.registry.attach(&digest, made.payload.clone(), made.annotations()).await;
    };
    place.write_trusting(&image, &json!({}), &signed, &trusted);
    let said = place.refused();
    assert!(said.contains("it has no signature"), "{said}");
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    place.registry.sign(&digest, &digest, &key).await;
    let said = place.refused();
    assert!(said.contains("has no certificate, so it was made with a key"), "{said}");
    attach(&Sigstore::default(), WORKFLOW, &digest).await;
    let said = place.refused();
    assert!(said.contains("give that log's key as rekor.pub"), "{said}");
    attach(&sigstore, "https://github.com/eve/modules", &digest).await;
    let said = place.refused();
    assert!(said.contains("https://github.com/eve/modules"), "{said}");
    attach(&sigstore, WORKFLOW, &format!("sha256:{}", "0".repeat(64))).await;
    let said = place.refused();
    assert!(said.contains("for another manifest"), "{said}");
    place.write_trusting(
        &image,
        &json!({}),
        &signed,
        &json!({"rekor.pub": "no key", "fulcio.crt.pem": sigstore.fulcio()}),
    );
    let said = place.refused();
    assert!(said.contains("rekor.pub is no public key"), "{said}");
    place.write_trusting(&image, &json!({}), &signed, &json!({"rekor.pub": sigstore.rekor()}));
    let said = place.refused();
    assert!(said.contains("has no key fulcio.crt.pem"), "{said}");

    attach(&sigstore, WORKFLOW, &digest).await;
    place.write_trusting(&image, &json!({}), &signed, &trusted);
    place.keeps_what_is_signed().await;
}
