//! The way out against real sockets: TLS, proxies, redirects, limits, and addresses that must not be reached.

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use herald_controller::egress::{
    HttpTransport, MAX_ANSWER_BYTES, Prepared, Resolver, SendError, Transport,
};
use herald_controller::sources::folder::from_texts;
use herald_core::formatter::Response;
use herald_core::policy::AddressPolicy;
use herald_core::provider::Provider;
use herald_tests::receiver::{Receiver, Reply};
use herald_tests::tls::Authority;
use reqwest::header::HeaderMap;
use reqwest::{Method, Url};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const WITHIN: Duration = Duration::from_secs(5);

/// Names to addresses as the test says; each lookup takes the next answer, the last one stays.
struct Names(Mutex<Vec<Vec<IpAddr>>>);

impl Names {
    fn to(addresses: &[&str]) -> Arc<Self> {
        Self::in_turn(&[addresses])
    }

    fn in_turn(answers: &[&[&str]]) -> Arc<Self> {
        let parse =
            |answer: &&[&str]| answer.iter().map(|address| address.parse().unwrap()).collect();
        Arc::new(Self(Mutex::new(answers.iter().map(parse).collect())))
    }
}

impl Resolver for Names {
    fn lookup(&self, _: String) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>> {
        let mut answers = self.0.lock().unwrap();
        let answer = if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() };
        Box::pin(async move { Ok(answer) })
    }
}

fn transport(names: Arc<Names>, allow_loopback: bool) -> HttpTransport {
    drop(rustls::crypto::ring::default_provider().install_default());
    HttpTransport::with_resolver(AddressPolicy { allow_loopback, allow_private: true }, names)
        .unwrap()
}

/// A Provider with this spec and the Secrets that it names.
fn provider(spec: Value, secrets: &[(&str, Value)]) -> Arc<Provider> {
    let mut spec = spec;
    spec["type"] = json!("generic");
    let mut documents = vec![json!({
        "apiVersion": "notification.toolkit.fluxcd.io/v1beta3", "kind": "Provider", "metadata": {"name": "p"}, "spec": spec,
    })];
    for (name, values) in secrets {
        documents.push(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": values}));
    }
    let text = documents.iter().map(Value::to_string).collect::<Vec<_>>().join("\n---\n");
    let loaded = from_texts(&[("p.yaml", &text)]);
    assert!(
        loaded.mistakes.is_empty(),
        "{:?}",
        loaded.mistakes.iter().map(ToString::to_string).collect::<Vec<_>>()
    );
    Arc::clone(loaded.catalog.providers.values().next().unwrap())
}

async fn send(
    transport: &HttpTransport,
    provider: &Provider,
    url: &str,
) -> Result<Response, SendError> {
    let request = Prepared {
        method: Method::POST,
        url: Url::parse(url).unwrap(),
        headers: HeaderMap::new(),
        body: Bytes::from_static(b"{\"m\":1}"),
    };
    transport.send(provider, request, WITHIN).await
}

fn kind(result: &Result<Response, SendError>) -> &'static str {
    match result {
        Ok(_) => "answered",
        Err(err) => err.kind(),
    }
}

#[tokio::test]
async fn a_private_authority_is_trusted_only_where_it_is_given() {
    let (ours, other) = (Authority::default(), Authority::default());
    let receiver = Receiver::start_tls(ours.server("hooks.lab.example", false)).await;
    let url = format!("https://hooks.lab.example:{}/x", receiver.address().port());
    let transport = transport(Names::to(&["127.0.0.1"]), true);
    let with = |pem: String| {
        provider(
            json!({"address": url, "certSecretRef": {"name": "tls"}}),
            &[("tls", json!({"ca.crt": pem}))],
        )
    };
    assert_eq!(kind(&send(&transport, &with(ours.pem()), &url).await), "answered");
    assert_eq!(kind(&send(&transport, &with(other.pem()), &url).await), "connect");
    assert_eq!(
        kind(&send(&transport, &provider(json!({"address": url}), &[]), &url).await),
        "connect"
    );
    assert_eq!(receiver.count(), 1);
}

