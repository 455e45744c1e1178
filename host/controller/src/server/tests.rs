//! The listeners through real sockets. Requests are written byte by byte, as a client library would hide the limits.

mod connections;
mod events;
mod probes;

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::*;

/// Nothing here may take longer; what does is broken.
const PATIENCE: Duration = Duration::from_secs(20);

/// A listener that serves until it is dropped.
struct Served {
    address: SocketAddr,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

async fn start(answers: impl Answers, settings: ConnectionSettings) -> Served {
    let address = "127.0.0.1:0".parse().expect("an address");
    let listener = Listener::bind(&address).await.expect("a port is free");
    let address = listener.local_addr();
    let shutdown = CancellationToken::new();
    let token = shutdown.clone();
    let task = tokio::spawn(async move { serve_with(listener, answers, &settings, token).await });
    Served { address, shutdown, task }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// One answer as it came over the wire; names of headers in lower case.
#[derive(Debug)]
struct Got {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Got {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// A connection.
struct Client(BufReader<TcpStream>);

impl Client {
    async fn connect(served: &Served) -> Client {
        let stream = TcpStream::connect(served.address).await.expect("it listens");
        Client(BufReader::new(stream))
    }

    async fn write(&mut self, bytes: &[u8]) {
        timeout(PATIENCE, self.0.write_all(bytes)).await.expect("it reads").expect("it is open");
    }

    /// The next answer; `None` when the connection was closed instead.
    async fn read(&mut self) -> Option<Got> {
        timeout(PATIENCE, self.read_answer()).await.expect("an answer or the end in time")
    }

    async fn read_answer(&mut self) -> Option<Got> {
        let status = self.line().await?;
        let status = status.split(' ').nth(1).expect("a status line").parse().expect("a number");
        let mut headers = Vec::new();
        loop {
            let line = self.line().await.expect("headers end with an empty line");
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(": ").expect("name and value");
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        let mut got = Got { status, headers, body: String::new() };
        let n_bytes = got.header("content-length").map_or(0, |n| n.parse().expect("a number"));
        let mut body = vec![0; n_bytes];
        self.0.read_exact(&mut body).await.expect("a whole body");
        got.body = String::from_utf8(body).expect("text");
        Some(got)
    }

    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.0.read_line(&mut line).await {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(line.trim_end().to_owned()),
        }
    }
}

/// A request with a body whose length is announced.
fn request(method: &str, path: &str, body: &[u8]) -> Vec<u8> {
    let head =
        format!("{method} {path} HTTP/1.1\r\nhost: h\r\ncontent-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// One request on a connection of its own.
async fn ask(served: &Served, request: &[u8]) -> Got {
    let mut client = Client::connect(served).await;
    client.write(request).await;
    client.read().await.expect("an answer")
}
