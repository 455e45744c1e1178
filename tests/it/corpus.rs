//! Egress corpus: none is reached. Every trick of `tests/fixtures/egress/corpus.txt` as a Provider's address, as the
//! target of a redirect and as a proxy, while listeners on this machine count who comes.
//!
//! What is refused must say so: `denied`, or a mistake in the manifest. `connect`, `dns` and `timeout` would hide a dial.

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use herald_controller::egress::{
    Draft, HttpTransport, PrepareError, Prepared, Resolver, SendError, SystemResolver, Transport,
    prepare,
};
use herald_controller::sources::folder::from_texts;
use herald_core::formatter::{Base, Description, Purpose, Request, Response, Url as Target};
use herald_core::policy::AddressPolicy;
use herald_core::provider::Provider;
use herald_tests::receiver::{Receiver, Reply};
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Method, Url};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

const CORPUS: &str = include_str!("../fixtures/egress/corpus.txt");
/// Nothing here is dialed but this machine, which answers at once.
const WITHIN: Duration = Duration::from_secs(1);
/// A hole lets many lines through, and each waits for its answer.
const MANY: usize = 20;
/// Of the block for documentation: nobody answers there.
const GOOD: &str = "203.0.113.7";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Closed,
    Loopback,
    Unreadable,
}

/// A line of the corpus.
struct Line {
    number: usize,
    fate: Fate,
    url: String,
}

fn corpus(port: u16) -> Vec<Line> {
    let lines =
        (1..).zip(CORPUS.lines()).filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let lines: Vec<Line> = lines
        .map(|(number, line)| {
            let (word, url) = line.split_once(' ').unwrap();
            let fate = match word {
                "closed" => Fate::Closed,
                "loopback" => Fate::Loopback,
                "unreadable" => Fate::Unreadable,
                other => panic!("line {number}: `{other}` is no fate"),
            };
            Line { number, fate, url: url.replace("PORT", &port.to_string()) }
        })
        .collect();
    assert!(lines.len() > 150, "the corpus is cut: {} lines", lines.len());
    lines
}

/// Listeners with one port on many loopback addresses. They answer 200 and count connections.
struct Traps {
    port: u16,
    has_v6: bool,
    connections: Arc<AtomicUsize>,
}

impl Traps {
    async fn set() -> Self {
        for _ in 0..50 {
            let first = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = first.local_addr().unwrap().port();
            let mut listeners = vec![first];
            let others = ["127.0.0.2", "127.1.2.3", "127.255.255.254"];
            for host in others {
                listeners.extend(TcpListener::bind((host, port)).await);
            }
            if listeners.len() != 1 + others.len() {
                continue;
            }
            // There are machines without IPv6.
            let v6 = TcpListener::bind(("::1", port)).await.ok();
            let has_v6 = v6.is_some();
            listeners.extend(v6);
            let connections = Arc::new(AtomicUsize::new(0));
            for listener in listeners {
                tokio::spawn(answer(listener, Arc::clone(&connections)));
            }
            return Self { port, has_v6, connections };
        }
        panic!("no port is free on all loopback addresses");
    }

    fn count(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn answer(listener: TcpListener, connections: Arc<AtomicUsize>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        connections.fetch_add(1, Ordering::SeqCst);
        tokio::spawn(async move {
            let mut head = [0; 4096];
            drop(stream.read(&mut head).await);
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            drop(stream.write_all(answer).await);
        });
    }
}

/// A resolver that knows the names of the corpus, follows aliases, and reads numbers as the C library does.
struct Names {
    lookups: AtomicUsize,
}

impl Names {
    fn new() -> Arc<Self> {
        Arc::new(Self { lookups: AtomicUsize::new(0) })
    }

