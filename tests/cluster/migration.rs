//! Coming from Flux's notification-controller: what it left on its objects, and its own definitions.

use herald_tests::herald::{binary, output as output_of};
use herald_tests::receiver::Receiver;
use kube::api::DeleteParams;
use serde_json::{Value, json};

use crate::emitter::{event, post};
use crate::world::{GROUP, eventually, manifests, readiness, run};
use crate::{alert, provider, secret};

const FINALIZER: &str = "finalizers.fluxcd.io";

#[test]
fn finalizers_of_the_peer_go_and_its_objects_get_a_status() {
    run(async |world| {
        world.namespace("apps").await;
        let spec = json!({"type": "generic", "address": "https://hooks.example.invalid/x"});
        let mut old = provider("v1beta3", "apps", "old", spec);
        let mut wanting = alert("v1beta3", "apps", "old", "old");
        for object in [&mut old, &mut wanting] {
            object["metadata"]["finalizers"] = json!([FINALIZER, "example.com/other"]);
        }
        world.apply_all(&[old, wanting]).await;
        let herald = world.herald(&[]).await;
        for kind in ["Provider", "Alert"] {
            world.ready(kind, "apps", "old", "True Succeeded").await;
            eventually("the finalizer is gone, and only that", async || {
                let object = world.get(kind, "apps", "old").await;
                object["metadata"]["finalizers"] == json!(["example.com/other"])
            })
            .await;
        }
        // The peer, as long as it runs for its Receivers, puts it there again.
        let mut again = world.get("Provider", "apps", "old").await;
        again["metadata"] = json!({"name": "old", "namespace": "apps", "finalizers": [FINALIZER]});
        again.as_object_mut().unwrap().remove("status");
        world.apply(&again).await;
        world.ours("Provider", "apps").delete("old", &DeleteParams::default()).await.unwrap();
        eventually("it can be deleted all the same", async || {
            let object = world.ours("Provider", "apps").get_opt("old").await.unwrap();
            object.is_none_or(|object| {
                !object.metadata.finalizers.unwrap_or_default().contains(&FINALIZER.to_owned())
            })
        })
        .await;
        herald.stop().await;
    });
}

/// As Flux has them: one version, no status, and a list of types.
fn definitions_of_the_peer() -> Vec<Value> {
    let files = ["deploy/crds/providers.yaml", "deploy/crds/alerts.yaml"];
    let mut definitions: Vec<Value> = files.iter().flat_map(|file| manifests(file)).collect();
    for definition in &mut definitions {
        for version in definition["spec"]["versions"].as_array_mut().unwrap() {
            version.as_object_mut().unwrap().remove("subresources");
            version["additionalPrinterColumns"] = json!([]);
            let properties = &mut version["schema"]["openAPIV3Schema"]["properties"];
            properties.as_object_mut().unwrap().remove("status");
            let spec = properties["spec"]["properties"].as_object_mut().unwrap();
            spec.remove("config");
        }
    }
    definitions
}

#[test]
fn under_the_definitions_of_the_peer_it_delivers_and_says_once_what_is_dropped() {
    run(async |world| {
        let receiver = Receiver::start().await;
        world.namespace("apps").await;
        world.apply_all(&definitions_of_the_peer()).await;
        let has_status = async || {
            let list = world
                .admin
                .list_api_group_resources("notification.toolkit.fluxcd.io/v1beta3")
                .await;
            list.is_ok_and(|list| {
                list.resources.iter().any(|resource| resource.name.ends_with("/status"))
            })
        };
        eventually("there is no status", async || !has_status().await).await;
        let spec = json!({"type": "generic", "address": receiver.url("/x")});
        world.apply(&provider("v1beta3", "apps", "generic", spec)).await;
        world.apply(&alert("v1beta3", "apps", "generic", "generic")).await;
        let herald = world.herald(&[]).await;
        post(&herald, &event("apps", "without a status")).await;
        eventually("a message", async || receiver.count() == 1).await;
        let warning = "the cluster has Flux's own definitions";
        eventually("a warning", async || herald.log().contains(warning)).await;
        assert_eq!(herald.log().matches(warning).count(), 1, "{}", herald.log());
        assert_eq!(world.get("Provider", "apps", "generic").await["status"], Value::Null);
        assert_eq!(readiness(&herald).await.0, 200);

        // Herald's own come back while it runs.
        world.install().await;
        world.ready("Provider", "apps", "generic", "True Succeeded").await;
        herald.stop().await;
    });
}

/// Flux's definition of Receivers, as far as it matters here.
fn receivers() -> Value {
    let schema = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("receivers.{GROUP}")},
        "spec": {
            "group": GROUP, "scope": "Namespaced",
            "names": {"kind": "Receiver", "listKind": "ReceiverList", "plural": "receivers", "singular": "receiver"},
            "versions": [{
                "name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema},
            }],
        },
    })
}

#[test]
fn migrate_check_says_of_every_object_of_the_cluster_what_is_different() {
    run(async |world| {
        world.namespace("moving").await;
        world.apply(&receivers()).await;
        eventually("Receivers are served", async || {
            world.admin.list_api_group_resources(&format!("{GROUP}/v1")).await.is_ok()
        })
        .await;
        let receiver = json!({
            "apiVersion": format!("{GROUP}/v1"), "kind": "Receiver",
            "metadata": {"name": "github", "namespace": "moving"}, "spec": {"type": "github"},
        });
        let spec = |kind: &str, secret: &str| json!({"type": kind, "address": "https://hooks.example.invalid/x", "secretRef": {"name": secret}});
        world
            .apply_all(&[
                receiver,
                secret("moving", "key", json!({"token": "fake-hmac-key"})),
                provider("v1beta1", "moving", "signed", spec("generic-hmac", "key")),
                provider("v1beta2", "moving", "chat", spec("discord", "key")),
                provider("v1beta3", "moving", "keyless", spec("generic-hmac", "absent")),
                alert("v1beta3", "moving", "signed", "signed"),
            ])
            .await;
        let check = async |output: &str| {
            let mut command = std::process::Command::new(binary());
            command.args(["migrate", "check", "--namespace", "moving", "--output", output]);
            output_of(command.arg("--kubeconfig").arg(&world.server.kubeconfig))
        };
        let json = check("json").await;
        let said: Value = serde_json::from_slice(&json.stdout)
            .unwrap_or_else(|err| panic!("{err}: {}", String::from_utf8_lossy(&json.stderr)));
        assert_eq!(json.status.code(), Some(64), "{said:#}");
        let effects = |object: &str| -> Vec<String> {
            let findings = said["objects"][object].as_array();
            let findings = findings.unwrap_or_else(|| panic!("{object} is not there: {said:#}"));
            findings.iter().map(|finding| finding["effect"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(effects("Provider moving/signed"), Vec::<String>::new());
        assert_eq!(effects("Alert moving/signed"), Vec::<String>::new());
        assert_eq!(effects("Provider moving/chat"), ["differs"]);
        assert_eq!(effects("Receiver moving/github"), ["stays"]);
        assert!(effects("Provider moving/keyless").contains(&"broken".to_owned()));
        let text = check("text").await;
        assert!(!String::from_utf8(text.stdout).unwrap().contains("fake-hmac-key"));
    });
}
