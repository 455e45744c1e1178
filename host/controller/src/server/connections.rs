//! Runs the connections of one listener until it is told to stop, and lets requests under way finish.
//!
//! It knows limits on headers, time and number of connections; it does not know what is answered.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use herald_core::intake::MAX_HEADER_BYTES;
use http::header::{CONNECTION, HeaderValue};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::listen::Listener;
use super::throttle::Throttle;

/// When nothing can be accepted, this is the first wait before it is tried again, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const MAX_PAUSE: Duration = Duration::from_secs(1);

/// Limits of the connections of one listener.
#[derive(Clone, Debug)]
pub struct ConnectionSettings {
    /// The most that the headers of a request may take. hyper adds a limit of its own: 100 headers.
    pub header_bytes: usize,
    /// The most time for the headers of a request, counted from the end of the one before: an idle connection is closed
    /// after it.
    pub header_time: Duration,
    /// The most connections at a time; others wait to be accepted.
    pub n_connections: usize,
    /// The most time for requests under way to finish at the end.
    pub drain: Duration,
}

impl Default for ConnectionSettings {
    fn default() -> Self {
        ConnectionSettings {
            header_bytes: MAX_HEADER_BYTES,
            header_time: Duration::from_secs(10),
            n_connections: 1024,
            drain: Duration::from_secs(5),
        }
    }
}

/// Has an answer to every request.
pub trait Answers: Clone + Send + Sync + 'static {
    /// The answer.
    fn answer(&self, request: Request) -> impl Future<Output = Response> + Send;
}

impl Answers for Router {
    async fn answer(&self, request: Request) -> Response {
        let Ok(response) = TowerToHyperService::new(self.clone()).call(request).await;
        response
    }
}

/// Answers requests until `shutdown`, within the usual limits; see [`serve_with`].
pub async fn serve(listener: Listener, answers: impl Answers, shutdown: CancellationToken) {
    serve_with(listener, answers, &ConnectionSettings::default(), shutdown).await;
}

/// Answers requests until `shutdown`; then takes no more connections and lets requests under way finish.
pub async fn serve_with(
    listener: Listener,
    answers: impl Answers,
    settings: &ConnectionSettings,
    shutdown: CancellationToken,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(settings.header_time)
        .max_header_size(settings.header_bytes);
    let slots = Slots {
        free: Arc::new(Semaphore::new(settings.n_connections)),
        n_scarce: settings.n_connections / 4,
    };
    let graceful = GracefulShutdown::new();
    let failures = Throttle::new(Duration::from_secs(1));
    let mut connections = JoinSet::new();
    let mut pause = FIRST_PAUSE;
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            Some(ended) = connections.join_next() => {
                note_panic(ended);
                continue;
            }
            accepted = accept(&listener, &slots) => accepted,
        };
        match accepted {
            Ok((stream, slot)) => {
                pause = FIRST_PAUSE;
                let connection =
                    run(stream, http.clone(), answers.clone(), slots.clone(), graceful.watcher());
                connections.spawn(async move {
                    connection.await;
                    drop(slot);
                });
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                if let Some(n_suppressed) = failures.admit(Instant::now()) {
                    tracing::error!(n_suppressed, "no connection can be accepted: {error}");
                }
                // The socket stays readable while file descriptors are short, so trying at once would spin.
                tokio::select! {
                    () = shutdown.cancelled() => break,
                    () = sleep(pause) => pause = (pause * 2).min(MAX_PAUSE),
                }
            }
        }
    }
    drop(listener);
    if timeout(settings.drain, graceful.shutdown()).await.is_err() {
        while connections.try_join_next().is_some() {}
        tracing::warn!(
            n_connections = connections.len(),
            "connections were cut: they did not end in time"
        );
    }
}

/// Room for connections.
#[derive(Clone)]
struct Slots {
    free: Arc<Semaphore>,
    n_scarce: usize,
}

impl Slots {
    /// Whether a connection had better end with its answer.
    ///
    /// Flux's emitters never read the text of an answer, so each 4xx leaves a connection that nobody uses until they
    /// give it up after 5 s; many of them must not keep new connections out.
    fn are_scarce(&self) -> bool {
        self.free.available_permits() < self.n_scarce
    }
}

async fn accept(
    listener: &Listener,
    slots: &Slots,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let slot = slots.free.clone().acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.socket().accept().await?;
    Ok((stream, slot))
}

async fn run(
    stream: TcpStream,
    http: http1::Builder,
    answers: impl Answers,
    slots: Slots,
    watcher: Watcher,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!("a connection keeps its delay: {error}");
    }
    let shared = Arc::new((answers, slots));
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let shared = Arc::clone(&shared);
        async move {
            let (answers, slots) = &*shared;
            let mut response = answers.answer(request.map(Body::new)).await;
            if slots.are_scarce() {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(response)
        }
    });
    let connection = http.serve_connection(TokioIo::new(stream), service);
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!("a connection ended early: {}", crate::telemetry::report(&error));
    }
}

fn note_panic(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!("a request ended in a panic, and its connection with it");
    }
}

/// Whether only the connection that was to be accepted is gone.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
