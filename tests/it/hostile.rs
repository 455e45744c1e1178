//! Hostile modules: each misbehavior is contained by the limit meant for it, while another Provider's deliveries go on.
//!
//! The modules are those of `components/`. What keeps each of them in bounds is listed in host/ARCHITECTURE.md.

mod cases;
mod load;
mod places;

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use herald_tests::components::{by_hand, hostile, hostile_with_wasi};
use herald_tests::events::kustomization;
use herald_tests::eventually;
use herald_tests::herald::Herald;
use herald_tests::receiver::{Received, Receiver, Reply};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::serve::client;
use cases::{CASES, Case, MUCH, NOISE, SYSTEM, Sent};

/// What the Provider's Secret holds under the two keys.
const TOKEN: &str = "hunter2-open-sesame-0123456789";
const PASSWORD: &str = "hunter3-close-sesame-987654321";

const SOON: Duration = Duration::from_secs(60);
/// How many events each Provider gets.
const EVENTS: usize = 8;
/// How many objects they are about: fewer, so that what a module remembers of one is seen by its next delivery.
const OBJECTS: usize = EVENTS / 2;
/// How long a healthy delivery may take at worst.
const IN_TIME: Duration = Duration::from_secs(2);
/// The shortest wait before a second attempt: half of the policy's first second.
const BACK_OFF: Duration = Duration::from_millis(500);

/// A folder of manifests: one healthy Provider, and one for each case.
fn manifests(cases: &[Case], healthy: &Receiver, receiver: &Receiver, token: &str) -> TempDir {
    let mut all = vec![json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"},
            "stringData": {"token": token, "password": PASSWORD}})];
    all.extend(provider("healthy", "generic", "", &healthy.url("/")));
    for case in cases {
        let address = receiver.url(&case.path());
        all.extend(provider(&case.name(), case.module, case.channel, &address));
    }
    let text: Vec<String> = all.iter().map(Value::to_string).collect();
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("all.yaml"), text.join("\n---\n")).unwrap();
    dir
}

/// A Provider and the Alert that sends it every event. The time for an attempt is long, as it counts the wait for a place.
fn provider(name: &str, kind: &str, channel: &str, address: &str) -> [Value; 2] {
    const GROUP: &str = "notification.toolkit.fluxcd.io/v1beta3";
    [
        json!({"apiVersion": GROUP, "kind": "Provider", "metadata": {"name": name}, "spec":
            {"type": kind, "channel": channel, "address": address, "timeout": "5m", "secretRef": {"name": "keys"}}}),
        json!({"apiVersion": GROUP, "kind": "Alert", "metadata": {"name": name}, "spec": {
            "providerRef": {"name": name},
            "eventSources": [{"kind": "Kustomization", "name": "*", "namespace": "apps"}]}}),
    ]
}

/// A folder with the modules of these cases.
fn modules(cases: &[Case]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for Case { module, .. } in cases {
        let bytes = match *module {
            "hostile" => hostile(),
            "hostile-wasi" => hostile_with_wasi(),
            other => by_hand(other),
        };
        fs::write(dir.path().join(format!("{module}.wasm")), bytes).unwrap();
    }
    dir
}

/// A receiver that answers with what it was sent, as a careless one would.
async fn echo() -> Receiver {
    let receiver = Receiver::start().await;
    receiver.answer_with(|received| {
        let authorization = received.header("authorization").unwrap_or_default();
        let body = format!("{authorization} at {}", received.target);
        Reply::status(200).header("x-echo", authorization).body(body)
    });
    receiver
}

async fn start(config: &Path, modules: &Path, data: &Path) -> Herald {
    let modules = modules.to_str().unwrap();
    // Without patience, as a delivery that waits for its Provider to be mended holds up the next of its object.
    let flags = ["--log-encoding", "json", "--modules-dir", modules, "--order-patience", "0s"];
    Herald::start(config, data, &flags).await
}

