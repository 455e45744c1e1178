//! The rights of `deploy/kustomize`, in its base and for identities: none is missing, and none is more than what is used.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use herald_tests::herald::Herald;
use herald_tests::receiver::{Receiver, Reply};
use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use kube::api::{DeleteParams, ListParams};
use serde_json::{Value, json};

use crate::emitter::{event, post};
use crate::world::{HOME, IDENTITIES, World, manifests, metric, readiness, run, within};
use crate::{alert, provider, provider_modules, secret};

const RIGHTS: &str = "deploy/kustomize/base/rbac.yaml";
/// As long as each step may take with all rights, on a busy machine.
const PATIENTLY: Duration = Duration::from_secs(60);
/// The same where a right is missing, which takes that long.
const STEP: Duration = Duration::from_secs(15);
const FLAGS: [&str; 5] = [
    "--feature-gates=ObjectLevelWorkloadIdentity=true",
    "--enable-leader-election",
    "--leader-election-lease-duration=6s",
    "--leader-election-renew-deadline=4s",
    "--leader-election-retry-period=500ms",
];

#[test]
fn without_any_one_rule_something_fails() {
    run(async |world| {
        let entra = entra().await;
        prepare(world).await;
        let herald = start(world, &entra, PATIENTLY).await;
        let herald = herald.expect("with all rights Herald becomes ready");
        if let Err(step) = journey(world, &herald, &entra, PATIENTLY).await {
            panic!("with all rights this fails: {step}\n{}", herald.log());
        }
        herald.stop().await;
        for (role, rule) in rules() {
            let mut reduced = role.clone();
            reduced["rules"].as_array_mut().unwrap().remove(rule);
            let taken = role["rules"][rule]["resources"].to_string();
            prepare(world).await;
            world.apply(&reduced).await;
            let failed = match start(world, &entra, STEP).await {
                Err(step) => step,
                Ok(herald) => {
                    let result = journey(world, &herald, &entra, STEP).await;
                    herald.kill().await;
                    result.expect_err(&format!("nothing fails without the rule for {taken}"))
                }
            };
            println!("without the rule for {taken}: {failed}");
            world.restore_rights().await;
        }
    });
}

#[test]
fn every_verb_that_is_granted_was_used() {
    run(async |world| {
        if !world.server.writes_down() {
            // What was asked is written down only by a server that these tests have started.
            println!("not looked at: the API server is not our own");
            return;
        }
        let entra = entra().await;
        prepare(world).await;
        let asked_before = fs::read_to_string(world.server.audit_log()).unwrap_or_default().len();
        for _ in 0..2 {
            let herald = start(world, &entra, PATIENTLY).await.expect("Herald becomes ready");
            if let Err(step) = journey(world, &herald, &entra, PATIENTLY).await {
                panic!("this fails: {step}\n{}", herald.log());
            }
            herald.stop().await;
        }
        let log = fs::read_to_string(world.server.audit_log()).unwrap();
        let used: BTreeSet<(String, String, String)> =
            log.get(asked_before..).unwrap_or_default().lines().filter_map(request).collect();
        let mut unused = Vec::new();
        for (role, rule) in rules() {
            let rule = &role["rules"][rule];
            let texts = |name: &str| -> Vec<String> {
                let list = rule[name].as_array().unwrap();
                list.iter().map(|text| text.as_str().unwrap().to_owned()).collect()
            };
            for (resource, verb) in texts("resources")
                .iter()
                .flat_map(|r| texts("verbs").into_iter().map(move |v| (r.clone(), v)))
            {
                let is_used = used.iter().any(|(group, used_resource, used_verb)| {
                    texts("apiGroups").contains(group)
                        && (resource == "*" || &resource == used_resource)
                        && &verb == used_verb
                });
                if !is_used {
                    unused.push(format!("{verb} {resource}"));
                }
            }
        }
        assert!(unused.is_empty(), "granted and not used: {}\nused: {used:?}", unused.join(", "));
    });
}

