//! A rolling update: the old process ends while events are posted, the new one goes on with its journal, and what was
//! accepted arrives.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use herald_tests::herald::Herald;
use herald_tests::receiver::{Receiver, Reply};
use serde_json::json;
use tokio::task::JoinHandle;

use crate::emitter::{event, try_post};
use crate::world::{World, eventually, metric, readiness, run};
use crate::{alert, provider};

const UPDATES: usize = 3;
/// What is posted between two of them, at least.
const EVENTS: usize = 40;
const FLAGS: [&str; 5] = [
    "--enable-leader-election",
    "--leader-election-lease-duration=6s",
    "--leader-election-renew-deadline=4s",
    "--leader-election-retry-period=500ms",
    // Some of what was accepted is still on its way when the process ends.
    "--shutdown-grace=100ms",
];

/// Where events are taken now, as the Service of a cluster knows it.
type Door = Arc<Mutex<String>>;

/// Posts events until it is stopped, each until it is taken; the messages of those that were.
struct Emitter {
    accepted: Arc<Mutex<BTreeSet<String>>>,
    task: JoinHandle<()>,
}

impl Emitter {
    fn start(door: &Door) -> Self {
        let accepted = Arc::new(Mutex::new(BTreeSet::new()));
        let (door, taken) = (Arc::clone(door), Arc::clone(&accepted));
        let task = tokio::spawn(async move {
            for number in 0_usize.. {
                let message = format!("number {number:06}");
                // A controller of Flux tries again as well when it gets no answer, or one that is an error.
                loop {
                    let url = door.lock().unwrap().clone();
                    match try_post(&url, &event("apps", &message)).await {
                        // What was taken by a process that could not say so any more is a duplicate.
                        Some(202 | 429) => break,
                        Some(_) | None => tokio::time::sleep(Duration::from_millis(20)).await,
                    }
                }
                taken.lock().unwrap().insert(message);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        Self { accepted, task }
    }

    fn count(&self) -> usize {
        self.accepted.lock().unwrap().len()
    }
}

/// Starts Herald on this volume.
async fn start(world: &mut World, data: Option<&Path>) -> (Herald, std::path::PathBuf) {
    let (command, data) = match data {
        None => world.command(&FLAGS),
        Some(data) => (world.command_on(data, &FLAGS), data.to_owned()),
    };
    (Herald::spawn(command, &data).await, data)
}

#[test]
fn a_rolling_update_loses_nothing_that_was_accepted() {
    run(async |world| {
        let receiver = Receiver::start().await;
        receiver.otherwise(Reply::status(200).delayed(Duration::from_millis(50)));
        world.namespace("apps").await;
        let spec = json!({"type": "generic", "address": receiver.url("/x")});
        world.apply(&provider("v1beta3", "apps", "generic", spec)).await;
        world.apply(&alert("v1beta3", "apps", "generic", "generic")).await;
        let (mut herald, data) = start(world, None).await;
        eventually("it is ready", async || readiness(&herald).await.0 == 200).await;
        let door: Door = Arc::new(Mutex::new(herald.events()));
        let emitter = Emitter::start(&door);
        for update in 1..=UPDATES {
            let wanted = emitter.count() + EVENTS;
            eventually("events are taken", async || emitter.count() >= wanted).await;
            // As a StatefulSet does it: the new pod starts when the old one has ended.
            assert_eq!(herald.stop().await, Some(0), "update {update}");
            herald = start(world, Some(&data)).await.0;
            // Its port is another, which a Service would know.
            *door.lock().unwrap() = herald.events();
        }
        let wanted = emitter.count() + EVENTS;
        eventually("events are taken", async || emitter.count() >= wanted).await;
        emitter.task.abort();
        let accepted = emitter.accepted.lock().unwrap().clone();
        let arrived = || -> BTreeSet<String> {
            let received = receiver.received();
            let messages = received.iter().map(|received| received.json()["message"].clone());
            messages.map(|message| message.as_str().unwrap().to_owned()).collect()
        };
        eventually("all that was accepted arrives", async || arrived().is_superset(&accepted))
            .await;
        eventually("the last one leads", async || {
            metric(&herald, "herald_cluster_leading ").await == Some(1.0)
        })
        .await;
        println!("{} events over {UPDATES} updates, {} messages", accepted.len(), receiver.count());
        assert_eq!(herald.stop().await, Some(0));
    });
}
