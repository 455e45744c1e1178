//! What `deploy/` has is taken by a real API server as it stands: every overlay and the chart, with the rights, limits and
//! names that they promise.

use std::fs;
use std::path::Path;

use herald_tests::herald::root;
use kube::Api;
use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use kube::core::GroupVersionKind;
use serde_json::{Value, json};

use crate::tools;
use crate::world::{HOME, World, documents, manifests, run};

const OVERLAYS: [&str; 4] = ["base", "standalone", "replace", "tenants"];
const CHART: &str = "deploy/helm/herald";

/// What kustomize makes of a folder.
fn kustomized(world: &World, dir: &Path) -> Vec<Value> {
    let kubectl = world.server.kubectl();
    let built = tools::stdout(&kubectl, &["kustomize", dir.to_str().unwrap()]);
    documents(&built.unwrap_or_else(|err| panic!("{}: {err}", dir.display())))
}

/// What helm makes of the chart.
fn rendered(settings: &[&str]) -> Result<Vec<Value>, String> {
    let chart = root().join(CHART);
    let mut args = vec!["template", "herald", chart.to_str().unwrap(), "--namespace", HOME];
    args.extend(["--include-crds", "--kube-version", "1.35.0"]);
    for setting in settings {
        args.extend(["--set", setting]);
    }
    tools::stdout(&tools::helm(), &args).map(|text| documents(&text))
}

/// Has the API server judge an object without storing it: a field that it does not know is an error.
async fn judge(world: &World, object: &Value) -> Result<(), String> {
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

async fn judge_all(world: &World, objects: &[Value]) {
    let mut refused = Vec::new();
    for object in objects {
        refused.extend(judge(world, object).await.err());
    }
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}

fn of_kind<'a>(objects: &'a [Value], kind: &str) -> Vec<&'a Value> {
    objects.iter().filter(|object| object["kind"] == kind).collect()
}

/// The rules of all roles, in an order that does not depend on names.
fn rules(objects: &[Value]) -> Vec<String> {
    let roles = objects.iter().filter_map(|object| object["rules"].as_array());
    let mut rules: Vec<String> = roles.flatten().map(Value::to_string).collect();
    rules.sort();
    rules
}

