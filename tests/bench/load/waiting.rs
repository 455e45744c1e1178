//! What a hundred thousand deliveries that wait cost: memory, and the way back to work after a restart.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::meter;
use crate::poster;
use crate::service::{self, Service, alert, everything, provider};
use crate::sink::{IN_AN_HOUR, Sink, TAKEN};

const EVENTS: usize = 100_000;

/// All events wait for a receiver that asks for an hour; then Herald starts anew, and another receiver gets an event.
pub(crate) fn run() {
    let busy = Sink::start(IN_AN_HOUR, None);
    let work = tempfile::tempdir().unwrap();
    let (config, data) = (work.path().join("config"), work.path().join("data"));
    let to =
        |sink: &Sink| json!({"type": "generic", "address": format!("http://{}/", sink.address)});
    let mut manifests = vec![provider("busy", to(&busy)), alert("busy", "busy", everything())];
    service::write(&config, &manifests);
    let mut herald = Service::herald_in(&config, &data, &[]);
    let at_rest = meter::memory(herald.pid(), "VmRSS");
    poster::burst(herald.events, 32, 0..EVENTS);
    wait_until(&herald, EVENTS);
    println!("{EVENTS} waiting deliveries");
    println!(
        "  memory {} MiB, at most {} MiB while they came in; at rest before {} MiB (aim: 200)",
        meter::memory(herald.pid(), "VmRSS") >> 20,
        meter::memory(herald.pid(), "VmHWM") >> 20,
        at_rest >> 20,
    );
    println!("  journal {} bytes an event", meter::journal_bytes(&data) / EVENTS as u64);
    herald.stop();
    drop(herald);

    let free = Sink::start(TAKEN, None);
    manifests.extend([provider("free", to(&free)), alert("free", "free", everything())]);
    service::write(&config, &manifests);
    let began = Instant::now();
    let herald = Service::herald_in(&config, &data, &[]);
    let listening = began.elapsed();
    poster::burst(herald.events, 1, EVENTS..EVENTS + 1);
    free.wait_for(1);
    let delivering = began.elapsed();
    wait_until(&herald, EVENTS);
    println!(
        "  after a restart: listening after {listening:.2?}, the next event delivered after {delivering:.2?}, all waiting \
         again after {:.2?}, memory {} MiB, at most {} MiB (aim: 5 s, 200 MiB)",
        began.elapsed(),
        meter::memory(herald.pid(), "VmRSS") >> 20,
        meter::memory(herald.pid(), "VmHWM") >> 20,
    );
}

/// Waits until so many deliveries wait.
fn wait_until(herald: &Service, count: usize) {
    let end = Instant::now() + Duration::from_secs(300);
    loop {
        let text = scrape(herald.metrics.unwrap());
        let line = text.lines().find_map(|line| line.strip_prefix("herald_deliveries_waiting "));
        if line.and_then(|value| value.parse::<usize>().ok()).is_some_and(|found| found >= count) {
            return;
        }
        assert!(Instant::now() < end, "{line:?} of {count} wait");
        thread::sleep(Duration::from_millis(20));
    }
}

fn scrape(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nhost: herald\r\nconnection: close\r\n\r\n")
        .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}
