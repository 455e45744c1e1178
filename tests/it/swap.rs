//! Modules from a folder, added, replaced, refused and taken away while events come in.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use herald_controller::modules::built_in;
use herald_tests::events::kustomization;
use herald_tests::eventually;
use herald_tests::herald::{Herald, output, serve};
use herald_tests::receiver::{Received, Receiver};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use crate::serve::{client, folder};

const SOON: Duration = Duration::from_secs(30);
/// A debug build takes more events than it delivers at the same time.
const DRAIN: Duration = Duration::from_secs(300);
const SWAPS: usize = 100;
const PROVIDERS: usize = 20;
/// Events a second, by so many at a time.
const RATE: u32 = 500;
const EMITTERS: u32 = 8;
/// How long they are posted before the first swap.
const QUIET: Duration = Duration::from_secs(5);

/// Puts a file in place at once, as a careful writer does.
fn put(dir: &Path, name: &str, bytes: &[u8]) {
    let fresh = dir.join(format!(".{name}.new"));
    fs::write(&fresh, bytes).unwrap();
    fs::rename(fresh, dir.join(name)).unwrap();
}

fn module(kind: &str) -> &'static [u8] {
    built_in(kind).unwrap()
}

/// Which of the two forms a message has; none when it is a mixture.
fn form(request: &Received) -> Option<&'static str> {
    let body: Value = request.json();
    let whole_event =
        body.get("involvedObject").is_some() && request.header("gotk-component").is_some();
    let attachment =
        body.get("attachments").is_some() && request.header("gotk-component").is_none();
    match (whole_event, attachment) {
        (true, false) => Some("generic"),
        (false, true) => Some("slack"),
        _ => None,
    }
}

async fn post(herald: &Herald, name: &str) -> u16 {
    let event = kustomization(name, "info", "R", name).to_string();
    client().post(herald.events()).body(event).send().await.unwrap().status().as_u16()
}

/// Posts to the Providers in turn until it is told to end.
struct Emitters {
    ended: Arc<AtomicBool>,
    posted: Arc<AtomicUsize>,
    tasks: Vec<JoinHandle<Vec<(Instant, Duration)>>>,
}

impl Emitters {
    fn start(url: &str) -> Self {
        let (ended, posted) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let emit = |_| {
            let (url, ended, posted) = (url.to_owned(), Arc::clone(&ended), Arc::clone(&posted));
            tokio::spawn(async move {
                let client = client();
                let mut tick = tokio::time::interval(Duration::from_secs(1) * EMITTERS / RATE);
                tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
                let mut times = Vec::new();
                while !ended.load(Ordering::Relaxed) {
                    tick.tick().await;
                    let number = posted.fetch_add(1, Ordering::Relaxed);
                    let object = format!("app-{}", number % PROVIDERS);
                    let event = kustomization(&object, "info", "R", &format!("event {number}"));
                    let began = Instant::now();
                    let answer = client.post(&url).body(event.to_string()).send().await.unwrap();
                    assert_eq!(answer.status().as_u16(), 202, "intake answers 202 throughout");
                    times.push((began, began.elapsed()));
                }
                times
            })
        };
        Self { tasks: (0..EMITTERS).map(emit).collect(), ended, posted }
    }

    /// How many were posted, and when and how fast each was answered.
    async fn end(self) -> (usize, Vec<(Instant, Duration)>) {
        self.ended.store(true, Ordering::Relaxed);
        let mut times = Vec::new();
        for task in self.tasks {
            times.extend(task.await.unwrap());
        }
        (self.posted.load(Ordering::Relaxed), times)
    }
}

fn p99<'a>(times: impl Iterator<Item = &'a (Instant, Duration)>) -> Duration {
    let mut times: Vec<Duration> = times.map(|(_, took)| *took).collect();
    times.sort_unstable();
    times[(times.len() - 1) * 99 / 100]
}

