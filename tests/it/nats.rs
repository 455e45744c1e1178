//! The way out to NATS: what counts as sent, what is refused, TLS, kept connections, and servers that must not be
//! reached.

mod server;

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use herald_controller::egress::{Network, Prepared, Resolver, SendError, Transport};
use herald_controller::sources::folder::from_texts;
use herald_controller::telemetry::report;
use herald_core::policy::AddressPolicy;
use herald_core::provider::Provider;
use herald_tests::events::kustomization;
use herald_tests::eventually;
use herald_tests::herald::Herald;
use herald_tests::tls::Authority;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

use self::server::{Manner, Server};
use crate::serve::{client, folder};

const WITHIN: Duration = Duration::from_secs(10);

/// Every name leads to this address.
struct Name(&'static str);

impl Resolver for Name {
    fn lookup(&self, _: String) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>> {
        let address = self.0.parse().unwrap();
        Box::pin(async move { Ok(vec![address]) })
    }
}

fn network(name: &'static str, allow_loopback: bool) -> Network {
    drop(rustls::crypto::ring::default_provider().install_default());
    let policy = AddressPolicy { allow_loopback, allow_private: true };
    Network::with_resolver(policy, Arc::new(Name(name))).unwrap()
}

/// A Provider with this address and what else its spec says; every key of `secrets` is one Secret.
fn provider(address: &str, spec: Value, secrets: &[(&str, Value)]) -> Arc<Provider> {
    let mut whole = json!({"type": "nats", "address": address, "channel": "flux.events"});
    for (key, value) in spec.as_object().unwrap() {
        whole[key] = value.clone();
    }
    let mut documents = vec![json!({
        "apiVersion": "notification.toolkit.fluxcd.io/v1beta3", "kind": "Provider", "metadata": {"name": "p"}, "spec": whole,
    })];
    for (name, values) in secrets {
        documents.push(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": values}));
    }
    let text = documents.iter().map(Value::to_string).collect::<Vec<_>>().join("\n---\n");
    let loaded = from_texts(&[("p.yaml", &text)]);
    assert!(loaded.mistakes.is_empty(), "{:?}", loaded.mistakes.first().map(ToString::to_string));
    Arc::clone(loaded.catalog.providers.values().next().unwrap())
}

fn message(body: impl Into<Bytes>) -> Prepared {
    let id = (HeaderName::from_static("nats-msg-id"), HeaderValue::from_static("0af7"));
    Prepared {
        method: Method::from_bytes(b"PUBLISH").unwrap(),
        url: Url::parse("nats://nats.lab.example/flux.events").unwrap(),
        headers: HeaderMap::from_iter([id]),
        body: body.into(),
    }
}

/// What became of a message: `sent`, or the kind of the failure and its text.
async fn sent(network: &Network, provider: &Provider) -> (String, String) {
    outcome(network.send(provider, message("{}"), WITHIN).await)
}

fn outcome(result: Result<herald_core::formatter::Response, SendError>) -> (String, String) {
    match result {
        Ok(response) => {
            assert_eq!((response.status, response.body), (200, Vec::new()));
            ("sent".to_owned(), String::new())
        }
        Err(err) => (err.kind().to_owned(), report(&err)),
    }
}

/// Rule R8.
#[tokio::test]
async fn a_message_is_sent_once_its_server_answers_the_ping_behind_it() {
    let server = Server::start(Manner::default()).await;
    let network = network("127.0.0.1", true);
    let provider = provider(&format!("nats://nats.lab.example:{}", server.port()), json!({}), &[]);
    for _ in 0..3 {
        assert_eq!(sent(&network, &provider).await.0, "sent");
    }
    let one = "HPUB flux.events 31 33\r\nNATS/1.0\r\nNats-Msg-Id: 0af7\r\n\r\n{}";
    assert_eq!(server.messages(), [one; 3]);
    assert_eq!(server.connections(), 1, "the connection is kept");

    let silent = Server::start(Manner { is_silent: true, ..Manner::default() }).await;
    let provider = self::provider(&format!("nats://127.0.0.1:{}", silent.port()), json!({}), &[]);
    let quick = Duration::from_millis(300);
    let (kind, text) = outcome(network.send(&provider, message("{}"), quick).await);
    assert_eq!((kind.as_str(), silent.messages().len()), ("timeout", 1), "{text}");
}

#[tokio::test]
async fn a_server_without_headers_gets_the_payload_alone() {
    let manner = Manner { info: json!({"headers": false}), ..Manner::default() };
    let server = Server::start(manner).await;
    let provider = provider(&format!("nats://127.0.0.1:{}", server.port()), json!({}), &[]);
    assert_eq!(sent(&network("127.0.0.1", true), &provider).await.0, "sent");
    assert_eq!(server.messages(), ["PUB flux.events 2\r\n{}"]);
}

/// Rule R8.
#[tokio::test]
async fn what_a_server_refuses_says_what_to_change() {
    let check = async |manner: Manner, expected: &str, says: &str| {
        let server = Server::start(manner).await;
        let address = format!("nats://127.0.0.1:{}", server.port());
        let (kind, text) =
            sent(&network("127.0.0.1", true), &provider(&address, json!({}), &[])).await;
        assert_eq!(kind, expected, "{text}");
        assert!(text.contains(says), "{text}");
    };
    let refuses = |words| Manner { refuses: Some(words), ..Manner::default() };
    let complains = |words| Manner { complains: Some(words), ..Manner::default() };
    check(refuses("Authorization Violation"), "refused", "correct `creds`, `nkey`").await;
    check(refuses("maximum connections exceeded"), "connect", "maximum connections").await;
    let forbidden = complains("Permissions Violation for Publish to \"flux.events\"");
    check(forbidden, "refused", "let its user publish").await;
    check(complains("Invalid Publish Subject"), "refused", "spec.channel").await;
    let small = Manner { info: json!({"max_payload": 32}), ..Manner::default() };
    check(small, "too-large", "at most 32 bytes").await;
}

#[tokio::test]
async fn a_kept_connection_that_ended_is_replaced() {
    let server = Server::start(Manner { closes_after: Some(1), ..Manner::default() }).await;
    let network = network("127.0.0.1", true);
    let provider = provider(&format!("nats://127.0.0.1:{}", server.port()), json!({}), &[]);
    for _ in 0..3 {
        assert_eq!(sent(&network, &provider).await.0, "sent");
    }
    assert_eq!((server.messages().len(), server.connections()), (3, 3));
}

#[tokio::test]
async fn a_changed_secret_or_a_leaving_server_makes_a_new_connection() {
    let network = network("127.0.0.1", true);
    let server = Server::start(Manner::default()).await;
    let address = format!("nats://127.0.0.1:{}", server.port());
    for password in ["fake-1", "fake-2", "fake-2"] {
        let secret = [("s", json!({"username": "ann", "password": password}))];
        let provider = provider(&address, json!({"secretRef": {"name": "s"}}), &secret);
        assert_eq!(sent(&network, &provider).await.0, "sent");
    }
    let passwords: Vec<Value> = server.logins().iter().map(|login| login["pass"].clone()).collect();
    assert_eq!(passwords, ["fake-1", "fake-2"]);

    let leaving = Server::start(Manner { info: json!({"ldm": true}), ..Manner::default() }).await;
    let provider = provider(&format!("nats://127.0.0.1:{}", leaving.port()), json!({}), &[]);
    for _ in 0..2 {
        assert_eq!(sent(&network, &provider).await.0, "sent");
    }
    assert_eq!(leaving.connections(), 2);
}

#[tokio::test]
async fn tls_asks_for_the_name_and_trusts_the_given_authority() {
    let (ours, other) = (Authority::default(), Authority::default());
    let manner = |clients| Manner {
        tls: Some(ours.server("nats.lab.example", clients)),
        ..Manner::default()
    };
    let server = Server::start(manner(false)).await;
    let network = network("127.0.0.1", true);
    let with = |address: String, keys: Value| {
        provider(&address, json!({"certSecretRef": {"name": "tls"}}), &[("tls", keys)])
    };
    let at =
        |scheme: &str, host: &str, server: &Server| format!("{scheme}://{host}:{}", server.port());
    let ca = || json!({"ca.crt": ours.pem()});
    for (address, keys, expected) in [
        (at("tls", "nats.lab.example", &server), ca(), "sent"),
        // The server demands it.
        (at("nats", "nats.lab.example", &server), ca(), "sent"),
        (at("tls", "other.lab.example", &server), ca(), "connect"),
        (at("tls", "127.0.0.1", &server), ca(), "connect"),
        (at("tls", "nats.lab.example", &server), json!({"ca.crt": other.pem()}), "connect"),
    ] {
        let (kind, text) = sent(&network, &with(address.clone(), keys)).await;
        assert_eq!(kind, expected, "{address}: {text}");
    }
    let unknown = provider(&at("tls", "nats.lab.example", &server), json!({}), &[]);
    assert_eq!(sent(&network, &unknown).await.0, "connect", "the system does not know it");
    assert_eq!(server.hosts(), ["nats.lab.example"; 2]);

    let strict = Server::start(manner(true)).await;
    let (certificate, key) = ours.client("herald");
    let shown = json!({"ca.crt": ours.pem(), "tls.crt": certificate, "tls.key": key});
    let address = at("tls", "nats.lab.example", &strict);
    assert_eq!(sent(&network, &with(address.clone(), shown)).await.0, "sent");
    assert_eq!(sent(&network, &with(address, ca())).await.0, "connect");
}

/// Rule R8.
#[tokio::test]
async fn tls_that_is_wanted_is_never_left_out() {
    let authority = Authority::default();
    let plain = Server::start(Manner::default()).await;
    let network = network("127.0.0.1", true);
    let certified =
        (json!({"certSecretRef": {"name": "tls"}}), [("tls", json!({"ca.crt": authority.pem()}))]);
    for provider in [
        provider(&format!("tls://nats.lab.example:{}", plain.port()), json!({}), &[]),
        provider(&format!("nats://nats.lab.example:{}", plain.port()), certified.0, &certified.1),
    ] {
        let (kind, text) = sent(&network, &provider).await;
        assert_eq!(kind, "settings", "{text}");
    }
    assert!(plain.logins().is_empty(), "nothing was said in the clear");

    let tls = Some(authority.server("nats.lab.example", false));
    let injected = Manner { tls, behind_info: "PONG\r\n", ..Manner::default() };
    let server = Server::start(injected).await;
    let secret = [("tls", json!({"ca.crt": authority.pem()}))];
    let address = format!("tls://nats.lab.example:{}", server.port());
    let provider = provider(&address, json!({"certSecretRef": {"name": "tls"}}), &secret);
    assert_eq!(sent(&network, &provider).await.0, "connect", "words in the clear before TLS");
    assert!(server.logins().is_empty());
}

/// Rule R8.
#[tokio::test]
async fn only_allowed_servers_of_the_address_are_dialed() {
    let server = Server::start(Manner::default()).await;
    let other = format!("127.0.0.1:{}", server.port());
    let (strict, loose) = (network("127.0.0.1", false), network("169.254.169.254", true));
    for host in ["127.0.0.1", "localhost", "[::1]", "2130706433", "nats.lab.example"] {
        let provider = provider(&format!("nats://{host}:{}", server.port()), json!({}), &[]);
        assert_eq!(sent(&strict, &provider).await.0, "denied", "{host}");
    }
    for host in ["169.254.169.254", "nats.lab.example"] {
        let provider = provider(&format!("nats://{host}:4222"), json!({}), &[]);
        assert_eq!(sent(&loose, &provider).await.0, "denied", "{host}");
    }
    assert_eq!(server.connections(), 0);

    // One that tells of others and then goes away: they are no way out.
    let manner = Manner {
        info: json!({"connect_urls": [other]}),
        refuses: Some("Server Shutdown"),
        ..Manner::default()
    };
    let telling = Server::start(manner).await;
    let address = format!("nats://127.0.0.1:{}", telling.port());
    let provider = provider(&address, json!({}), &[]);
    assert_eq!(sent(&network("127.0.0.1", true), &provider).await.0, "connect");
    assert_eq!((telling.connections(), server.connections()), (1, 0));
}

#[tokio::test]
async fn the_next_server_of_a_list_takes_over() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed_port = closed.local_addr().unwrap().port();
    drop(closed);
    // It takes connections and never greets.
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mute_port = mute.local_addr().unwrap().port();
    let server = Server::start(Manner::default()).await;
    let network = network("127.0.0.1", true);
    let address =
        format!("nats://127.0.0.1:{closed_port},127.0.0.1:{mute_port},127.0.0.1:{}", server.port());
    let provider = self::provider(&address, json!({}), &[]);
    let patient = Duration::from_secs(2);
    assert_eq!(outcome(network.send(&provider, message("{}"), patient).await).0, "sent");
    assert_eq!(server.messages().len(), 1);
}

#[tokio::test]
async fn a_listener_that_is_no_server_of_nats_learns_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("nats://ann:fake-password@{}", listener.local_addr().unwrap());
    let heard = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        socket.writable().await.unwrap();
        assert!(socket.try_write(b"SSH-2.0-OpenSSH_9.2\r\n").unwrap() > 0);
        let mut heard = Vec::new();
        drop(socket.read_to_end(&mut heard).await);
        heard
    });
    let (kind, text) = sent(&network("127.0.0.1", true), &provider(&address, json!({}), &[])).await;
    assert_eq!(kind, "connect");
    assert!(text.contains("no server of NATS") && !text.contains("fake-password"), "{text}");
    assert!(heard.await.unwrap().is_empty());
}