async fn post(herald: &Herald, number: usize) {
    let event = kustomization(
        &format!("app-{}", number % OBJECTS),
        "info",
        "R",
        &format!("event {number}"),
    );
    let response = client().post(herald.events()).body(event.to_string()).send().await.unwrap();
    assert_eq!(response.status().as_u16(), 202);
}

/// One attempt, as the log tells it.
#[derive(Debug)]
struct Attempt {
    provider: String,
    event: u64,
    number: u64,
    outcome: String,
    reason: String,
    at: String,
}

fn attempts(log: &str) -> Vec<Attempt> {
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let text = |line: &Value, key: &str| line[key].as_str().unwrap_or_default().to_owned();
    lines
        .filter(|line| line["attempt"].is_u64())
        .map(|line| Attempt {
            provider: text(&line, "provider").replace("default/", ""),
            event: line["event.id"].as_u64().unwrap(),
            number: line["attempt"].as_u64().unwrap(),
            outcome: text(&line, "outcome"),
            reason: text(&line, "reason"),
            at: text(&line, "timestamp"),
        })
        .collect()
}

/// Posts events until every case ended as it should at least once. The longest that the healthy Provider had to wait.
async fn run(herald: &Herald, healthy: &Receiver, cases: &[Case]) -> Duration {
    let slowest = Arc::new(Mutex::new(Duration::ZERO));
    for number in 0..EVENTS {
        post(herald, number).await;
        let accepted = Instant::now();
        eventually("the healthy delivery arrives", IN_TIME, || healthy.count() > number).await;
        let mut slowest = slowest.lock().unwrap();
        *slowest = slowest.max(accepted.elapsed());
    }
    let seen = |case: &Case| {
        let tried = attempts(&herald.log());
        let own = tried.iter().filter(|attempt| attempt.provider == case.name());
        own.filter(|attempt| case.ends(attempt)).count() >= EVENTS
    };
    for case in cases {
        eventually(&format!("{}: {} {:?}", case.name(), case.outcome, case.reason), SOON, || {
            seen(case)
        })
        .await;
    }
    let slowest = slowest.lock().unwrap();
    *slowest
}

/// Looks at what is left when the service has ended.
fn look(cases: &[Case], log: &str, received: &[Received]) {
    let tried = attempts(log);
    for case in cases {
        let name = case.name();
        let own: Vec<&Attempt> = tried.iter().filter(|attempt| attempt.provider == name).collect();
        let strange: Vec<&&Attempt> = own.iter().filter(|attempt| !case.may_end(attempt)).collect();
        assert!(strange.is_empty(), "{name}: {strange:?}");

        let sent = received.iter().filter(|one| one.target.split('?').next() == Some(&case.path()));
        let expected = match case.sent {
            Sent::Nothing => 0,
            Sent::ForEachAttempt(n) => n * own.len(),
            Sent::ForEachEvent => EVENTS,
        };
        assert_eq!(
            sent.count(),
            expected,
            "{name}: what the receiver got in {} attempts",
            own.len()
        );

        for first in own.iter().filter(|attempt| attempt.number == 1) {
            let second = own.iter().find(|one| one.event == first.event && one.number == 2);
            if let Some(second) = second {
                let waited = milliseconds(&second.at) - milliseconds(&first.at);
                assert!(waited >= BACK_OFF.as_millis() as i64, "{name}: again after {waited} ms");
            }
        }
    }
    assert!(!log.contains(TOKEN) && !log.contains(PASSWORD), "a secret is in the log");
    let breaks = |text: &str| text.chars().any(char::is_control);
    assert!(!tried.iter().any(|attempt| breaks(&attempt.reason)), "a control character is kept");
}

/// The time of day of a timestamp; the tests do not run over midnight twice.
fn milliseconds(timestamp: &str) -> i64 {
    let time = timestamp.split_once('T').unwrap().1.trim_end_matches('Z');
    let seconds = time.split(':').fold(0.0, |sum, part| sum * 60.0 + part.parse::<f64>().unwrap());
    (seconds * 1000.0) as i64
}

