//! `herald serve` from the post of an event to the receiver, and its end.

use std::time::Duration;

use herald_tests::events::kustomization;
use herald_tests::eventually;
use herald_tests::herald::{Herald, output, serve};
use herald_tests::receiver::{Receiver, Reply};
pub(crate) use herald_tests::service::{client, folder};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(20);

pub(crate) async fn post(herald: &Herald, event: &Value) -> u16 {
    let client = client();
    client.post(herald.events()).body(event.to_string()).send().await.unwrap().status().as_u16()
}

async fn get(url: String) -> (u16, String) {
    let response = client().get(url).send().await.unwrap();
    let status = response.status().as_u16();
    #[expect(clippy::disallowed_methods, reason = "the test reads its own server")]
    let text = response.text().await.unwrap();
    (status, text)
}

#[tokio::test]
async fn an_event_reaches_its_receiver_over_one_kept_connection() {
    let receiver = Receiver::start().await;
    let config =
        folder(&json!({"type": "generic", "address": receiver.url("/hook?team=a")}), &json!({}));
    let data = tempfile::tempdir().unwrap();
    let herald = Herald::start(config.path(), &data.path().join("data"), &[]).await;

    for number in 0..3 {
        let event = kustomization(
            "storefront",
            "info",
            "ReconciliationSucceeded",
            &format!("message {number}"),
        );
        assert_eq!(post(&herald, &event).await, 202);
        eventually("the event arrives", SOON, || receiver.count() == number + 1).await;
    }
    let received = receiver.received();
    assert_eq!(received[0].target, "/hook?team=a");
    assert_eq!(received[0].header("gotk-component"), Some("kustomize-controller"));
    let messages: Vec<Value> =
        received.iter().map(|request| request.json()["message"].clone()).collect();
    assert_eq!(messages, ["message 0", "message 1", "message 2"]);
    assert_eq!(receiver.connections(), 1, "the connection is kept between messages");

    assert_eq!(get(herald.address("health") + "/readyz").await.0, 200);
    assert_eq!(get(herald.address("health") + "/healthz").await.0, 200);
    let (status, metrics) = get(herald.address("metrics") + "/metrics").await;
    assert_eq!(status, 200);
    assert!(
        metrics.contains("herald_deliveries_total{type=\"generic\",outcome=\"delivered\"} 3"),
        "{metrics}"
    );
    assert_eq!(herald.stop().await, Some(0));
}

#[tokio::test]
async fn a_repeated_event_is_answered_429_across_a_restart() {
    let receiver = Receiver::start().await;
    let config = folder(&json!({"type": "generic", "address": receiver.url("/")}), &json!({}));
    let data = tempfile::tempdir().unwrap();
    let event = kustomization("storefront", "info", "ReconciliationSucceeded", "once");

    let herald = Herald::start(config.path(), &data.path().join("data"), &[]).await;
    assert_eq!(post(&herald, &event).await, 202);
    assert_eq!(post(&herald, &event).await, 429);
    eventually("the event arrives", SOON, || receiver.count() == 1).await;
    herald.kill().await;

    let herald = Herald::start(config.path(), &data.path().join("data"), &[]).await;
    assert_eq!(post(&herald, &event).await, 429);
    assert_eq!(herald.stop().await, Some(0));
}

#[tokio::test]
async fn a_failed_delivery_is_tried_again_when_the_receiver_says() {
    let receiver = Receiver::start().await;
    receiver.queue([
        Reply::status(503).header("retry-after", "1"),
        Reply::status(429).header("retry-after", "1"),
        Reply::status(200),
    ]);
    let config = folder(&json!({"type": "generic", "address": receiver.url("/")}), &json!({}));
    let data = tempfile::tempdir().unwrap();
    let herald = Herald::start(config.path(), &data.path().join("data"), &[]).await;
    let began = std::time::Instant::now();
    assert_eq!(
        post(&herald, &kustomization("storefront", "error", "HealthCheckFailed", "down")).await,
        202
    );
    eventually("the third attempt", SOON, || receiver.count() == 3).await;
    assert!(
        began.elapsed() >= Duration::from_secs(2),
        "both hints are obeyed: {:?}",
        began.elapsed()
    );
    assert_eq!(herald.stop().await, Some(0));
}

#[tokio::test]
async fn what_waits_goes_on_after_a_restart() {
    let receiver = Receiver::start().await;
    receiver.otherwise(Reply::status(500));
    let config = folder(&json!({"type": "generic", "address": receiver.url("/")}), &json!({}));
    let data = tempfile::tempdir().unwrap();
    let herald = Herald::start(config.path(), &data.path().join("data"), &[]).await;
    assert_eq!(
        post(&herald, &kustomization("storefront", "info", "ReconciliationSucceeded", "kept"))
            .await,
        202
    );
    eventually("the first attempt fails", SOON, || receiver.count() >= 1).await;
    assert_eq!(herald.stop().await, Some(0));

    receiver.otherwise(Reply::status(200));
    let before = receiver.count();
    let herald = Herald::start(config.path(), &data.path().join("data"), &[]).await;
    eventually("it is delivered after the restart", SOON, || receiver.count() > before).await;
    assert_eq!(herald.stop().await, Some(0));
}

#[tokio::test]
async fn a_stop_waits_for_the_attempt_under_way() {
    let receiver = Receiver::start().await;
    receiver.otherwise(Reply::status(200).delayed(Duration::from_secs(1)));
    let config = folder(&json!({"type": "generic", "address": receiver.url("/")}), &json!({}));
    let data = tempfile::tempdir().unwrap();
    let herald = Herald::start(config.path(), &data.path().join("data"), &[]).await;
    assert_eq!(post(&herald, &kustomization("storefront", "info", "R", "slow")).await, 202);
    eventually("the attempt begins", SOON, || receiver.count() == 1).await;
    assert_eq!(herald.stop().await, Some(0));

    let herald = Herald::start(config.path(), &data.path().join("data"), &[]).await;
    assert_eq!(post(&herald, &kustomization("storefront", "info", "R", "next")).await, 202);
    eventually("the next event arrives", SOON, || receiver.count() == 2).await;
    assert_eq!(
        receiver.received()[1].json()["message"],
        "next",
        "the first was recorded and is not sent again"
    );
    assert_eq!(herald.stop().await, Some(0));
}

#[tokio::test]
async fn a_second_instance_on_the_same_journal_is_refused() {
    let receiver = Receiver::start().await;
    let config = folder(&json!({"type": "generic", "address": receiver.url("/")}), &json!({}));
    let data = tempfile::tempdir().unwrap();
    let dir = data.path().join("data");
    let herald = Herald::start(config.path(), &dir, &[]).await;
    let second = output(&mut serve(config.path(), &dir, &[]));
    assert_eq!(second.status.code(), Some(1));
    let text = String::from_utf8_lossy(&second.stderr).into_owned();
    let folder = dir.display().to_string();
    for part in ["another process uses the journal in", &folder, "stop it"] {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
    assert_eq!(herald.stop().await, Some(0));
}
