//! What `herald serve` does against floods of messages: the annotations of an Alert, also across a kill.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use herald_tests::events::kustomization;
use herald_tests::eventually;
use herald_tests::herald::{Herald, binary, output, serve};
use herald_tests::receiver::{Receiver, Reply};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::serve::{client, post};

const SOON: Duration = Duration::from_secs(30);

/// A folder with a Provider of this type and an Alert for the Kustomizations of `apps` with these annotations.
fn folder(kind: &str, address: &str, severity: &str, annotations: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let annotations: serde_json::Map<String, Value> = annotations
        .iter()
        .map(|(name, value)| (format!("herald.dev/{name}"), json!(value)))
        .collect();
    let manifests = [
        json!({
            "apiVersion": "notification.toolkit.fluxcd.io/v1beta3", "kind": "Provider",
            "metadata": {"name": "hook"}, "spec": {"type": kind, "address": address},
        }),
        json!({
            "apiVersion": "notification.toolkit.fluxcd.io/v1beta3", "kind": "Alert",
            "metadata": {"name": "all", "annotations": annotations},
            "spec": {
                "providerRef": {"name": "hook"},
                "eventSeverity": severity,
                "eventSources": [{"kind": "Kustomization", "name": "*", "namespace": "apps"}],
            },
        }),
    ];
    let text = manifests.map(|manifest| manifest.to_string()).join("\n---\n");
    std::fs::write(dir.path().join("all.yaml"), text).unwrap();
    dir
}

async fn accept(herald: &Herald, name: &str, severity: &str, message: &str) {
    let event = kustomization(name, severity, "ReconciliationNews", message);
    assert_eq!(post(herald, &event).await, 202, "{message}");
}

/// What `herald deliveries` prints about these.
fn listed(data: &Path, args: &[&str]) -> Vec<Value> {
    let mut command = Command::new(binary());
    command.args(["deliveries", "list", "--output", "json", "--data-dir"]).arg(data).args(args);
    let ran = output(command.stdin(Stdio::null()));
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert_eq!(ran.status.code(), Some(0), "{said}");
    serde_json::from_slice(&ran.stdout).unwrap()
}

fn show(data: &Path, id: &Value) -> Value {
    let mut command = Command::new(binary());
    command.args(["deliveries", "show", id.as_str().unwrap(), "--output", "json", "--data-dir"]);
    let ran = output(command.arg(data).stdin(Stdio::null()));
    serde_json::from_slice(&ran.stdout).unwrap()
}

/// The reasons of what was not sent, the oldest first.
async fn held(data: &Path, n: usize) -> Vec<String> {
    let skipped = || listed(data, &["--state", "skipped"]);
    eventually(&format!("{n} are held"), SOON, || skipped().len() == n).await;
    skipped().iter().rev().map(|held| held["reason"].as_str().unwrap().to_owned()).collect()
}

async fn metric(herald: &Herald, line: &str) {
    let scraped = client().get(herald.address("metrics") + "/metrics").send().await.unwrap();
    #[expect(clippy::disallowed_methods, reason = "the test reads its own server")]
    let text = scraped.text().await.unwrap();
    assert!(text.lines().any(|found| found == line), "no {line} in\n{text}");
}

fn messages(receiver: &Receiver) -> Vec<String> {
    let text = |body: Value| body["message"].as_str().unwrap().to_owned();
    receiver.received().iter().map(|received| text(received.json())).collect()
}

