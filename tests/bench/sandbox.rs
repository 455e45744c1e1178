//! What one call of a module in a fresh sandbox costs: slack with a message of 300 bytes and five metadata keys, beside a
//! module that returns at once.
//!
//! `make bench` prints times, which depend on the machine and on what else runs there, and, where valgrind is installed,
//! instructions, which hardly do: compare those before and after a change.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program that prints figures"
)]

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use herald_core::delivery::{DeliveryId, EventId, JournalId};
use herald_core::event::{Event, ObjectReference};
use herald_core::formatter::{AlertRef, Delivery, Origin, ProviderAddress, ProviderView};
use herald_engine::{Engine, Module, Nothing, Settings};
use jiff::Timestamp;

const WARM_UP: usize = 3_000;
const CALLS: usize = 20_000;
/// Under valgrind everything is fifty times slower; the difference of two runs leaves the start out.
const FEW: usize = 100;
const MORE: usize = 1_100;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    match args.iter().position(|arg| arg == "--calls") {
        Some(at) => runtime.block_on(count(&args[at + 1], args[at + 2].parse().unwrap())),
        None => {
            runtime.block_on(measure());
            instructions();
        }
    }
}

/// The module of this name, and how long it took to load.
async fn load(engine: &Engine, name: &str) -> (Module, Duration) {
    let wasm = match name {
        "empty" => herald_tests::components::by_hand("empty"),
        built_in => herald_controller::modules::built_in(built_in).unwrap().to_vec(),
    };
    let began = Instant::now();
    let module = engine.load(wasm, &[]).await.unwrap();
    (module, began.elapsed())
}

async fn measure() {
    let engine = Engine::new(Settings::default()).unwrap();
    println!("one fresh call of next, {CALLS} calls after {WARM_UP}, one thread");
    for name in ["slack", "empty"] {
        let before = resident();
        let (module, loading) = load(&engine, name).await;
        let (delivery, disclosure) = (delivery(), Arc::new(Nothing));
        let mut times = Vec::with_capacity(CALLS);
        for call in 0..WARM_UP + CALLS {
            let began = Instant::now();
            module.next(&delivery, disclosure.clone()).await.unwrap().unwrap();
            if call >= WARM_UP {
                times.push(began.elapsed());
            }
        }
        times.sort_unstable();
        let micros = |share: usize| times[(CALLS - 1) * share / 100].as_secs_f64() * 1e6;
        println!(
            "{name:6} p50 {:6.1} us   p99 {:6.1} us   {:7} bytes   compile and load {:6.1} ms   resident + {:.1} MB",
            micros(50),
            micros(99),
            module.size(),
            loading.as_secs_f64() * 1e3,
            (resident() - before) / 1024.0,
        );
    }
    println!("resident in all: {:.1} MB", resident() / 1024.0);
}

/// Makes so many calls and nothing else.
async fn count(name: &str, calls: usize) {
    let engine = Engine::new(Settings {
        running: Duration::from_secs(60),
        wall: Duration::from_secs(60),
        ..Settings::default()
    })
    .unwrap();
    let (module, _) = load(&engine, name).await;
    let (delivery, disclosure) = (delivery(), Arc::new(Nothing));
    for _ in 0..calls {
        module.next(&delivery, disclosure.clone()).await.unwrap().unwrap();
    }
}

/// Instructions per call, by two runs of this program under callgrind.
fn instructions() {
    for name in ["slack", "empty"] {
        match (collected(name, FEW), collected(name, MORE)) {
            (Some(few), Some(more)) => {
                println!("{name:6} {:7} instructions a call", (more - few) / (MORE - FEW) as u64);
            }
            _ => println!("{name:6} instructions: install valgrind to count them"),
        }
    }
}

fn collected(name: &str, calls: usize) -> Option<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe().unwrap())
        .args(["--calls", name, &calls.to_string()])
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stderr);
    text.lines()
        .find_map(|line| line.split_once("Collected : "))
        .and_then(|(_, count)| count.trim().parse().ok())
}

/// The memory of this process that is in RAM, in KiB.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().split(' ').next()?.parse().ok()).unwrap_or(0.0)
}

/// A delivery of the usual size.
fn delivery() -> Delivery {
    let metadata = [
        ("cluster", "production-eu-1"),
        ("commit_status", "update"),
        ("originRevision", "main@sha1:a1afe267b54f38b46b487f6e938a6fd508278c07"),
        ("revision", "main@sha1:a1afe267b54f38b46b487f6e938a6fd508278c07"),
        ("summary", "production applications"),
    ];
    let sentence = "Deployment/podinfo/podinfo configured, Service/podinfo/podinfo unchanged, ";
    Delivery {
        id: DeliveryId::new(&JournalId::from_bytes([7; 16]), EventId(1), "alert"),
        now: Timestamp::UNIX_EPOCH,
        event: Event {
            involved_object: ObjectReference {
                api_version: "kustomize.toolkit.fluxcd.io/v1".to_owned(),
                kind: "Kustomization".to_owned(),
                namespace: "flux-system".to_owned(),
                name: "podinfo".to_owned(),
                uid: "b9b8554d-0c4e-4c52-9a5e-6f8c3a5b1f77".to_owned(),
                ..ObjectReference::default()
            },
            severity: "info".to_owned(),
            timestamp: Some(Timestamp::UNIX_EPOCH),
            message: sentence.repeat(4),
            reason: "ReconciliationSucceeded".to_owned(),
            metadata: metadata.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
            reporting_controller: "kustomize-controller".to_owned(),
            reporting_instance: "kustomize-controller-7c9f8d-abcde".to_owned(),
        },
        alert: AlertRef {
            namespace: "apps".to_owned(),
            name: "all".to_owned(),
            uid: "alert".to_owned(),
        },
        provider: ProviderView {
            namespace: "apps".to_owned(),
            name: "chat".to_owned(),
            uid: "provider".to_owned(),
            channel: "deployments".to_owned(),
            username: "flux".to_owned(),
            address: Some(ProviderAddress::Url(Origin {
                scheme: "https".to_owned(),
                host: "hooks.slack.com".to_owned(),
                port: None,
            })),
            secret_keys: vec!["address".to_owned(), "token".to_owned()],
            config: "{}".to_owned(),
        },
        commit_status: None,
        remembered: None,
        responses: Vec::new(),
        facts: vec![("attempt".to_owned(), "1".to_owned())],
    }
}
