//! One Provider's trouble and the others: a hundred receivers, of which one is dead, and what a stop leaves behind.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use herald_tests::events::kustomization;
use herald_tests::eventually;
use herald_tests::herald::{Herald, output, serve};
use herald_tests::receiver::{Receiver, Reply};
use serde_json::json;

use crate::serve::{folder, post};

const RECEIVERS: usize = 100;
const SOON: Duration = Duration::from_secs(120);
/// The dead receiver's attempts end so late that nothing which waits for one would arrive in time.
const TIMEOUT: Duration = Duration::from_secs(600);

/// Manifests of a Provider for each address, all for the same events.
fn manifests(dir: &Path, addresses: &[String]) {
    let mut text = String::new();
    for (number, address) in addresses.iter().enumerate() {
        write!(
            text,
            "---\napiVersion: notification.toolkit.fluxcd.io/v1beta3\nkind: Provider\nmetadata: {{name: p-{number}}}\n\
             spec: {{type: generic, address: {address}, timeout: {}s}}\n\
             ---\napiVersion: notification.toolkit.fluxcd.io/v1beta3\nkind: Alert\nmetadata: {{name: a-{number}}}\n\
             spec: {{providerRef: {{name: p-{number}}}, eventSources: [{{kind: Kustomization, name: '*', namespace: apps}}]}}\n",
            TIMEOUT.as_secs(),
        )
        .unwrap();
    }
    std::fs::write(dir.join("all.yaml"), text).unwrap();
}

/// Posts events about different objects; all arrive at all receivers but the dead one, long before its timeout.
async fn others_get_everything(dead: &str, alive: &[Receiver]) {
    let config = tempfile::tempdir().unwrap();
    let mut addresses: Vec<String> = alive.iter().map(|receiver| receiver.url("/")).collect();
    addresses.push(dead.to_owned());
    manifests(config.path(), &addresses);
    let data = tempfile::tempdir().unwrap();
    let herald =
        Herald::start(config.path(), &data.path().join("data"), &["--shutdown-grace", "0s"]).await;
    let before = alive[0].count();
    for number in 0..20 {
        let event =
            kustomization(&format!("app-{number}"), "info", "ReconciliationSucceeded", dead);
        assert_eq!(post(&herald, &event).await, 202);
    }
    eventually("all 20 arrive at the 99 others", SOON, || {
        alive.iter().all(|receiver| receiver.count() == before + 20)
    })
    .await;
    assert_eq!(herald.stop().await, Some(0));
}

#[tokio::test]
async fn one_dead_receiver_of_a_hundred_holds_up_no_other() {
    let hanging = Receiver::start().await;
    hanging.otherwise(Reply::status(200).delayed(2 * TIMEOUT));
    let mut alive = Vec::new();
    for _ in 1..RECEIVERS {
        alive.push(Receiver::start().await);
    }
    others_get_everything(&hanging.url("/"), &alive).await;
    assert!(hanging.count() <= 8, "no more than eight attempts at a time: {}", hanging.count());
    // Nobody listens on a port that was free a moment ago.
    let refusing = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}/", listener.local_addr().unwrap())
    };
    others_get_everything(&refusing, &alive).await;
}

#[tokio::test]
async fn an_attempt_that_the_grace_cut_off_is_made_again() {
    let receiver = Receiver::start().await;
    receiver.queue([Reply::status(200).delayed(Duration::from_secs(600))]);
    let config = folder(&json!({"type": "generic", "address": receiver.url("/")}), &json!({}));
    let data = tempfile::tempdir().unwrap();
    let dir = data.path().join("data");
    let herald = Herald::start(config.path(), &dir, &["--shutdown-grace", "100ms"]).await;
    for message in ["1", "2"] {
        assert_eq!(post(&herald, &kustomization("storefront", "info", "R", message)).await, 202);
    }
    eventually("the attempt begins", SOON, || receiver.count() == 1).await;
    assert_eq!(herald.stop().await, Some(0));

    let herald = Herald::start(config.path(), &dir, &[]).await;
    eventually("it is made again, and the one behind it", SOON, || receiver.count() == 3).await;
    let messages: Vec<String> = receiver
        .received()
        .iter()
        .map(|request| request.json()["message"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(messages, ["1", "1", "2"]);
    assert_eq!(herald.stop().await, Some(0));
}

#[tokio::test]
async fn a_providers_own_concurrency_bounds_its_attempts() {
    let receiver = Receiver::start().await;
    receiver.otherwise(Reply::status(200).delayed(Duration::from_secs(600)));
    let spec = json!({"type": "generic", "address": receiver.url("/"), "timeout": "10m"});
    let config = folder(&spec, &json!({}));
    let file = config.path().join("all.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let annotated = text.replacen(
        r#""metadata":{"#,
        r#""metadata":{"annotations":{"herald.dev/concurrency":"2"},"#,
        1,
    );
    assert_ne!(text, annotated, "{text}");
    std::fs::write(&file, annotated).unwrap();
    let data = tempfile::tempdir().unwrap();
    let herald =
        Herald::start(config.path(), &data.path().join("data"), &["--shutdown-grace", "0s"]).await;
    for number in 0..10 {
        let event = kustomization(&format!("app-{number}"), "info", "R", "m");
        assert_eq!(post(&herald, &event).await, 202);
    }
    eventually("two attempts begin", SOON, || receiver.count() == 2).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(receiver.count(), 2, "the others wait");
    assert_eq!(herald.stop().await, Some(0));
}

#[tokio::test]
async fn flags_that_are_wrong_are_told_all_at_once() {
    let config = folder(&json!({"type": "generic", "address": "http://127.0.0.1:9/"}), &json!({}));
    let data = tempfile::tempdir().unwrap();
    let flags = ["--concurrency", "0", "--retry-first", "1", "--life-error=-1h"];
    let ended = output(&mut serve(config.path(), &data.path().join("data"), &flags));
    assert_eq!(ended.status.code(), Some(64));
    let text = String::from_utf8_lossy(&ended.stderr).into_owned();
    for flag in ["--concurrency: ", "--retry-first: ", "--life-error: "] {
        assert!(text.contains(flag), "{flag} is not in {text}");
    }
}