    fn addresses(name: &str) -> Vec<String> {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let listed: &[&str] = match name.as_str() {
            "good.lab.example" => &[GOOD],
            "to-metadata.lab.example" => &["169.254.169.254"],
            "to-metadata-v6.lab.example" => &["fd00:ec2::254"],
            "to-link-local.lab.example" => &["fe80::1"],
            "to-zero.lab.example" => &["0.0.0.0"],
            "to-mapped-metadata.lab.example" => &["::ffff:169.254.169.254"],
            "to-nat64-loopback.lab.example" => &["64:ff9b::127.0.0.1"],
            "to-loopback.lab.example" => &["127.0.0.1"],
            "to-mapped-loopback.lab.example" => &["::ffff:127.0.0.1"],
            "good-then-metadata.lab.example" => &[GOOD, "169.254.169.254"],
            "metadata-then-good.lab.example" => &["169.254.169.254", GOOD],
            "loopback-then-metadata.lab.example" => &["127.0.0.1", "169.254.169.254"],
            "alias-of-metadata.lab.example" => return Self::addresses("second.lab.example"),
            "second.lab.example" => return Self::addresses("third.lab.example"),
            "third.lab.example" => return Self::addresses("to-metadata.lab.example"),
            "alias-of-loopback.lab.example" => return Self::addresses("fourth.lab.example"),
            "fourth.lab.example" => return Self::addresses("localhost"),
            "localhost" | "localhost.localdomain" | "ip6-localhost" | "ip6-loopback" => {
                &["127.0.0.1"]
            }
            name if name.ends_with(".localhost") => &["127.0.0.1"],
            _ => &[],
        };
        listed.iter().map(|&address| address.to_owned()).collect()
    }
}

impl Resolver for Names {
    fn lookup(
        &self,
        host: String,
    ) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>> {
        self.lookups.fetch_add(1, Ordering::SeqCst);
        // `getaddrinfo` takes `127.1` and `0x7f000001` as well; so does the parser of URLs.
        let number = Url::parse(&format!("http://{host}/"))
            .ok()
            .and_then(|url| url.host_str()?.trim_matches(['[', ']']).parse::<IpAddr>().ok());
        let found = match number {
            Some(ip) => vec![ip],
            None => Self::addresses(&host).iter().map(|ip| ip.parse().unwrap()).collect(),
        };
        Box::pin(async move { Ok(found) })
    }
}

fn transport(resolver: Arc<dyn Resolver>, allow_loopback: bool) -> HttpTransport {
    drop(rustls::crypto::ring::default_provider().install_default());
    HttpTransport::with_resolver(AddressPolicy { allow_loopback, allow_private: true }, resolver)
        .unwrap()
}

/// The Provider of these manifests, if nothing is wrong with them.
fn provider(spec: Value, secret: &Value) -> Option<Arc<Provider>> {
    let mut spec = spec;
    spec["type"] = json!("generic");
    let documents = [
        json!({"apiVersion": "notification.toolkit.fluxcd.io/v1beta3", "kind": "Provider", "metadata": {"name": "p"}, "spec": spec}),
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": secret}),
    ];
    let text = documents.iter().map(Value::to_string).collect::<Vec<_>>().join("\n---\n");
    let loaded = from_texts(&[("p.yaml", &text)]);
    let provider = Arc::clone(loaded.catalog.providers.values().next().unwrap());
    assert_eq!(
        loaded.mistakes.is_empty(),
        provider.problems.is_empty(),
        "a mistake keeps a Provider from being used: {:?}",
        provider.problems
    );
    provider.problems.is_empty().then_some(provider)
}

/// What comes of one request to the Provider's own address: a kind of error, `answered`, or `unreadable`.
async fn send(transport: &HttpTransport, provider: Option<Arc<Provider>>) -> String {
    let Some(provider) = provider else { return "unreadable".to_owned() };
    let url = Target { base: Base::Address, path: Vec::new(), query: Vec::new() };
    let request = Request { method: "POST".to_owned(), url, headers: Vec::new(), body: Vec::new() };
    let description = Description {
        summary: "x".to_owned(),
        purpose: Purpose::Forward,
        hosts: Vec::new(),
        secrets: Vec::new(),
        credentials: Vec::new(),
        config_schema: String::new(),
    };
    match prepare(&request, &description, &provider) {
        Ok(Draft::Whole(prepared)) => kind(&transport.send(&provider, prepared, WITHIN).await),
        Ok(Draft::Lacking { credential, .. }) => format!("it lacks {credential}"),
        Err(PrepareError::NoUrl) => "unreadable".to_owned(),
        Err(err) => format!("not prepared: {err}"),
    }
}

fn kind(result: &Result<Response, SendError>) -> String {
    match result {
        Ok(_) => "answered".to_owned(),
        Err(err) => err.kind().to_owned(),
    }
}

/// Everything that is not as it should be, so that one run shows all of it.
#[derive(Default)]
struct Findings(Vec<String>);

impl Findings {
    fn check(&mut self, line: &Line, way: &str, found: &str, expected: &[&str]) {
        if !expected.contains(&found) {
            let Line { number, url, .. } = line;
            self.0.push(format!("line {number}: {url} {way}: {found}, expected {expected:?}"));
            assert!(self.0.len() < MANY, "{MANY} or more:\n{}", self.0.join("\n"));
        }
    }

