//! ProviderModules: from an object to the module that serves, and what its status says of one that cannot.

mod oci;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use herald_controller::modules::built_in;
use herald_tests::components::{by_hand, costly, hostile, leaking, with_case};
use herald_tests::receiver::{Received, Receiver};
use kube::Api;
use kube::api::{ApiResource, DeleteParams, DynamicObject, GroupVersionKind, Patch, PatchParams};
use serde_json::{Value, json};

use crate::emitter::{event, post};
use crate::world::{PATIENCE, World, eventually, manifests, run, within};
use crate::{alert, provider};

/// A ProviderModule and the ConfigMap that holds its module.
pub(crate) fn one(name: &str, kind: &str) -> [Value; 2] {
    [config_map(name, built_in("generic").unwrap()), module(name, kind, &json!({}))]
}

fn config_map(name: &str, wasm: &[u8]) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "apps"},
        "binaryData": {"module.wasm": STANDARD.encode(wasm)},
    })
}

fn module(name: &str, kind: &str, more: &Value) -> Value {
    let source = json!({"configMap": {"namespace": "apps", "name": name, "key": "module.wasm"}});
    let mut spec = json!({"type": kind, "interval": "10s", "source": source});
    let fields = spec.as_object_mut().unwrap();
    fields
        .extend(more.as_object().unwrap().iter().map(|(key, value)| (key.clone(), value.clone())));
    json!({
        "apiVersion": "herald.dev/v1alpha1", "kind": "ProviderModule",
        "metadata": {"name": name}, "spec": spec,
    })
}

pub(crate) fn api(world: &World) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("herald.dev", "v1alpha1", "ProviderModule");
    Api::all_with(world.admin.clone(), &ApiResource::from_gvk_with_plural(&kind, "providermodules"))
}

pub(crate) async fn get(world: &World, name: &str) -> Value {
    json!(api(world).get(name).await.unwrap())
}

fn is_slack(received: &Received) -> bool {
    received.json().get("attachments").is_some()
}

/// Waits until the condition Ready has this status and reason, and gives the whole object back.
async fn ready(world: &World, name: &str, expected: &str) -> Value {
    eventually(&format!("ProviderModule {name}: {expected}"), async || {
        let object = get(world, name).await;
        let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
        let ready = conditions.into_iter().flatten().find(|one| one["type"] == "Ready").cloned();
        ready.is_some_and(|ready| {
            let text = |key: &str| ready[key].as_str().unwrap_or_default().to_owned();
            format!("{} {}", text("status"), text("reason")) == expected
        })
    })
    .await;
    get(world, name).await
}

