//! Changes to the folder while the service runs.

use std::fs;
use std::time::Duration;

use herald_tests::events::kustomization;
use herald_tests::eventually;
use herald_tests::herald::Herald;
use herald_tests::receiver::Receiver;
use serde_json::{Value, json};

use crate::serve::{client, folder};

const SOON: Duration = Duration::from_secs(20);

async fn post(herald: &Herald, name: &str) {
    let event: Value = kustomization(name, "info", "ReconciliationSucceeded", "m");
    let status =
        client().post(herald.events()).body(event.to_string()).send().await.unwrap().status();
    assert_eq!(status.as_u16(), 202);
}

#[tokio::test]
async fn an_edit_takes_effect_and_a_broken_one_keeps_the_last_good_state() {
    let (first, second) = (Receiver::start().await, Receiver::start().await);
    let config = folder(&json!({"type": "generic", "address": first.url("/")}), &json!({}));
    let data = tempfile::tempdir().unwrap();
    let herald = Herald::start(config.path(), &data.path().join("data"), &[]).await;
    post(&herald, "one").await;
    eventually("the first receiver gets the event", SOON, || first.count() == 1).await;

    let file = config.path().join("all.yaml");
    let good = fs::read_to_string(&file).unwrap();
    let moved = good.replace(&first.address().to_string(), &second.address().to_string());
    fs::write(&file, &moved).unwrap();
    eventually("the edit is taken over", SOON, || {
        herald.log().contains("the manifests are read again")
    })
    .await;
    post(&herald, "two").await;
    eventually("the second receiver gets the event", SOON, || second.count() == 1).await;
    assert_eq!(first.count(), 1);

    fs::write(&file, moved.replace("\"type\":\"generic\"", "\"type\":")).unwrap();
    eventually("the broken edit is reported", SOON, || herald.log().contains("all.yaml:1")).await;
    eventually("and says what is kept", SOON, || herald.log().contains("last good")).await;
    post(&herald, "three").await;
    eventually("the last good state goes on working", SOON, || second.count() == 2).await;

    fs::write(&file, &good).unwrap();
    let readings = |log: &str| log.matches("the manifests are read again").count();
    eventually("the corrected file is taken over", SOON, || readings(&herald.log()) == 3).await;
    post(&herald, "four").await;
    eventually("the first receiver gets events again", SOON, || first.count() == 2).await;
    assert_eq!(herald.stop().await, Some(0));
}

#[tokio::test]
async fn a_misconfigured_delivery_waits_for_the_change_that_mends_it() {
    let receiver = Receiver::start().await;
    receiver.queue([herald_tests::receiver::Reply::status(401)]);
    let secret = json!({"headers": "Authorization: Bearer fake-old"});
    let spec =
        json!({"type": "generic", "address": receiver.url("/"), "secretRef": {"name": "hook"}});
    let config = folder(&spec, &secret);
    let data = tempfile::tempdir().unwrap();
    let herald = Herald::start(config.path(), &data.path().join("data"), &[]).await;
    post(&herald, "one").await;
    eventually("the receiver refuses it", SOON, || receiver.count() == 1).await;

    let file = config.path().join("all.yaml");
    let text = fs::read_to_string(&file).unwrap().replace("fake-old", "fake-new");
    fs::write(&file, text).unwrap();
    eventually("the new Secret is tried", SOON, || receiver.count() == 2).await;
    assert_eq!(receiver.received()[1].header("authorization"), Some("Bearer fake-new"));
    assert!(
        !herald.log().contains("fake-old") && !herald.log().contains("fake-new"),
        "{}",
        herald.log()
    );
    assert_eq!(herald.stop().await, Some(0));
}
