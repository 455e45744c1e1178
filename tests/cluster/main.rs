//! Herald in a cluster: the running binary at a real API server, with the rights that `deploy/` gives it and no more.
//!
//! `make test-cluster` runs this; `cargo test` alone does not, as it needs an API server.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

mod api_server;
mod assets;
mod chart;
mod definitions;
mod deliveries;
mod emitter;
mod faults;
mod flood;
mod handover;
mod identities;
mod judge;
mod lease;
mod manifests;
mod migration;
mod moving;
mod outage;
mod provider_modules;
mod proxy;
mod rights;
mod scale;
mod tools;
mod world;

use serde_json::{Value, json};

/// A Provider.
fn provider(version: &str, namespace: &str, name: &str, spec: Value) -> Value {
    object(version, "Provider", namespace, name, spec)
}

/// An Alert that wants the events of all Kustomizations of a namespace.
fn alert(version: &str, namespace: &str, name: &str, provider: &str) -> Value {
    let sources = json!([{"kind": "Kustomization", "name": "*"}]);
    let spec = json!({"providerRef": {"name": provider}, "eventSources": sources});
    object(version, "Alert", namespace, name, spec)
}

/// A Secret with these values.
fn secret(namespace: &str, name: &str, values: Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace}, "stringData": values,
    })
}

fn object(version: &str, kind: &str, namespace: &str, name: &str, spec: Value) -> Value {
    json!({
        "apiVersion": format!("{}/{version}", world::GROUP), "kind": kind,
        "metadata": {"name": name, "namespace": namespace}, "spec": spec,
    })
}
