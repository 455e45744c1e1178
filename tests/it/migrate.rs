//! `herald migrate check` with a folder of manifests. With a cluster it is tested in `tests/cluster`.

use std::fs;
use std::process::{Command, Output};

use herald_controller::migration;
use herald_tests::herald::{binary, output, root};
use serde_json::Value;

const MANIFESTS: &str = r#"
apiVersion: notification.toolkit.fluxcd.io/v1beta3
kind: Provider
metadata: {name: chat, namespace: apps}
spec: {type: slack, channel: general, address: "https://hooks.slack.com/services/T/B/s3cret"}
---
apiVersion: notification.toolkit.fluxcd.io/v1beta2
kind: Provider
metadata: {name: plain, namespace: apps}
spec: {type: generic, address: "https://hooks.example.com/x"}
---
apiVersion: notification.toolkit.fluxcd.io/v1beta3
kind: Alert
metadata: {name: plain, namespace: apps}
spec: {providerRef: {name: plain}, eventSources: [{kind: Kustomization, name: "*"}]}
---
apiVersion: notification.toolkit.fluxcd.io/v1beta3
kind: Alert
metadata: {name: by-label, namespace: apps}
spec:
  providerRef: {name: plain}
  eventSources: [{kind: Kustomization, name: "*", matchLabels: {team: a}}]
---
apiVersion: notification.toolkit.fluxcd.io/v1
kind: Receiver
metadata: {name: github, namespace: apps}
spec: {type: github, resources: []}
"#;

const BROKEN: &str = r#"
apiVersion: notification.toolkit.fluxcd.io/v1beta3
kind: Provider
metadata: {name: pigeon, namespace: apps}
spec: {type: pigeon}
---
apiVersion: notification.toolkit.fluxcd.io/v1beta3
kind: Provider
metadata: {name: here, namespace: apps}
spec: {type: generic, address: "http://127.0.0.1:8080/"}
---
apiVersion: notification.toolkit.fluxcd.io/v1beta3
kind: Alert
metadata: {name: lonely, namespace: apps}
spec: {providerRef: {name: nobody}, eventSources: [{kind: Kustomization, name: "*"}]}
"#;

fn check(manifests: &str, flags: &[&str]) -> Output {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("all.yaml"), manifests).unwrap();
    let mut command = Command::new(binary());
    output(command.args(["migrate", "check", "--config-dir"]).arg(dir.path()).args(flags))
}

#[test]
fn every_object_is_named_with_what_is_different() {
    let output = check(MANIFESTS, &[]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}{}", String::from_utf8_lossy(&output.stderr));
    for said in [
        "Provider apps/chat\n  differs: an answer with status 200",
        "Provider apps/plain: as before\n",
        "Alert apps/plain: as before\n",
        "Alert apps/by-label\n  differs: labels",
        "Receiver apps/github\n  stays with Flux: Herald serves no Receivers",
        "5 objects: 0 would not work, 2 differ, 1 stay with Flux",
    ] {
        assert!(text.contains(said), "{said}\n{text}");
    }
    assert!(!text.contains("s3cret"), "{text}");
}

#[test]
fn what_would_not_work_ends_with_64_and_its_reason() {
    let all = check(BROKEN, &["--output", "json"]);
    assert_eq!(all.status.code(), Some(64));
    let said: Value = serde_json::from_slice(&all.stdout).unwrap();
    for (object, reason) in [
        ("Provider apps/pigeon", "there is no module for the type pigeon"),
        ("Provider apps/here", "loopback"),
        ("Alert apps/lonely", "there is no Provider apps/nobody"),
    ] {
        let findings = said["objects"][object].as_array().unwrap();
        let is_said = findings.iter().any(|finding| {
            finding["effect"] == "broken" && finding["message"].as_str().unwrap().contains(reason)
        });
        assert!(is_said, "{object}: {findings:?}");
    }
    let stderr = String::from_utf8(all.stderr).unwrap();
    assert!(stderr.contains("3 would not work"), "{stderr}");
    let mended = check(BROKEN, &["--allow-loopback"]);
    assert!(String::from_utf8(mended.stderr).unwrap().contains("2 would not work"));
}

#[test]
fn every_type_of_the_table_of_differences_is_known() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let (_, table) = readme.split_once("| Where | Flux | Herald | Why |").unwrap();
    let types: Vec<String> = fs::read_dir(root().join("tests/fixtures/providers"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let known = migration::types();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let mut n_types = 0;
    for row in rows {
        let place = row.split('|').nth(1).unwrap();
        for word in place.split([',', ' ']).filter(|word| types.iter().any(|kind| kind == word)) {
            // The one row about it is of an odd event, not of what is sent.
            if word != "generic" {
                assert!(known.contains(&word), "`herald migrate check` says nothing of {word}");
                n_types += 1;
            }
        }
    }
    assert!(n_types > 20, "{n_types}");
}
