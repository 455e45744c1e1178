//! `herald deliveries`: history and repair, on an instance that runs and on the file of one that does not.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use herald_tests::events::kustomization;
use herald_tests::eventually;
use herald_tests::herald::{Herald, binary, output};
use herald_tests::receiver::{Receiver, Reply};
use serde_json::{Value, json};

use crate::serve::{client, folder};

const SOON: Duration = Duration::from_secs(30);

/// Runs `herald deliveries` on a data folder.
fn deliveries(data: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(binary());
    command.arg("deliveries").args(args).arg("--data-dir").arg(data);
    output(command.stdin(std::process::Stdio::null()))
}

fn text(output: &Output) -> String {
    let both = [output.stdout.clone(), output.stderr.clone()].concat();
    String::from_utf8(both).unwrap()
}

/// What a command prints with `--output json`.
fn printed(data: &Path, args: &[&str]) -> Value {
    let ran = deliveries(data, &[args, &["--output", "json"]].concat());
    assert_eq!(ran.status.code(), Some(0), "{args:?}: {}", text(&ran));
    serde_json::from_slice(&ran.stdout).unwrap()
}

fn listed(data: &Path, filters: &[&str]) -> Vec<Value> {
    printed(data, &[&["list"], filters].concat()).as_array().unwrap().clone()
}

fn check_fails(data: &Path, args: &[&str], code: i32, said: &str) {
    let ran = deliveries(data, args);
    assert_eq!(ran.status.code(), Some(code), "{args:?}: {}", text(&ran));
    assert!(text(&ran).contains(said), "{args:?} should say {said}: {}", text(&ran));
}

async fn post(herald: &Herald, name: &str, message: &str) {
    let event = kustomization(name, "info", "ReconciliationFailed", message).to_string();
    let answer = client().post(herald.events()).body(event).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 202);
}

async fn until_listed(data: &Path, filters: &[&str], n: usize) -> Vec<Value> {
    eventually(&format!("{n} of {filters:?} are listed"), SOON, || {
        listed(data, filters).len() == n
    })
    .await;
    listed(data, filters)
}

