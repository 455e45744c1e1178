//! Revisions of a module: tried, judged, gone back from and pinned, while events come in and over restarts.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use herald_controller::modules::built_in;
use herald_tests::components::{by_hand, hostile, leaking, with_case};
use herald_tests::events::kustomization;
use herald_tests::eventually;
use herald_tests::herald::{Herald, binary, output};
use herald_tests::receiver::{Received, Receiver};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::serve::{client, folder};

const SOON: Duration = Duration::from_secs(60);

/// A running Herald with one Provider of the type `message` and a folder of modules.
struct World {
    receiver: Receiver,
    config: TempDir,
    work: TempDir,
    herald: Option<Herald>,
}

impl World {
    /// Starts with this module, and these grants.
    async fn start(channel: &str, annotations: &Value, module: &[u8], grants: &str) -> Self {
        let receiver = Receiver::start().await;
        let spec = json!({"type": "message", "channel": channel, "address": receiver.url("/"),
            "secretRef": {"name": "hook"}});
        let config = folder(&spec, &json!({"token": "fake-token"}));
        let file = config.path().join("all.yaml");
        let text = fs::read_to_string(&file).unwrap();
        let annotated = format!("\"annotations\":{annotations},\"name\":\"hook\"");
        fs::write(&file, text.replacen("\"name\":\"hook\"", &annotated, 1)).unwrap();
        let work = tempfile::tempdir().unwrap();
        let mut world = Self { receiver, config, work, herald: None };
        fs::create_dir(world.modules()).unwrap();
        world.put(module);
        fs::write(world.modules().join("grants.yaml"), grants).unwrap();
        world.restart(&[]).await;
        world
    }

    fn modules(&self) -> std::path::PathBuf {
        self.work.path().join("modules")
    }

    fn data(&self) -> std::path::PathBuf {
        self.work.path().join("data")
    }

    async fn restart(&mut self, flags: &[&str]) {
        if let Some(herald) = self.herald.take() {
            assert_eq!(herald.stop().await, Some(0));
        }
        let (modules, data) = (self.modules(), self.data());
        let modules = ["--modules-dir", modules.to_str().unwrap()];
        let flags = [&modules, flags].concat();
        self.herald = Some(Herald::start(self.config.path(), &data, &flags).await);
    }

    fn herald(&self) -> &Herald {
        self.herald.as_ref().unwrap()
    }

    /// Puts the module's file in place at once.
    fn put(&self, bytes: &[u8]) {
        let fresh = self.modules().join(".fresh");
        fs::write(&fresh, bytes).unwrap();
        fs::rename(fresh, self.modules().join("message.wasm")).unwrap();
    }

    async fn post(&self, message: &str) {
        let event = kustomization(message, "info", "R", message).to_string();
        let answer = client().post(self.herald().events()).body(event).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 202);
    }

    /// Posts and waits until the receiver has it.
    async fn deliver(&self, message: &str) -> Received {
        let before = self.receiver.count();
        self.post(message).await;
        eventually(message, SOON, || self.receiver.count() > before).await;
        self.receiver.received().pop().unwrap()
    }

    /// A command on the running instance.
    fn modules_command(&self, args: &[&str]) -> std::process::Output {
        let mut command = Command::new(binary());
        output(command.arg("modules").args(args).arg("--data-dir").arg(self.data()))
    }

    /// The revisions of the type, the newest first.
    fn history(&self) -> Vec<Value> {
        let said = self.modules_command(&["history", "message", "--output", "json"]);
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        let types: Value = serde_json::from_slice(&said.stdout).unwrap();
        types[0]["revisions"].as_array().unwrap().clone()
    }

    fn states(&self) -> Vec<String> {
        self.history().iter().map(|one| one["state"].as_str().unwrap().to_owned()).collect()
    }

    async fn states_become(&self, states: &[&str]) {
        eventually(&format!("{states:?}"), SOON, || self.states() == states).await;
    }
}

fn module(kind: &str) -> &'static [u8] {
    built_in(kind).unwrap()
}

fn is_slack(request: &Received) -> bool {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    body.get("attachments").is_some()
}

