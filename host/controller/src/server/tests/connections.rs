//! Limits of connections, whatever is answered on them.

use axum::routing::any;

use super::*;

fn ok() -> Router {
    Router::new().fallback(any(async || "ok"))
}

fn settings() -> ConnectionSettings {
    ConnectionSettings { header_time: PATIENCE, drain: PATIENCE, ..ConnectionSettings::default() }
}

#[tokio::test]
async fn a_connection_serves_many_requests() {
    let served = start(ok(), settings()).await;
    let mut client = Client::connect(&served).await;
    for _ in 0..3 {
        client.write(&request("POST", "/", b"")).await;
        let got = client.read().await.expect("an answer");
        assert_eq!((got.status, got.header("connection")), (200, None));
    }
    client.write(b"GET / HTTP/1.1\r\nhost: h\r\n\r\nGET / HTTP/1.1\r\nhost: h\r\n\r\n").await;
    assert_eq!(client.read().await.expect("an answer").status, 200);
    assert_eq!(client.read().await.expect("an answer").status, 200);
}

#[tokio::test]
async fn headers_may_have_256_kibibytes() {
    let served = start(ok(), settings()).await;
    let check = async |n_bytes: usize, status| {
        let (before, after) = ("GET / HTTP/1.1\r\nhost: h\r\nx: ", "\r\n\r\n");
        let value = "v".repeat(n_bytes - before.len() - after.len());
        let got = ask(&served, [before, &value, after].concat().as_bytes()).await;
        assert_eq!(got.status, status, "{n_bytes} bytes of headers");
    };
    check(250 << 10, 200).await;
    check((256 << 10) + 1, 431).await;
}

#[tokio::test]
async fn headers_that_do_not_arrive_are_not_waited_for() {
    let quick = Duration::from_millis(100);
    let served = start(ok(), ConnectionSettings { header_time: quick, ..settings() }).await;
    let check = async |bytes: &[u8]| {
        let mut client = Client::connect(&served).await;
        client.write(bytes).await;
        assert!(client.read().await.is_none(), "the connection is closed");
    };
    check(b"").await;
    check(b"GET / HTTP/1.1\r\nhost: h\r\n").await;

    let mut idle = Client::connect(&served).await;
    idle.write(&request("GET", "/", b"")).await;
    assert_eq!(idle.read().await.expect("an answer").status, 200);
    assert!(idle.read().await.is_none(), "an idle connection is closed");
}

#[tokio::test]
async fn a_connection_too_many_waits_for_its_turn() {
    let served = start(ok(), ConnectionSettings { n_connections: 1, ..settings() }).await;
    let mut first = Client::connect(&served).await;
    first.write(&request("GET", "/", b"")).await;
    assert_eq!(first.read().await.expect("an answer").status, 200);

    let mut second = Client::connect(&served).await;
    second.write(&request("GET", "/", b"")).await;
    let early = timeout(Duration::from_millis(50), second.0.fill_buf()).await;
    assert!(early.is_err(), "the second is answered while the first is open");
    drop(first);
    assert_eq!(second.read().await.expect("an answer").status, 200);
}

#[tokio::test]
async fn connections_end_with_their_answer_while_they_are_scarce() {
    let served = start(ok(), ConnectionSettings { n_connections: 4, ..settings() }).await;
    let mut clients = Vec::new();
    // One of the four is held for the connection that is accepted next.
    let expected = [None, None, Some("close")];
    for connection in expected {
        let mut client = Client::connect(&served).await;
        client.write(&request("GET", "/", b"")).await;
        let got = client.read().await.expect("an answer");
        assert_eq!((got.status, got.header("connection")), (200, connection));
        clients.push(client);
    }
}

#[tokio::test]
async fn a_panic_ends_one_connection_and_not_the_listener() {
    let fails = any(async |request: axum::extract::Request| {
        assert_eq!(request.uri().path(), "/fine", "asked to");
    });
    let served = start(Router::new().fallback(fails), settings()).await;
    let mut client = Client::connect(&served).await;
    client.write(&request("GET", "/panic", b"")).await;
    assert!(client.read().await.is_none());
    assert_eq!(ask(&served, &request("GET", "/fine", b"")).await.status, 200);
}
