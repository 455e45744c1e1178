//! Modules from a real registry: tag and digest, pull secret and private authority as Secrets of the cluster, a registry
//! that is away, and signatures.

use herald_controller::modules::built_in;
use herald_tests::herald::Herald;
use herald_tests::receiver::Receiver;
use herald_tests::registry::Registry;
use serde_json::{Value, json};

use super::{get, is_slack, ready};
use crate::emitter::{event, post};
use crate::world::{World, eventually, readiness, run};
use crate::{alert, provider, secret};

const TYPE: &str = "from-registry";

/// A ProviderModule whose module is in a registry; `spec` and `oci` are added to what each has here.
fn module(registry: &Registry, tag: &str, spec: &Value, oci: &Value) -> Value {
    let mut source = json!({
        "reference": registry.image(tag).to_string(),
        "pullSecretRef": {"namespace": "apps", "name": "registry"},
        "certSecretRef": {"namespace": "apps", "name": "registry-ca"},
    });
    merge(&mut source, oci);
    let mut all = json!({"type": TYPE, "interval": "10s", "source": {"oci": source}});
    merge(&mut all, spec);
    json!({
        "apiVersion": "herald.dev/v1alpha1", "kind": "ProviderModule",
        "metadata": {"name": TYPE}, "spec": all,
    })
}

fn merge(into: &mut Value, more: &Value) {
    let into = into.as_object_mut().unwrap();
    for (key, value) in more.as_object().unwrap() {
        match value {
            Value::Null => drop(into.remove(key)),
            value => drop(into.insert(key.clone(), value.clone())),
        }
    }
}

/// What each test here has: the Secrets for the registry, and a Provider of the type with its Alert.
async fn prepare(world: &World, registry: &Registry, receiver: &Receiver) {
    world.namespace("apps").await;
    let mut logins = secret("apps", "registry", json!({".dockerconfigjson": registry.logins()}));
    logins["type"] = "kubernetes.io/dockerconfigjson".into();
    let ca = secret("apps", "registry-ca", json!({"ca.crt": registry.ca()}));
    let spec = json!({"type": TYPE, "address": receiver.url("/")});
    let to = provider("v1beta3", "apps", TYPE, spec);
    world.apply_all(&[logins, ca, to, alert("v1beta3", "apps", TYPE, TYPE)]).await;
}

/// Posts an event and says in which form it arrived.
async fn form(herald: &Herald, receiver: &Receiver, message: &str) -> &'static str {
    let before = receiver.count();
    post(herald, &event("apps", message)).await;
    eventually(message, async || receiver.count() > before).await;
    if is_slack(receiver.received().last().unwrap()) { "slack" } else { "generic" }
}

/// The digest of the built-in module of a type.
fn digest(kind: &str) -> String {
    herald_engine::digest(built_in(kind).unwrap())
}

/// The message of the condition Ready.
fn message(object: &Value) -> &str {
    let conditions = object["status"]["conditions"].as_array().unwrap();
    let ready = conditions.iter().find(|one| one["type"] == "Ready").unwrap();
    ready["message"].as_str().unwrap()
}

