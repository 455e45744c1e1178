//! An OpenTelemetry collector, which hands on the spans that it holds as JSON.

use std::process::Command;

use herald_tests::events::kustomization;
use herald_tests::herald::root;
use herald_tests::install::go_program;
use herald_tests::process::{Process, free_port};
use herald_tests::receiver::Receiver;
use herald_tests::service::Service;
use herald_tests::tls::Authority;
use serde_json::{Value, json};

use crate::held;

#[tokio::test]
async fn a_collector_holds_spans_that_came_plain_and_with_client_certificates() {
    let program = go_program(&root().join("tests/receivers/collector"));
    let (authority, reader, dir) =
        (Authority::default(), Receiver::start().await, tempfile::tempdir().unwrap());
    let (certificate, key) = authority.server_pem("127.0.0.1");
    let texts = [("tls.crt", certificate), ("tls.key", key), ("ca.crt", authority.pem())];
    for (name, text) in texts {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    let (plain, strict) = (free_port(), free_port());
    let tls = json!({"cert_file": "tls.crt", "key_file": "tls.key", "client_ca_file": "ca.crt"});
    let http = |endpoint: u16, tls: Value| json!({"protocols": {"http": {"endpoint": format!("127.0.0.1:{endpoint}"), "tls": tls}}});
    let config = json!({
        "receivers": {"otlp/plain": http(plain, Value::Null), "otlp/strict": http(strict, tls)},
        "exporters": {"otlp_http": {
            "endpoint": reader.url(""), "encoding": "json", "compression": "none",
        }},
        "service": {
            "telemetry": {"metrics": {"level": "none"}},
            "pipelines": {"traces": {
                "receivers": ["otlp/plain", "otlp/strict"], "exporters": ["otlp_http"],
            }},
        },
    });
    std::fs::write(dir.path().join("config.yaml"), config.to_string()).unwrap();
    let mut command = Command::new(program);
    command.arg("--config=file:config.yaml");
    let process = Process::start(command, strict, dir).await;

    let (certificate, key) = authority.client("herald");
    let shown = json!({"ca.crt": authority.pem(), "tls.crt": certificate, "tls.key": key});
    let spec = |scheme: &str, port: u16| {
        json!({
            "type": "otel", "address": format!("{scheme}://127.0.0.1:{port}"),
            "certSecretRef": {"name": "strict"},
        })
    };
    let service = Service::start(&[
        ("plain", spec("http", plain), json!({})),
        ("strict", spec("https", strict), shown),
    ])
    .await;
    let event = kustomization("storefront", "error", "BuildFailed", "größer\n👍");
    service.post(&event).await;
    let log = || process.log() + &service.log();
    let mut spans = held("the collector holds both spans", log, async || {
        let batches: Vec<Value> = reader.received().iter().map(|batch| batch.json()).collect();
        let spans: Vec<Value> = batches
            .iter()
            .flat_map(|batch| batch["resourceSpans"].as_array().unwrap().clone())
            .collect();
        (spans.len() == 2).then_some(spans)
    })
    .await;
    spans.sort_by_key(|span| text_of(&span["resource"], "service.name"));
    for (resource_spans, alert) in spans.iter().zip(["default/plain", "default/strict"]) {
        assert_eq!(text_of(&resource_spans["resource"], "service.name"), alert);
        let span = &resource_spans["scopeSpans"][0]["spans"][0];
        assert_eq!(span["name"], "Kustomization: apps/storefront");
        assert_eq!(span["status"], json!({"message": "größer\n👍", "code": 2}));
        assert_eq!(span["startTimeUnixNano"], "1773480413000000000");
        assert_eq!(text_of(span, "object.kind"), "Kustomization");
        assert_eq!(text_of(span, "revision"), "main@sha1:8f1c2a9b7d6e5f40312233445566778899aabbcc");
    }
}

/// The text of an attribute of this name.
fn text_of(holder: &Value, name: &str) -> String {
    let attributes = holder["attributes"].as_array().unwrap().iter();
    let found = attributes.clone().find(|attribute| attribute["key"] == name);
    let found = found.unwrap_or_else(|| panic!("{name} is not in {holder}"));
    found["value"]["stringValue"].as_str().unwrap().to_owned()
}
