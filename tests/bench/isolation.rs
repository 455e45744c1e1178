//! What one dead receiver of a hundred costs the other 99: the time from the post of an event until it arrives, with all
//! alive, with one that hangs, and with one that refuses, in turns.
//!
//! `cargo bench -p herald-tests --bench isolation`. The figures depend on the machine; only their ratio has an aim.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program that prints figures"
)]

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use herald_tests::events::kustomization;
use herald_tests::herald::Herald;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

const RECEIVERS: usize = 100;
const ROUNDS: usize = 5;
const EVENTS: usize = 200;
/// Between two events; each goes to all receivers.
const PACE: Duration = Duration::from_millis(50);
/// How long an attempt at the receiver that hangs takes.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The most that a p99 may grow by the dead receiver, in percent.
const AIM: f64 = 50.0;

/// What the first receiver does; the others answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dead {
    Not,
    Hangs,
    Refuses,
}

/// When each event was posted, and how long it took to each receiver that is alive.
#[derive(Default)]
struct Times {
    posted: Vec<Instant>,
    took: Vec<Duration>,
}

type Shared = Arc<Mutex<Times>>;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut p99s = [(Dead::Not, Vec::new()), (Dead::Hangs, Vec::new()), (Dead::Refuses, Vec::new())];
        // The first one warms up.
        round(Dead::Not).await;
        for _ in 0..ROUNDS {
            for (dead, p99s) in &mut p99s {
                let mut took = round(*dead).await;
                took.sort_unstable();
                let p99 = took[took.len() * 99 / 100];
                let (p50, most) = (took[took.len() / 2], took[took.len() - 1]);
                println!("  {dead:?}: p50 {p50:.1?}, p99 {p99:.1?}, most {most:.1?}");
                assert!(*dead != Dead::Hangs || most < TIMEOUT, "one waited for the dead receiver");
                p99s.push(p99.as_secs_f64());
            }
        }
        let [alive, hangs, refuses] = p99s.map(|(_, mut p99s)| {
            p99s.sort_by(f64::total_cmp);
            p99s[ROUNDS / 2]
        });
        let more = |p99: f64| (p99 / alive - 1.0) * 100.0;
        println!(
            "p99 of {} receivers, median of {ROUNDS}: {:.2} ms; {:+.0} % beside one that hangs, {:+.0} % beside one that \
             refuses (aim: at most +{AIM:.0} %)",
            RECEIVERS - 1,
            alive * 1e3,
            more(hangs),
            more(refuses),
        );
    });
}

/// A new Herald takes all events; the times to the receivers that are alive.
async fn round(dead: Dead) -> Vec<Duration> {
    let times = Shared::default();
    let mut addresses = vec![first(dead, &times).await];
    for _ in 1..RECEIVERS {
        addresses.push(alive(&times).await);
    }
    let dir = tempfile::tempdir().unwrap();
    let (config, data) = (dir.path().join("config"), dir.path().join("data"));
    manifests(&config, &addresses);
    let flags = ["--log-level", "error", "--shutdown-grace", "0s"];
    let herald = Herald::start(&config, &data, &flags).await;
    drop(rustls::crypto::ring::default_provider().install_default());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for number in 0..EVENTS {
        let due = Instant::now() + PACE;
        let message = format!("number:{number};");
        let event = kustomization(&format!("app-{}", number % 20), "info", "R", &message);
        times.lock().unwrap().posted.push(Instant::now());
        let answer = client.post(herald.events()).body(event.to_string()).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 202);
        sleep(due.saturating_duration_since(Instant::now())).await;
    }
    // The first one counts only where it is alive, and never among the others.
    let all = EVENTS * (RECEIVERS - 1);
    let end = Instant::now() + Duration::from_secs(60);
    while times.lock().unwrap().took.len() < all {
        assert!(Instant::now() < end, "{} of {all} arrived", times.lock().unwrap().took.len());
        sleep(Duration::from_millis(5)).await;
    }
    herald.stop().await;
    std::mem::take(&mut times.lock().unwrap().took)
}

/// One that is dead or does not count.
async fn first(dead: Dead, times: &Shared) -> SocketAddr {
    match dead {
        Dead::Not => listen(times, |_, _| {}).await,
        Dead::Hangs => {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            tokio::spawn(async move {
                let mut kept = Vec::new();
                while let Ok((stream, _)) = listener.accept().await {
                    kept.push(stream);
                }
            });
            address
        }
        // Nobody listens on a port that was free a moment ago.
        Dead::Refuses => TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap(),
    }
}

async fn alive(times: &Shared) -> SocketAddr {
    listen(times, |times, number| {
        let mut times = times.lock().unwrap();
        let took = times.posted[number].elapsed();
        times.took.push(took);
    })
    .await
}

async fn listen(times: &Shared, arrived: fn(&Shared, usize)) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let times = Arc::clone(times);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let times = Arc::clone(&times);
            // Its end is that of the connection.
            tokio::spawn(async move { serve(stream, |number| arrived(&times, number)).await });
        }
    });
    address
}

/// Answers every request on a connection; none when it has ended.
async fn serve(mut stream: TcpStream, arrived: impl Fn(usize)) -> Option<()> {
    let mut buffer = Vec::with_capacity(4096);
    loop {
        let request = loop {
            if let Some(length) = length(&buffer).filter(|length| buffer.len() >= *length) {
                break length;
            }
            if stream.read_buf(&mut buffer).await.ok()? == 0 {
                return None;
            }
        };
        arrived(number(&buffer));
        buffer.drain(..request);
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.ok()?;
    }
}

/// The length of the request at the beginning, once its headers are there.
fn length(buffer: &[u8]) -> Option<usize> {
    let head = buffer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&buffer[..head]).to_ascii_lowercase();
    let body = text.lines().find_map(|line| line.strip_prefix("content-length:"))?;
    Some(head + body.trim().parse::<usize>().ok()?)
}

/// The number of the event in a request.
fn number(request: &[u8]) -> usize {
    let text = String::from_utf8_lossy(request);
    let (_, rest) = text.split_once("number:").unwrap();
    rest.split_once(';').unwrap().0.parse().unwrap()
}

/// A Provider for each address, and an Alert that sends it everything.
fn manifests(dir: &Path, addresses: &[SocketAddr]) {
    let manifest = |kind: &str, name: &str, spec: Value| {
        let api = "notification.toolkit.fluxcd.io/v1beta3";
        json!({"apiVersion": api, "kind": kind, "metadata": {"name": name}, "spec": spec})
            .to_string()
    };
    let timeout = format!("{}s", TIMEOUT.as_secs());
    let texts: Vec<String> = addresses
        .iter()
        .enumerate()
        .flat_map(|(number, address)| {
            let name = format!("r-{number}");
            let address = format!("http://{address}/");
            let sources = json!([{"kind": "Kustomization", "name": "*", "namespace": "apps"}]);
            [
                manifest(
                    "Provider",
                    &name,
                    json!({"type": "generic", "address": address, "timeout": timeout}),
                ),
                manifest(
                    "Alert",
                    &name,
                    json!({"providerRef": {"name": name}, "eventSources": sources}),
                ),
            ]
        })
        .collect();
    std::fs::create_dir_all(dir).unwrap();
    std::fs::write(dir.join("all.yaml"), texts.join("\n---\n")).unwrap();
}
