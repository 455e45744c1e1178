//! Many objects: how soon Herald is ready, and how much memory it takes.
//!
//! Times are printed and not judged: the machine does much else meanwhile.

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use herald_tests::receiver::Receiver;
use kube::api::{DeleteParams, ListParams, PostParams};
use serde_json::{Value, json};

use crate::emitter::{event, post};
use crate::world::{World, eventually, readiness, run};
use crate::{alert, provider, secret};

const N: usize = 5000;
/// The aims are 10 s and this.
const MEMORY: usize = 160 << 20;

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
        tokio::time::sleep(Duration::from_secs(20)).await;
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
