//! Every type against every way to its receiver: each kind of proxy, each kind of certificate, over real TLS.
//!
//! One proxy stands for the whole world: it opens any tunnel, shows a certificate of the test's own authority for the name
//! that it was asked for, takes only clients that show one too, and writes down who came. A Provider is known by the user
//! name that it gives the proxy.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use herald_tests::events::kustomization;
use herald_tests::examples::Example;
use herald_tests::herald::{Herald, binary, output, serve};
use herald_tests::tls::Authority;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::serve::client;

/// Types that do not travel by HTTP, so that none of these ways is theirs; each has tests of its own.
const OTHERWISE: &[(&str, &str)] =
    &[("nats", "NATS has no proxies; its TLS is tested against a real server")];

/// How the proxy is told, in the order in which one beats the next.
#[derive(Clone, Copy, Debug)]
enum Proxy {
    Reference,
    Secret,
    Spec,
    Environment,
}

/// Where the certificates are.
#[derive(Clone, Copy, Debug)]
enum Certificates {
    Reference,
    OldNames,
    /// In the Provider's own Secret.
    Secret,
}

const CELLS: &[(Proxy, Certificates)] = &[
    (Proxy::Reference, Certificates::Reference),
    (Proxy::Secret, Certificates::OldNames),
    (Proxy::Spec, Certificates::Secret),
    (Proxy::Environment, Certificates::Reference),
];

/// What each who came through showed the proxy.
type Seen = Arc<Mutex<Vec<String>>>;

async fn world(authority: Arc<Authority>) -> (u16, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen = Seen::default();
    let all = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (authority, seen) = (Arc::clone(&authority), Arc::clone(&all));
            // Who has no certificate is turned away, and a test that waits for him fails.
            tokio::spawn(async move { drop(tunnel(stream, &authority, &seen).await) });
        }
    });
    (port, seen)
}

async fn tunnel(mut stream: TcpStream, authority: &Authority, seen: &Seen) -> std::io::Result<()> {
    let head = head(&mut stream).await?;
    let Some(target) = head.strip_prefix("CONNECT ") else {
        return stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
    };
    let host = target.split(':').next().unwrap_or_default().to_owned();
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    let mut stream = authority.server(&host, true).accept(stream).await?;
    self::head(&mut stream).await?;
    seen.lock().unwrap().push(user(&head));
    // For good, so that each Provider comes once.
    stream.write_all(b"HTTP/1.1 400 x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await?;
    stream.shutdown().await
}

async fn head(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// What it showed the proxy.
fn user(head: &str) -> String {
    let value = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("proxy-authorization").then(|| value.to_owned())
    });
    value.unwrap_or_default()
}

/// What a client shows for this user.
fn basic(user: &str) -> String {
    let request = client().get("http://h.example").basic_auth(user, Some("pw")).build().unwrap();
    request.headers()["authorization"].to_str().unwrap().to_owned()
}

fn types() -> Vec<String> {
    let listed = output(Command::new(binary()).args(["modules", "--output", "json"]));
    let listed: Vec<Value> = serde_json::from_slice(&listed.stdout).unwrap();
    listed.iter().map(|module| module["type"].as_str().unwrap().to_owned()).collect()
}

fn name(kind: &str, cell: usize) -> String {
    format!("{}-{cell}", kind.replace('.', "-"))
}

