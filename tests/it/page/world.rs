//! All hosts of the world on loopback: a proxy that opens any tunnel, behind which each host has a receiver of its own with
//! a certificate of the test's authority.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use herald_tests::receiver::{Received, Receiver, Reply};
use herald_tests::tls::Authority;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

/// The hosts, and who asked for them.
#[derive(Clone)]
pub(crate) struct World {
    authority: Arc<Authority>,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    hosts: BTreeMap<String, Receiver>,
    tunnels: Vec<Tunnel>,
}

/// What a client said to a proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tunnel {
    /// The proxy, as its name was given to [`World::proxy`].
    pub(crate) proxy: &'static str,
    /// The host and port behind it.
    pub(crate) target: String,
    /// The credentials for it.
    pub(crate) authorization: Option<String>,
}

impl World {
    pub(crate) fn new(authority: Authority) -> Self {
        Self { authority: Arc::new(authority), seen: Arc::default() }
    }

    /// The certificate that its clients have to trust.
    pub(crate) fn pem(&self) -> String {
        self.authority.pem()
    }

    /// A proxy into this world; with `tls` it is asked over TLS, as `localhost`. Its port.
    pub(crate) async fn proxy(&self, name: &'static str, tls: bool) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let world = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let world = world.clone();
                // A client may go away at any time; the test looks at what arrived.
                tokio::spawn(async move {
                    if tls {
                        let acceptor = world.authority.server("localhost", false);
                        if let Ok(stream) = acceptor.accept(stream).await {
                            drop(world.tunnel(name, stream).await);
                        }
                    } else {
                        drop(world.tunnel(name, stream).await);
                    }
                });
            }
        });
        port
    }

    async fn tunnel(
        &self,
        proxy: &'static str,
        mut stream: impl AsyncRead + AsyncWrite + Unpin,
    ) -> std::io::Result<()> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let target = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next());
        let Some(target) = target.map(str::to_owned) else {
            return stream.write_all(b"HTTP/1.1 400 x\r\ncontent-length: 0\r\n\r\n").await;
        };
        let authorization = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("proxy-authorization").then(|| value.to_owned())
        });
        let host = target.split(':').next().unwrap_or_default().to_owned();
        self.seen.lock().unwrap().tunnels.push(Tunnel { proxy, target, authorization });
        let receiver = self.host(&host).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
        let mut behind = TcpStream::connect(receiver.address()).await?;
        copy_bidirectional(&mut stream, &mut behind).await?;
        Ok(())
    }

    async fn host(&self, name: &str) -> Receiver {
        if let Some(receiver) = self.seen.lock().unwrap().hosts.get(name) {
            return receiver.clone();
        }
        let receiver = Receiver::start_tls(self.authority.server(name, false)).await;
        let host = name.to_owned();
        receiver.answer_with(move |request| answer(&host, request));
        let hosts = &mut self.seen.lock().unwrap().hosts;
        hosts.entry(name.to_owned()).or_insert(receiver).clone()
    }

    /// What a host was sent so far.
    pub(crate) fn received(&self, host: &str) -> Vec<Received> {
        let seen = self.seen.lock().unwrap();
        seen.hosts.get(host).map(Receiver::received).unwrap_or_default()
    }

    /// The hosts that were asked for.
    pub(crate) fn hosts(&self) -> Vec<String> {
        self.seen.lock().unwrap().hosts.keys().cloned().collect()
    }

    /// The tunnels that were opened.
    pub(crate) fn tunnels(&self) -> Vec<Tunnel> {
        self.seen.lock().unwrap().tunnels.clone()
    }
}

/// What a host answers to good news.
fn answer(host: &str, request: &Received) -> Reply {
    let json = |status: u16, body: Value| {
        Reply::status(status).header("content-type", "application/json").body(body.to_string())
    };
    match (host, request.method.as_str()) {
        ("slack.com" | "api.telegram.org", _) => json(200, json!({"ok": true})),
        ("open.larksuite.com", _) => json(200, json!({"code": 0, "msg": "success"})),
        ("matrix.org", _) => json(200, json!({"event_id": "$fake"})),
        ("api.github.com", "GET") => json(200, json!([])),
        ("api.github.com", _) if request.target.ends_with("/dispatches") => Reply::status(204),
        ("api.github.com", _) => json(201, json!({"id": 1})),
        ("fluxv2.servicebus.windows.net", _) => Reply::status(201),
        _ => Reply::status(200).body("ok"),
    }
}
