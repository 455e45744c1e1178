//! Many objects: how soon Herald is ready, how much memory it takes, and what of a processor, with and without events.
//!
//! Times are printed and not judged: the machine does much else meanwhile. What `deploy/` asks for is from here, in a
//! release build: `cargo test --release --locked --workspace --test cluster -- --nocapture five_thousand`.

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use herald_tests::herald::Herald;
use herald_tests::receiver::Receiver;
use herald_tests::service::client;
use kube::api::{DeleteParams, ListParams, PostParams};
use serde_json::{Value, json};

use crate::emitter::{event, post};
use crate::world::{World, eventually, readiness, run};
use crate::{alert, provider, secret};

const N: usize = 5000;
/// The aims are 10 s and 128 MiB; a build without optimisation takes more.
const MEMORY: usize = if cfg!(debug_assertions) { 160 << 20 } else { 128 << 20 };

const EVENTS_PER_SECOND: u32 = 100;
const EVENTS: usize = 1000;

/// What was used since a moment.
struct Meter {
    cpu: Duration,
    at: Instant,
}

impl Meter {
    fn start(herald: &Herald) -> Self {
        Self { cpu: herald.cpu_time().unwrap_or_default(), at: Instant::now() }
    }

    fn show(&self, herald: &Herald, what: &str) {
        let cpu = herald.cpu_time().unwrap_or_default() - self.cpu;
        let share = cpu.as_secs_f64() / self.at.elapsed().as_secs_f64();
        let memory = herald.memory().unwrap_or_default() >> 20;
        println!("{what}: {memory} MiB, {:.0} m of a processor", share * 1000.0);
    }
}

#[test]
fn five_thousand_providers_and_alerts_are_ready_soon() {
    run(async |world| {
        let receiver = Receiver::start().await;
        world.namespace("many").await;
        world.apply(&secret("many", "key", json!({"token": "t"}))).await;
        let url = receiver.url("/x");
        create(world, "many", (0..N).map(|n| {
            let spec = json!({"type": "generic-hmac", "address": url, "secretRef": {"name": secret_of(n)}});
            provider("v1beta3", "many", &format!("p{n:04}"), spec)
        }))
        .await;
        create(
            world,
            "many",
            (0..N).map(|n| {
                let name = format!("p{n:04}");
                let mut wanting = alert("v1beta3", "many", &name, &name);
                // Only one of them wants what is posted.
                wanting["spec"]["eventSources"][0]["namespace"] =
                    if n == N - 1 { "apps" } else { "many" }.into();
                wanting
            }),
        )
        .await;

        let (command, data) = world.command(&[]);
        let began = Instant::now();
        let herald = herald_tests::herald::Herald::spawn(command, &data).await;
        eventually("Herald is ready", async || readiness(&herald).await.0 == 200).await;
        let ready = began.elapsed();
        post(&herald, &event("apps", "one of many")).await;
        eventually("a message", async || receiver.count() == 1).await;
        let delivered = began.elapsed();
        // Statuses follow; what is read for them takes memory as well.
        tokio::time::sleep(Duration::from_secs(10)).await;
        let meter = Meter::start(&herald);
        tokio::time::sleep(Duration::from_secs(10)).await;
        meter.show(&herald, "while statuses are written");
        let meter = Meter::start(&herald);
        burst(&herald, &receiver).await;
        meter.show(&herald, "the same with 100 events a second");
        let memory = herald.peak_memory().unwrap_or_default();
        println!(
            "{N} Providers and {N} Alerts: ready after {ready:?}, first message after {delivered:?}, {} MiB at most",
            memory >> 20
        );
        assert!(memory < MEMORY, "{} MiB", memory >> 20);
        assert_eq!(herald.stop().await, Some(0));
        for kind in ["Provider", "Alert"] {
            let api = world.ours(kind, "many");
            api.delete_collection(&DeleteParams::default(), &ListParams::default()).await.unwrap();
        }
    });
}

/// Posts events at a steady pace, and waits for their messages.
async fn burst(herald: &Herald, receiver: &Receiver) {
    let before = receiver.count();
    let mut beat = tokio::time::interval(Duration::from_secs(1) / EVENTS_PER_SECOND);
    let mut posts = Vec::new();
    // One for all, as making one takes longer than a post.
    let client = client();
    for nth in 0..EVENTS {
        beat.tick().await;
        let body = event("apps", &format!("number {nth}")).to_string();
        posts.push(tokio::spawn(client.post(herald.events()).body(body).send()));
    }
    let mut n_taken = 0;
    for post in posts {
        let answer = post.await.unwrap();
        n_taken += usize::from(answer.is_ok_and(|answer| answer.status() == 202));
    }
    // A machine that does much else may not answer all in time; who posts tries again then.
    assert!(n_taken > EVENTS / 2, "{n_taken} of {EVENTS} events were taken");
    eventually("all arrive", async || receiver.count() >= before + n_taken).await;
}

/// The last one has a Secret; those of the others are not there, so that their statuses say so.
fn secret_of(n: usize) -> String {
    if n == N - 1 { "key".to_owned() } else { format!("absent-{n}") }
}

/// Makes these objects in a namespace, many at a time.
pub(crate) async fn create(world: &World, namespace: &str, objects: impl Iterator<Item = Value>) {
    futures_util::stream::iter(objects)
        .for_each_concurrent(32, async |object| {
            let api = world.ours(object["kind"].as_str().unwrap(), namespace);
            let object = serde_json::from_value(object).unwrap();
            match api.create(&PostParams::default(), &object).await {
                Ok(_) => {}
                Err(kube::Error::Api(answer)) if answer.code == 409 => {}
                Err(err) => panic!("{err}"),
            }
        })
        .await;
}