/// The manifests of one cell of the table.
fn manifests(
    kind: &str,
    cell: usize,
    port: u16,
    pem: &str,
    identity: &(String, String),
) -> Vec<Value> {
    let (proxy, certificates) = CELLS[cell];
    let Example { mut spec, mut secret, .. } = Example::of(kind);
    let name = name(kind, cell);
    // Another port of the receiver is the test's own affair; the scheme has to be one with certificates.
    if let Some(address) = spec["address"].as_str().filter(|address| address.starts_with("http://"))
    {
        spec["address"] = json!(address.replacen("http://", "https://", 1));
    }
    if let Some(Value::String(address)) = secret.get_mut("address") {
        *address = address.replacen("http://", "https://", 1);
    }
    spec["timeout"] = json!("20s");
    for field in ["proxy", "proxySecretRef", "certSecretRef"] {
        spec.as_object_mut().unwrap().remove(field);
    }
    secret.remove("proxy");
    let mut secrets = Vec::new();
    let here = format!("http://{name}:pw@127.0.0.1:{port}");
    let nowhere = "http://u:pw@127.0.0.1:9";
    match proxy {
        Proxy::Reference => {
            spec["proxySecretRef"] = json!({"name": format!("{name}-proxy")});
            let values = json!({"address": format!("http://127.0.0.1:{port}"), "username": name, "password": "pw"});
            secrets.push((format!("{name}-proxy"), values));
            secret.insert("proxy".to_owned(), json!(nowhere));
            spec["proxy"] = json!(nowhere);
        }
        Proxy::Secret => {
            secret.insert("proxy".to_owned(), json!(here));
            spec["proxy"] = json!(nowhere);
        }
        Proxy::Spec => spec["proxy"] = json!(here),
        Proxy::Environment => {}
    }
    let (certificate, key) = identity;
    let keys = match certificates {
        Certificates::OldNames => ["caFile", "certFile", "keyFile"],
        Certificates::Reference | Certificates::Secret => ["ca.crt", "tls.crt", "tls.key"],
    };
    let values = json!({keys[0]: pem, keys[1]: certificate, keys[2]: key});
    match certificates {
        Certificates::Reference | Certificates::OldNames => {
            spec["certSecretRef"] = json!({"name": format!("{name}-tls")});
            secrets.push((format!("{name}-tls"), values));
        }
        Certificates::Secret => secret.extend(values.as_object().unwrap().clone()),
    }
    spec["secretRef"] = json!({"name": name});
    secrets.push((name.clone(), Value::Object(secret)));
    let api = "notification.toolkit.fluxcd.io/v1beta3";
    let mut documents = vec![
        json!({"apiVersion": api, "kind": "Provider", "metadata": {"name": name}, "spec": spec}),
        json!({
            "apiVersion": api, "kind": "Alert", "metadata": {"name": name},
            "spec": {"providerRef": {"name": name}, "eventSources": [{"kind": "Kustomization", "name": "*", "namespace": "apps"}]},
        }),
    ];
    documents.extend(secrets.into_iter().map(|(name, values)| {
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": values})
    }));
    documents
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_type_takes_every_proxy_and_every_certificate() {
    let authority = Arc::new(Authority::default());
    let identity = authority.client("herald");
    let (port, seen) = world(Arc::clone(&authority)).await;
    let all = types();
    let known: BTreeSet<&str> = OTHERWISE.iter().map(|(kind, _)| *kind).collect();
    let types: Vec<&String> = all.iter().filter(|kind| !known.contains(kind.as_str())).collect();
    let documents: Vec<String> = types
        .iter()
        .flat_map(|kind| (0..CELLS.len()).map(move |cell| (*kind, cell)))
        .flat_map(|(kind, cell)| manifests(kind, cell, port, &authority.pem(), &identity))
        .map(|document| document.to_string())
        .collect();
    let dir = tempfile::tempdir().unwrap();
    let (config, data) = (dir.path().join("config"), dir.path().join("data"));
    std::fs::create_dir(&config).unwrap();
    std::fs::write(config.join("all.yaml"), documents.join("\n---\n")).unwrap();
    let mut command = serve(&config, &data, &["--shutdown-grace", "0s"]);
    command
        .env("HTTPS_PROXY", format!("http://environment:pw@127.0.0.1:{port}"))
        .env_remove("NO_PROXY")
        .env_remove("ALL_PROXY");
    let herald = Herald::spawn(command, &data).await;
    let mut event = kustomization("storefront", "error", "HealthCheckFailed", "it is down");
    event["metadata"]["event.toolkit.fluxcd.io/change_request"] = json!("7");
    let posted = client().post(herald.events()).body(event.to_string()).send().await.unwrap();
    assert_eq!(posted.status().as_u16(), 202);

    let named: Vec<String> =
        types.iter().flat_map(|kind| (0..3).map(move |cell| name(kind, cell))).collect();
    let missing = || {
        let seen = seen.lock().unwrap();
        let mut missing: Vec<String> =
            named.iter().filter(|name| !seen.contains(&basic(name))).cloned().collect();
        let environment = basic("environment");
        let came = seen.iter().filter(|user| **user == environment).count();
        if came < types.len() {
            missing.push(format!("{} by the environment's proxy", types.len() - came));
        }
        missing
    };
    let end = Instant::now() + Duration::from_secs(90);
    while !missing().is_empty() {
        assert!(Instant::now() < end, "these did not come: {:?}\n{}", missing(), herald.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
