//! A receiver on loopback: it keeps what it was sent and answers as it is told.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::tls::Authority;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Received {
    /// The method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

impl Received {
    /// The body as JSON.
    ///
    /// # Panics
    /// It is no JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The first header of this name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// What it answers.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// Headers to add.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// How long it waits before it answers.
    pub delay: Duration,
}

impl Reply {
    /// A status and nothing else.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new(), delay: Duration::ZERO }
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// With a body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// After a while.
    #[must_use]
    pub fn delayed(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

/// The receiver. It answers 200 with an empty body unless replies were queued.
#[derive(Clone)]
pub struct Receiver {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

/// How clients come in.
#[derive(Clone)]
enum Door {
    Plain,
    Tls(TlsAcceptor),
    World(Arc<Authority>),
}

struct State {
    received: Vec<Received>,
    replies: VecDeque<Reply>,
    otherwise: Box<dyn Fn(&Received) -> Reply + Send>,
    connections: usize,
}

impl Receiver {
    /// Listens on a free port of 127.0.0.1.
    ///
    /// # Panics
    /// There is no free port.
    pub async fn start() -> Self {
        Self::listen(Door::Plain, "127.0.0.1:0").await.unwrap()
    }

    /// Listens at this address.
    ///
    /// # Errors
    /// It is taken.
    pub async fn start_at(address: &str) -> std::io::Result<Self> {
        Self::listen(Door::Plain, address).await
    }

    /// The same with TLS.
    ///
    /// # Panics
    /// There is no free port.
    pub async fn start_tls(acceptor: TlsAcceptor) -> Self {
        Self::listen(Door::Tls(acceptor), "127.0.0.1:0").await.unwrap()
    }

    /// A proxy that stands for the whole world: it opens a tunnel to any host, and is that host, with a certificate of
    /// this authority.
    ///
    /// # Panics
    /// There is no free port.
    pub async fn start_world(authority: Arc<Authority>) -> Self {
        Self::listen(Door::World(authority), "127.0.0.1:0").await.unwrap()
    }

    async fn listen(door: Door, address: &str) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let state = State {
            received: Vec::new(),
            replies: VecDeque::new(),
            otherwise: Box::new(|_| Reply::status(200)),
            connections: 0,
        };
        let receiver = Self { address: listener.local_addr()?, state: Arc::new(Mutex::new(state)) };
        let accepting = receiver.clone();
        tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else { continue };
                let (receiver, door) = (accepting.clone(), door.clone());
                receiver.state.lock().unwrap().connections += 1;
                tokio::spawn(async move {
                    // A client that does not trust us ends the handshake.
                    drop(receiver.welcome(stream, door).await);
                });
            }
        });
        Ok(receiver)
    }

    async fn welcome(&self, mut stream: TcpStream, door: Door) -> std::io::Result<()> {
        match door {
            Door::Plain => self.serve(stream).await,
            Door::Tls(acceptor) => self.serve(acceptor.accept(stream).await?).await,
            Door::World(authority) => {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await?);
                }
                let head = String::from_utf8_lossy(&head).into_owned();
                let host = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(':').next());
                let host = host.ok_or(std::io::ErrorKind::InvalidData)?;
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
                self.serve(authority.server(host, false).accept(stream).await?).await;
            }
        }
        Ok(())
    }

    async fn serve(&self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let service = service_fn(|request: Request<Incoming>| {
            let receiver = self.clone();
            async move { receiver.answer(request).await }
        });
        // A client may go away in the middle; the test looks at what arrived.
        drop(
            Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), service)
                .await,
        );
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, hyper::Error> {
        let (parts, body) = request.into_parts();
        let headers = parts
            .headers
            .iter()
            .map(|(name, value)| {
                (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
            })
            .collect();
        let body = body.collect().await?.to_bytes();
        let received = Received {
            method: parts.method.to_string(),
            target: parts.uri.to_string(),
            headers,
            body,
        };
        let reply = {
            let mut state = self.state.lock().unwrap();
            let reply = state.replies.pop_front().unwrap_or_else(|| (state.otherwise)(&received));
            state.received.push(received);
            reply
        };
        tokio::time::sleep(reply.delay).await;
        let mut response = Response::builder().status(reply.status);
        for (name, value) in &reply.headers {
            response = response.header(*name, value);
        }
        Ok(response.body(Full::new(reply.body.into())).unwrap())
    }

    /// Its host and port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A URL on it.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Answers the next requests with these, in order.
    pub fn queue(&self, replies: impl IntoIterator<Item = Reply>) {
        self.state.lock().unwrap().replies.extend(replies);
    }

    /// Answers every request without a queued reply with this.
    pub fn otherwise(&self, reply: Reply) {
        self.answer_with(move |_| reply.clone());
    }

    /// Answers every request without a queued reply as this says.
    pub fn answer_with(&self, answer: impl Fn(&Received) -> Reply + Send + 'static) {
        self.state.lock().unwrap().otherwise = Box::new(answer);
    }

    /// What arrived so far.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.state.lock().unwrap().received.clone()
    }

    /// How many requests arrived so far.
    #[must_use]
    pub fn count(&self) -> usize {
        self.state.lock().unwrap().received.len()
    }

    /// How many connections were made so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.state.lock().unwrap().connections
    }
}
