//! Events as Flux controllers post them.

use serde_json::{Value, json};

/// An event of a Kustomization in the namespace `apps`.
#[must_use]
pub fn kustomization(name: &str, severity: &str, reason: &str, message: &str) -> Value {
    json!({
        "involvedObject": {
            "kind": "Kustomization",
            "namespace": "apps",
            "name": name,
            "uid": "3b6b1f0e-1111-4a4a-9a9a-0123456789ab",
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        },
        "severity": severity,
        "timestamp": "2026-03-14T09:26:53Z",
        "message": message,
        "reason": reason,
        "metadata": {
            "kustomize.toolkit.fluxcd.io/revision": "main@sha1:8f1c2a9b7d6e5f40312233445566778899aabbcc",
        },
        "reportingController": "kustomize-controller",
        "reportingInstance": "kustomize-controller-7c9f-abcde",
    })
}
