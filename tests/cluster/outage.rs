//! An API server that goes away: what was seen last goes on working, and what changed meanwhile is seen afterwards.

use herald_tests::receiver::Receiver;
use serde_json::json;

use crate::emitter::{event, post};
use crate::world::{eventually, metric, readiness, run};
use crate::{alert, provider, secret};

#[test]
fn a_lost_api_server_is_seen_and_does_not_stop_deliveries() {
    run(async |world| {
        let receiver = Receiver::start().await;
        world.namespace("apps").await;
        world.apply(&secret("apps", "key", json!({"token": "fake-hmac-key"}))).await;
        let spec = json!({
            "type": "generic-hmac", "address": receiver.url("/x"), "secretRef": {"name": "key"},
        });
        world.apply(&provider("v1beta3", "apps", "signed", spec)).await;
        world.apply(&alert("v1beta3", "apps", "signed", "signed")).await;
        let herald = world.herald(&[]).await;
        world.ready("Provider", "apps", "signed", "True Succeeded").await;
        assert_eq!(metric(&herald, "herald_cluster_connected ").await, Some(1.0));

        world.proxy.cut();
        let has_stopped = world.server.stop();
        eventually("it is seen that the API server is gone", async || {
            let (status, text) = readiness(&herald).await;
            status == 503
                && text.starts_with("cluster: ")
                && metric(&herald, "herald_cluster_connected ").await == Some(0.0)
        })
        .await;
        post(&herald, &event("apps", "while it is gone")).await;
        eventually("a message while it is gone", async || receiver.count() == 1).await;

        if has_stopped {
            world.server.start_again();
            world.admin = world.server.admin().await;
        }
        // The port may be another; Herald's way stays.
        world.write_kubeconfig().await;
        world.apply(&provider("v1beta3", "apps", "new", json!({"type": "pigeon"}))).await;
        world.ready("Provider", "apps", "new", "False UnknownType").await;
        eventually("it is ready again", async || {
            readiness(&herald).await.0 == 200
                && metric(&herald, "herald_cluster_connected ").await == Some(1.0)
        })
        .await;
        post(&herald, &event("apps", "when it is back")).await;
        eventually("a message when it is back", async || receiver.count() == 2).await;
        assert_eq!(herald.stop().await, Some(0));
    });
}

#[test]
fn without_an_api_server_events_are_taken_and_wait() {
    run(async |world| {
        let receiver = Receiver::start().await;
        world.namespace("apps").await;
        let spec = json!({"type": "generic", "address": receiver.url("/x")});
        world.apply(&provider("v1beta3", "apps", "generic", spec)).await;
        world.apply(&alert("v1beta3", "apps", "generic", "generic")).await;
        world.proxy.cut();
        let herald = world.unready_herald(&[]).await;
        post(&herald, &event("apps", "before anything is known")).await;
        eventually("it says what it waits for", async || {
            let (status, text) = readiness(&herald).await;
            status == 503 && text.contains("catalog: ") && text.contains("cluster: ")
        })
        .await;
        assert_eq!(receiver.count(), 0);
        world.write_kubeconfig().await;
        eventually("the message", async || receiver.count() == 1).await;
        herald.stop().await;
    });
}
