//! One dead receiver among a hundred: it hangs, then refuses connections. The others must not feel it.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::meter::{Rounds, percentile};
use crate::poster;
use crate::service::{Service, alert, provider};
use crate::sink::{Sink, TAKEN};

const PROVIDERS: usize = 100;
const ROUNDS: usize = 5;
/// Low enough for the machine to be idle most of the time, so that a wait is not one for a processor.
const RATE: f64 = 300.0;
/// The dead one hangs so long, and refuses as long again.
const HALF: Duration = Duration::from_secs(6);

/// From the moment at which an event was due to its arrival at the receiver.
pub(crate) fn run() {
    let mut figures = [(); 2].map(|()| (Rounds::default(), Rounds::default()));
    for _ in 0..ROUNDS {
        for (figure, has_dead) in figures.iter_mut().zip([false, true]) {
            let times = measure(has_dead);
            figure.0.add_micros(percentile(&times, 99));
            figure.1.add_micros(percentile(&times, 100));
        }
    }
    println!(
        "{PROVIDERS} receivers, {RATE} events/s for {:?}, from when an event is due to its arrival at one of the first 99, \
         us, {ROUNDS} rounds in turns",
        2 * HALF
    );
    let [without, with] = &figures;
    println!("  all alive:          p99 {}, longest {}", without.0, without.1);
    println!("  the hundredth dead: p99 {}, longest {}", with.0, with.1);
    println!("  p99 with it: {:.2} x (aim: 1.5)", with.0.median() / without.0.median());
}

/// How long each event took to the living, sorted.
fn measure(has_dead: bool) -> Vec<Duration> {
    let sink = Sink::start(TAKEN, None);
    let hangs = TcpListener::bind("127.0.0.1:0").unwrap();
    let dead = if has_dead { hangs.local_addr().unwrap() } else { sink.address };
    let manifests: Vec<Value> = (0..PROVIDERS)
        .flat_map(|number| {
            let address = if number == PROVIDERS - 1 { dead } else { sink.address };
            let spec = json!({"type": "generic", "address": format!("http://{address}/{number}")});
            let name = format!("p{number}");
            [provider(&name, spec), alert(&name, &name, sources(number))]
        })
        .collect();
    let herald = Service::herald(&manifests, &["--shutdown-grace", "0s"]);

    let is_over = Arc::new(AtomicBool::new(false));
    let over = Arc::clone(&is_over);
    // It owns the listener, so that nobody listens once it has ended.
    let hanging = thread::spawn(move || hang(hangs, &over));
    let ending = thread::spawn(move || {
        thread::sleep(HALF);
        is_over.store(true, Ordering::Relaxed);
        hanging.join().unwrap();
    });
    let due = poster::paced(herald.events, RATE, 2 * HALF, 0);
    ending.join().unwrap();

    let is_alive = |number: &usize| number % PROVIDERS != PROVIDERS - 1;
    sink.wait_for(due.keys().filter(|number| !has_dead || is_alive(number)).count());
    let arrivals = sink.arrivals();
    let mut times: Vec<Duration> = due
        .iter()
        .filter(|(number, _)| is_alive(number))
        .map(|(number, (due, _))| arrivals[number].duration_since(*due))
        .collect();
    times.sort_unstable();
    times
}

/// The objects of the poster that go to this Provider.
fn sources(provider: usize) -> Value {
    let objects = (provider..poster::OBJECTS).step_by(PROVIDERS);
    let source = |object| json!({"kind": "Kustomization", "name": format!("app-{object}"), "namespace": "apps"});
    objects.map(source).collect()
}

/// Takes connections and says nothing, until it is over; then the connections break and no more are taken.
fn hang(listener: TcpListener, is_over: &AtomicBool) {
    listener.set_nonblocking(true).unwrap();
    let mut taken = Vec::new();
    while !is_over.load(Ordering::Relaxed) {
        match listener.accept() {
            Ok((stream, _)) => taken.push(stream),
            Err(_) => thread::sleep(Duration::from_millis(5)),
        }
    }
}
