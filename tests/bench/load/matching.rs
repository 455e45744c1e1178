//! What it costs to find the one Alert of many that wants an event.

use serde_json::{Value, json};

use crate::meter::{self, Rounds};
use crate::poster;
use crate::service::{Service, alert, one_way};
use crate::sink::{Sink, TAKEN};

const EVENTS: usize = 5_000;
const ROUNDS: usize = 3;

/// CPU time for an event with 10 to 10,000 Alerts, of which one matches and each other names two objects that do not.
pub(crate) fn run() {
    const COUNTS: [usize; 4] = [10, 100, 1_000, 10_000];
    let mut figures = COUNTS.map(|_| Rounds::default());
    for _ in 0..ROUNDS {
        // All sizes in each round, so that a slow minute hits all of them.
        for (count, figure) in COUNTS.into_iter().zip(&mut figures) {
            figure.add(micros_an_event(count));
        }
    }
    println!(
        "matching: CPU us an event and its delivery, {EVENTS} events over 32 connections, {ROUNDS} rounds"
    );
    for (count, figure) in COUNTS.into_iter().zip(&figures) {
        println!("  {count:6} Alerts: {figure:.1}");
    }
    let [few, .., many] = &figures;
    println!("  10,000 against 10: {:.2} x (aim: 2)", many.median() / few.median());
}

fn micros_an_event(alerts: usize) -> f64 {
    let sink = Sink::start(TAKEN, None);
    let mut manifests = one_way(&format!("http://{}/", sink.address));
    manifests.extend((1..alerts).map(other));
    let herald = Service::herald(&manifests, &[]);
    let warm_up = EVENTS / 10;
    poster::burst(herald.events, 32, 0..warm_up);
    sink.wait_for(warm_up);
    let before = meter::cpu(herald.pid());
    poster::burst(herald.events, 32, warm_up..warm_up + EVENTS);
    sink.wait_for(warm_up + EVENTS);
    (meter::cpu(herald.pid()) - before).as_secs_f64() * 1e6 / EVENTS as f64
}

/// An Alert for two objects of the same kind and namespace as the poster's, and neither of them one of its.
fn other(number: usize) -> Value {
    let source = |name: String| json!({"kind": "Kustomization", "name": name, "namespace": "apps"});
    let sources = [source(format!("other-{number}-a")), source(format!("other-{number}-b"))];
    alert(&format!("other-{number}"), "sink", json!(sources))
}
