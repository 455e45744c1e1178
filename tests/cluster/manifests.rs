//! What `deploy/` has is taken by a real API server as it stands: every overlay and component, with the rights,
//! limits and names that they promise.

use std::fs;

use herald_tests::herald::root;
use serde_json::Value;

use crate::judge::{judge_all, judge_pod, kustomized, of_kind, restricted_namespace};
use crate::tools;
use crate::world::run;

const OVERLAYS: [&str; 4] = ["base", "standalone", "replace", "tenants"];

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
fn every_component_is_taken_with_an_overlay() {
    run(async |world| {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["base", "monitoring", "workload-identity"] {
            let to = dir.path().join(folder);
            fs::create_dir(&to).unwrap();
            for entry in fs::read_dir(root().join("deploy/kustomize").join(folder)).unwrap() {
                let entry = entry.unwrap();
                fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
            }
        }
        let built = |component: &str| {
            let overlay = dir.path().join(format!("with-{component}"));
            fs::create_dir(&overlay).unwrap();
            let kustomization = format!("resources: [../base]\ncomponents: [../{component}]\n");
            fs::write(overlay.join("kustomization.yaml"), kustomization).unwrap();
            kustomized(world, &overlay)
        };
        let monitored = built("monitoring");
        judge_all(world, &monitored).await;
        for kind in ["ServiceMonitor", "PrometheusRule", "ConfigMap"] {
            assert_eq!(of_kind(&monitored, kind).len(), 1, "{kind}");
        }
        let with_identities = built("workload-identity");
        judge_all(world, &with_identities).await;
        let set = of_kind(&with_identities, "StatefulSet")[0].clone();
        let args = &set["spec"]["template"]["spec"]["containers"][0]["args"];
        let gate = "--feature-gates=ObjectLevelWorkloadIdentity=true";
        assert!(args.as_array().unwrap().iter().any(|arg| arg == gate), "{args}");
        let roles = of_kind(&with_identities, "ClusterRole");
        let names: Vec<&Value> = roles.iter().map(|role| &role["metadata"]["name"]).collect();
        assert!(names.iter().any(|name| *name == "herald-workload-identity"), "{names:?}");
    });
}