/// What a note in the metadata of the last message says.
fn note(receiver: &Receiver, key: &str) -> String {
    let body = receiver.received().last().unwrap().json();
    body["metadata"][key].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn what_says_the_same_with_other_numbers_is_sent_once_across_a_kill() {
    let receiver = Receiver::start().await;
    let config = folder("generic", &receiver.url("/"), "info", &[("suppress-repeats", "1h")]);
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let say = |ids: &str, seconds: u32| {
        format!("apply failed after {seconds}s: request id: {ids}, digest sha256:{ids}{ids}")
    };
    let herald = Herald::start(config.path(), &data, &[]).await;
    accept(&herald, "app", "error", &say("0123abcd", 3)).await;
    eventually("it arrives", SOON, || receiver.count() == 1).await;
    accept(&herald, "app", "error", &say("99887766aa", 41)).await;
    held(&data, 1).await;
    metric(&herald, "herald_deliveries_held_total{type=\"generic\",reason=\"repeat\"} 1").await;
    herald.kill().await;

    let herald = Herald::start(config.path(), &data, &[]).await;
    accept(&herald, "app", "error", &say("4455eeff", 7)).await;
    accept(&herald, "app", "error", "apply failed: 2 of 3 replicas are ready").await;
    accept(&herald, "app", "error", "apply failed: 1 of 3 replicas are ready").await;
    eventually("what says something else arrives", SOON, || receiver.count() == 3).await;
    let reasons = held(&data, 2).await;
    let same = "says the same as event 1 did less than 1h before (herald.dev/suppress-repeats)";
    assert_eq!(reasons, [same, same]);

    // Somebody wants to have it all the same.
    let skipped = listed(&data, &["--state", "skipped"]);
    let mut replay = Command::new(binary());
    replay.args(["deliveries", "replay", "--force", skipped[0]["id"].as_str().unwrap()]);
    let ran = output(replay.arg("--data-dir").arg(&data).stdin(Stdio::null()));
    assert_eq!(ran.status.code(), Some(0), "{}", String::from_utf8_lossy(&ran.stderr));
    eventually("it arrives", SOON, || receiver.count() == 4).await;
    assert_eq!(herald.stop().await, Some(0));
}

#[tokio::test]
async fn only_changes_of_an_objects_condition_are_sent() {
    let receiver = Receiver::start().await;
    let config = folder("generic", &receiver.url("/"), "info", &[("only-changes", "true")]);
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let herald = Herald::start(config.path(), &data, &[]).await;
    let steps = ["info 1", "info 2", "error 3", "error 4", "trace 5", "info 6"];
    for step in steps {
        accept(&herald, "app", step.split_once(' ').unwrap().0, step).await;
    }
    accept(&herald, "another", "error", "error 7").await;
    eventually("the changes arrive", SOON, || receiver.count() == 4).await;
    let reasons = held(&data, 3).await;
    assert_eq!(
        reasons,
        [
            "the object's condition is the one that event 1 told (herald.dev/only-changes)",
            "the object's condition is the one that event 3 told (herald.dev/only-changes)",
            "does not say whether the object fails or is well (herald.dev/only-changes)",
        ]
    );
    let mut sent = messages(&receiver);
    sent.sort_unstable_by_key(|message| message.chars().last());
    assert_eq!(sent, ["info 1", "error 3", "info 6", "error 7"]);
    metric(&herald, "herald_deliveries_held_total{type=\"generic\",reason=\"unchanged\"} 2").await;
    metric(&herald, "herald_deliveries_held_total{type=\"generic\",reason=\"undecided\"} 1").await;
    assert_eq!(herald.stop().await, Some(0));
}

#[tokio::test]
async fn failures_count_across_a_kill_and_a_recovery_is_told() {
    let receiver = Receiver::start().await;
    let annotations = [("after-failures", "3"), ("recovery-notice", "true")];
    let config = folder("generic", &receiver.url("/"), "error", &annotations);
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let herald = Herald::start(config.path(), &data, &[]).await;
    accept(&herald, "app", "error", "1").await;
    accept(&herald, "app", "error", "2").await;
    let reasons = held(&data, 2).await;
    assert_eq!(
        reasons,
        [1, 2].map(|n| format!("failure {n} in a row, of 3 (herald.dev/after-failures)"))
    );
    metric(&herald, "herald_deliveries_held_total{type=\"generic\",reason=\"early\"} 2").await;
    herald.kill().await;

    let herald = Herald::start(config.path(), &data, &[]).await;
    accept(&herald, "app", "error", "3").await;
    eventually("the third arrives", SOON, || receiver.count() == 1).await;
    assert_eq!(note(&receiver, "failures"), "3 in a row, the first 2 were not sent");
    receiver.queue([Reply::status(503).header("retry-after", "2")]);
    // The Alert wants errors alone; this it wants.
    accept(&herald, "app", "info", "4").await;
    eventually("it is tried", SOON, || receiver.count() == 2).await;
    herald.kill().await;

    let herald = Herald::start(config.path(), &data, &[]).await;
    eventually("the recovery arrives", SOON, || receiver.count() == 3).await;
    assert!(
        note(&receiver, "recovered").starts_with("after 3 failures since "),
        "{receiver:?}",
        receiver = messages(&receiver)
    );
    accept(&herald, "app", "info", "5").await;
    accept(&herald, "app", "error", "6").await;
    held(&data, 3).await;
    assert_eq!(messages(&receiver), ["3", "4", "4"]);
    assert_eq!(herald.stop().await, Some(0));
}

#[tokio::test]
async fn a_digest_names_every_event_across_a_kill() {
    let receiver = Receiver::start().await;
    let config = folder("rocket", &receiver.url("/"), "info", &[("digest", "15s")]);
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let herald = Herald::start(config.path(), &data, &[]).await;
    let began = std::time::Instant::now();
    for number in 0..10 {
        let severity = if number == 7 { "error" } else { "info" };
        accept(&herald, &format!("app-{number}"), severity, &format!("news {number}")).await;
    }
    herald.kill().await;
    let herald = Herald::start(config.path(), &data, &[]).await;
    for number in 10..20 {
        accept(&herald, &format!("app-{number}"), "info", &format!("news {number}")).await;
    }
    let (is_in_time, n_early) = (began.elapsed() < Duration::from_secs(14), receiver.count());
    assert!(!is_in_time || n_early == 0, "it waits for the end of its window");
    let texts = || -> Vec<String> {
        let received = receiver.received();
        let text = |body: Value| body["attachments"][0]["text"].as_str().unwrap().to_owned();
        received.iter().map(|received| text(received.json())).collect()
    };
    // On a slow machine the start takes so long that the rest goes into the next one.
    let all_named = || (0..20).all(|n| texts().concat().contains(&format!("app-{n} ")));
    eventually("all are named", Duration::from_secs(60), all_named).await;
    let texts = texts();
    assert!(texts.len() <= 2, "{texts:?}");
    let lines: Vec<&str> = texts[0].lines().collect();
    assert!(lines[0].contains("events about") && lines[0].contains("1 error, "), "{}", lines[0]);
    assert_eq!(lines[1], "error Kustomization/apps/app-7 ReconciliationNews: news 7");
    for number in 0..20 {
        let line = format!("ReconciliationNews: news {number}");
        let n = texts.iter().flat_map(|text| text.lines()).filter(|l| l.ends_with(&line)).count();
        assert_eq!(n, 1, "event {number} in {texts:?}");
    }
    let skipped = held(&data, 20 - texts.len()).await;
    assert!(skipped.iter().all(|reason| reason.starts_with("goes into the digest of event ")));
    eventually("it is delivered", SOON, || {
        listed(&data, &["--state", "delivered"]).len() == texts.len()
    })
    .await;
    let digests = listed(&data, &["--state", "delivered"]);
    let first = digests.last().unwrap();
    assert_eq!(first["object"], "Alert/default/all");
    let shown = show(&data, &first["id"]);
    assert_eq!(shown["digest_of"].as_array().unwrap().len() + 2, lines.len(), "{shown}");
    assert_eq!(herald.stop().await, Some(0));
}

/// What was refused for want of room is no first one: its repeat is not taken for a success that never was.
#[tokio::test]
async fn a_window_is_spent_once_the_first_is_safe() {
    let receiver = Receiver::start().await;
    let config = folder("generic", &receiver.url("/"), "info", &[]);
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let event = |number: u32| {
        let message = format!("{number} {}", "x".repeat(100_000));
        kustomization("app", "info", "ReconciliationNews", &message)
    };
    // A limit on the size of files stands in for a full disk.
    let herald = Herald::start_limited(config.path(), &data, 1 << 20).await;
    let mut number = 0;
    while post(&herald, &event(number)).await == 202 {
        number += 1;
        assert!(number < 40, "nothing is refused");
    }
    assert_eq!(post(&herald, &event(number)).await, 503, "refused again, not a duplicate");
    assert_eq!(post(&herald, &event(0)).await, 429, "this one is safe");
    herald.kill().await;

    let herald = Herald::start(config.path(), &data, &[]).await;
    assert_eq!(post(&herald, &event(number)).await, 202);
    assert_eq!(post(&herald, &event(number)).await, 429);
    assert_eq!(post(&herald, &event(0)).await, 429, "safe after a kill as well");
    herald.kill().await;
}

#[tokio::test]
async fn a_wrong_annotation_ends_the_start_and_says_what_to_write() {
    let cases = [
        (
            "rocket",
            ("digest", "ten"),
            "metadata.annotations[herald.dev/digest]: must be a time from 1s to 24h, such as 30s, 10m or 1h30m",
        ),
        (
            "rocket",
            ("after-failures", "0"),
            "metadata.annotations[herald.dev/after-failures]: must be a whole number from 1 to 1000, in quotes",
        ),
        (
            "rocket",
            ("only-change", "true"),
            "unknown annotation; did you mean `herald.dev/only-changes`?",
        ),
        (
            "generic",
            ("digest", "10m"),
            "metadata.annotations[herald.dev/digest]: does not apply: its Provider passes every event on; remove it, or name a Provider that sends messages",
        ),
    ];
    for (kind, annotation, expected) in cases {
        let config = folder(kind, "http://127.0.0.1:9/", "info", &[annotation]);
        let data = tempfile::tempdir().unwrap();
        let ran = output(serve(config.path(), &data.path().join("data"), &[]).stdin(Stdio::null()));
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(ran.status.code() != Some(0) && said.contains(expected), "{expected} in\n{said}");
        assert!(said.contains("all.yaml:"), "with its place: {said}");
    }
}
