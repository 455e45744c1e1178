//! Modules that hold on to what all calls share: the places in which they run.

use std::fs;
use std::path::Path;

use herald_tests::components::hostile_with_wasi;
use herald_tests::events::kustomization;
use herald_tests::eventually;
use herald_tests::herald::Herald;
use herald_tests::receiver::Receiver;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{IN_TIME, SOON, attempts, provider, start};
use crate::serve::client;

/// As many deliveries as one Provider has under way at a time; those of two fill the places of a module.
const AT_ONCE: usize = 8;

/// A folder with this module under these names.
fn modules(kinds: &[String]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let bytes = hostile_with_wasi();
    for kind in kinds {
        fs::write(dir.path().join(format!("{kind}.wasm")), &bytes).unwrap();
    }
    dir
}

fn write(dir: &Path, all: &[Value]) {
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"},
            "stringData": {"token": super::TOKEN, "password": super::PASSWORD}});
    let texts = std::iter::once(&secret).chain(all).map(Value::to_string);
    fs::write(dir.join("all.yaml"), texts.collect::<Vec<_>>().join("\n---\n")).unwrap();
}

async fn post(herald: &Herald, object: &str) {
    let event = kustomization(object, "info", "R", &format!("about {object}"));
    let response = client().post(herald.events()).body(event.to_string()).send().await.unwrap();
    assert_eq!(response.status().as_u16(), 202);
}

/// Four types with sixteen calls each, none of which ends before its time: all the places that modules share.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_modules_together_take_no_place_from_a_good_one() {
    let kinds: Vec<String> = (1..=4).map(|n| format!("sleeper-{n}")).collect();
    let (healthy, receiver) = (Receiver::start().await, Receiver::start().await);
    let mut all = provider("healthy", "generic", "", &healthy.url("/")).to_vec();
    for kind in &kinds {
        for half in ["a", "b"] {
            all.extend(provider(&format!("{kind}-{half}"), kind, "sleeps", &receiver.url("/")));
        }
    }
    let (config, modules) = (tempfile::tempdir().unwrap(), modules(&kinds));
    write(config.path(), &all);
    let work = tempfile::tempdir().unwrap();
    let herald = start(config.path(), modules.path(), &work.path().join("data")).await;
    // Half of them fill the places, and the calls of the other half queue for those.
    for number in 0..2 * AT_ONCE {
        post(&herald, &format!("app-{number}")).await;
        eventually("the healthy delivery arrives", IN_TIME, || healthy.count() > number).await;
    }
    assert!(attempts(&herald.log()).iter().all(|attempt| attempt.provider == "healthy"));
    eventually("the sleepers are stopped", SOON, || {
        let tried = attempts(&herald.log());
        let of = |kind: &String| tried.iter().filter(|one| one.provider.starts_with(kind)).count();
        kinds.iter().all(|kind| of(kind) >= 2 * AT_ONCE)
    })
    .await;
    assert_eq!(receiver.count(), 0);
    assert_eq!(herald.stop().await, Some(0));
}

/// A Provider whose time is shorter than the wait for the others' calls of its module.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_wait_for_a_place_is_not_the_receiver_s_time() {
    let kind = "sleeper".to_owned();
    let receiver = Receiver::start().await;
    let mut all = Vec::new();
    for half in ["a", "b"] {
        all.extend(provider(&format!("{kind}-{half}"), &kind, "sleeps", &receiver.url("/")));
    }
    let mut hurried = provider("hurried", &kind, "nothing", &receiver.url("/hurried"));
    hurried[0]["spec"]["timeout"] = json!("1s");
    hurried[1]["spec"]["eventSources"][0]["name"] = json!("late");
    all.extend(hurried);
    let (config, modules) = (tempfile::tempdir().unwrap(), modules(&[kind]));
    write(config.path(), &all);
    let work = tempfile::tempdir().unwrap();
    let herald = start(config.path(), modules.path(), &work.path().join("data")).await;
    for number in 0..AT_ONCE {
        post(&herald, &format!("app-{number}")).await;
    }
    post(&herald, "late").await;
    eventually("the hurried delivery arrives", SOON, || receiver.count() > 0).await;
    let log = herald.log();
    let tried = attempts(&log);
    let own: Vec<_> = tried.iter().filter(|attempt| attempt.provider == "hurried").collect();
    assert!(own.iter().all(|attempt| attempt.outcome == "delivered"), "{own:?}");
    assert!(own.iter().all(|attempt| attempt.number == 1), "{own:?}");
    let waited = tried.iter().filter(|attempt| attempt.provider != "hurried");
    assert!(waited.count() > 0, "it did not have to wait");
    assert_eq!(herald.stop().await, Some(0));
}

/// A Provider whose time is shorter than the module takes to say what to send.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_time_of_a_call_is_not_the_receiver_s() {
    let kind = "thinker".to_owned();
    let receiver = Receiver::start().await;
    let mut hurried = provider("hurried", &kind, "thinks", &receiver.url("/"));
    hurried[0]["spec"]["timeout"] = json!("20ms");
    let (config, modules) = (tempfile::tempdir().unwrap(), modules(&[kind]));
    write(config.path(), &hurried);
    let work = tempfile::tempdir().unwrap();
    let herald = start(config.path(), modules.path(), &work.path().join("data")).await;
    post(&herald, "app").await;
    // A busy machine may miss so short a time now and then, but not again and again.
    eventually("it is delivered", SOON, || {
        attempts(&herald.log()).iter().any(|attempt| attempt.outcome == "delivered")
    })
    .await;
    assert_eq!(herald.stop().await, Some(0));
}