#[tokio::test]
async fn what_traps_on_one_in_three_is_rolled_back_and_every_event_delivered() {
    let world = World::start("trap when told", &json!({}), module("generic"), "").await;
    world.deliver("first").await;
    world.put(&hostile());
    world.states_become(&["active", "previous"]).await;
    let mut bodies = Vec::new();
    for number in 0..12 {
        let message =
            if number % 3 == 2 { format!("please trap {number}") } else { format!("go {number}") };
        bodies.push((message.clone(), world.deliver(&message).await.body));
    }
    assert_eq!(world.receiver.count(), 13, "each event is delivered once");
    for (message, body) in &bodies {
        assert!(String::from_utf8_lossy(body).contains(message.as_str()));
    }
    assert_eq!(&*bodies[0].1, b"go 0", "the new revision served");
    let whole = |body: &[u8]| serde_json::from_slice::<Value>(body).is_ok();
    assert!(whole(&bodies[2].1), "what traps goes out in the old form, at once");
    assert!(whole(&bodies[9].1), "after the third trap the old revision serves");

    assert_eq!(world.states(), ["rolled-back", "active"]);
    let newest = &world.history()[0];
    assert_eq!(newest["broken"], 3);
    let reason = newest["reason"].as_str().unwrap();
    assert!(reason.starts_with("3 of its 9 calls trapped or met a limit"), "{reason}");
    assert_eq!(world.herald.unwrap().stop().await, Some(0));
}

#[tokio::test]
async fn what_is_refused_more_often_is_rolled_back() {
    let world = World::start("refuse when told", &json!({}), module("generic"), "").await;
    world.deliver("first").await;
    world.put(&hostile());
    world.states_become(&["active", "previous"]).await;
    for number in 0..5 {
        world.post(&format!("please refuse {number}")).await;
    }
    world.states_become(&["rolled-back", "active"]).await;
    let reason = world.history()[0]["reason"].as_str().unwrap().to_owned();
    assert!(reason.starts_with("5 of its first 5 messages were refused"), "{reason}");
    assert!(serde_json::from_slice::<Value>(&world.deliver("please refuse").await.body).is_ok());
}

#[tokio::test]
async fn what_was_rolled_back_stays_so_over_a_restart_until_it_is_pinned() {
    let mut world = World::start("trap when told", &json!({}), module("generic"), "").await;
    world.deliver("first").await;
    world.put(&hostile());
    world.states_become(&["active", "previous"]).await;
    let said = world.modules_command(&["rollback", "message"]);
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    assert_eq!(world.states(), ["rolled-back", "active"]);

    // A compiler without memory: what starts, starts from what was kept.
    world.restart(&["--module-compile-memory-mib", "1"]).await;
    assert_eq!(world.states(), ["rolled-back", "active"]);
    assert!(serde_json::from_slice::<Value>(&world.deliver("second").await.body).is_ok());
    let again = world.modules_command(&["rollback", "message"]);
    assert_eq!(again.status.code(), Some(1));
    let said = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(said.contains("no earlier revision"), "{said}");

    let digest = world.history()[0]["digest"].as_str().unwrap().to_owned();
    let pin = world.modules_command(&["pin", "message", digest.get(7..15).unwrap()]);
    assert!(pin.status.success(), "{}", String::from_utf8_lossy(&pin.stderr));
    assert_eq!(&*world.deliver("third").await.body, b"third");
    world.restart(&[]).await;
    // While it is pinned nothing else serves, not even for what it cannot format.
    world.put(module("slack"));
    world.states_become(&["held", "active", "previous"]).await;
    world.restart(&["--retry-first", "1s"]).await;
    assert_eq!(world.states(), ["held", "active", "previous"]);
    for number in 0..4 {
        world.post(&format!("please trap {number}")).await;
    }
    eventually("it traps", SOON, || world.herald().log().matches("a module failed").count() >= 4)
        .await;
    assert_eq!(world.states(), ["held", "active", "previous"]);
    assert_eq!(world.receiver.count(), 3);
    assert!(world.modules_command(&["unpin", "message"]).status.success());
    assert_eq!(world.states(), ["active", "previous", "previous"]);
    eventually("what waited is sent", SOON, || world.receiver.count() == 7).await;
    assert!(world.receiver.received()[3..].iter().all(is_slack));
    let unknown = world.modules_command(&["pin", "message", "0000"]);
    assert_eq!(unknown.status.code(), Some(1));
    let said = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert!(said.contains("there is no revision 0000; there are: "), "{said}");
}

#[tokio::test]
async fn a_canary_makes_its_share_and_then_everything() {
    let grants = "message: {rollout: {canary: {percent: 25, deliveries: 5}}}";
    let world = World::start("", &json!({}), module("generic"), grants).await;
    world.deliver("first").await;
    world.put(module("slack"));
    world.states_become(&["canary", "active"]).await;
    let mut forms = Vec::new();
    while world.states() != ["active", "previous"] {
        forms.push(is_slack(&world.deliver(&format!("event {}", forms.len())).await));
        assert!(forms.len() < 150, "a quarter of the deliveries soon are five");
    }
    let by_canary = forms.iter().filter(|slack| **slack).count();
    // The last may arrive a moment before it is counted.
    assert!((5..=7).contains(&by_canary), "{forms:?}");
    assert!(forms.contains(&false), "the others went on in the old form");
    assert!(is_slack(&world.deliver("last").await));
}

