//! The author's kit for other languages: a new project of each is built, tested and checked by `herald module` with the tools
//! of its language, which are installed, passes the cases that all of them share, and delivers an event through the real
//! `herald serve`. The tutorials for them, and modules that are kept or frozen beside their sources, are tried here as well.
//!
//! `make test-languages` runs this; a plain `cargo test` does not, as it installs. A tool that cannot be installed is a
//! failure. What was installed and built stays below `target/languages`.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

mod sources;
mod tutorials;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use herald_controller::modules;
use herald_controller::rehearsal::cases::Cases;
use herald_controller::rehearsal::examine::examine;
use herald_tests::events::kustomization;
use herald_tests::eventually;
use herald_tests::herald::{Herald, binary, root};
use herald_tests::install::{run, target};
use herald_tests::receiver::Receiver;
use herald_tests::service::{client, folder};
use serde_json::json;

/// How long `herald serve` may take to compile a module, the largest with an interpreter of 18 MB, and to deliver.
const SOON: Duration = Duration::from_secs(300);

#[tokio::test(flavor = "multi_thread")]
async fn javascript() {
    hold("javascript").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn python() {
    hold("python").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn go() {
    hold("go").await;
}

/// Builds a template, runs the shared cases against it, and has it deliver.
async fn hold(language: &str) {
    let began = Instant::now();
    let wasm = build(language);
    let built = began.elapsed();
    let bytes = fs::read(&wasm).unwrap();

    let cases = passes(bytes.clone(), &root().join("guests/templates/cases")).await;
    deliver(&bytes).await;
    println!(
        "{language}: {cases} cases, {} KB, built in {built:.0?} with its tools, {:.0?} in all",
        bytes.len() / 1024,
        began.elapsed()
    );
}

/// Runs the cases of a folder against a module; how many there are.
async fn passes(wasm: Vec<u8>, cases: &Path) -> usize {
    let engine = modules::engine().unwrap();
    let module = engine.load(wasm, &[]).await.unwrap();
    let cases = Cases::read(cases).unwrap();
    let failures = examine(&engine, &module, &cases).await;
    let shown: Vec<String> =
        failures.iter().map(|failure| format!("{}: {}", failure.case, failure.text)).collect();
    assert!(failures.is_empty(), "{}", shown.join("\n\n"));
    cases.len()
}

/// Posts an event at a service that has the module from a folder.
async fn deliver(wasm: &[u8]) {
    let receiver = Receiver::start().await;
    let spec = json!({"type": "ntfy", "address": receiver.url("/topic"), "channel": "deploys", "secretRef": {"name": "hook"}});
    let config = folder(&spec, &json!({"token": "tk_fake"}));
    let work = tempfile::tempdir().unwrap();
    let modules = work.path().join("modules");
    fs::create_dir(&modules).unwrap();
    fs::write(modules.join("ntfy.wasm"), wasm).unwrap();
    // A debug build needs about a minute for CPython, which is what a compiler may take by default.
    let flags = ["--modules-dir", modules.to_str().unwrap(), "--module-compile-cpu-time", "5m"];
    let herald = Herald::start(config.path(), &work.path().join("data"), &flags).await;
    let event = kustomization("web", "error", "BuildFailed", "no such file").to_string();
    let answer = client().post(herald.events()).body(event).send().await.unwrap();
    assert_eq!(answer.status(), 202);
    eventually("the message arrives", SOON, || receiver.count() == 1).await;
    let received = &receiver.received()[0];
    assert_eq!((received.method.as_str(), received.target.as_str()), ("POST", "/"));
    assert_eq!(received.header("authorization"), Some("Bearer tk_fake"));
    let message = received.json();
    assert_eq!(message["title"], "kustomization/web.apps: build failed");
    assert_eq!(message["priority"], 4, "{message}");
    assert_eq!(herald.stop().await, Some(0));
}

/// The module of a new project, tried as a new user would: its commands are those that its README names.
fn build(language: &str) -> PathBuf {
    let dir = target().join("languages").join(language);
    drop(fs::remove_dir_all(&dir));
    fs::create_dir_all(dir.parent().unwrap()).unwrap();
    let herald = |args: &[&str], at: &Path| run(Command::new(binary()).args(args).current_dir(at));
    let new = ["module", "new", "ntfy", "--language", language, "--dir", language];
    herald(&new, dir.parent().unwrap());
    for command in [&["module", "test"][..], &["module", "check", "ntfy.wasm"]] {
        herald(command, &dir);
    }
    dir.join("ntfy.wasm")
}
