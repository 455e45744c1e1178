//! Deliveries a second, and what one costs, to a receiver that keeps its connections: beside the floor, which does the
//! same with nothing around it.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use herald_tests::tls::Authority;
use serde_json::json;

use crate::meter::{self, Rounds};
use crate::poster;
use crate::service::{Service, alert, everything, one_way, provider};
use crate::sink::{Sink, TAKEN};

const CONNECTIONS: usize = 32;
const WARM_UP: usize = 3_000;
const EVENTS: usize = 20_000;
const ROUNDS: usize = 5;

/// What one kind of service did.
#[derive(Default)]
struct Figures {
    micros: Rounds,
    rates: Rounds,
    bytes: Rounds,
}

/// Herald and the floor by turns, over plain HTTP and over TLS.
pub(crate) fn run() {
    println!(
        "deliveries to one receiver over kept connections: {EVENTS} events after {WARM_UP}, {CONNECTIONS} posters, \
         median [least-most] of {ROUNDS} rounds"
    );
    let authority = Authority::default();
    for (name, is_tls) in [("plain", false), ("TLS", true)] {
        let (mut herald, mut floor) = (Figures::default(), Figures::default());
        for _ in 0..ROUNDS {
            let tls = is_tls.then_some(&authority);
            measure(&mut herald, tls, |address| with_herald(address, tls));
            measure(&mut floor, tls, |address| with_floor(address, tls));
        }
        for (who, figures) in [("Herald", &herald), ("floor", &floor)] {
            println!(
                "  {name:5} {who:6} CPU {:.1} us a delivery, {} deliveries/s, journal {} bytes an event",
                figures.micros, figures.rates, figures.bytes
            );
        }
        println!(
            "  {name:5} against the floor: {:.2} x (aim: 1.3)",
            herald.micros.median() / floor.micros.median()
        );
    }
}

fn measure(figures: &mut Figures, tls: Option<&Authority>, start: impl Fn(&str) -> Service) {
    let sink = Sink::start(TAKEN, tls.map(|authority| authority.server("localhost", false)));
    let address = match tls {
        None => format!("http://{}/", sink.address),
        Some(_) => format!("https://localhost:{}/", sink.address.port()),
    };
    let mut service = start(&address);
    poster::burst(service.events, CONNECTIONS, 0..WARM_UP);
    sink.wait_for(WARM_UP);
    let (before, began) = (meter::cpu(service.pid()), Instant::now());
    poster::burst(service.events, CONNECTIONS, WARM_UP..WARM_UP + EVENTS);
    sink.wait_for(WARM_UP + EVENTS);
    let (took, cpu) = (began.elapsed(), meter::cpu(service.pid()) - before);
    figures.micros.add(cpu.as_secs_f64() * 1e6 / EVENTS as f64);
    figures.rates.add(EVENTS as f64 / took.as_secs_f64());
    service.stop();
    figures.bytes.add(meter::journal_bytes(service.data()) as f64 / (WARM_UP + EVENTS) as f64);
}

fn with_herald(address: &str, tls: Option<&Authority>) -> Service {
    let Some(authority) = tls else { return Service::herald(&one_way(address), &[]) };
    let spec =
        json!({"type": "generic", "address": address, "certSecretRef": {"name": "authority"}});
    let secret = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "authority", "namespace": "apps"},
        "stringData": {"ca.crt": authority.pem()},
    });
    let manifests = [provider("sink", spec), alert("all", "sink", everything()), secret];
    Service::herald(&manifests, &[])
}

fn with_floor(address: &str, tls: Option<&Authority>) -> Service {
    let work = tempfile::tempdir().unwrap();
    let data = work.path().join("data");
    std::fs::create_dir_all(&data).unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--floor", address]).arg(&data);
    if let Some(authority) = tls {
        let path: &Path = &work.path().join("ca.crt");
        std::fs::write(path, authority.pem()).unwrap();
        command.arg(path);
    }
    Service::start(command, &data).owning(work)
}