#[tokio::test]
async fn a_shadow_sends_nothing_and_shows_what_it_would_send() {
    let grants = "message: {rollout: {shadow: 3}}";
    let world = World::start("", &json!({}), module("generic"), grants).await;
    world.deliver("first").await;
    world.put(module("slack"));
    world.states_become(&["shadow", "active"]).await;
    for number in 0..3 {
        assert!(!is_slack(&world.deliver(&format!("event {number}")).await));
    }
    world.states_become(&["active", "previous"]).await;
    let newest = &world.history()[0];
    assert_eq!((&newest["shadowed"], &newest["different"]), (&json!(3), &json!(3)));
    let said = world.modules_command(&["history", "message", "--differences"]);
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(text.contains("| Kustomization/apps/event 0"), "{text}");
    assert!(text.contains("+  \"attachments\": ["), "{text}");
    assert!(text.contains("-  \"involvedObject\": {"), "{text}");
    assert!(is_slack(&world.deliver("last").await));
    assert_eq!(world.receiver.count(), 5);
}

#[tokio::test]
async fn a_file_that_fails_its_own_cases_does_not_serve() {
    let world = World::start(
        "",
        &json!({}),
        &with_case(module("generic"), "skipped: provider suspended", None),
        "",
    )
    .await;
    world.deliver("first").await;
    world.put(&with_case(module("slack"), "delivered", None));
    eventually("the file is refused", SOON, || {
        world.herald().log().contains("cases: its case good-news fails")
    })
    .await;
    assert!(!is_slack(&world.deliver("second").await));
    assert_eq!(world.states(), ["active"]);
}

#[tokio::test]
async fn what_no_module_can_format_goes_out_as_the_provider_allows() {
    let annotations = json!({"herald.dev/fallback": "generic"});
    let mut world = World::start("trap", &annotations, &hostile(), "").await;
    let body = world.deliver("first").await.body;
    let event: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(event["message"], "first");
    let file = world.config.path().join("all.yaml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("\"generic\"", "\"none\"")).unwrap();
    world.restart(&["--retry-first", "1s"]).await;
    world.post("second").await;
    eventually("it waits", SOON, || world.herald().log().contains("outcome=\"retry\"")).await;
    assert_eq!(world.receiver.count(), 1);
    world.put(module("generic"));
    eventually("it is sent by a better module", SOON, || world.receiver.count() == 2).await;
}

#[test]
fn kept_code_is_for_its_user_alone() {
    use std::os::unix::fs::MetadataExt as _;
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let world = runtime.block_on(World::start("", &json!({}), module("generic"), ""));
    fn look(dir: &Path, files: &mut Vec<String>) {
        for entry in fs::read_dir(dir).unwrap().flatten() {
            let meta = entry.metadata().unwrap();
            assert_eq!(meta.mode() & 0o077, 0, "{}", entry.path().display());
            if meta.is_dir() {
                look(&entry.path(), files);
            } else {
                files.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
    }
    let mut files = Vec::new();
    look(&world.data().join("modules"), &mut files);
    assert!(files.len() >= 3, "the key, a file and its code: {files:?}");
    assert_eq!(runtime.block_on(world.herald.unwrap().stop()), Some(0));
}

/// The steps that a bad revision can fail at, while the old one serves. What takes too much to be compiled is among the
/// hostile modules.
#[tokio::test]
async fn a_bad_revision_never_serves_and_its_step_is_named() {
    let world = World::start("", &json!({}), module("generic"), "").await;
    world.deliver("first").await;
    let grants = "message: {grants: [secret-values]}";
    let leaks = with_case(&leaking(), "delivered", Some("token"));
    fs::write(world.modules().join("grants.yaml"), grants).unwrap();
    for (wasm, step) in [
        (b"no module".to_vec(), "not-a-component"),
        (by_hand("wrong-exports"), "missing-export"),
        (module("github").to_vec(), "grants: it asks for full-address"),
        (by_hand("trap-in-describe"), "describe"),
        (by_hand("loop-in-start"), "instantiate"),
        (
            with_case(module("slack"), "skipped: for no reason", None),
            "cases: its case good-news fails",
        ),
        (leaks, "leaks: in its case good-news"),
    ] {
        world.put(&wasm);
        eventually(step, SOON, || world.herald().log().contains(step)).await;
    }
    assert!(!is_slack(&world.deliver("second").await));
    assert_eq!(world.states(), ["active"]);
}
