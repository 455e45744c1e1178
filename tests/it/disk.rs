//! A journal that cannot keep an event: 503 and a clear line, never a false 202.

use std::time::Duration;

use herald_tests::events::kustomization;
use herald_tests::eventually;
use herald_tests::herald::{Herald, output, serve};
use herald_tests::receiver::Receiver;
use serde_json::json;

use crate::serve::{client, folder};

async fn post(herald: &Herald, message: &str) -> u16 {
    let event = kustomization("a", "info", "R", message).to_string();
    client().post(herald.events()).body(event).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_journal_that_vanishes_is_answered_503_and_makes_it_unready() {
    let receiver = Receiver::start().await;
    let config = folder(&json!({"type": "generic", "address": receiver.url("/")}), &json!({}));
    let data = tempfile::tempdir().unwrap();
    let dir = data.path().join("data");
    let herald = Herald::start(config.path(), &dir, &[]).await;
    assert_eq!(post(&herald, "kept").await, 202);
    eventually("it is delivered", Duration::from_secs(20), || receiver.count() == 1).await;

    std::fs::rename(&dir, data.path().join("moved")).unwrap();
    assert_eq!(post(&herald, "not kept").await, 503);
    let ready = client().get(herald.address("health") + "/readyz").send().await.unwrap();
    assert_eq!(ready.status().as_u16(), 503);
    assert!(herald.log().contains("not kept"), "{}", herald.log());
    assert_eq!(receiver.count(), 1, "what was not kept is not delivered");

    std::fs::rename(data.path().join("moved"), &dir).unwrap();
    let end = std::time::Instant::now() + Duration::from_secs(20);
    while post(&herald, "not kept").await != 202 {
        assert!(std::time::Instant::now() < end, "it does not recover:\n{}", herald.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    eventually("it is delivered then", Duration::from_secs(20), || receiver.count() == 2).await;
    assert_eq!(herald.stop().await, Some(0));
}

#[tokio::test]
async fn a_full_disk_is_answered_503() {
    let receiver = Receiver::start().await;
    let config = folder(&json!({"type": "generic", "address": receiver.url("/")}), &json!({}));
    let data = tempfile::tempdir().unwrap();
    let dir = data.path().join("data");
    // A limit on the size of files stands in for a full disk: writes beyond it fail in the same place.
    let herald = Herald::start_limited(config.path(), &dir, 1 << 20).await;
    let mut answers = Vec::new();
    for number in 0..40 {
        answers.push(post(&herald, &format!("{number} {}", "x".repeat(100_000))).await);
    }
    let accepted = answers.iter().filter(|&&status| status == 202).count();
    assert!(answers.contains(&503), "{answers:?}");
    assert!(answers.iter().all(|status| [202, 503].contains(status)), "{answers:?}");
    eventually("what was accepted is delivered", Duration::from_secs(30), || {
        receiver.count() >= accepted
    })
    .await;
    assert!(herald.log().contains("not kept"), "{}", herald.log());
    herald.kill().await;
}

#[test]
fn a_damaged_or_unusable_journal_ends_the_start_with_a_clear_error() {
    let config =
        folder(&json!({"type": "generic", "address": "https://hooks.lab.example/"}), &json!({}));
    let start = |dir: &std::path::Path| {
        let output = output(&mut serve(config.path(), dir, &[]));
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("a-file");
    std::fs::write(&file, "x").unwrap();
    assert!(start(&file).contains("cannot open the journal"));

    let damaged = data.path().join("damaged");
    std::fs::create_dir(&damaged).unwrap();
    std::fs::write(
        damaged.join("journal.db"),
        "this is no database, and it is longer than a header of one".repeat(100),
    )
    .unwrap();
    let text = start(&damaged);
    assert!(text.contains("journal.db"), "{text}");
}