/// The Provider of each event is that of its object.
fn many_providers(receiver: &Receiver) -> TempDir {
    const GROUP: &str = "notification.toolkit.fluxcd.io/v1beta3";
    let manifests = (0..PROVIDERS).flat_map(|number| {
        let name = format!("hook-{number}");
        let object = format!("app-{number}");
        [
            json!({"apiVersion": GROUP, "kind": "Provider", "metadata": {"name": name},
                "spec": {"type": "message", "address": receiver.url(&format!("/{number}"))}}),
            json!({"apiVersion": GROUP, "kind": "Alert", "metadata": {"name": name}, "spec": {
                "providerRef": {"name": name},
                "eventSources": [{"kind": "Kustomization", "name": object, "namespace": "apps"}]}}),
        ]
    });
    let texts: Vec<String> = manifests.map(|manifest| manifest.to_string()).collect();
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("all.yaml"), texts.join("\n---\n")).unwrap();
    dir
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_swaps_under_load_lose_double_and_mix_nothing() {
    let receiver = Receiver::start().await;
    let config = many_providers(&receiver);
    let work = tempfile::tempdir().unwrap();
    let modules = work.path().join("modules");
    fs::create_dir(&modules).unwrap();
    put(&modules, "message.wasm", module("generic"));
    let flags = ["--modules-dir", modules.to_str().unwrap()];
    let herald = Herald::start(config.path(), &work.path().join("data"), &flags).await;

    let emitters = Emitters::start(&herald.events());
    tokio::time::sleep(QUIET).await;
    let began = Instant::now();
    for swap in 1..=SWAPS {
        let next = if swap % 2 == 1 { "slack" } else { "generic" };
        put(&modules, "message.wasm", module(next));
        // The one at start is counted as well.
        let swapped = || herald.log().matches("a module is swapped in").count() > swap;
        eventually("the module is swapped in", SOON, swapped).await;
    }
    let (posted, times) = emitters.end().await;
    assert!(posted > 1_000, "{posted} events in {:?} are no load", began.elapsed());
    let arrived = receiver.count();
    let ended = Instant::now();
    eventually("every event arrives", DRAIN, || receiver.count() >= posted).await;
    println!("{arrived} of {posted} had arrived, the rest did within {:?}", ended.elapsed());

    let received = receiver.received();
    assert_eq!(received.len(), posted, "each event arrives once");
    let forms: Vec<Option<&str>> = received.iter().map(form).collect();
    assert!(forms.iter().all(Option::is_some), "every message is wholly in one form");
    for one in ["generic", "slack"] {
        assert!(forms.contains(&Some(one)), "both modules served: {one}");
    }
    let log = herald.log();
    let slowest = log
        .lines()
        .filter(|line| line.contains("a module is swapped in"))
        .filter_map(|line| line.split_once("since_compiled_ms=")?.1.split(' ').next()?.parse().ok())
        .max()
        .unwrap_or(u64::MAX);
    let is_before = |time: &&(Instant, Duration)| time.0 < began;
    println!(
        "{posted} events; {SWAPS} swaps in {:?}, the slowest {slowest} ms after its compilation; p99 of 202 {:?} before, {:?} \
         meanwhile",
        began.elapsed(),
        p99(times.iter().filter(is_before)),
        p99(times.iter().filter(|time| !is_before(time))),
    );
    assert!(slowest < 2_000, "{slowest} ms");
    assert_eq!(herald.stop().await, Some(0));
}

#[tokio::test]
async fn a_bad_file_leaves_what_served_and_says_which_step_failed() {
    let receiver = Receiver::start().await;
    let config = folder(&json!({"type": "message", "address": receiver.url("/")}), &json!({}));
    let work = tempfile::tempdir().unwrap();
    let modules = work.path().join("modules");
    fs::create_dir(&modules).unwrap();
    put(&modules, "message.wasm", module("generic"));
    let flags = ["--modules-dir", modules.to_str().unwrap()];
    let herald = Herald::start(config.path(), &work.path().join("data"), &flags).await;

    let github = module("github");
    let truncated = &github[..github.len() / 2];
    for (bytes, said) in [
        (&b"no module"[..], "not-a-component"),
        (b"\0asm\x01\0\0\0", "missing-export"),
        (truncated, "compile"),
        (github, "full-address"),
    ] {
        put(&modules, "message.wasm", bytes);
        eventually(said, SOON, || herald.log().contains(said)).await;
    }
    assert_eq!(post(&herald, "one").await, 202);
    eventually("the old module goes on", SOON, || receiver.count() == 1).await;
    assert_eq!(form(&receiver.received()[0]), Some("generic"));

    // Half a file is a broken file for as long as it takes to write the other half.
    fs::write(modules.join("message.wasm"), &module("slack")[..1000]).unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    fs::write(modules.join("message.wasm"), module("slack")).unwrap();
    let swapped = || herald.log().matches("a module is swapped in").count() == 2;
    eventually("the whole file is taken", SOON, swapped).await;
    assert_eq!(post(&herald, "two").await, 202);
    eventually("the new module serves", SOON, || receiver.count() == 2).await;
    assert_eq!(form(&receiver.received()[1]), Some("slack"));
    assert_eq!(herald.stop().await, Some(0));
}