#[tokio::test]
async fn a_client_certificate_is_shown_to_a_receiver_that_asks() {
    let authority = Authority::default();
    let receiver = Receiver::start_tls(authority.server("hooks.lab.example", true)).await;
    let url = format!("https://hooks.lab.example:{}/x", receiver.address().port());
    let transport = transport(Names::to(&["127.0.0.1"]), true);
    let (certificate, key) = authority.client("test-client");
    for (keys, expected) in [
        (json!({"ca.crt": authority.pem(), "tls.crt": certificate, "tls.key": key}), "answered"),
        (json!({"caFile": authority.pem(), "certFile": certificate, "keyFile": key}), "answered"),
        (json!({"ca.crt": authority.pem()}), "connect"),
    ] {
        let provider =
            provider(json!({"address": url, "certSecretRef": {"name": "tls"}}), &[("tls", keys)]);
        assert_eq!(kind(&send(&transport, &provider, &url).await), expected);
    }
}

#[tokio::test]
async fn connections_are_kept_for_each_set_of_tls_settings() {
    let authority = Authority::default();
    let receiver = Receiver::start_tls(authority.server("hooks.lab.example", false)).await;
    let url = format!("https://hooks.lab.example:{}/x", receiver.address().port());
    let transport = transport(Names::to(&["127.0.0.1"]), true);
    let spec = json!({"address": url, "certSecretRef": {"name": "tls"}});
    let provider = provider(spec, &[("tls", json!({"ca.crt": authority.pem()}))]);
    for _ in 0..3 {
        assert_eq!(kind(&send(&transport, &provider, &url).await), "answered");
    }
    assert_eq!((receiver.count(), receiver.connections()), (3, 1));
}

/// A proxy that opens tunnels to `target`, whatever name it is asked for; returns its address and the heads it got.
async fn tunneling_proxy(
    target: std::net::SocketAddr,
) -> (std::net::SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let heads = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&heads);
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(client.read_u8().await.unwrap());
            }
            seen.lock().unwrap().push(String::from_utf8(head).unwrap());
            client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            let mut server = TcpStream::connect(target).await.unwrap();
            tokio::spawn(async move {
                drop(tokio::io::copy_bidirectional(&mut client, &mut server).await)
            });
        }
    });
    (address, heads)
}

#[tokio::test]
async fn a_proxy_gets_its_credentials_and_opens_a_tunnel() {
    let authority = Authority::default();
    let receiver = Receiver::start_tls(authority.server("hooks.lab.example", false)).await;
    let (proxy, heads) = tunneling_proxy(receiver.address()).await;
    let transport = transport(Names::to(&["127.0.0.1"]), true);
    let spec = json!({
        "address": "https://hooks.lab.example/flux",
        "proxySecretRef": {"name": "proxy"},
        "certSecretRef": {"name": "tls"},
    });
    let secrets = [
        (
            "proxy",
            json!({"address": format!("http://proxy.lab.example:{}", proxy.port()), "username": "pu", "password": "fake p@ss"}),
        ),
        ("tls", json!({"ca.crt": authority.pem()})),
    ];
    let provider = provider(spec, &secrets);
    assert_eq!(
        kind(&send(&transport, &provider, "https://hooks.lab.example/flux").await),
        "answered"
    );
    let head = heads.lock().unwrap()[0].to_lowercase();
    assert!(head.starts_with("connect hooks.lab.example:443 "), "{head}");
    assert!(head.contains("proxy-authorization: basic chu6zmfrzsbwqhnz"), "{head}");
    assert_eq!(receiver.received()[0].target, "/flux");
}

/// Rule R5.
#[tokio::test]
async fn redirects_go_to_the_same_origin_only() {
    let (receiver, other) = (Receiver::start().await, Receiver::start().await);
    let transport = transport(Names::to(&["127.0.0.1"]), true);
    let provider = provider(json!({"address": receiver.url("/")}), &[]);
    for (status, location, expected, arrives) in [
        (307, "/moved".to_owned(), 200, 2),
        (308, receiver.url("/moved"), 200, 2),
        (302, "/moved".to_owned(), 302, 1),
        (308, other.url("/moved"), 308, 1),
        (307, "http://169.254.169.254/latest".to_owned(), 307, 1),
    ] {
        let before = receiver.count();
        receiver.queue([Reply::status(status).header("location", location)]);
        let answer = send(&transport, &provider, &receiver.url("/")).await.unwrap();
        assert_eq!((answer.status, receiver.count() - before), (expected, arrives), "{status}");
    }
    assert_eq!(other.count(), 0);
    receiver.otherwise(Reply::status(307).header("location", "/again"));
    assert_eq!(kind(&send(&transport, &provider, &receiver.url("/")).await), "redirects");
}