    fn assert_none(self) {
        assert!(self.0.is_empty(), "{} of the corpus:\n{}", self.0.len(), self.0.join("\n"));
    }
}

/// Rule R5.
#[tokio::test]
async fn none_is_reached_as_an_address() {
    let traps = Traps::set().await;
    let strict = transport(Names::new(), false);
    let mut findings = Findings::default();
    for line in corpus(traps.port) {
        let expected = match line.fate {
            Fate::Closed | Fate::Loopback => "denied",
            Fate::Unreadable => "unreadable",
        };
        let by_spec = provider(json!({"address": line.url}), &json!({}));
        findings.check(&line, "in spec.address", &send(&strict, by_spec).await, &[expected]);
        let by_secret =
            provider(json!({"secretRef": {"name": "s"}}), &json!({"address": line.url}));
        findings.check(&line, "in the Secret", &send(&strict, by_secret).await, &[expected]);
    }
    findings.assert_none();
    assert_eq!(traps.count(), 0, "somebody was dialed");
}

#[tokio::test]
async fn with_loopback_allowed_this_machine_is_reached_and_nothing_else() {
    let traps = Traps::set().await;
    let loose = transport(Names::new(), true);
    let mut findings = Findings::default();
    let mut reached = 0;
    for line in corpus(traps.port) {
        let expected = match line.fate {
            Fate::Closed => "denied",
            Fate::Loopback => "answered",
            Fate::Unreadable => "unreadable",
        };
        if line.fate == Fate::Loopback && !traps.has_v6 && is_v6_loopback(&line.url) {
            continue;
        }
        reached += usize::from(line.fate == Fate::Loopback);
        let by_spec = provider(json!({"address": line.url}), &json!({}));
        findings.check(&line, "in spec.address", &send(&loose, by_spec).await, &[expected]);
    }
    findings.assert_none();
    assert_eq!(traps.count(), reached, "each of these is one connection");
}

fn is_v6_loopback(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| url.host_str() == Some("[::1]"))
}

/// No address of the corpus is followed, wherever the redirect comes from: the answer is the redirect itself. References
/// without a host stay where they are, and the receiver answers them.
///
/// Rule R5.
#[tokio::test]
async fn none_is_reached_by_a_redirect() {
    let traps = Traps::set().await;
    let receiver = Receiver::start().await;
    let loose = transport(Names::new(), true);
    let from = provider(json!({"address": receiver.url("/from")}), &json!({})).unwrap();
    for line in corpus(traps.port) {
        if HeaderValue::from_bytes(line.url.as_bytes()).is_err() {
            continue;
        }
        for status in [307, 308] {
            let before = receiver.count();
            receiver.queue([Reply::status(status).header("location", line.url.clone())]);
            let request = Prepared {
                method: Method::POST,
                url: Url::parse(&receiver.url("/from")).unwrap(),
                headers: HeaderMap::new(),
                body: Bytes::new(),
            };
            let result = loose.send(&from, request, WITHIN).await;
            let Line { number, url, .. } = &line;
            match result {
                Ok(answer) if answer.status == status => {}
                Ok(answer) => {
                    assert_eq!(
                        (answer.status, receiver.count() - before),
                        (200, 2),
                        "line {number}: {url}"
                    );
                }
                Err(err) => panic!("line {number}: {url} was tried: {}", err.kind()),
            }
        }
    }
    assert_eq!(traps.count(), 0, "somebody was dialed");
    assert!(receiver.count() > 300, "the redirects were given");
}

/// The same origin may have moved by the time of the redirect: its new address is judged as well.
#[tokio::test]
async fn a_redirect_to_the_same_name_is_judged_by_its_address_of_then() {
    let receiver = Receiver::start().await;
    let turning = Arc::new(Turning(AtomicUsize::new(0), ["127.0.0.1", "169.254.169.254"]));
    let loose = transport(Arc::clone(&turning) as Arc<dyn Resolver>, true);
    let address = format!("http://rebind.lab.example:{}/", receiver.address().port());
    receiver.queue([Reply::status(307).header("location", "/again").header("connection", "close")]);
    let provider = provider(json!({"address": address}), &json!({}));
    assert_eq!(send(&loose, provider).await, "denied");
    assert_eq!((receiver.count(), turning.0.load(Ordering::SeqCst)), (1, 2));
}

