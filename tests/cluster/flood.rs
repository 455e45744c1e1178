//! A thousand Providers that fail together: their failures show, and the API server gets no more requests than it should.

use std::fs;
use std::time::{Duration, Instant};

use herald_tests::receiver::{Receiver, Reply};
use kube::api::{DeleteParams, ListParams};
use serde_json::{Value, json};

use crate::emitter::{event, post};
use crate::scale::create;
use crate::world::{eventually, readiness, run};
use crate::{alert, provider};

const N: usize = 1000;
/// What Herald allows itself: at once, and a second.
const STATUSES: (f64, f64) = (50.0, 20.0);
const EVENTS: (f64, f64) = (50.0, 5.0);
/// How long it is watched after the last one has failed.
const WATCHED: Duration = Duration::from_secs(20);

/// What of the requests in an audit log was written, and how often.
#[derive(Debug, Default)]
struct Asked {
    statuses: usize,
    events: usize,
    other_writes: usize,
}

fn asked(log: &str) -> Asked {
    let mut asked = Asked::default();
    for line in log.lines() {
        let Ok(entry) = serde_json::from_str::<Value>(line) else { continue };
        let text = |pointer: &str| entry.pointer(pointer).and_then(Value::as_str);
        if !matches!(text("/verb"), Some("create" | "update" | "patch")) {
            continue;
        }
        match (text("/objectRef/resource"), text("/objectRef/subresource")) {
            (_, Some("status")) => asked.statuses += 1,
            (Some("events"), None) => asked.events += 1,
            _ => asked.other_writes += 1,
        }
    }
    asked
}

#[test]
fn a_thousand_providers_that_fail_together_do_not_flood_the_api_server() {
    run(async |world| {
        if !world.server.writes_down() {
            // Only a server that these tests have started says what it was asked.
            println!("not looked at: the API server does not write down what it is asked");
            return;
        }
        let receiver = Receiver::start().await;
        receiver.otherwise(Reply::status(401));
        world.namespace("flood").await;
        let name = |n: usize| format!("p{n:04}");
        let url = receiver.url("/x");
        let spec = json!({"type": "generic", "address": url});
        create(
            world,
            "flood",
            (0..N).map(|n| provider("v1beta3", "flood", &name(n), spec.clone())),
        )
        .await;
        create(world, "flood", (0..N).map(|n| alert("v1beta3", "flood", &name(n), &name(n)))).await;

        let asked_before = fs::read_to_string(world.server.audit_log()).unwrap_or_default().len();
        let began = Instant::now();
        let herald = world.herald(&[]).await;
        post(&herald, &event("flood", "to all of them")).await;
        eventually("all have failed", async || receiver.count() >= N).await;
        let failed = began.elapsed();
        tokio::time::sleep(WATCHED).await;
        let took = began.elapsed().as_secs_f64();
        let log = fs::read_to_string(world.server.audit_log()).unwrap();
        let asked = asked(log.get(asked_before..).unwrap_or_default());
        println!("{N} Providers had failed after {failed:?}; in {took:.0} s there were {asked:?}");
        // Both kinds are held back, so both are written all the time.
        for (what, n, (at_once, per_second)) in
            [("statuses", asked.statuses, STATUSES), ("events", asked.events, EVENTS)]
        {
            let most = at_once + per_second * took;
            #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
            let n = n as f64;
            assert!(n <= most, "{n} {what} in {took} s, {most} at most");
            assert!(n >= at_once, "only {n} {what}");
        }
        assert_eq!(asked.other_writes, 0, "{asked:?}");
        assert_eq!(readiness(&herald).await.0, 200);
        // What fails shows where somebody looks first.
        let is_told = async || {
            let events = world.all_events("flood").await;
            events.iter().any(|event| event["reason"] == "NotificationDispatchFailed")
        };
        eventually("an event tells of a failure", is_told).await;
        assert_eq!(herald.stop().await, Some(0));
        for kind in ["Provider", "Alert"] {
            let api = world.ours(kind, "flood");
            api.delete_collection(&DeleteParams::default(), &ListParams::default()).await.unwrap();
        }
    });
}
