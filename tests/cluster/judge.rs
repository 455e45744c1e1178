//! What a real API server says of manifests, and what kustomize makes of a folder.

use std::path::Path;

use kube::Api;
use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use kube::core::GroupVersionKind;
use serde_json::{Value, json};

use crate::tools;
use crate::world::{World, documents};

/// What kustomize makes of a folder.
pub(crate) fn kustomized(world: &World, dir: &Path) -> Vec<Value> {
    let kubectl = world.server.kubectl();
    let built = tools::stdout(&kubectl, &["kustomize", dir.to_str().unwrap()]);
    documents(&built.unwrap_or_else(|err| panic!("{}: {err}", dir.display())))
}

/// Has the API server judge an object without storing it: a field that it does not know is an error.
pub(crate) async fn judge(world: &World, object: &Value) -> Result<(), String> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
    let (Some(api_version), Some(kind), Some(name)) =
        (text("/apiVersion"), text("/kind"), text("/metadata/name"))
    else {
        return Err(format!("no object: {object}"));
    };
    // Kinds of other people's operators, which this server does not know.
    if api_version.starts_with("monitoring.coreos.com/") {
        return Ok(());
    }
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let gvk = GroupVersionKind::gvk(group, version, kind);
    let (resource, _) = kube::discovery::pinned_kind(&world.admin, &gvk)
        .await
        .map_err(|err| format!("{kind} {name}: {err}"))?;
    let api: Api<DynamicObject> = match text("/metadata/namespace") {
        Some(namespace) => Api::namespaced_with(world.admin.clone(), namespace, &resource),
        None => Api::all_with(world.admin.clone(), &resource),
    };
    let params = PatchParams::apply("judge").force().dry_run().validation_strict();
    let judged = api.patch(name, &params, &Patch::Apply(object)).await;
    judged.map(drop).map_err(|err| format!("{kind} {name}: {err}"))
}

pub(crate) async fn judge_all(world: &World, objects: &[Value]) {
    let mut refused = Vec::new();
    for object in objects {
        refused.extend(judge(world, object).await.err());
    }
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}

pub(crate) fn of_kind<'a>(objects: &'a [Value], kind: &str) -> Vec<&'a Value> {
    objects.iter().filter(|object| object["kind"] == kind).collect()
}

/// Makes the pod of the StatefulSet where only restricted pods may be, without storing it.
pub(crate) async fn judge_pod(world: &World, objects: &[Value], place: &str) {
    let sets = of_kind(objects, "StatefulSet");
    assert_eq!(sets.len(), 1, "{place}");
    let mut template = sets[0]["spec"]["template"].clone();
    template["apiVersion"] = "v1".into();
    template["kind"] = "Pod".into();
    template["metadata"]["name"] = "herald-0".into();
    let spec = &mut template["spec"];
    // The pod may be judged before its account is there, and the claim is the StatefulSet's to make.
    spec["serviceAccountName"] = "default".into();
    spec["automountServiceAccountToken"] = false.into();
    if let Some(volumes) = spec["volumes"].as_array_mut()
        && !volumes.iter().any(|volume| volume["name"] == "data")
    {
        volumes.push(json!({"name": "data", "emptyDir": {}}));
    }
    let pod: k8s_openapi::api::core::v1::Pod = serde_json::from_value(template).unwrap();
    let api = Api::namespaced(world.admin.clone(), "restricted");
    let params = PostParams { dry_run: true, ..PostParams::default() };
    let made = api.create(&params, &pod).await;
    assert!(made.is_ok(), "{place}: {}", made.unwrap_err());
}

pub(crate) async fn restricted_namespace(world: &World) {
    world.namespace("restricted").await;
    world
        .apply(&json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": "restricted", "labels": {
                "herald.dev/test": "true", "pod-security.kubernetes.io/enforce": "restricted",
            }},
        }))
        .await;
    world
        .apply(&json!({
            "apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": "default", "namespace": "restricted"},
        }))
        .await;
}