/// Each lookup has the next answer; the last one stays.
struct Turning(AtomicUsize, [&'static str; 2]);

impl Resolver for Turning {
    fn lookup(&self, _: String) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>> {
        let turn = self.0.fetch_add(1, Ordering::SeqCst).min(1);
        let address = self.1[turn].parse().unwrap();
        Box::pin(async move { Ok(vec![address]) })
    }
}

/// What is dialed is what was checked: there is one lookup, and its answer is used.
#[tokio::test]
async fn there_is_no_second_lookup_between_check_and_dial() {
    let traps = Traps::set().await;
    let address = format!("http://rebind.lab.example:{}/", traps.port);
    let at = |first, second| Arc::new(Turning(AtomicUsize::new(0), [first, second]));
    let spec = || provider(json!({"address": address}), &json!({}));

    let good_then_bad = at("127.0.0.1", "169.254.169.254");
    let loose = transport(Arc::clone(&good_then_bad) as Arc<dyn Resolver>, true);
    assert_eq!(send(&loose, spec()).await, "answered");
    assert_eq!(good_then_bad.0.load(Ordering::SeqCst), 1, "the answer that was checked is dialed");
    assert_eq!(send(&loose, spec()).await, "denied", "a new connection is judged anew");

    let before = traps.count();
    let good_then_here = at(GOOD, "127.0.0.1");
    let strict = transport(Arc::clone(&good_then_here) as Arc<dyn Resolver>, false);
    assert_ne!(send(&strict, spec()).await, "answered");
    assert_eq!(good_then_here.0.load(Ordering::SeqCst), 1);
    let here_then_good = at("127.0.0.1", GOOD);
    let strict = transport(here_then_good, false);
    assert_eq!(send(&strict, spec()).await, "denied");
    assert_eq!(traps.count(), before, "this machine was dialed");
}

/// A Provider names its proxy, so a proxy's own address is judged like any other.
///
/// Rule R5.
#[tokio::test]
async fn none_is_reached_as_a_proxy() {
    let traps = Traps::set().await;
    let (strict, loose) = (transport(Names::new(), false), transport(Names::new(), true));
    let mut findings = Findings::default();
    for line in corpus(traps.port) {
        let mut proxies = vec![line.url.clone()];
        // A backslash ends the host in a URL of HTTP alone; elsewhere the line would name another.
        if let Some(rest) = line.url.strip_prefix("http://").filter(|rest| !rest.contains('\\')) {
            proxies.extend(["https", "socks5"].map(|scheme| format!("{scheme}://{rest}")));
        }
        for (proxy, target) in proxies.iter().flat_map(|proxy| {
            [(proxy, "http://good.lab.example/"), (proxy, "https://good.lab.example/")]
        }) {
            let by_spec = provider(json!({"address": target, "proxy": proxy}), &json!({}));
            let secret = json!({"address": proxy, "username": "u", "password": "p"});
            let by_secret =
                provider(json!({"address": target, "proxySecretRef": {"name": "s"}}), &secret);
            for (way, provider) in [("in spec.proxy", by_spec), ("in the Secret", by_secret)] {
                let way = format!("as the proxy {proxy} {way} for {target}");
                // Hosts of SOCKS are not read as those of HTTP are, and a proxy needs a scheme of its own.
                let expected: &[&str] = match line.fate {
                    Fate::Closed | Fate::Loopback => &["denied", "unreadable"],
                    Fate::Unreadable => &["unreadable", "denied"],
                };
                let found = send(&strict, provider.clone()).await;
                findings.check(&line, &way, &found, expected);
                let is_http = proxy.starts_with("http://") && line.fate != Fate::Unreadable;
                if is_http {
                    findings.check(&line, &way, &found, &["denied"]);
                }
                if line.fate == Fate::Closed {
                    let found = send(&loose, provider).await;
                    findings.check(&line, &format!("{way}, loopback allowed,"), &found, expected);
                }
            }
        }
    }
    findings.assert_none();
    assert_eq!(traps.count(), 0, "somebody was dialed");
}

/// The target of a request through a proxy is judged as far as it can be: its name is the proxy's to resolve.
#[tokio::test]
async fn none_is_asked_of_a_proxy() {
    let traps = Traps::set().await;
    let proxy = Receiver::start().await;
    let loose = transport(Names::new(), true);
    let mut findings = Findings::default();
    for line in corpus(traps.port) {
        let is_name = line.url.contains(".lab.example");
        if line.fate != Fate::Closed || is_name {
            continue;
        }
        let spec = json!({"address": line.url, "proxy": proxy.url("")});
        let found = send(&loose, provider(spec, &json!({}))).await;
        // There is no way to NATS through a proxy, so there such a Provider is a mistake before anything is sent.
        let expected = if line.url.starts_with("nats:") { "unreadable" } else { "denied" };
        findings.check(&line, "through a proxy", &found, &[expected]);
    }
    findings.assert_none();
    assert_eq!((traps.count(), proxy.connections()), (0, 0));
}

/// The system's own resolver is behind the same check.
#[tokio::test]
async fn the_system_resolver_is_judged_as_well() {
    let traps = Traps::set().await;
    let strict = transport(Arc::new(SystemResolver), false);
    for host in ["localhost", "127.0.0.1", "localhost.localdomain"] {
        let spec = json!({"address": format!("http://{host}:{}/", traps.port)});
        assert_eq!(send(&strict, provider(spec, &json!({}))).await, "denied", "{host}");
    }
    assert_eq!(traps.count(), 0);
}
