//! Which answer each post gets.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use herald_core::intake::{DedupKey, MAX_BODY_BYTES};
use jiff::Timestamp;
use tokio::sync::Semaphore;

use super::*;
use crate::telemetry::Metrics;

type Reply = fn() -> Result<Kept, NotKept>;

/// A keeper that answers as it is told, when it is told.
#[derive(Clone)]
struct Script {
    reply: Reply,
    bodies: Arc<Mutex<Vec<Bytes>>>,
    /// A post takes one away.
    go: Arc<Semaphore>,
}

impl Script {
    fn new(reply: Reply) -> Script {
        Script { reply, bodies: Arc::default(), go: Arc::new(Semaphore::new(1000)) }
    }

    fn n_bodies(&self) -> usize {
        self.bodies.lock().expect("no panic").len()
    }
}

impl Keeper for Script {
    async fn keep(&self, _key: DedupKey, body: Bytes) -> Result<Kept, NotKept> {
        self.bodies.lock().expect("no panic").push(body);
        self.go.acquire().await.expect("never closed").forget();
        (self.reply)()
    }
}

async fn serve_script(script: &Script, request_time: Duration) -> (Served, Metrics) {
    let metrics = Metrics::new("1");
    let settings =
        EventSettings { window: Duration::from_secs(300), request_time, paths_in_metrics: false };
    let router = super::events(script.clone(), settings, metrics.clone());
    let limits = ConnectionSettings { drain: PATIENCE, ..ConnectionSettings::default() };
    (start(router, limits).await, metrics)
}

async fn post(reply: Reply, body: &[u8]) -> Got {
    let script = Script::new(reply);
    let (served, _) = serve_script(&script, PATIENCE).await;
    ask(&served, &request("POST", "/", body)).await
}

fn new() -> Result<Kept, NotKept> {
    Ok(Kept::New)
}