async fn start(receiver: &Receiver, data: &Path) -> (tempfile::TempDir, Herald) {
    let config = folder(&json!({"type": "generic", "address": receiver.url("/")}), &json!({}));
    let herald = Herald::start(config.path(), data, &[]).await;
    (config, herald)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_instance_shows_dead_letters_and_sends_them_again() {
    let receiver = Receiver::start().await;
    receiver.queue([Reply::status(400).body("no such channel")]);
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let (_config, herald) = start(&receiver, &data).await;
    post(&herald, "storefront", "it is down").await;
    let dead = until_listed(&data, &["--state", "dead"], 1).await.remove(0);
    for (name, value) in [
        ("provider", json!("default/hook")),
        ("alert", json!("default/hook")),
        ("object", json!("Kustomization/apps/storefront")),
        ("attempts", json!(1)),
        ("status", json!(400)),
    ] {
        assert_eq!(dead[name], value, "{name} of {dead}");
    }
    let id = dead["id"].as_str().unwrap();
    let shown = printed(&data, &["show", id]);
    assert_eq!(shown["event"]["message"], "it is down");
    let [attempt] = &shown["history"].as_array().unwrap()[..] else { panic!("{shown}") };
    assert_eq!((&attempt["what"], &attempt["attempt"]), (&json!("attempt"), &json!(1)));
    assert_eq!(
        (&attempt["status"], attempt["revision"].as_str().unwrap().len()),
        (&json!(400), 12)
    );
    assert!(attempt["reason"].as_str().unwrap().contains("no such channel"), "{attempt}");
    assert!(attempt["milliseconds"].is_u64() && attempt["at"].is_string(), "{attempt}");
    let people = text(&deliveries(&data, &["show", &id.chars().take(8).collect::<String>()]));
    for part in [id, "attempt 1", "400", "\"message\": \"it is down\""] {
        assert!(people.contains(part), "{part} is not in\n{people}");
    }

    let replayed = deliveries(&data, &["replay", id]);
    assert_eq!(replayed.status.code(), Some(0), "{}", text(&replayed));
    assert_eq!(text(&replayed), "1 delivery replayed\n");
    eventually("it arrives", SOON, || receiver.count() == 2).await;
    until_listed(&data, &["--state", "delivered"], 1).await;
    let shown = printed(&data, &["show", id]);
    let what: Vec<&str> = shown["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["what"].as_str().unwrap())
        .collect();
    assert_eq!(what, ["attempt", "replayed", "attempt"], "the same delivery goes on: {shown}");
    assert_eq!(shown["attempts"], 2);

    check_fails(&data, &["replay", id], 1, "--force");
    assert_eq!(printed(&data, &["replay", id, "--force"])["done"], 1);
    eventually("it arrives once more", SOON, || receiver.count() == 3).await;
    assert_eq!(herald.stop().await, Some(0));
    assert!(!data.join("herald.sock").exists(), "the socket goes with its process");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_discarded_is_not_tried_again() {
    let receiver = Receiver::start().await;
    // A time that is not reached here.
    receiver.otherwise(Reply::status(503).header("retry-after", "3600"));
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let (_config, herald) = start(&receiver, &data).await;
    for name in ["one", "two", "three"] {
        post(&herald, name, "m").await;
        eventually("it is tried", SOON, || receiver.count() > 0).await;
    }
    until_listed(&data, &["--state", "waiting"], 3).await;
    let first = ["--object", "Kustomization/apps/o*"];
    check_fails(
        &data,
        &[&["discard"][..], &first].concat(),
        64,
        "discard 1 delivery? Confirm it with --yes",
    );
    check_fails(&data, &["discard"], 64, "give ids, or a filter");
    check_fails(&data, &["replay", "--state", "lost"], 64, "lost");
    let args = [&["discard", "--reason", "an old cluster", "--yes"][..], &first].concat();
    assert_eq!(printed(&data, &args)["done"], 1);
    let gone = listed(&data, &["--state", "discarded"]);
    assert_eq!(gone[0]["reason"], "discarded: an old cluster");
    assert_eq!(listed(&data, &["--state", "waiting"]).len(), 2);

    // The others are tried at once, that one never.
    receiver.otherwise(Reply::status(200));
    let before = receiver.count();
    assert_eq!(printed(&data, &["replay", "--state", "waiting", "--yes"])["done"], 2);
    eventually("the two arrive", SOON, || receiver.count() == before + 2).await;
    until_listed(&data, &["--state", "delivered", "--provider", "default/*"], 2).await;
    herald.kill().await;
    let (_config, herald) = start(&receiver, &data).await;
    post(&herald, "four", "m").await;
    until_listed(&data, &["--state", "delivered", "--newer-than", "1h"], 3).await;
    assert_eq!(listed(&data, &["--older-than", "1h"]).len(), 0);
    assert_eq!(receiver.count(), before + 3);
    assert_eq!(herald.stop().await, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_an_instance_the_file_is_repaired_and_the_next_start_sends() {
    let receiver = Receiver::start().await;
    receiver.otherwise(Reply::status(404));
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    check_fails(&data, &["list"], 64, "there is no journal in");
    assert!(!data.exists(), "a look makes no journal");
    receiver.queue([Reply::status(400)]);
    let (_config, herald) = start(&receiver, &data).await;
    post(&herald, "storefront", "m").await;
    until_listed(&data, &["--state", "dead"], 1).await;
    // As after a crash: its socket is left over.
    herald.kill().await;
    assert!(data.join("herald.sock").exists());

    let id = listed(&data, &["--state", "dead"])[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(printed(&data, &["show", &id])["event"]["message"], "m");
    check_fails(&data, &["show", "ffffffff"], 1, "ffffffff");
    check_fails(&data, &["show", "xyz"], 64, "hexadecimal");
    let replayed = deliveries(&data, &["replay", "--state", "dead", "--yes"]);
    assert_eq!(
        text(&replayed),
        "1 delivery replayed\nno instance runs: they are tried at its next start\n"
    );
    assert_eq!(listed(&data, &["--state", "waiting"])[0]["id"], *id);

    receiver.otherwise(Reply::status(200));
    let (_config, herald) = start(&receiver, &data).await;
    until_listed(&data, &["--state", "delivered"], 1).await;
    assert_eq!(receiver.count(), 2);
    std::fs::remove_file(data.join("herald.sock")).unwrap();
    check_fails(&data, &["list"], 1, "nobody answers at");
    herald.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_modules_of_a_running_instance_are_listed() {
    let receiver = Receiver::start().await;
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let modules = || {
        output(
            Command::new(binary()).args(["modules", "--output", "json", "--data-dir"]).arg(&data),
        )
    };
    let none = modules();
    assert_eq!(none.status.code(), Some(1), "{}", text(&none));
    assert!(text(&none).contains("no instance runs on"), "{}", text(&none));
    let (_config, herald) = start(&receiver, &data).await;
    let running = modules();
    assert_eq!(running.status.code(), Some(0), "{}", text(&running));
    let modules: Vec<Value> = serde_json::from_slice(&running.stdout).unwrap();
    let types: Vec<&str> = modules.iter().map(|module| module["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["generic"], "those that a Provider needs");
    assert_eq!(herald.stop().await, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_journal_refuses_events_and_recovers_by_itself() {
    let receiver = Receiver::start().await;
    receiver.otherwise(Reply::status(200).delayed(Duration::from_secs(8)));
    let config = folder(&json!({"type": "generic", "address": receiver.url("/")}), &json!({}));
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let flags = ["--journal-max-bytes", "6MiB", "--disk-reserve-bytes", "0"];
    let herald = Herald::start(config.path(), &data, &flags).await;
    let post = async |number: usize| {
        let message = format!("{number} {}", "x".repeat(100_000));
        let event = kustomization(&format!("app-{number}"), "info", "R", &message).to_string();
        client().post(herald.events()).body(event).send().await.unwrap().status().as_u16()
    };
    let mut accepted = 0;
    let refused = loop {
        match post(accepted).await {
            202 => accepted += 1,
            other => break other,
        }
        assert!(accepted < 100, "no limit holds");
    };
    assert_eq!(refused, 503);
    let ready = async || {
        let answer = client().get(herald.address("health") + "/readyz").send().await.unwrap();
        let status = answer.status().as_u16();
        #[expect(clippy::disallowed_methods, reason = "the test reads its own server")]
        let text = answer.text().await.unwrap();
        (status, text)
    };
    let (status, text) = ready().await;
    assert!(status == 503 && text.contains("up to its limit of 6291456 bytes"), "{status}: {text}");
    let bytes: u64 = ["journal.db", "journal.db-wal"]
        .iter()
        .map(|name| std::fs::metadata(data.join(name)).unwrap().len())
        .sum();
    assert!(bytes <= 6 << 20, "{bytes} bytes");

    // The receiver takes what waits, and nobody does anything else.
    receiver.otherwise(Reply::status(200));
    let end = std::time::Instant::now() + Duration::from_secs(60);
    while ready().await.0 != 200 {
        assert!(std::time::Instant::now() < end, "it does not recover:\n{}", herald.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(post(accepted).await, 202);
    eventually("all that was accepted arrives", SOON, || receiver.count() == accepted + 1).await;
    assert!(herald.log().contains("the journal has room again"), "{}", herald.log());
    assert_eq!(herald.stop().await, Some(0));
}