/// Makes the pod of the StatefulSet where only restricted pods may be, without storing it.
async fn judge_pod(world: &World, objects: &[Value], place: &str) {
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

async fn restricted_namespace(world: &World) {
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

#[test]
fn every_overlay_is_taken_and_its_pod_is_restricted() {
    run(async |world| {
        restricted_namespace(world).await;
        // The objects of an overlay are judged one by one, before its namespace is there.
        world.namespace("herald").await;
        for overlay in OVERLAYS {
            let objects = kustomized(world, &root().join("deploy/kustomize").join(overlay));
            judge_all(world, &objects).await;
            judge_pod(world, &objects, overlay).await;
            for kind in ["NetworkPolicy", "PodDisruptionBudget", "ServiceAccount"] {
                assert_eq!(of_kind(&objects, kind).len(), 1, "{overlay}: {kind}");
            }
        }
        let alone = kustomized(world, &root().join("deploy/kustomize/standalone"));
        let names_of_others: Vec<&Value> = alone
            .iter()
            .filter(|object| {
                let namespace = &object["metadata"]["namespace"];
                !namespace.is_null() && namespace != "herald"
            })
            .collect();
        assert!(names_of_others.is_empty(), "{names_of_others:?}");
        for binding in of_kind(&alone, "ClusterRoleBinding") {
            assert_eq!(binding["subjects"][0]["namespace"], "herald", "{binding}");
        }
    });
}

#[test]
fn the_service_of_flux_leads_to_herald_after_the_overlay_and_receivers_stay() {
    run(async |world| {
        // As Flux's own manifests have them, applied by its kustomize-controller.
        let service = |name: &str, port: &str| {
            json!({
                "apiVersion": "v1", "kind": "Service",
                "metadata": {"name": name, "namespace": HOME},
                "spec": {
                    "selector": {"app": "notification-controller"},
                    "ports": [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": port}],
                },
            })
        };
        let flux = PatchParams::apply("kustomize-controller").force();
        let services: Api<k8s_openapi::api::core::v1::Service> =
            Api::namespaced(world.admin.clone(), HOME);
        for (name, port) in
            [("notification-controller", "http"), ("webhook-receiver", "http-webhook")]
        {
            services.patch(name, &flux, &Patch::Apply(&service(name, port))).await.unwrap();
        }
        let kubectl = world.server.kubectl();
        let overlay = root().join("deploy/kustomize/replace");
        let applied = tools::stdout(
            &kubectl,
            &[
                "apply",
                "--kubeconfig",
                world.server.kubeconfig.to_str().unwrap(),
                "--server-side",
                "--force-conflicts",
                // The owner of what these tests apply, so that they can take it away again.
                "--field-manager=test",
                "-k",
                overlay.to_str().unwrap(),
            ],
        );
        applied.unwrap_or_else(|err| panic!("{err}"));
        let selector =
            async |name: &str| json!(services.get(name).await.unwrap())["spec"]["selector"].clone();
        assert_eq!(
            selector("notification-controller").await,
            json!({"app.kubernetes.io/name": "herald"})
        );
        assert_eq!(selector("webhook-receiver").await, json!({"app": "notification-controller"}));

        // And back again.
        let back = service("notification-controller", "http");
        services.patch("notification-controller", &flux, &Patch::Apply(&back)).await.unwrap();
        assert_eq!(
            selector("notification-controller").await,
            json!({"app": "notification-controller"})
        );
        let sets: Api<k8s_openapi::api::apps::v1::StatefulSet> =
            Api::namespaced(world.admin.clone(), HOME);
        sets.delete("herald", &kube::api::DeleteParams::default()).await.unwrap();
        world.restore_rights().await;
    });
}

#[test]
fn the_kustomization_of_the_page_puts_herald_into_the_manifests_of_flux() {
    run(async |world| {
        let page = fs::read_to_string(root().join("deploy/README.md")).unwrap();
        let (_, rest) =
            page.split_once("# clusters/production/flux-system/kustomization.yaml").unwrap();
        let (kustomization, _) = rest.split_once("```").unwrap();
        let dir = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| fs::write(dir.path().join(file), text).unwrap();
        write("kustomization.yaml", kustomization);
        // What Flux's own file has of it.
        let definition = |kind: &str, plural: &str| {
            json!({
                "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
                "metadata": {"name": format!("{plural}.{}", crate::world::GROUP)},
                "spec": {
                    "group": crate::world::GROUP, "scope": "Namespaced",
                    "names": {"kind": kind, "plural": plural},
                    "versions": [{"name": "v1beta3", "served": true, "storage": true, "schema":
                        {"openAPIV3Schema": {"type": "object", "x-flux": true}}}],
                },
            })
        };
        let service = json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "notification-controller", "namespace": HOME},
            "spec": {
                "selector": {"app": "notification-controller"},
                "ports": [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": "http"}],
            },
        });
        let components =
            [definition("Provider", "providers"), definition("Alert", "alerts"), service];
        let components: Vec<String> = components.iter().map(Value::to_string).collect();
        write("gotk-components.yaml", &components.join("\n---\n"));
        write("gotk-sync.yaml", "{apiVersion: v1, kind: ConfigMap, metadata: {name: sync}}");
        for folder in ["crds", "kustomize/base"] {
            let to = dir.path().join("herald").join(folder);
            fs::create_dir_all(&to).unwrap();
            for entry in fs::read_dir(root().join("deploy").join(folder)).unwrap() {
                let entry = entry.unwrap();
                fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
            }
        }
        let objects = kustomized(world, dir.path());
        let services = of_kind(&objects, "Service");
        let service = services
            .iter()
            .find(|service| service["metadata"]["name"] == "notification-controller")
            .unwrap();
        assert_eq!(service["spec"]["selector"], json!({"app.kubernetes.io/name": "herald"}));
        assert_eq!(service["spec"]["ports"][0]["targetPort"], "events");
        let definitions = of_kind(&objects, "CustomResourceDefinition");
        for file in ["providers", "alerts"] {
            let ours = &manifests(&format!("deploy/crds/{file}.yaml"))[0];
            let built = definitions
                .iter()
                .find(|built| built["metadata"]["name"] == ours["metadata"]["name"])
                .unwrap();
            let versions = built["spec"]["versions"].as_array().unwrap();
            assert_eq!(versions.len(), 3, "{file}");
            for version in versions {
                // kustomize writes 0.0 as 0, so only the part without numbers is compared.
                let spec = "/schema/openAPIV3Schema/properties/spec";
                let ours = ours.pointer("/spec/versions/2").unwrap();
                assert_eq!(version.pointer(spec), ours.pointer(spec), "{file}");
                assert!(version["subresources"]["status"].is_object(), "{file}");
            }
            assert!(!built.to_string().contains("x-flux"), "{file}");
        }
    });
}

#[test]
fn tenants_are_kept_apart() {
    run(async |world| {
        let objects = kustomized(world, &root().join("deploy/kustomize/tenants"));
        let args = &of_kind(&objects, "StatefulSet")[0]["spec"]["template"]["spec"]["containers"]
            [0]["args"];
        for flag in ["--no-cross-namespace-refs=true", "--allow-private=false"] {
            assert!(args.as_array().unwrap().iter().any(|arg| arg == flag), "{args}");
        }
        // The flags are ones that the binary takes.
        let mut with_help: Vec<&str> =
            args.as_array().unwrap().iter().map(|arg| arg.as_str().unwrap()).collect();
        with_help.push("--help");
        let said = tools::stdout(herald_tests::herald::binary(), &with_help);
        assert!(said.is_ok(), "{said:?}");
    });
}

#[test]
fn the_chart_is_linted_rendered_and_taken() {
    run(async |world| {
        restricted_namespace(world).await;
        let chart = root().join(CHART);
        let linted = tools::stdout(&tools::helm(), &["lint", "--strict", chart.to_str().unwrap()]);
        linted.unwrap_or_else(|err| panic!("{err}"));

        let plain = rendered(&[]).unwrap();
        judge_all(world, &plain).await;
        judge_pod(world, &plain, "the chart").await;
        assert_eq!(rules(&plain), rules(&manifests("deploy/kustomize/base/rbac.yaml")));
        assert_eq!(of_kind(&plain, "CustomResourceDefinition").len(), 2);

        let all = rendered(&[
            "config.noCrossNamespaceRefs=true",
            "config.allowPrivate=false",
            "config.watchAllNamespaces=false",
            "persistence.enabled=false",
            "rbac.matchLabels=false",
            "monitoring.serviceMonitor=true",
            "monitoring.rules=true",
            "monitoring.dashboard=true",
            "priorityClassName=system-cluster-critical",
            "imagePullSecrets[0]=registry",
            "extraArgs[0]=--concurrency=4",
            "nodeSelector.disk=ssd",
            "serviceAccount.annotations.a=b",
            "podAnnotations.a=b",
        ])
        .unwrap();
        judge_all(world, &all).await;
        judge_pod(world, &all, "the chart with all settings").await;
        assert!(of_kind(&all, "ClusterRole").is_empty(), "one namespace needs no right in all");
        let rule = of_kind(&all, "PrometheusRule");
        assert!(rule[0]["spec"]["groups"][0]["rules"].as_array().unwrap().len() >= 10);
        let dashboard = of_kind(&all, "ConfigMap")[0]["data"]["herald.json"].as_str().unwrap();
        assert_eq!(serde_json::from_str::<Value>(dashboard).unwrap()["title"], "Herald");
        let args =
            &of_kind(&all, "StatefulSet")[0]["spec"]["template"]["spec"]["containers"][0]["args"];
        let mut with_help: Vec<&str> =
            args.as_array().unwrap().iter().map(|arg| arg.as_str().unwrap()).collect();
        with_help.push("--help");
        let said = tools::stdout(herald_tests::herald::binary(), &with_help);
        assert!(said.is_ok(), "{said:?}");

        for wrong in ["image.repository=", "persistence.size=much", "confg.logLevel=info"] {
            assert!(rendered(&[wrong]).is_err(), "{wrong} is taken");
        }
    });
}

#[test]
fn kubeconform_finds_nothing_by_the_schemas_of_the_server() {
    run(async |world| {
        let dir = tempfile::tempdir().unwrap();
        let schemas = dir.path().join("schemas");
        fs::create_dir(&schemas).unwrap();
        let mut all = kustomized(world, &root().join("deploy/kustomize/standalone"));
        all.extend(rendered(&[]).unwrap());
        let mut n_schemas = 0;
        for api_version in api_versions(&all) {
            n_schemas += write_schemas(world, &api_version, &schemas).await;
        }
        assert!(n_schemas > 10, "{n_schemas}");
        let file = dir.path().join("all.json");
        // A list is what kubeconform takes as one file of JSON.
        fs::write(&file, json!({"apiVersion": "v1", "kind": "List", "items": all}).to_string())
            .unwrap();
        let location =
            format!("{}/{{{{.ResourceKind}}}}-{{{{.ResourceAPIVersion}}}}.json", schemas.display());
        let args = ["-strict", "-summary", "-schema-location", &location, file.to_str().unwrap()];
        let said =
            tools::stdout(&tools::kubeconform(), &args).unwrap_or_else(|err| panic!("{err}"));
        assert!(said.contains("Invalid: 0, Errors: 0, Skipped: 0"), "{said}");
        assert!(!said.contains("Valid: 0"), "{said}");

        // And it would have found something.
        let mut wrong = all.iter().find(|object| object["kind"] == "StatefulSet").unwrap().clone();
        wrong["spec"]["replicsa"] = 1.into();
        fs::write(&file, wrong.to_string()).unwrap();
        assert!(tools::stdout(&tools::kubeconform(), &args).is_err());
    });
}

fn api_versions(objects: &[Value]) -> std::collections::BTreeSet<String> {
    objects.iter().map(|object| object["apiVersion"].as_str().unwrap().to_owned()).collect()
}

/// Writes the schemas of a group's version as the API server tells them, one file for each kind; how many there are.
async fn write_schemas(world: &World, api_version: &str, dir: &Path) -> usize {
    let path = match api_version.split_once('/') {
        Some(_) => format!("/openapi/v3/apis/{api_version}"),
        None => format!("/openapi/v3/api/{api_version}"),
    };
    let request = hyper::Request::get(&path).body(Vec::new()).unwrap();
    let text = world.admin.request_text(request).await.unwrap();
    // Where a definition points at another, it points into this file.
    let mut document: Value = serde_json::from_str(&text).unwrap();
    close(&mut document["components"]["schemas"]);
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let mut n_written = 0;
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        let kinds = schema["x-kubernetes-group-version-kind"].as_array();
        for kind in kinds.into_iter().flatten() {
            if kind["group"] != group || kind["version"] != version {
                continue;
            }
            let file = format!("{}-{version}.json", kind["kind"].as_str().unwrap().to_lowercase());
            let whole = json!({
                "components": document["components"],
                "$ref": format!("#/components/schemas/{name}"),
            });
            fs::write(dir.join(file), whole.to_string()).unwrap();
            n_written += 1;
        }
    }
    n_written
}

/// Takes no field that a schema does not name, as kubectl would warn of it.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            let is_open = fields.contains_key("additionalProperties")
                || fields.contains_key("x-kubernetes-preserve-unknown-fields");
            if fields.get("properties").is_some_and(Value::is_object) && !is_open {
                fields.insert("additionalProperties".to_owned(), false.into());
            }
            fields.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