#[test]
fn an_object_installs_swaps_and_takes_away_a_module() {
    run(async |world| {
        let receiver = Receiver::start().await;
        world.namespace("apps").await;
        world.apply(&config_map("message", built_in("generic").unwrap())).await;
        let asked = json!({"allowedNamespaces": ["apps"]});
        world.apply(&module("message", "message", &asked)).await;
        let spec = json!({"type": "message", "address": receiver.url("/")});
        world.apply(&provider("v1beta3", "apps", "by-module", spec.clone())).await;
        world.apply(&alert("v1beta3", "apps", "by-module", "by-module")).await;
        world.namespace("elsewhere").await;
        world.apply(&provider("v1beta3", "elsewhere", "by-module", spec)).await;
        let herald = world.herald(&["--rate-limit-interval", "0"]).await;
        let object = ready(world, "message", "True Installed").await;
        let first = object["status"]["activeRevision"].as_str().unwrap().to_owned();
        world.ready("Provider", "apps", "by-module", "True Succeeded").await;
        eventually("a Provider of another namespace may not use it", async || {
            let object = world.get("Provider", "elsewhere", "by-module").await;
            object.to_string().contains("for Providers of the namespaces apps only")
        })
        .await;
        post(&herald, &event("apps", "first")).await;
        eventually("a message", async || receiver.count() == 1).await;
        assert!(!is_slack(&receiver.received()[0]));

        world.apply(&config_map("message", built_in("slack").unwrap())).await;
        eventually("the ConfigMap is read again", async || {
            let object = get(world, "message").await;
            object["status"]["activeRevision"].as_str().is_some_and(|active| active != first)
        })
        .await;
        post(&herald, &event("apps", "second")).await;
        eventually("a message", async || receiver.count() == 2).await;
        assert!(is_slack(&receiver.received()[1]));
        let object = get(world, "message").await;
        let states: Vec<&Value> = object["status"]["revisions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|revision| &revision["state"])
            .collect();
        assert_eq!(states, ["active", "previous"]);

        api(world).delete("message", &DeleteParams::default()).await.unwrap();
        world.ready("Provider", "apps", "by-module", "False UnknownType").await;
        herald.stop().await;
    });
}

/// Additions that take about 220 MB to compile, in a file that a ConfigMap takes.
const COSTLY: usize = 340_000;

#[test]
fn what_cannot_serve_says_which_step_failed() {
    run(async |world| {
        world.namespace("apps").await;
        let herald = world.herald(&["--module-compile-memory-mib", "160"]).await;
        let failing = with_case(built_in("slack").unwrap(), "skipped: for no reason", None);
        let leaks = with_case(&leaking(), "delivered", Some("token"));
        let granted = json!({"grants": ["secret-values"]});
        for (name, wasm, more, expected, said) in [
            (
                "no-export",
                by_hand("wrong-exports"),
                json!({}),
                "False LoadFailed",
                "missing-export",
            ),
            ("traps", by_hand("trap-in-describe"), json!({}), "False LoadFailed", "describe"),
            ("loops", by_hand("loop-in-start"), json!({}), "False LoadFailed", "instantiate"),
            ("costly", costly(COSTLY), json!({}), "False CompileFailed", "more than 160 MiB"),
            ("bad-case", failing, json!({}), "False CasesFailed", "good-news"),
            ("leaks", leaks, granted, "False LeaksSecrets", "good-news"),
        ] {
            world.apply(&config_map(name, &wasm)).await;
            world.apply(&module(name, name, &more)).await;
            let object = ready(world, name, expected).await;
            let message = object["status"]["conditions"][0]["message"].as_str().unwrap();
            assert!(message.contains(said), "{name}: {message}");
            assert!(object["status"]["activeRevision"].is_null(), "{name}");
        }
        let forge = built_in("github").unwrap();
        for (name, wasm, more, expected) in [
            ("no-module", &b"no module"[..], json!({}), "False LoadFailed"),
            ("not-granted", forge, json!({}), "False NotGranted"),
            (
                "other-digest",
                forge,
                json!({"digest": format!("sha256:{}", "0".repeat(64))}),
                "False DigestMismatch",
            ),
            ("odd-grant", forge, json!({"grants": ["everything"]}), "False InvalidSpec"),
        ] {
            world.apply(&config_map(name, wasm)).await;
            world.apply(&module(name, name, &more)).await;
            let object = ready(world, name, expected).await;
            let message = object["status"]["conditions"][0]["message"].as_str().unwrap();
            assert!(!message.is_empty() && object["status"]["activeRevision"].is_null());
            if name == "not-granted" {
                assert!(message.contains("grants: [\"full-address\"]"), "{message}");
                let patch = json!({"spec": {"grants":
                    ["full-address", "host:api.github.com", "credential:github-app"]}});
                api(world)
                    .patch(name, &PatchParams::default(), &Patch::Merge(&patch))
                    .await
                    .unwrap();
                let object = ready(world, name, "True Installed").await;
                let asks = object["status"]["asks"].to_string();
                assert!(
                    asks.contains("full-address") && asks.contains("host:api.github.com"),
                    "{asks}"
                );
            }
        }
        world.apply(&module("not-there", "not-there", &json!({}))).await;
        ready(world, "not-there", "False SourceNotReady").await;
        world.apply(&config_map("not-there", built_in("generic").unwrap())).await;
        ready(world, "not-there", "True Installed").await;
        herald.stop().await;
    });
}

#[test]
fn a_revision_that_traps_is_rolled_back_and_the_status_tells_it() {
    run(async |world| {
        let receiver = Receiver::start().await;
        world.namespace("apps").await;
        world.apply(&config_map("trapping", built_in("generic").unwrap())).await;
        world.apply(&module("trapping", "trapping", &json!({}))).await;
        let spec =
            json!({"type": "trapping", "address": receiver.url("/"), "channel": "trap when told"});
        world.apply(&provider("v1beta3", "apps", "trapping", spec)).await;
        world.apply(&alert("v1beta3", "apps", "trapping", "trapping")).await;
        let herald = world.herald(&["--rate-limit-interval", "0"]).await;
        world.ready("Provider", "apps", "trapping", "True Succeeded").await;
        post(&herald, &event("apps", "first")).await;
        eventually("a message", async || receiver.count() == 1).await;
        world.apply(&config_map("trapping", &hostile())).await;
        eventually("the new revision serves", async || {
            let object = get(world, "trapping").await;
            object["status"]["revisions"].as_array().is_some_and(|all| all.len() == 2)
        })
        .await;
        for number in 0..4 {
            post(&herald, &event("apps", &format!("please trap {number}"))).await;
        }
        eventually("every message", async || receiver.count() == 5).await;
        let object = ready(world, "trapping", "False RolledBack").await;
        let message = object["status"]["conditions"][0]["message"].as_str().unwrap();
        assert!(message.contains("of its 3 calls trapped"), "{message}");
        let trap = object["status"]["lastTrap"].as_str().unwrap();
        assert!(trap.contains("panicked") || trap.contains("trapped"), "{trap}");
        herald.stop().await;
    });
}

#[test]
fn where_one_namespace_is_followed_the_log_says_what_they_need() {
    run(async |world| {
        for mut object in manifests("deploy/kustomize/base/rbac.yaml") {
            if let Some(rules) = object.get_mut("rules").and_then(Value::as_array_mut) {
                rules.retain(|rule| rule["apiGroups"] != json!(["herald.dev"]));
            }
            world.apply(&object).await;
        }
        let herald = world.herald(&["--watch-all-namespaces=false"]).await;
        let says = |part: &str| herald.log().matches(part).count();
        let is_told = within(PATIENCE, async || {
            says("Bind a ClusterRole with the rules for herald.dev") == 1
        })
        .await;
        world.restore_rights().await;
        assert!(is_told, "{}", herald.log());
        // With the right they are followed there as well.
        world.namespace("apps").await;
        world.apply_all(&one("alone", "alone")).await;
        ready(world, "alone", "True Installed").await;
        assert_eq!(says("ProviderModules are not followed"), 1);
        herald.stop().await;
    });
}