#[tokio::test]
async fn a_module_that_goes_gives_its_type_back_and_what_waits_is_woken() {
    let receiver = Receiver::start().await;
    let config = folder(&json!({"type": "generic", "address": receiver.url("/")}), &json!({}));
    let work = tempfile::tempdir().unwrap();
    let modules = work.path().join("modules");
    fs::create_dir(&modules).unwrap();
    put(&modules, "generic.wasm", module("slack"));
    let flags = ["--modules-dir", modules.to_str().unwrap()];
    let herald = Herald::start(config.path(), &work.path().join("data"), &flags).await;
    assert_eq!(post(&herald, "one").await, 202);
    eventually("the file replaces the built-in module", SOON, || receiver.count() == 1).await;
    assert_eq!(form(&receiver.received()[0]), Some("slack"));

    fs::remove_file(modules.join("generic.wasm")).unwrap();
    eventually("the file's end is seen", SOON, || {
        herald.log().contains("the module's file is gone")
    })
    .await;
    assert_eq!(post(&herald, "two").await, 202);
    eventually("the built-in module serves again", SOON, || receiver.count() == 2).await;
    assert_eq!(form(&receiver.received()[1]), Some("generic"));

    // A Provider whose type has no module yet: its deliveries wait for one.
    let manifest = fs::read_to_string(config.path().join("all.yaml")).unwrap();
    fs::write(config.path().join("all.yaml"), manifest.replace("\"generic\"", "\"message\""))
        .unwrap();
    eventually("the new type is read", SOON, || {
        herald.log().contains("no module for the type message")
    })
    .await;
    assert_eq!(post(&herald, "three").await, 202);
    eventually("the delivery waits", SOON, || herald.log().contains("outcome=\"misconfigured\""))
        .await;
    put(&modules, "message.wasm", module("slack"));
    eventually("the module wakes it", SOON, || receiver.count() == 3).await;
    assert_eq!(form(&receiver.received()[2]), Some("slack"));
    assert_eq!(herald.stop().await, Some(0));
}

/// Rule S7.
#[test]
fn grants_are_needed_and_can_be_given_in_both_ways() {
    let config = folder(
        &json!({"type": "forge", "address": "https://github.com/acme/fleet", "secretRef": {"name": "hook"}}),
        &json!({"token": "fake-token"}),
    );
    let work = tempfile::tempdir().unwrap();
    let modules = work.path().join("modules");
    fs::create_dir(&modules).unwrap();
    put(&modules, "forge.wasm", module("github"));
    let herald = |flags: &[&str]| {
        let mut command = std::process::Command::new(herald_tests::herald::binary());
        command.args(["modules", "--output", "json", "--modules-dir"]).arg(&modules).args(flags);
        output(&mut command)
    };
    let refused = herald(&[]);
    assert_eq!(refused.status.code(), Some(64));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("full-address") && said.contains("grants.yaml"), "{said}");
    let start = output(&mut serve(
        config.path(),
        &work.path().join("data"),
        &["--modules-dir", modules.to_str().unwrap()],
    ));
    assert_eq!(start.status.code(), Some(64), "a module that does not load is a mistake at start");

    let all = ["full-address", "host:api.github.com", "credential:github-app"];
    let flags: Vec<String> = all.iter().map(|grant| format!("forge={grant}")).collect();
    let flags: Vec<&str> =
        flags.iter().flat_map(|grant| ["--module-grant", grant.as_str()]).collect();
    assert_eq!(herald(&flags).status.code(), Some(0));

    let grants = |digest: &str| {
        format!("forge:\n  digest: {digest}\n  grants: [\"{}\"]\n", all.join("\", \""))
    };
    fs::write(modules.join("grants.yaml"), grants("sha256:00")).unwrap();
    let other = herald(&[]);
    assert_eq!(other.status.code(), Some(64));
    assert!(String::from_utf8_lossy(&other.stderr).contains("another digest"));
    fs::write(
        modules.join("grants.yaml"),
        grants("sha256:00").replace("  digest: sha256:00\n", ""),
    )
    .unwrap();
    let listed: Vec<Value> = serde_json::from_slice(&herald(&[]).stdout).unwrap();
    let forge = listed.iter().find(|module| module["type"] == "forge").unwrap();
    assert!(forge["source"].as_str().unwrap().ends_with("forge.wasm"));
    let digest = forge["digest"].as_str().unwrap().to_owned();
    fs::write(modules.join("grants.yaml"), grants(&digest)).unwrap();
    assert_eq!(herald(&[]).status.code(), Some(0));

    fs::write(modules.join("grants.yaml"), "forge: {grants: [everything]}").unwrap();
    let wrong = herald(&[]);
    assert_eq!(wrong.status.code(), Some(64));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("everything"));
}