async fn metrics(herald: &Herald) -> String {
    let url = herald.address("metrics") + "/metrics";
    let response = client().get(url).send().await.unwrap();
    #[expect(clippy::disallowed_methods, reason = "the test reads its own server")]
    response.text().await.unwrap()
}

async fn contain(cases: &[Case]) {
    let (healthy, receiver) = (Receiver::start().await, echo().await);
    let config = manifests(cases, &healthy, &receiver, TOKEN);
    let modules = modules(cases);
    let work = tempfile::tempdir().unwrap();
    let data = work.path().join("data");
    let herald = start(config.path(), modules.path(), &data).await;
    let slowest = run(&herald, &healthy, cases).await;
    assert!(slowest < IN_TIME, "{slowest:?}");

    let numbers = metrics(&herald).await;
    for Case { module, failure, .. } in cases {
        if let Some(kind) = failure {
            let line = format!("herald_module_failures_total{{type=\"{module}\",kind=\"{kind}\"}}");
            assert!(numbers.contains(&line), "no {line} in\n{numbers}");
        }
    }
    let healthz = client().get(herald.address("health") + "/healthz").send().await.unwrap();
    assert_eq!(healthz.status().as_u16(), 200);
    let log = data.with_extension("log");
    assert_eq!(herald.stop().await, Some(0));
    look(cases, &fs::read_to_string(log).unwrap(), &receiver.received());
    for file in files(&data) {
        let bytes = fs::read(file).unwrap();
        let has =
            |secret: &str| bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!has(TOKEN) && !has(PASSWORD), "a secret is in the journal");
    }
}

/// All files below a folder.
fn files(dir: &Path) -> Vec<std::path::PathBuf> {
    let paths = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_misbehavior_meets_its_limit_and_holds_up_nobody() {
    contain(CASES).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operating_system_has_nothing_for_a_module() {
    contain(SYSTEM).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn noise_around_a_trap_does_not_keep_the_host_busy() {
    contain(NOISE).await;
}

/// A call may have 64 MiB, but what the host makes of its answer counts as well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn little_that_is_asked_for_does_not_become_much() {
    for case in MUCH {
        let cases = std::slice::from_ref(case);
        let (healthy, receiver) = (Receiver::start().await, echo().await);
        // No two parts of it are alike, as in a key or a certificate.
        let token: String =
            (0..1000).map(|n| format!("{:08x}", n * 2_654_435_761_u64 % (1 << 32))).collect();
        let config = manifests(cases, &healthy, &receiver, &token);
        let modules = modules(cases);
        let work = tempfile::tempdir().unwrap();
        let herald = start(config.path(), modules.path(), &work.path().join("data")).await;
        let before = herald.peak_memory();
        run(&herald, &healthy, cases).await;
        if let (Some(before), Some(after)) = (before, herald.peak_memory()) {
            let grown = after.saturating_sub(before) >> 20;
            assert!(grown < 200, "{}: {grown} MiB more", case.name());
        }
        let log = work.path().join("data.log");
        assert_eq!(herald.stop().await, Some(0));
        look(cases, &fs::read_to_string(log).unwrap(), &receiver.received());
    }
}

/// An answer that is not the same for the same delivery cannot come from an instance that remembers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_has_an_instance_of_its_own() {
    let cases = [Case::sends("counts its calls", "delivered", Sent::ForEachAttempt(2))];
    let (healthy, receiver) = (Receiver::start().await, echo().await);
    let config = manifests(&cases, &healthy, &receiver, TOKEN);
    let modules = modules(&cases);
    let work = tempfile::tempdir().unwrap();
    let herald = start(config.path(), modules.path(), &work.path().join("data")).await;
    run(&herald, &healthy, &cases).await;
    let received = receiver.received();
    assert_eq!(received.len(), 2 * EVENTS);
    assert!(received.iter().all(|one| &*one.body == b"1"), "{:?}", received[0].body);
    assert_eq!(herald.stop().await, Some(0));
}
