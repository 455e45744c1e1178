//! The floor: what cannot be left out between a post and its delivery, with nothing around it. hyper takes the event, the
//! same journal keeps it, one sandboxed call of the same module says what to send, the same client sends it, and the
//! journal keeps the outcome. No lanes, no rules, no masks, no metrics, no logs; one thread beside the journal's.

use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use herald_core::delivery::{DeliveryId, EventId, JournalId};
use herald_core::formatter::{
    Action, AlertRef, Delivery, Fragment, Origin, ProviderAddress, ProviderView, Request,
};
use herald_core::intake;
use herald_engine::{Disclosure, Engine, Module, Nothing, Settings};
use herald_journal::{Attempt, DeliveryRow, Journal, Record, State, StoredEvent};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// As many attempts at a time as a lane allows.
const CONCURRENCY: usize = 8;

/// Runs until it is ended: to one receiver, with a journal in `data`, trusting the authority in a file.
pub(crate) fn run(address: &str, data: &Path, authority: Option<&Path>) {
    drop(rustls::crypto::ring::default_provider().install_default());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(serve(address, data, authority));
}

async fn serve(address: &str, data: &Path, authority: Option<&Path>) {
    let (journal, mut recovered) =
        Journal::open(data, herald_journal::Settings::default()).await.unwrap();
    let sender = Arc::new(Sender::new(address, journal.clone(), authority).await);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let doors = json!({"events": listener.local_addr().unwrap().to_string()});
    std::fs::write(data.join("addresses.new"), doors.to_string()).unwrap();
    std::fs::rename(data.join("addresses.new"), data.join("addresses.json")).unwrap();

    let free = Arc::new(Semaphore::new(CONCURRENCY));
    tokio::spawn(async move {
        while let Some(stored) = recovered.events.recv().await {
            let permit = Arc::clone(&free).acquire_owned().await.unwrap();
            let sender = Arc::clone(&sender);
            tokio::spawn(async move {
                sender.deliver(stored).await;
                drop(permit);
            });
        }
    });
    let taking = journal.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let journal = taking.clone();
            let service = service_fn(move |request| take(journal.clone(), request));
            tokio::spawn(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    let mut terminate =
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).unwrap();
    terminate.recv().await;
    journal.close().await;
}

async fn take(
    journal: Journal,
    request: hyper::Request<Incoming>,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let key = intake::accept(&body).unwrap().key;
    journal.append(*key.as_bytes(), body, Timestamp::now()).await.unwrap();
    let mut response = Response::new(Empty::new());
    *response.status_mut() = StatusCode::ACCEPTED;
    Ok(response)
}

struct Sender {
    address: reqwest::Url,
    client: reqwest::Client,
    journal: Journal,
    journal_id: JournalId,
    module: Module,
    nothing: Arc<Nothing>,
}

impl Sender {
    async fn new(address: &str, journal: Journal, authority: Option<&Path>) -> Self {
        let engine = Engine::new(Settings::default()).unwrap();
        let wasm = herald_controller::modules::built_in("generic").unwrap().to_vec();
        Self {
            address: address.parse().unwrap(),
            client: client(authority),
            journal_id: JournalId::from_bytes(journal.id()),
            journal,
            module: engine.load(wasm, &[]).await.unwrap(),
            nothing: Arc::new(Nothing),
        }
    }

    async fn deliver(&self, stored: StoredEvent) {
        let began = Instant::now();
        let delivery = self.delivery(&stored);
        let disclosure: Arc<dyn Disclosure> = Arc::clone(&self.nothing) as _;
        let action = self.module.next(&delivery, disclosure).await.unwrap().unwrap();
        let Action::Finish(request) = action else { panic!("{action:?}") };
        let response = self.send(request).await;
        let status = response.status().as_u16();
        assert_eq!((status, response.bytes().await.unwrap().len()), (200, 0));
        // What Herald writes of a delivery that succeeds at once.
        self.journal.record(Record {
            rows: vec![DeliveryRow {
                event: stored.id,
                alert: "alert".into(),
                alert_name: "apps/all".into(),
                provider: "apps/sink".into(),
                object: delivery.event.involved_object.name.as_str().into(),
                state: State::Delivered,
                attempts: 1,
                due: None,
                at: Timestamp::now(),
                note: String::new(),
                attempt: Some(Attempt {
                    revision: self.module.digest().to_owned(),
                    status: Some(status),
                    took: began.elapsed(),
                }),
                replayed: None,
                plan: None,
                digest: None,
            }],
            closes: vec![stored.id],
            ..Record::default()
        });
    }

    fn delivery(&self, stored: &StoredEvent) -> Delivery {
        Delivery {
            id: DeliveryId::new(&self.journal_id, EventId(stored.id.0), "alert"),
            now: Timestamp::now(),
            event: intake::accept(&stored.body).unwrap().event,
            alert: AlertRef {
                namespace: "apps".to_owned(),
                name: "all".to_owned(),
                uid: "alert".to_owned(),
            },
            provider: ProviderView {
                namespace: "apps".to_owned(),
                name: "sink".to_owned(),
                uid: "provider".to_owned(),
                address: Some(ProviderAddress::Url(Origin {
                    scheme: "http".to_owned(),
                    host: "localhost".to_owned(),
                    port: None,
                })),
                config: "{}".to_owned(),
                ..ProviderView::default()
            },
            commit_status: None,
            remembered: None,
            responses: Vec::new(),
            facts: Vec::new(),
        }
    }

    async fn send(&self, request: Request) -> reqwest::Response {
        let mut builder = self.client.post(self.address.clone());
        for (name, value) in request.headers {
            builder = builder.header(name, joined(value));
        }
        builder.body(joined(request.body)).send().await.unwrap()
    }
}

fn joined(pieces: Vec<Fragment>) -> Vec<u8> {
    let mut whole = Vec::new();
    for piece in pieces {
        match piece {
            Fragment::Text(text) => whole.extend(text.into_bytes()),
            Fragment::Bytes(bytes) => whole.extend(bytes),
            other => panic!("{other:?}"),
        }
    }
    whole
}

#[expect(clippy::disallowed_methods, reason = "the floor is not Herald")]
fn client(authority: Option<&Path>) -> reqwest::Client {
    let mut builder = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(15));
    if let Some(path) = authority {
        let roots = reqwest::Certificate::from_pem_bundle(&std::fs::read(path).unwrap()).unwrap();
        builder = builder.tls_certs_only(roots);
    }
    builder.build().unwrap()
}