/// Rule R1.
#[tokio::test]
async fn answers_and_waits_are_bounded() {
    let receiver = Receiver::start().await;
    let transport = transport(Names::to(&["127.0.0.1"]), true);
    let provider = provider(json!({"address": receiver.url("/")}), &[]);
    receiver.queue([
        Reply::status(200).body(vec![b'x'; MAX_ANSWER_BYTES]),
        Reply::status(200).body(vec![b'x'; MAX_ANSWER_BYTES + 1]),
    ]);
    assert_eq!(
        send(&transport, &provider, &receiver.url("/")).await.unwrap().body.len(),
        MAX_ANSWER_BYTES
    );
    assert_eq!(kind(&send(&transport, &provider, &receiver.url("/")).await), "too-long");

    receiver.queue([Reply::status(200).delayed(Duration::from_secs(60))]);
    let request = Prepared {
        method: Method::POST,
        url: Url::parse(&receiver.url("/")).unwrap(),
        headers: HeaderMap::new(),
        body: Bytes::new(),
    };
    let answer = transport.send(&provider, request, Duration::from_millis(200)).await;
    assert_eq!(kind(&answer), "timeout");
}

/// Rule R5.
#[tokio::test]
async fn forbidden_addresses_are_never_dialed() {
    let receiver = Receiver::start().await;
    let port = receiver.address().port();
    let strict = transport(Names::to(&["127.0.0.1"]), false);
    let plain = provider(json!({"address": "https://hooks.lab.example/"}), &[]);
    for host in [
        "127.0.0.1",
        "localhost",
        "127.1",
        "2130706433",
        "0x7f000001",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "hooks.lab.example",
    ] {
        let result = send(&strict, &plain, &format!("http://{host}:{port}/")).await;
        assert_eq!(kind(&result), "denied", "{host}");
    }
    // Link-local and metadata addresses stay closed when loopback is open.
    let loose = transport(Names::to(&["169.254.169.254"]), true);
    for host in [
        "169.254.169.254",
        "[fe80::1]",
        "[::ffff:a9fe:a9fe]",
        "metadata.google.internal",
        "hooks.lab.example",
    ] {
        assert_eq!(
            kind(&send(&loose, &plain, &format!("http://{host}/")).await),
            "denied",
            "{host}"
        );
    }
    assert_eq!(receiver.connections(), 0);
}

/// Rule R5.
#[tokio::test]
async fn a_name_that_changes_its_answer_gains_nothing() {
    let receiver = Receiver::start().await;
    let names = Names::in_turn(&[&["203.0.113.7", "127.0.0.1"], &["127.0.0.1"]]);
    let transport = transport(names, false);
    let provider = provider(json!({"address": "https://hooks.lab.example/"}), &[]);
    let url = format!("http://rebind.lab.example:{}/", receiver.address().port());
    assert_eq!(kind(&send(&transport, &provider, &url).await), "denied", "a mixed answer");
    assert_eq!(
        kind(&send(&transport, &provider, &url).await),
        "denied",
        "the answer at the time of the dial"
    );
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test]
async fn a_name_that_does_not_resolve_says_so_without_the_url() {
    let transport = transport(Arc::new(Names(Mutex::new(vec![Vec::new()]))), true);
    let provider = provider(json!({"address": "https://hooks.lab.example/"}), &[]);
    let err = send(&transport, &provider, "https://nowhere.invalid/secret-path?key=fake-key")
        .await
        .unwrap_err();
    let text = herald_controller::telemetry::report(&err);
    assert_eq!(err.kind(), "dns");
    assert!(
        text.contains("nowhere.invalid")
            && !text.contains("secret-path")
            && !text.contains("fake-key"),
        "{text}"
    );
}
