//! What a ProviderModule's revision is called with while its object brings nothing: what it was called with before.

use std::fs;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use herald_tests::components::hostile;
use herald_tests::events::kustomization;
use herald_tests::eventually;
use herald_tests::herald::Herald;
use serde_json::{Value, json};

use crate::serve::{folder, post};

const SOON: Duration = Duration::from_secs(60);

/// A ProviderModule for the type `message` whose calls may run for 60 ms.
fn write(config: &Path, source: &Value) {
    let spec = json!({"type": "message", "source": source, "limits": {"runningMillis": 60}});
    let objects = [
        json!({"apiVersion": "herald.dev/v1alpha1", "kind": "ProviderModule", "metadata": {"name": "message"}, "spec": spec}),
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "message"},
            "binaryData": {"module.wasm": STANDARD.encode(hostile())}}),
    ];
    let text: Vec<String> = objects.iter().map(Value::to_string).collect();
    fs::write(config.join("module.yaml"), text.join("\n---\n")).unwrap();
}

#[tokio::test]
async fn limits_hold_over_a_restart_while_the_registry_is_away() {
    let provider = json!({"type": "message", "channel": "endless loop", "address": "https://hooks.example.com/"});
    let config = folder(&provider, &json!({}));
    let data = tempfile::tempdir().unwrap();
    let data = data.path().join("data");
    let map = json!({"namespace": "default", "name": "message", "key": "module.wasm"});
    write(config.path(), &json!({"configMap": map}));
    let herald = Herald::start(config.path(), &data, &["--retry-first", "1s"]).await;
    let told = |herald: &Herald| herald.log().matches("ran for longer than 60 ms").count();
    assert_eq!(post(&herald, &kustomization("m", "info", "R", "m")).await, 202);
    eventually("its calls end at its limit", SOON, || told(&herald) > 0).await;
    assert_eq!(herald.stop().await, Some(0));

    // Nobody listens there, so what is kept on disk serves.
    write(config.path(), &json!({"oci": {"reference": "127.0.0.1:1/acme/message:1"}}));
    let herald = Herald::start(config.path(), &data, &["--retry-first", "1s"]).await;
    let before = told(&herald);
    assert_eq!(post(&herald, &kustomization("n", "info", "R", "n")).await, 202);
    eventually("its calls end at its limit again", SOON, || told(&herald) > before).await;
    let log = herald.log();
    assert!(log.contains("gives no answer") && !log.contains("than 250 ms"), "{log}");
    assert_eq!(herald.stop().await, Some(0));
}
