//! Moving from Flux's notification-controller and back, as `deploy/README.md` says it.

use std::fs;
use std::process::{Command, Stdio};

use herald_tests::herald::root;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Service;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::judge::{kustomized, of_kind};
use crate::provider;
use crate::world::{HOME, World, manifests, run};

/// What of the page is not run here, and why.
const NOT_RUN: &[(&str, &str)] = &[
    ("kubectl -n flux-system rollout status", "no kubelet runs the pod"),
    ("kubectl -n flux-system exec", "no kubelet runs the pod"),
    ("flux install", "Flux's own program takes its manifests from elsewhere when it is built"),
];

/// The commands of a section of the page, as a shell reads them.
fn commands(section: &str) -> Vec<String> {
    let page = fs::read_to_string(root().join("deploy/README.md")).unwrap();
    let (_, rest) = page.split_once(&format!("\n### {section}\n")).unwrap();
    let section = rest.split("\n##").next().unwrap();
    let blocks = section.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let text = blocks.collect::<String>().replace("\\\n", " ");
    text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect()
}

/// Runs them as they stand, at the root of the repository; how many were.
fn follow_page(world: &World, section: &str) -> usize {
    let kubectl = world.server.kubectl();
    let home = tempfile::tempdir().unwrap();
    #[expect(clippy::disallowed_methods, reason = "where the shell finds what the page names")]
    let path = std::env::var("PATH").unwrap();
    let path = match kubectl.parent().filter(|dir| dir.is_absolute()) {
        Some(dir) => format!("{}:{path}", dir.display()),
        None => path,
    };
    let mut n_run = 0;
    for command in commands(section) {
        if let Some((_, why)) = NOT_RUN.iter().find(|(begin, _)| command.starts_with(begin)) {
            println!("not run, as {why}: {command}");
            continue;
        }
        let ran = Command::new("sh")
            .args(["-ec", &command])
            .current_dir(root())
            .env("KUBECONFIG", &world.server.kubeconfig)
            .env("HOME", home.path())
            .env("PATH", &path)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "{command}: {said}");
        n_run += 1;
    }
    n_run
}

#[test]
fn the_commands_of_the_page_lead_there_and_back() {
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
        let services: Api<Service> = Api::namespaced(world.admin.clone(), HOME);
        for (name, port) in
            [("notification-controller", "http"), ("webhook-receiver", "http-webhook")]
        {
            services.patch(name, &flux, &Patch::Apply(&service(name, port))).await.unwrap();
        }
        world.namespace("apps").await;
        let spec = json!({"type": "generic", "address": "https://hooks.example.invalid/x"});
        world.apply(&provider("v1beta3", "apps", "kept", spec)).await;
        let leads_to = async |name: &str| {
            let spec = json!(services.get(name).await.unwrap())["spec"].clone();
            (spec["selector"].clone(), spec["ports"][0]["targetPort"].clone())
        };
        let of_flux = json!({"app": "notification-controller"});

        assert_eq!(follow_page(world, "There"), 2);
        let there = (json!({"app.kubernetes.io/name": "herald"}), json!("events"));
        assert_eq!(leads_to("notification-controller").await, there);
        assert_eq!(leads_to("webhook-receiver").await, (of_flux.clone(), json!("http-webhook")));
        let sets: Api<StatefulSet> = Api::namespaced(world.admin.clone(), HOME);
        assert!(sets.get_opt("herald").await.unwrap().is_some());

        assert_eq!(follow_page(world, "And back"), 2);
        assert_eq!(leads_to("notification-controller").await, (of_flux, json!("http")));
        assert!(sets.get_opt("herald").await.unwrap().is_none());
        for name in ["herald", "herald-pods"] {
            assert!(services.get_opt(name).await.unwrap().is_none(), "{name} is still there");
        }
        world.get("Provider", "apps", "kept").await;
        world.install().await;
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
