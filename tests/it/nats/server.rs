//! A server of NATS on loopback, as far as a publisher sees one: it keeps what it was sent and complains as it is told.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// How it treats its clients.
#[derive(Clone, Default)]
pub(crate) struct Manner {
    /// What it says of itself besides what every server does.
    pub(crate) info: Value,
    /// It wants TLS after its greeting.
    pub(crate) tls: Option<TlsAcceptor>,
    /// Follows the greeting in the clear.
    pub(crate) behind_info: &'static str,
    /// It refuses every login with these words.
    pub(crate) refuses: Option<&'static str>,
    /// It complains about every message in these words.
    pub(crate) complains: Option<&'static str>,
    /// It answers no ping after a message.
    pub(crate) is_silent: bool,
    /// It closes the connection after so many messages.
    pub(crate) closes_after: Option<usize>,
}

#[derive(Default)]
struct Seen {
    connections: usize,
    logins: Vec<Value>,
    messages: Vec<String>,
    hosts: Vec<String>,
}

/// The server.
#[derive(Clone)]
pub(crate) struct Server {
    address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
}

impl Server {
    pub(crate) async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let kept = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                kept.lock().unwrap().connections += 1;
                let (manner, seen) = (manner.clone(), Arc::clone(&kept));
                tokio::spawn(async move { drop(greet(socket, manner, seen).await) });
            }
        });
        Self { address, seen }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn connections(&self) -> usize {
        self.seen.lock().unwrap().connections
    }

    /// What its clients said of themselves.
    pub(crate) fn logins(&self) -> Vec<Value> {
        self.seen.lock().unwrap().logins.clone()
    }

    /// The messages as they came, with their first line.
    pub(crate) fn messages(&self) -> Vec<String> {
        self.seen.lock().unwrap().messages.clone()
    }

    /// The names by which clients asked for it in TLS.
    pub(crate) fn hosts(&self) -> Vec<String> {
        self.seen.lock().unwrap().hosts.clone()
    }
}

async fn greet(
    mut socket: TcpStream,
    manner: Manner,
    seen: Arc<Mutex<Seen>>,
) -> std::io::Result<()> {
    let mut info = json!({
        "server_id": "FAKE", "version": "2.10.0", "headers": true, "max_payload": 1 << 20,
        "tls_required": manner.tls.is_some(),
    });
    for (key, value) in manner.info.as_object().into_iter().flatten() {
        info[key] = value.clone();
    }
    socket.write_all(format!("INFO {info}\r\n{}", manner.behind_info).as_bytes()).await?;
    match &manner.tls {
        Some(tls) => {
            let stream = tls.accept(socket).await?;
            let host = stream.get_ref().1.server_name().unwrap_or_default().to_owned();
            seen.lock().unwrap().hosts.push(host);
            talk(stream, manner, seen).await
        }
        None => talk(socket, manner, seen).await,
    }
}

async fn talk(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    manner: Manner,
    seen: Arc<Mutex<Seen>>,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut n_messages = 0;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["CONNECT", ..] => {
                let said = line.strip_prefix("CONNECT ").unwrap();
                seen.lock().unwrap().logins.push(serde_json::from_str(said)?);
                if let Some(complaint) = manner.refuses {
                    stream.write_all(format!("-ERR '{complaint}'\r\n").as_bytes()).await?;
                    return stream.flush().await;
                }
            }
            ["PUB" | "HPUB", _, .., len] => {
                let mut payload = vec![0; len.parse::<usize>().unwrap() + 2];
                stream.read_exact(&mut payload).await?;
                let message = [line.as_str(), &String::from_utf8(payload).unwrap()].concat();
                seen.lock().unwrap().messages.push(message.trim_end().to_owned());
                n_messages += 1;
                if let Some(complaint) = manner.complains {
                    stream.write_all(format!("-ERR '{complaint}'\r\n").as_bytes()).await?;
                }
            }
            ["PING"] if manner.is_silent && n_messages > 0 => {}
            ["PING"] => {
                // A client that is asked while it waits has to answer both.
                stream.write_all(b"PING\r\n+OK\r\nPONG\r\n").await?;
            }
            ["PONG"] => {
                if manner.closes_after.is_some_and(|limit| n_messages >= limit) {
                    return Ok(());
                }
            }
            _ => stream.write_all(b"-ERR 'Unknown Protocol Operation'\r\n").await?,
        }
        stream.flush().await?;
    }
}