/// Every rule of every role, by its place.
fn rules() -> Vec<(Value, usize)> {
    let all = manifests(RIGHTS).into_iter().chain(manifests(IDENTITIES));
    let roles = all.filter(|object| object["rules"].is_array());
    roles
        .flat_map(|role| {
            let n_rules = role["rules"].as_array().unwrap().len();
            (0..n_rules).map(move |rule| (role.clone(), rule))
        })
        .collect()
}

/// Group, resource and verb of a request that was granted.
fn request(line: &str) -> Option<(String, String, String)> {
    let entry: Value = serde_json::from_str(line).ok()?;
    let text = |pointer: &str| entry.pointer(pointer).and_then(Value::as_str);
    if entry.pointer("/responseStatus/code")?.as_u64()? == 403 {
        return None;
    }
    let resource = text("/objectRef/resource")?;
    let resource = match text("/objectRef/subresource") {
        Some(subresource) => format!("{resource}/{subresource}"),
        None => resource.to_owned(),
    };
    let group = text("/objectRef/apiGroup").unwrap_or_default();
    Some((group.to_owned(), resource, text("/verb")?.to_owned()))
}

/// Stands for Microsoft Entra, which takes the tokens of the cluster.
async fn entra() -> Receiver {
    let entra = Receiver::start().await;
    let answer = json!({"access_token": "fake.entra", "expires_in": 3600, "token_type": "Bearer"});
    entra.otherwise(Reply::status(200).body(answer.to_string()));
    entra
}

/// What a journey needs: an Alert whose Provider is fine, one whose deliveries cannot be sent, and one whose Provider has
/// the identity of a ServiceAccount.
async fn prepare(world: &World) {
    world.namespace("apps").await;
    for kind in ["Provider", "Alert"] {
        for name in ["fine", "refused", "workload"] {
            let api = world.ours(kind, "apps");
            let patch = json!({"metadata": {"finalizers": null}});
            drop(api.patch(name, &Default::default(), &kube::api::Patch::Merge(&patch)).await);
            drop(api.delete(name, &DeleteParams::default()).await);
        }
    }
    drop(provider_modules::api(world).delete("rights", &DeleteParams::default()).await);
    let leases: Api<Lease> = Api::namespaced(world.admin.clone(), HOME);
    drop(leases.delete("herald-leader-election", &DeleteParams::default()).await);
    // What an earlier journey was told must not pass for what this one is.
    let events: Api<k8s_openapi::api::core::v1::Event> =
        Api::namespaced(world.admin.clone(), "apps");
    events.delete_collection(&DeleteParams::default(), &ListParams::default()).await.unwrap();
    world.apply_all(&manifests("tests/fixtures/manifests/kustomization-crd.yaml")).await;
    world
        .eventually("the definition of Kustomization is served", async || {
            world.admin.list_api_group_resources("kustomize.toolkit.fluxcd.io/v1").await.is_ok()
        })
        .await;
    let kustomization = json!({
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
        "metadata": {"name": "podinfo", "namespace": "apps", "labels": {"team": "a"}},
    });
    world.apply(&kustomization).await;
    world.apply(&secret("apps", "key", json!({"token": "t"}))).await;
    let account = json!({
        "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"name": "workload", "namespace": "apps", "annotations": {
            "azure.workload.identity/tenant-id": "tenant", "azure.workload.identity/client-id": "client",
        }},
    });
    world.apply(&account).await;
    world.restore_rights().await;
    world.allow_identities().await;
}

/// Starts Herald, if it becomes ready.
async fn start(world: &mut World, entra: &Receiver, patience: Duration) -> Result<Herald, String> {
    let (mut command, data) = world.command(&FLAGS);
    command.env("AZURE_AUTHORITY_HOST", entra.url("/"));
    let herald = Herald::spawn(command, &data).await;
    if within(patience, async || readiness(&herald).await.0 == 200).await {
        return Ok(herald);
    }
    let (_, reason) = readiness(&herald).await;
    herald.kill().await;
    Err(format!("it is not ready: {}", reason.trim()))
}

