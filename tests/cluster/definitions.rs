//! What may be stored: everything that Flux's users have, in all three versions.

use std::fs;
use std::path::PathBuf;

use herald_tests::herald::root;
use kube::Api;
use kube::api::{DynamicObject, PostParams};
use serde_json::Value;

use crate::world::{GROUP, documents, ours, run};

/// The manifests of the peer's documentation and of all recorded cases.
fn files() -> Vec<PathBuf> {
    let mut files = vec![root().join("tests/fixtures/manifests/provider-api-v1beta1.yaml")];
    let cases = fs::read_dir(root().join("tests/fixtures/providers")).unwrap();
    for case in cases.flat_map(|kind| fs::read_dir(kind.unwrap().path()).unwrap()) {
        let case = case.unwrap();
        if case.file_name().to_string_lossy().starts_with("peer-") {
            let names = ["provider.yaml", "alert.yaml"];
            files.extend(
                names.map(|name| case.path().join(name)).into_iter().filter(|file| file.is_file()),
            );
        }
    }
    files.sort();
    files
}

#[test]
fn every_object_of_the_peer_is_taken_in_all_three_versions() {
    run(async |world| {
        world.namespace("apps").await;
        let mut n_objects = 0;
        let mut refused = Vec::new();
        for file in files() {
            // The page's examples follow each other with no more between them than a comment.
            let text = fs::read_to_string(&file).unwrap();
            for object in documents(&text.replace("\n# example:", "\n---\n# example:")) {
                let kind = object["kind"].as_str().unwrap_or_default().to_owned();
                if !matches!(kind.as_str(), "Provider" | "Alert") {
                    continue;
                }
                // Made for events without an object; Flux's own definitions refuse them as well.
                if object.pointer("/spec/eventSources/0/kind").is_some_and(|kind| kind == "") {
                    continue;
                }
                n_objects += 1;
                for version in ["v1beta1", "v1beta2", "v1beta3"] {
                    if let Err(err) = create(world, &object, version, &kind).await {
                        refused.push(format!("{} as {version}: {err}", file.display()));
                    }
                }
            }
        }
        assert!(refused.is_empty(), "{}", refused.join("\n"));
        assert!(n_objects > 100, "only {n_objects} objects were found");
        println!("{n_objects} objects were taken as each of three versions");
    });
}

/// Has the API server judge an object without storing it, strictly: a field that it would drop is an error.
async fn create(
    world: &crate::world::World,
    object: &Value,
    version: &str,
    kind: &str,
) -> kube::Result<()> {
    let mut object = object.clone();
    object["apiVersion"] = format!("{GROUP}/{version}").into();
    object["metadata"]["namespace"] = "apps".into();
    object["metadata"]["finalizers"] = serde_json::json!(["finalizers.fluxcd.io"]);
    let object: DynamicObject = serde_json::from_value(object).map_err(kube::Error::SerdeError)?;
    let api: Api<DynamicObject> =
        Api::namespaced_with(world.admin.clone(), "apps", &ours(version, kind));
    let params = PostParams { dry_run: true, ..PostParams::default() };
    let stored = api.create(&params, &object).await?;
    // What the server would have dropped is not there.
    for (field, value) in object.data["spec"].as_object().into_iter().flatten() {
        assert_eq!(&stored.data["spec"][field], value, "{kind} as {version}: spec.{field}");
    }
    Ok(())
}
