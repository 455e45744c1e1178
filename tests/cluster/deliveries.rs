//! From an event to messages: five types, all versions of the API, Secrets that change, and namespaces that must not meet.

use std::time::{Duration, Instant};

use herald_tests::receiver::{Receiver, Reply};
use serde_json::json;

use crate::emitter::{event, post};
use crate::world::{eventually, run};
use crate::{alert, provider, secret};

/// A receiver that answers as each of the five types expects it.
async fn receiver() -> Receiver {
    let receiver = Receiver::start().await;
    receiver.answer_with(|received| match received.target.as_str() {
        "/rocket" => Reply::status(200).body(r#"{"success": true}"#),
        "/slack" | "/discord" => Reply::status(200).body("ok"),
        _ => Reply::status(200),
    });
    receiver
}

#[test]
fn what_the_manifests_install_delivers_to_five_types_in_all_versions() {
    run(async |world| {
        let receiver = receiver().await;
        world.namespace("apps").await;
        world.apply(&secret("apps", "key", json!({"token": "fake-hmac-key"}))).await;
        let types = ["generic", "generic-hmac", "slack", "rocket", "alertmanager"];
        for (kind, version) in types.iter().zip(["v1beta1", "v1beta2", "v1beta3"].iter().cycle()) {
            let mut spec = json!({
                "type": kind, "address": receiver.url(&format!("/{kind}")), "channel": "general",
            });
            if *kind == "generic-hmac" {
                spec["secretRef"] = json!({"name": "key"});
            }
            world.apply(&provider(version, "apps", kind, spec)).await;
            world.apply(&alert(version, "apps", kind, kind)).await;
        }
        let herald = world.herald(&[]).await;
        for kind in types {
            world.ready("Provider", "apps", kind, "True Succeeded").await;
            world.ready("Alert", "apps", kind, "True Succeeded").await;
        }
        post(&herald, &event("apps", "five types")).await;
        for kind in types {
            let target = format!("/{kind}");
            eventually(&format!("a message for {kind}"), async || {
                receiver.received().iter().any(|received| received.target == target)
            })
            .await;
        }
        assert!(
            receiver.received().iter().any(|received| received.header("x-signature").is_some())
        );
        eventually("the status tells of the delivery", async || {
            let provider = world.get("Provider", "apps", "slack").await;
            let last = &provider["status"]["lastDelivery"];
            last["outcome"] == "delivered"
                && last["moduleRevision"]
                    .as_str()
                    .is_some_and(|digest| digest.starts_with("sha256:"))
        })
        .await;
        assert_eq!(herald.stop().await, Some(0));
    });
}

#[test]
fn a_changed_secret_reaches_the_next_delivery() {
    run(async |world| {
        let receiver = receiver().await;
        world.namespace("apps").await;
        world.apply(&secret("apps", "key", json!({"token": "first-key"}))).await;
        let spec = json!({
            "type": "generic-hmac", "address": receiver.url("/generic-hmac"), "secretRef": {"name": "key"},
        });
        world.apply(&provider("v1beta3", "apps", "signed", spec)).await;
        world.apply(&alert("v1beta3", "apps", "signed", "signed")).await;
        let herald = world.herald(&["--rate-limit-interval", "0"]).await;
        let signature = async || {
            let before = receiver.count();
            post(&herald, &event("apps", "the same message")).await;
            eventually("a message", async || receiver.count() > before).await;
            receiver.received().last().unwrap().header("x-signature").unwrap().to_owned()
        };
        let first = signature().await;
        assert_eq!(first, signature().await);
        world.apply(&secret("apps", "key", json!({"token": "second-key"}))).await;
        let began = Instant::now();
        while signature().await == first {
            assert!(began.elapsed() < Duration::from_secs(30), "the new key is not used");
        }
        println!("a delivery with the new key arrived {:?} after the change", began.elapsed());
        herald.stop().await;
    });
}

#[test]
fn events_of_another_namespace_are_kept_out_when_that_is_asked_for() {
    run(async |world| {
        let receiver = receiver().await;
        for namespace in ["apps", "other"] {
            world.namespace(namespace).await;
        }
        let spec = json!({"type": "generic", "address": receiver.url("/generic")});
        world.apply(&provider("v1beta3", "apps", "all", spec)).await;
        let mut wanting = alert("v1beta3", "apps", "all", "all");
        wanting["spec"]["eventSources"] =
            json!([{"kind": "Kustomization", "name": "*", "namespace": "other"}]);
        world.apply(&wanting).await;

        let herald = world.herald(&["--no-cross-namespace-refs=true"]).await;
        post(&herald, &event("other", "not for apps")).await;
        eventually("an event tells that it was kept out", async || {
            world.events_of("apps", "all").await.iter().any(|event| {
                event["reason"] == "NotificationDispatchFailed"
                    && event["type"] == "Warning"
                    && event["message"].as_str().unwrap().contains("--no-cross-namespace-refs")
            })
        })
        .await;
        assert_eq!(receiver.count(), 0);
        herald.stop().await;

        let herald = world.herald(&[]).await;
        post(&herald, &event("other", "for apps as well")).await;
        eventually("a message", async || receiver.count() == 1).await;
        herald.stop().await;
    });
}

#[test]
fn labels_of_an_object_are_asked_for_and_odd_metadata_is_told() {
    run(async |world| {
        let receiver = receiver().await;
        world.namespace("apps").await;
        world
            .apply_all(&crate::world::manifests("tests/fixtures/manifests/kustomization-crd.yaml"))
            .await;
        let kustomization = json!({
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
            "metadata": {"name": "podinfo", "namespace": "apps", "labels": {"team": "a"}},
        });
        eventually("the definition of Kustomization is served", async || {
            world.admin.list_api_group_resources("kustomize.toolkit.fluxcd.io/v1").await.is_ok()
        })
        .await;
        world.apply(&kustomization).await;
        let spec = json!({"type": "generic", "address": receiver.url("/generic")});
        world.apply(&provider("v1beta3", "apps", "all", spec)).await;
        for (name, team) in [("mine", "a"), ("theirs", "b")] {
            let mut wanting = alert("v1beta3", "apps", name, "all");
            wanting["spec"]["eventSources"][0]["matchLabels"] = json!({"team": team});
            wanting["spec"]["eventMetadata"] = json!({"revision": "mine", "alert": name});
            world.apply(&wanting).await;
        }
        let herald = world.herald(&[]).await;
        post(&herald, &event("apps", "by label")).await;
        eventually("a message", async || receiver.count() > 0).await;
        assert_eq!(receiver.received()[0].json()["metadata"]["alert"], "mine");
        eventually("an event tells of the conflict", async || {
            world.events_of("apps", "mine").await.iter().any(|event| {
                event["reason"] == "MetadataAppendFailed"
                    && event["metadata"]["annotations"]["revision"].is_string()
            })
        })
        .await;
        let mut of_missing = event("apps", "of an object that is not there");
        of_missing["involvedObject"]["name"] = "missing".into();
        post(&herald, &of_missing).await;
        eventually("an event tells that the object was not found", async || {
            let events = world.events_of("apps", "mine").await;
            events.iter().any(|event| event["reason"] == "SourceFetchFailed")
        })
        .await;
        assert_eq!(receiver.count(), 1, "{}", herald.log());
        herald.stop().await;
    });
}