#[test]
fn a_tag_is_followed_and_its_last_artifact_serves_whatever_comes() {
    run(async |world| {
        let (receiver, mut registry) = (Receiver::start().await, Registry::start().await);
        prepare(world, &registry, &receiver).await;
        let first = registry.push("generic", ":1").await;
        world.apply(&module(&registry, ":1", &json!({}), &json!({}))).await;
        let (command, data) = world.command(&["--rate-limit-interval", "0"]);
        let herald = Herald::spawn(command, &data).await;
        let object = ready(world, TYPE, "True Installed").await;
        assert_eq!(object["status"]["artifact"], json!(first));
        assert_eq!(object["status"]["activeRevision"], json!(digest("generic")));
        world.ready("Provider", "apps", TYPE, "True Succeeded").await;
        assert_eq!(form(&herald, &receiver, "first").await, "generic");

        let second = registry.push("slack", ":1").await;
        eventually("the tag is looked up again", async || {
            get(world, TYPE).await["status"]["artifact"] == json!(second)
        })
        .await;
        let object = ready(world, TYPE, "True Installed").await;
        assert_eq!(object["status"]["activeRevision"], json!(digest("slack")));
        assert_eq!(form(&herald, &receiver, "second").await, "slack");

        // What cannot be taken in names its step, and the one before serves on.
        let wrong = format!("sha256:{}", "0".repeat(64));
        let by_wrong = format!("@{wrong}");
        let (wrong, nothing) = (wrong.as_str(), json!({}));
        for (tag, spec, oci, expected, said) in [
            (":1", json!({"digest": wrong}), nothing.clone(), "DigestMismatch", wrong),
            (by_wrong.as_str(), nothing.clone(), nothing.clone(), "ArtifactNotFound", wrong),
            (
                ":1",
                nothing.clone(),
                json!({"pullSecretRef": null}),
                "RegistryRefused",
                "other credentials",
            ),
            (
                ":1",
                nothing.clone(),
                json!({"certSecretRef": null}),
                "RegistryUnreachable",
                "certificate",
            ),
            (
                ":1",
                nothing.clone(),
                json!({"pullSecretRef": {"namespace": "apps", "name": "gone"}}),
                "SourceNotReady",
                "Secret apps/gone does not exist",
            ),
        ] {
            world.apply(&module(&registry, tag, &spec, &oci)).await;
            let object = ready(world, TYPE, &format!("False {expected}")).await;
            assert!(message(&object).contains(said), "{expected}: {}", message(&object));
            assert!(!object.to_string().contains("fake-password"), "{object}");
            assert_eq!(form(&herald, &receiver, expected).await, "slack");
        }
        // By its digest the first one is there as well.
        world.apply(&module(&registry, &format!("@{first}"), &json!({}), &json!({}))).await;
        let object = ready(world, TYPE, "True Installed").await;
        assert_eq!(object["status"]["artifact"], json!(first));
        assert_eq!(form(&herald, &receiver, "by digest").await, "generic");
        herald.stop().await;

        registry.stop();
        let command = world.command_on(&data, &["--rate-limit-interval", "0"]);
        let herald = Herald::spawn(command, &data).await;
        eventually("Herald is ready", async || readiness(&herald).await.0 == 200).await;
        let object = ready(world, TYPE, "False RegistryUnreachable").await;
        assert_eq!(object["status"]["activeRevision"], json!(digest("generic")));
        assert_eq!(form(&herald, &receiver, "while it is away").await, "generic");
        registry.restart().await;
        ready(world, TYPE, "True Installed").await;
        herald.stop().await;
    });
}

#[test]
fn what_is_not_signed_as_it_must_be_does_not_serve() {
    run(async |world| {
        let (receiver, registry) = (Receiver::start().await, Registry::start().await);
        prepare(world, &registry, &receiver).await;
        let pair = || rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let (key, other) = (pair(), pair());
        world.apply(&secret("apps", "cosign", json!({"cosign.pub": key.public_key_pem()}))).await;
        let first = registry.push("generic", ":1").await;
        let signed = json!({"verifySecretRef": {"namespace": "apps", "name": "cosign"}});
        world.apply(&module(&registry, ":1", &json!({}), &signed)).await;
        let herald = world.herald(&["--rate-limit-interval", "0"]).await;
        let object = ready(world, TYPE, "False SignatureInvalid").await;
        assert!(message(&object).contains("it has no signature"), "{}", message(&object));
        assert!(object["status"]["activeRevision"].is_null(), "{object}");
        world.ready("Provider", "apps", TYPE, "False UnknownType").await;

        registry.sign(&first, &first, &other).await;
        eventually("the signature is looked at", async || {
            message(&get(world, TYPE).await).contains("the key that is trusted here")
        })
        .await;
        registry.sign(&first, &first, &key).await;
        let object = ready(world, TYPE, "True Installed").await;
        assert_eq!(object["status"]["artifact"], json!(first));
        world.ready("Provider", "apps", TYPE, "True Succeeded").await;
        assert_eq!(form(&herald, &receiver, "first").await, "generic");

        // Nobody signed what the tag stands for now.
        registry.push("slack", ":1").await;
        let object = ready(world, TYPE, "False SignatureInvalid").await;
        assert_eq!(object["status"]["artifact"], json!(first));
        assert_eq!(object["status"]["activeRevision"], json!(digest("generic")));
        assert_eq!(form(&herald, &receiver, "second").await, "generic");
        herald.stop().await;
    });
}
