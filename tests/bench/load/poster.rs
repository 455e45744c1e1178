//! Makes load: posts events over kept connections, as fast as they are answered or at a pace of its own. It speaks HTTP by
//! hand, so that most of the machine is left to what is measured.

use std::collections::HashMap;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use herald_tests::events::kustomization;

/// Over so many objects the events are spread.
pub(crate) const OBJECTS: usize = 500;

/// The body of event `number`, of about 620 bytes; no two are the same.
pub(crate) fn event(number: usize) -> String {
    let name = format!("app-{}", number % OBJECTS);
    let message = format!(
        "event {number}: Deployment/apps/storefront configured, Service/apps/storefront unchanged, reconciled in 1.2 s"
    );
    kustomization(&name, "info", "ReconciliationSucceeded", &message).to_string()
}

/// A kept connection to Herald.
struct Connection {
    stream: BufReader<TcpStream>,
    line: String,
}

impl Connection {
    fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream), line: String::new() })
    }

    /// Posts one body and reads the answer, which has no body when it is 202.
    fn post(&mut self, body: &str) -> io::Result<u16> {
        let request = format!(
            "POST / HTTP/1.1\r\nhost: herald\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        let mut status = 0;
        let mut length = 0;
        loop {
            self.line.clear();
            if self.stream.read_line(&mut self.line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let line = self.line.trim_end();
            if line.is_empty() {
                io::copy(&mut self.stream.by_ref().take(length), &mut io::sink())?;
                return Ok(status);
            }
            if status == 0 {
                status = line.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
        }
    }
}

/// Posts the events of these numbers over so many connections, each one after its answer; how long each took, sorted.
///
/// # Panics
/// One was not answered 202.
pub(crate) fn burst(
    address: SocketAddr,
    connections: usize,
    numbers: std::ops::Range<usize>,
) -> Vec<Duration> {
    let worker = |offset: usize| {
        let mut connection = Connection::open(address).unwrap();
        let mut times = Vec::new();
        for number in numbers.clone().skip(offset).step_by(connections) {
            let body = event(number);
            let began = Instant::now();
            assert_eq!(connection.post(&body).unwrap(), 202, "event {number}");
            times.push(began.elapsed());
        }
        times
    };
    let mut times = all(connections, worker);
    times.sort_unstable();
    times
}

/// When each event was due, and how long its answer took from then.
pub(crate) type Paced = HashMap<usize, (Instant, Duration)>;

/// Posts events from `first` on at `rate` a second for `time`, whether earlier ones are answered or not.
///
/// Each of many connections has a share of the rate, at times of chance, so that hardly one waits for another.
pub(crate) fn paced(address: SocketAddr, rate: f64, time: Duration, first: usize) -> Paced {
    const CONNECTIONS: usize = 32;
    let worker = |offset: usize| {
        let mut connection = Connection::open(address).unwrap();
        let mut times = Vec::new();
        let number_of = |nth| first + offset + nth * CONNECTIONS;
        // What the poster itself needs for a body is none of the answer's time.
        let mut body = event(number_of(0));
        at_moments(rate / CONNECTIONS as f64, time, (first + offset) as u64, |nth, due| {
            let number = number_of(nth);
            assert_eq!(connection.post(&body).unwrap(), 202, "event {number}");
            times.push((number, (due, due.elapsed())));
            body = event(number_of(nth + 1));
        });
        times
    };
    all(CONNECTIONS, worker).into_iter().collect()
}

/// The answers' times, sorted.
pub(crate) fn sorted(paced: &Paced) -> Vec<Duration> {
    let mut times: Vec<Duration> = paced.values().map(|(_, took)| *took).collect();
    times.sort_unstable();
    times
}

/// Runs `work` at times of chance, `rate` a second on average (a Poisson process), and tells it when it was due.
pub(crate) fn at_moments(
    rate: f64,
    time: Duration,
    seed: u64,
    mut work: impl FnMut(usize, Instant),
) {
    let mut chance = Rng::with_seed(seed);
    let began = Instant::now();
    let mut due = began;
    for nth in 0.. {
        due += Duration::from_secs_f64(-(1.0 - chance.f64()).ln() / rate);
        if due - began > time {
            return;
        }
        if let Some(wait) = due.checked_duration_since(Instant::now()) {
            thread::sleep(wait);
        }
        work(nth, due);
    }
}

fn all<T: Send>(workers: usize, work: impl Fn(usize) -> Vec<T> + Sync) -> Vec<T> {
    thread::scope(|scope| {
        let work = &work;
        let workers: Vec<_> =
            (0..workers).map(|worker| scope.spawn(move || work(worker))).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    })
}