/// A body of exactly this length that is an event.
fn event_of(n_bytes: usize) -> Vec<u8> {
    let (before, after) = (r#"{"message":""#, r#""}"#);
    let filler = "m".repeat(n_bytes - before.len() - after.len());
    [before, &filler, after].concat().into_bytes()
}

/// The same in chunks of 64 KiB.
fn chunked(body: &[u8]) -> Vec<u8> {
    let mut bytes = b"POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    for chunk in body.chunks(64 << 10) {
        bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}

#[tokio::test]
async fn a_kept_event_is_answered_202_without_a_body() {
    let before = Timestamp::now();
    let got = post(new, br#"{"message":"m"}"#).await;
    assert_eq!((got.status, got.body.as_str()), (202, ""));
    assert_eq!(got.header("content-length"), Some("0"));
    assert_eq!(got.header("x-ratelimit-limit"), Some("1"));
    assert_eq!(got.header("x-ratelimit-remaining"), Some("0"));
    assert_eq!(got.header("retry-after"), None);
    let reset = httpdate::parse_http_date(got.header("x-ratelimit-reset").expect("a date"));
    let reset = Timestamp::try_from(reset.expect("an HTTP date")).expect("a time");
    let seconds = reset.as_second() - before.as_second();
    assert!((300..330).contains(&seconds), "the window ends after {seconds} s");
}

#[tokio::test]
async fn a_duplicate_is_answered_429_with_the_end_of_its_window() {
    let duplicate = || {
        let until = Timestamp::from_second(1_773_480_413).expect("a time");
        Ok(Kept::Duplicate { until })
    };
    let got = post(duplicate, b"{}").await;
    assert_eq!((got.status, got.body.as_str()), (429, "Too Many Requests\n"));
    assert_eq!(got.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(got.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(got.header("x-ratelimit-limit"), Some("1"));
    assert_eq!(got.header("x-ratelimit-remaining"), Some("0"));
    let date = Some("Sat, 14 Mar 2026 09:26:53 GMT");
    assert_eq!(got.header("x-ratelimit-reset"), date);
    assert_eq!(got.header("retry-after"), date);
}

#[tokio::test]
async fn an_event_that_cannot_be_kept_is_answered_503() {
    let got = post(|| Err(NotKept::new("the disk at /secret/path is full")), b"{}").await;
    assert_eq!(got.status, 503);
    assert_eq!(got.body, "the event was not kept: send it again\n");
    assert_eq!(got.header("retry-after"), None);
    assert_eq!(got.header("x-ratelimit-limit"), None);
}

#[tokio::test]
async fn what_is_no_event_is_answered_400_with_one_line() {
    let check = async |body: &[u8], part: &str| {
        let got = post(new, body).await;
        assert_eq!(got.status, 400);
        assert!(got.body.contains(part), "{}", got.body);
        assert_eq!(got.body.lines().count(), 1, "{}", got.body);
        assert_eq!(got.header("x-ratelimit-limit"), None);
    };
    check(b"", "not one JSON document").await;
    check(b"{", "not one JSON document").await;
    check(br#"{"message":7}"#, "message must be").await;
    check(br#"{"metadata":{"a\nb":7}}"#, "metadata").await;
}

#[tokio::test]
async fn null_is_an_event() {
    assert_eq!(post(new, b"null").await.status, 202);
}

#[tokio::test]
async fn any_path_and_any_method_is_taken() {
    let script = Script::new(new);
    let (served, _) = serve_script(&script, PATIENCE).await;
    let check = async |method, path: &str| {
        let got = ask(&served, &request(method, path, b"{}")).await;
        assert_eq!(got.status, 202, "{method} {path}");
    };
    check("POST", "/").await;
    check("PUT", "/a/b?c=d").await;
    check("GET", "//..%00/%zz").await;
    check("DELETE", "/healthz").await;
    check("BREW", "/metrics").await;
    check("OPTIONS", "*").await;
    check("POST", "http://herald.example/").await;
    check("POST", &format!("/{}", "p".repeat(60_000))).await;
    assert_eq!(script.n_bodies(), 8);
}

#[tokio::test]
async fn a_body_may_have_three_mebibytes_and_no_byte_more() {
    let script = Script::new(new);
    let (served, metrics) = serve_script(&script, PATIENCE).await;
    let fits = event_of(MAX_BODY_BYTES);
    let too_long = event_of(MAX_BODY_BYTES + 1);
    let text = "the body is longer than 3145728 bytes\n";

    assert_eq!(ask(&served, &request("POST", "/", &fits)).await.status, 202);
    assert_eq!(ask(&served, &chunked(&fits)).await.status, 202);
    assert!(script.bodies.lock().expect("no panic").iter().all(|body| body == &fits));
    let got = ask(&served, &request("POST", "/", &too_long)).await;
    assert_eq!((got.status, got.body.as_str()), (413, text));
    let got = ask(&served, &chunked(&too_long)).await;
    assert_eq!((got.status, got.body.as_str()), (413, text));
    assert_eq!(script.n_bodies(), 2);

    let text = metrics.encode();
    assert!(text.contains("herald_events_total{outcome=\"too_large\"} 2\n"), "{text}");
    assert!(text.contains("herald_events_total{outcome=\"accepted\"} 2\n"), "{text}");
    assert!(text.contains("herald_event_accept_duration_seconds_count 2\n"), "{text}");
}

#[tokio::test]
async fn a_connection_outlives_a_body_that_is_too_long_if_it_is_read() {
    let (served, _) = serve_script(&Script::new(new), PATIENCE).await;
    let mut client = Client::connect(&served).await;
    client.write(&request("POST", "/", &event_of(5 << 20))).await;
    assert_eq!(client.read().await.expect("an answer").status, 413);
    client.write(&request("POST", "/", b"{}")).await;
    assert_eq!(client.read().await.expect("an answer").status, 202);
}

#[tokio::test]
async fn whoever_asks_before_sending_too_much_is_told_at_once() {
    let (served, _) = serve_script(&Script::new(new), PATIENCE).await;
    let mut client = Client::connect(&served).await;
    let head =
        "POST / HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ncontent-length: 99999999\r\n\r\n";
    client.write(head.as_bytes()).await;
    let got = client.read().await.expect("an answer");
    assert_eq!((got.status, got.header("connection")), (413, Some("close")));
    assert!(client.read().await.is_none());
}

#[tokio::test]
async fn a_body_that_is_cut_or_badly_framed_is_answered_400() {
    let script = Script::new(new);
    let (served, _) = serve_script(&script, PATIENCE).await;
    let broken = b"POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n";
    let got = ask(&served, broken).await;
    assert_eq!(got.status, 400);
    assert!(got.body.starts_with("the body cannot be read"), "{}", got.body);
    assert_eq!(script.n_bodies(), 0);
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_not_waited_for() {
    let (served, _) = serve_script(&Script::new(new), Duration::from_millis(100)).await;
    let mut client = Client::connect(&served).await;
    client.write(b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 10\r\n\r\n{").await;
    let got = client.read().await.expect("an answer");
    assert_eq!((got.status, got.body.as_str()), (400, "the body did not arrive in time\n"));
    assert!(client.read().await.is_none(), "the connection is closed");
}

#[tokio::test]
async fn a_journal_that_does_not_answer_is_not_waited_for() {
    let script = Script { go: Arc::new(Semaphore::new(0)), ..Script::new(new) };
    let (served, _) = serve_script(&script, Duration::from_millis(100)).await;
    assert_eq!(ask(&served, &request("POST", "/", b"{}")).await.status, 503);
}

#[tokio::test]
async fn a_request_under_way_is_finished_before_the_end() {
    let script = Script { go: Arc::new(Semaphore::new(0)), ..Script::new(new) };
    let (mut served, _) = serve_script(&script, PATIENCE).await;
    let mut idle = Client::connect(&served).await;
    idle.write(&request("POST", "/", b"")).await;
    assert_eq!(idle.read().await.expect("an answer").status, 400);
    let mut client = Client::connect(&served).await;
    client.write(&request("POST", "/", b"{}")).await;
    let waiting = async {
        while script.n_bodies() == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(PATIENCE, waiting).await.expect("the event reaches the journal");

    served.shutdown.cancel();
    assert!(idle.read().await.is_none(), "an idle connection is closed at once");
    assert!(TcpStream::connect(served.address).await.is_err(), "nothing new is taken");
    assert!(!served.task.is_finished());
    script.go.add_permits(1);
    assert_eq!(client.read().await.expect("an answer").status, 202);
    assert!(client.read().await.is_none(), "nothing follows on this connection");
    timeout(PATIENCE, &mut served.task).await.expect("the listener ends").expect("no panic");
}
