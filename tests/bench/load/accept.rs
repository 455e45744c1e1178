//! How fast an event is answered 202: at a steady pace beside the disk's own syncs, and as many as possible.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::meter::{Rounds, percentile};
use crate::poster;
use crate::service::{Service, one_way};
use crate::sink::{Sink, TAKEN};

const RATE: f64 = 1000.0;
const WINDOW: Duration = Duration::from_millis(2_500);
const ROUNDS: usize = 9;
/// What a commit of one event writes, more or less.
const PROBE_BYTES: usize = 4096;
/// A file that the probe writes over again, as SQLite does with its log.
const PROBE_PAGES: u64 = 1024;

/// Latency at 1,000 events a second, against a probe of the disk at the same pace: once beside Herald, so that both meet the
/// same disk and the same two cores, and once by turns, with the machine to itself. The disk of a virtual machine stalls at
/// times, and only what was measured in the same minute can be compared.
pub(crate) fn latency() {
    let sink = Sink::start(TAKEN, None);
    let herald = Service::herald(&one_way(&format!("http://{}/", sink.address)), &[]);
    let (mut beside, mut by_turns) = (Pair::default(), Pair::default());
    let mut first = 0;
    let mut post = || {
        let events = poster::sorted(&poster::paced(herald.events, RATE, WINDOW, first));
        // Numbers are given in steps of the connections, some further than others.
        first += 100_000;
        events
    };
    for round in 0..=ROUNDS {
        let seed = round as u64;
        let (events, disk) = thread::scope(|scope| {
            let disk = scope.spawn(|| probe(herald.data(), seed));
            (post(), disk.join().unwrap())
        });
        let (events_alone, disk_alone) = (post(), probe(herald.data(), seed));
        // The first round warms up.
        if round > 0 {
            beside.add(&events, &disk);
            by_turns.add(&events_alone, &disk_alone);
        }
    }
    println!(
        "accept at {RATE}/s, {ROUNDS} windows of {WINDOW:?} each, us, median [least-most] of the windows"
    );
    beside.print("the probe beside it (aim: 2.5)");
    by_turns.print("the probe by turns, alone");
}

/// What Herald and the probe took, window by window.
#[derive(Default)]
struct Pair {
    event_p50: Rounds,
    event_p99: Rounds,
    disk_p50: Rounds,
    disk_p99: Rounds,
}

impl Pair {
    fn add(&mut self, events: &[Duration], disk: &[Duration]) {
        self.event_p50.add_micros(percentile(events, 50));
        self.event_p99.add_micros(percentile(events, 99));
        self.disk_p50.add_micros(percentile(disk, 50));
        self.disk_p99.add_micros(percentile(disk, 99));
    }

    fn print(&self, title: &str) {
        let ratio = self.event_p99.median() / self.disk_p99.median();
        println!("  {title}: p99 {ratio:.2} x");
        println!("    202            p50 {}   p99 {}", self.event_p50, self.event_p99);
        println!("    fdatasync 4 KB p50 {}   p99 {}", self.disk_p50, self.disk_p99);
    }
}

/// Syncs of the disk at the same pace, each counted from the moment at which it was due.
fn probe(dir: &Path, seed: u64) -> Vec<Duration> {
    let file =
        File::options().create(true).truncate(false).write(true).open(dir.join("probe")).unwrap();
    let page = [7; PROBE_BYTES];
    for number in 0..PROBE_PAGES {
        file.write_all_at(&page, number * PROBE_BYTES as u64).unwrap();
    }
    file.sync_all().unwrap();
    let mut times = Vec::new();
    poster::at_moments(RATE, WINDOW, seed, |nth, due| {
        file.write_all_at(&page, nth as u64 % PROBE_PAGES * PROBE_BYTES as u64).unwrap();
        file.sync_data().unwrap();
        times.push(due.elapsed());
    });
    times.sort_unstable();
    times
}

/// Throughput with some numbers of connections, to a receiver that takes everything.
pub(crate) fn throughput() {
    println!("accept as fast as it goes, with a delivery for each event");
    for (connections, events) in [(1, 4_000), (32, 20_000), (256, 20_000)] {
        let mut rates = Rounds::default();
        let (mut p50, mut p99) = (Rounds::default(), Rounds::default());
        for _ in 0..3 {
            let sink = Sink::start(TAKEN, None);
            let herald = Service::herald(&one_way(&format!("http://{}/", sink.address)), &[]);
            let warm_up = events / 10;
            poster::burst(herald.events, connections, 0..warm_up);
            let began = Instant::now();
            let times = poster::burst(herald.events, connections, warm_up..warm_up + events);
            rates.add(events as f64 / began.elapsed().as_secs_f64());
            p50.add_micros(percentile(&times, 50));
            p99.add_micros(percentile(&times, 99));
        }
        println!(
            "  {connections:3} connections: {rates} events/s, 202 after p50 {p50} us, p99 {p99} us"
        );
    }
}
