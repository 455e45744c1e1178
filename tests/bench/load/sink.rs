//! A receiver that costs as little as possible: it counts requests and answers all of them alike, over kept connections.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// What it answers when it takes an event.
pub(crate) const TAKEN: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
/// What it answers when the event shall come back in an hour.
pub(crate) const IN_AN_HOUR: &str =
    "HTTP/1.1 503 Service Unavailable\r\nretry-after: 3600\r\ncontent-length: 0\r\n\r\n";

/// A receiver in a thread of its own, until the program ends.
#[derive(Clone)]
pub(crate) struct Sink {
    pub(crate) address: SocketAddr,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    count: AtomicUsize,
    /// When the event of a number came.
    arrivals: Mutex<HashMap<usize, Instant>>,
}

impl Sink {
    /// Listens on a free port of 127.0.0.1.
    pub(crate) fn start(answer: &'static str, acceptor: Option<TlsAcceptor>) -> Self {
        let (told, address) = std::sync::mpsc::channel();
        let seen = Arc::<Seen>::default();
        let noted = Arc::clone(&seen);
        thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                told.send(listener.local_addr().unwrap()).unwrap();
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    stream.set_nodelay(true).unwrap();
                    let (seen, acceptor) = (Arc::clone(&noted), acceptor.clone());
                    tokio::spawn(async move {
                        match acceptor {
                            None => serve(stream, answer, &seen).await,
                            Some(acceptor) => match acceptor.accept(stream).await {
                                Ok(stream) => serve(stream, answer, &seen).await,
                                Err(_) => None,
                            },
                        }
                    });
                }
            });
        });
        Self { address: address.recv().unwrap(), seen }
    }

    /// How many requests it has answered.
    pub(crate) fn count(&self) -> usize {
        self.seen.count.load(Ordering::Relaxed)
    }

    /// When the event of each number came first.
    pub(crate) fn arrivals(&self) -> HashMap<usize, Instant> {
        self.seen.arrivals.lock().unwrap().clone()
    }

    /// Waits until it has answered so many.
    ///
    /// # Panics
    /// No more arrive.
    pub(crate) fn wait_for(&self, count: usize) {
        let (mut before, mut changed) = (self.count(), Instant::now());
        while self.count() < count {
            thread::sleep(Duration::from_millis(1));
            if self.count() > before {
                (before, changed) = (self.count(), Instant::now());
            }
            assert!(changed.elapsed() < Duration::from_secs(30), "{before} of {count} arrived");
        }
    }
}

/// Serves one connection; none when it has ended.
async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    answer: &str,
    seen: &Seen,
) -> Option<()> {
    let mut buffer = Vec::with_capacity(16 << 10);
    loop {
        let request = loop {
            if let Some(length) = length(&buffer).filter(|length| buffer.len() >= *length) {
                break length;
            }
            if stream.read_buf(&mut buffer).await.ok()? == 0 {
                return None;
            }
        };
        let now = Instant::now();
        if let Some(number) = number(&buffer[..request]) {
            seen.arrivals.lock().unwrap().entry(number).or_insert(now);
        }
        buffer.drain(..request);
        stream.write_all(answer.as_bytes()).await.ok()?;
        stream.flush().await.ok()?;
        seen.count.fetch_add(1, Ordering::Relaxed);
    }
}

/// The number of the poster's event in a request.
fn number(request: &[u8]) -> Option<usize> {
    let found = request.windows(6).position(|window| window == b"event ")? + 6;
    let digits: Vec<u8> = request[found..].iter().copied().take_while(u8::is_ascii_digit).collect();
    std::str::from_utf8(&digits).ok()?.parse().ok()
}

/// The length of the request at the beginning, once its headers are there.
fn length(buffer: &[u8]) -> Option<usize> {
    let head = buffer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&buffer[..head]).ok()?;
    let is_length = |line: &&str| {
        line.len() > 15 && line.as_bytes()[..15].eq_ignore_ascii_case(b"content-length:")
    };
    let body = text
        .lines()
        .find(is_length)
        .and_then(|line| line.split(':').nth(1)?.trim().parse::<usize>().ok());
    Some(head + body.unwrap_or(0))
}
