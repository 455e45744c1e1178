//! Accepted means kept: the process is killed again and again while events come in.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use herald_tests::events::kustomization;
use herald_tests::eventually;
use herald_tests::herald::Herald;
use herald_tests::receiver::Receiver;
use serde_json::json;
use tokio::sync::watch;

use crate::serve::{client, folder};

const EVENTS: usize = 1000;
const KILLS: usize = 20;
const EMITTERS: usize = 8;

/// Posts every event until it is answered 202 or 429, as an emitter that never gives up.
async fn emit(address: watch::Receiver<String>, next: Arc<AtomicUsize>) {
    let client = client();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= EVENTS {
            return;
        }
        let event =
            kustomization(&format!("app-{}", number % 40), "info", "R", &format!("event {number}"))
                .to_string();
        loop {
            let url = address.borrow().clone();
            let posted =
                client.post(url).timeout(Duration::from_secs(5)).body(event.clone()).send().await;
            match posted.map(|response| response.status().as_u16()) {
                Ok(202 | 429) => break,
                Ok(503) | Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                Ok(other) => panic!("event {number} was answered {other}"),
            }
        }
        // A pace at which the events last for all the kills.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_accepted_event_is_lost_over_twenty_kills() {
    let receiver = Receiver::start().await;
    let config = folder(&json!({"type": "generic", "address": receiver.url("/")}), &json!({}));
    let data = tempfile::tempdir().unwrap();
    let dir = data.path().join("data");

    let mut herald = Herald::start(config.path(), &dir, &[]).await;
    let (told, address) = watch::channel(herald.events());
    let next = Arc::new(AtomicUsize::new(0));
    let emitters: Vec<_> =
        (0..EMITTERS).map(|_| tokio::spawn(emit(address.clone(), Arc::clone(&next)))).collect();
    for kill in 0..KILLS {
        // Another moment each time: the n-th kill comes once some of the n-th share of the events was posted.
        let share = (kill + 1) * EVENTS / (KILLS + 1);
        let spread = usize::try_from(std::process::id()).unwrap().wrapping_mul(kill + 7)
            % (EVENTS / KILLS / 2);
        eventually("the emitters go on", Duration::from_secs(60), || {
            next.load(Ordering::Relaxed) >= share + spread
        })
        .await;
        herald.kill().await;
        herald = Herald::start(config.path(), &dir, &[]).await;
        told.send(herald.events()).unwrap();
    }
    for emitter in emitters {
        emitter.await.unwrap();
    }

    let seen = || -> HashSet<String> {
        receiver
            .received()
            .iter()
            .map(|request| request.json()["message"].as_str().unwrap().to_owned())
            .collect()
    };
    eventually("every event arrives", Duration::from_secs(60), || {
        receiver.count() >= EVENTS && seen().len() == EVENTS
    })
    .await;
    let expected: HashSet<String> = (0..EVENTS).map(|number| format!("event {number}")).collect();
    assert_eq!(seen(), expected, "nothing is missing and nothing invented");
    assert_eq!(herald.stop().await, Some(0));
}
