//! Endpoints of one's own, as far as the official libraries go: Standard Webhooks verifies signatures, and the SDK of
//! CloudEvents reads the event.

use std::process::Command;

use herald_tests::events::kustomization;
use herald_tests::install::python;
use herald_tests::process::printed;
use herald_tests::receiver::{Received, Receiver};
use herald_tests::service::Service;
use serde_json::{Value, json};

use crate::held;

const KEY: &str = "whsec_ZmFrZS1zaWduaW5nLWtleS1mb3ItdGVzdHM=";

/// Verifies a request and reads its CloudEvent: the key, the headers as JSON, the body.
const VERIFY: &str = r#"
import json, sys
from cloudevents.v1.http import from_http
from standardwebhooks import Webhook
key, headers, body = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]
Webhook(key).verify(body, headers)
event = from_http(headers, body)
print(json.dumps({"attributes": dict(event.get_attributes()), "data": event.get_data()}, default=str))
"#;

#[tokio::test]
async fn official_libraries_verify_signatures_and_read_cloud_events() {
    let python = python(&["standardwebhooks==1.1.0", "cloudevents==2.2.0"]);
    let receiver = Receiver::start().await;
    let config = json!({"format": "cloudevents", "signing": "standard-webhooks"});
    let spec = json!({
        "type": "generic", "address": receiver.url("/hook"), "config": config,
        "secretRef": {"name": "hook"},
    });
    let service = Service::start(&[("hook", spec, json!({"signingKey": KEY}))]).await;
    let event = kustomization("storefront", "error", "BuildFailed", "größer\n👍");
    service.post(&event).await;
    let received = held("the request", || service.log(), async || receiver.received().pop()).await;

    let read = printed(&mut verify(&python, KEY, &received));
    assert_eq!(read["attributes"]["subject"], "Kustomization/storefront.apps");
    assert_eq!(read["attributes"]["source"], "/kustomize-controller");
    assert_eq!(read["data"]["message"], "größer\n👍");

    let wrong = KEY.replace("ZmFr", "ZmFs");
    let refused = verify(&python, &wrong, &received).output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("WebhookVerificationError"), "{said}");
}

fn verify(python: &std::path::Path, key: &str, received: &Received) -> Command {
    let headers: Value = received
        .headers
        .iter()
        .map(|(name, value)| (name.clone(), json!(value)))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let body = String::from_utf8(received.body.to_vec()).unwrap();
    let mut command = Command::new(python);
    command.args(["-c", VERIFY, key, &headers.to_string(), &body]);
    command
}