/// Everything that needs a right, step by step; the first step that fails.
async fn journey(
    world: &World,
    herald: &Herald,
    entra: &Receiver,
    patience: Duration,
) -> Result<(), String> {
    if !within(patience, async || metric(herald, "herald_cluster_leading ").await == Some(1.0))
        .await
    {
        return Err("it does not get the Lease".to_owned());
    }
    let spec = |secret: &str| json!({"type": "generic-hmac", "address": "https://hooks.example.invalid/x", "secretRef": {"name": secret}});
    let mut fine = provider("v1beta3", "apps", "fine", spec("key"));
    let mut wanting = alert("v1beta3", "apps", "fine", "fine");
    for object in [&mut fine, &mut wanting] {
        object["metadata"]["finalizers"] = json!(["finalizers.fluxcd.io"]);
    }
    wanting["spec"]["eventSources"][0]["matchLabels"] = json!({"team": "b"});
    world.apply_all(&[fine, wanting]).await;
    for kind in ["Provider", "Alert"] {
        let is_ready = async || is_ready(&world.get(kind, "apps", "fine").await, "True");
        if !within(patience, is_ready).await {
            return Err(format!("the {kind} has no status that says it is ready"));
        }
        let is_stripped =
            async || world.get(kind, "apps", "fine").await["metadata"]["finalizers"] == Value::Null;
        if !within(patience, is_stripped).await {
            return Err(format!("the {kind} keeps the finalizer of the peer"));
        }
    }
    world.apply(&secret("apps", "key", json!({"token": "t", "address": "no address"}))).await;
    if !within(patience, async || is_ready(&world.get("Provider", "apps", "fine").await, "False"))
        .await
    {
        return Err("a change of a Secret is not seen".to_owned());
    }
    world
        .apply(&secret(
            "apps",
            "key",
            json!({"token": "t", "address": "https://hooks.example.invalid/y"}),
        ))
        .await;
    world.apply(&provider("v1beta3", "apps", "refused", spec("made-by-nobody"))).await;
    world.apply(&alert("v1beta3", "apps", "refused", "refused")).await;
    if !within(patience, async || {
        is_ready(&world.get("Provider", "apps", "refused").await, "False")
    })
    .await
    {
        return Err("the Provider without its Secret has no status".to_owned());
    }
    let asked_before = entra.count();
    let hub = json!({
        "type": "azureeventhub", "address": "hub", "channel": "none", "timeout": "2s",
        "serviceAccountName": "workload",
    });
    world.apply(&provider("v1beta3", "apps", "workload", hub)).await;
    world.apply(&alert("v1beta3", "apps", "workload", "workload")).await;
    let is_ready_with_it =
        async || is_ready(&world.get("Provider", "apps", "workload").await, "True");
    if !within(patience, is_ready_with_it).await {
        return Err("the Provider with a ServiceAccount is not ready".to_owned());
    }
    let is_told = async || {
        // What is tried again has to fail a few times before it is told.
        let asked = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        post(herald, &event("apps", &format!("at {}", asked.as_nanos()))).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        let events = world.events_of("apps", "refused").await;
        events.iter().any(|event| event["reason"] == "NotificationDispatchFailed")
    };
    if !within(patience, is_told).await {
        return Err("no event tells of a delivery that failed".to_owned());
    }
    if !within(patience, async || entra.count() > asked_before).await {
        return Err("no token of the ServiceAccount arrives".to_owned());
    }
    world.apply_all(&provider_modules::one("rights", "rights")).await;
    if !within(patience, async || {
        let object = provider_modules::get(world, "rights").await;
        object.pointer("/status/activeRevision").is_some()
    })
    .await
    {
        return Err("the ProviderModule has no status that says it serves".to_owned());
    }
    if herald.log().contains("are not known: no match") {
        return Err("the labels of the object cannot be read".to_owned());
    }
    Ok(())
}

fn is_ready(object: &Value, expected: &str) -> bool {
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
    let ready = conditions.into_iter().flatten().find(|condition| condition["type"] == "Ready");
    ready.is_some_and(|ready| ready["status"] == expected)
        && object.pointer("/status/observedGeneration") == object.pointer("/metadata/generation")
}