#[tokio::test]
async fn an_event_is_published_through_the_running_service() {
    let server = Server::start(Manner::default()).await;
    let spec = json!({
        "type": "nats", "channel": "flux.events", "secretRef": {"name": "hook"},
        "address": format!("nats://127.0.0.1:{}", server.port()),
    });
    let config = folder(&spec, &json!({"username": "ann", "password": "fake"}));
    let data = tempfile::tempdir().unwrap();
    let herald = Herald::start(config.path(), &data.path().join("data"), &[]).await;
    let event = kustomization("storefront", "info", "ReconciliationSucceeded", "published");
    let answer = client().post(herald.events()).body(event.to_string()).send().await.unwrap();
    assert_eq!(answer.status(), 202);
    eventually("the message arrives", WITHIN, || server.messages().len() == 1).await;
    let message = server.messages().remove(0);
    let (head, payload) = message.split_once("\r\n\r\n").unwrap();
    let mut lines = head.lines();
    assert!(lines.next().is_some_and(|line| line.starts_with("HPUB flux.events ")), "{head}");
    assert_eq!(lines.next(), Some("NATS/1.0"));
    let id = lines.next().and_then(|line| line.strip_prefix("Nats-Msg-Id: "));
    assert!(id.is_some_and(|id| id.len() == 32), "{head}");
    let payload: Value = serde_json::from_str(payload).unwrap();
    assert_eq!(payload["message"], "published");
    assert_eq!(server.logins()[0]["user"], "ann");
    assert_eq!(herald.stop().await, Some(0));
}
