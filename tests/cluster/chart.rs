//! The Helm chart: the real helm lints and renders it, the API server takes it, and kubeconform finds nothing.

use std::fs;
use std::path::Path;

use herald_tests::herald::root;
use serde_json::{Value, json};

use crate::judge::{judge_all, judge_pod, kustomized, of_kind, restricted_namespace};
use crate::tools;
use crate::world::{HOME, IDENTITIES, World, documents, manifests, run};

const CHART: &str = "deploy/helm/herald";

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

/// The rules of all roles, in an order that does not depend on names.
fn rules(objects: &[Value]) -> Vec<String> {
    let roles = objects.iter().filter_map(|object| object["rules"].as_array());
    let mut rules: Vec<String> = roles.flatten().map(Value::to_string).collect();
    rules.sort();
    rules
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
        assert_eq!(of_kind(&plain, "CustomResourceDefinition").len(), 3);
        let with_identities = rendered(&["workloadIdentity.enabled=true"]).unwrap();
        judge_all(world, &with_identities).await;
        let mut wanted = manifests("deploy/kustomize/base/rbac.yaml");
        wanted.extend(manifests(IDENTITIES));
        assert_eq!(rules(&with_identities), rules(&wanted));

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
            "workloadIdentity.enabled=true",
            "workloadIdentity.defaultServiceAccount=flux",
            "workloadIdentity.gkeCluster=projects/p/locations/l/clusters/c",
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

        let gke = "workloadIdentity.gkeCluster=c";
        for wrong in ["image.repository=", "persistence.size=much", "confg.logLevel=info", gke] {
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
