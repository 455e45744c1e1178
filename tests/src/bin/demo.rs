//! Herald's main job from one end to the other: real-looking Flux events over HTTP, through the sandboxed modules, to a
//! small receiver that shows what it got. Everything stays on this machine.
//!
//! `demo receive` is that receiver alone, for who tries a module: it shows what it gets until it is ended.

#![expect(clippy::print_stdout, reason = "the demo is what it prints")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use herald_tests::herald::{Herald, root};
use herald_tests::receiver::{Received, Receiver, Reply};
use serde_json::Value;

/// Where the example manifests send to; the receiver's own port takes its place.
const EXAMPLE_ADDRESS: &str = "127.0.0.1:8088";
/// The commit that the events are about.
const COMMIT: &str = "8f1c2a9b7d6e5f40312233445566778899aabbcc";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    ensure!(
        rustls::crypto::ring::default_provider().install_default().is_ok(),
        "a TLS provider is installed already"
    );
    if std::env::args().nth(1).as_deref() == Some("receive") {
        return receive().await;
    }
    let receiver = Receiver::start().await;
    receiver.answer_with(reply);
    let work = tempfile::tempdir()?;
    let config = work.path().join("config");
    copy_manifests(&root().join("deploy/examples"), &config, &receiver)?;

    println!("A receiver stands in for Slack, GitHub and a webhook at {}.", receiver.address());
    println!("herald serve --config-dir deploy/examples starts …");
    let herald = Herald::start(&config, &work.path().join("data"), &[]).await;
    println!("… and takes events at {}.\n", herald.events());

    let mut shown = 0;
    for (path, deliveries) in events()? {
        let event: Value = serde_json::from_str(&fs::read_to_string(&path)?)?;
        let object = &event["involvedObject"];
        println!("POST {}", path.file_name().unwrap_or_default().to_string_lossy());
        println!(
            "     {} {}/{}: {}, {}",
            text(&object["kind"]),
            text(&object["namespace"]),
            text(&object["name"]),
            text(&event["severity"]),
            text(&event["reason"])
        );
        let status = post(&herald, &event).await?;
        ensure!(status == 202, "the event was answered {status}:\n{}", herald.log());
        println!("  <- 202, the event is on disk");
        let wanted = shown + deliveries;
        herald_tests::eventually("all deliveries arrive", Duration::from_secs(30), || {
            receiver.count() >= wanted
        })
        .await;
        for request in receiver.received().iter().skip(shown) {
            println!("{}", readable(request));
        }
        shown = receiver.count();
        println!();
    }

    let repeated: Value = serde_json::from_str(&fs::read_to_string(&events()?[0].0)?)?;
    println!(
        "The first event once more: {}, a duplicate within five minutes.",
        post(&herald, &repeated).await?
    );
    let code = herald.stop().await;
    ensure!(code == Some(0), "herald ended with {code:?}");
    println!("{shown} requests reached the receiver. Herald stopped cleanly.");
    Ok(())
}

/// Shows what arrives at the example's address, or at the one that is given.
async fn receive() -> anyhow::Result<()> {
    let address = std::env::args().nth(2).unwrap_or_else(|| EXAMPLE_ADDRESS.to_owned());
    let receiver = Receiver::start_at(&address)
        .await
        .with_context(|| format!("cannot listen at {address}: is another one running?"))?;
    receiver.answer_with(reply);
    println!("listening at http://{}", receiver.address());
    let mut shown = 0;
    loop {
        for request in receiver.received().iter().skip(shown) {
            println!("{}", plain(request));
            shown += 1;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A request as it came, JSON over several lines.
fn plain(request: &Received) -> String {
    let body = match serde_json::from_slice::<Value>(&request.body) {
        Ok(json) => format!("{json:#}"),
        Err(_) => String::from_utf8_lossy(&request.body).into_owned(),
    };
    format!("{} {}\n{body}", request.method, request.target)
}

/// The example events in their order, each with the number of requests that it leads to.
fn events() -> anyhow::Result<Vec<(std::path::PathBuf, usize)>> {
    let folder = root().join("deploy/examples/events");
    // A failure goes to the hook, to chat, and onto the commit (a look and a status); an upgrade to hook and chat; the
    // recovery too; the update of a commit's status to the hook and onto the commit.
    let files = [
        ("1-kustomization-fails.json", 4),
        ("2-helmrelease-upgraded.json", 2),
        ("3-kustomization-recovers.json", 2),
        ("4-commit-status.json", 3),
    ];
    Ok(files.iter().map(|(name, deliveries)| (folder.join(name), *deliveries)).collect())
}

/// The manifests with the receiver's port in place of the example's.
fn copy_manifests(from: &Path, to: &Path, receiver: &Receiver) -> anyhow::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let text = fs::read_to_string(&path)?
                .replace(EXAMPLE_ADDRESS, &receiver.address().to_string());
            fs::write(to.join(path.file_name().unwrap_or_default()), text)?;
        }
    }
    Ok(())
}

/// What the receivers would answer.
fn reply(request: &Received) -> Reply {
    match (request.method.as_str(), request.target.starts_with("/api/v3/")) {
        ("GET", true) => Reply::status(200).header("content-type", "application/json").body("[]"),
        (_, true) => {
            Reply::status(201).header("content-type", "application/json").body("{\"id\":1}")
        }
        (_, false) => Reply::status(200).body("ok"),
    }
}

#[expect(clippy::disallowed_methods, reason = "the demo is the emitter, not Herald")]
async fn post(herald: &Herald, event: &Value) -> anyhow::Result<u16> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    Ok(client.post(herald.events()).body(event.to_string()).send().await?.status().as_u16())
}

/// One request as a person at the receiver would see it.
fn readable(request: &Received) -> String {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let target = request.target.replace(COMMIT, "8f1c2a9…");
    if request.target.starts_with("/services/") {
        let message = &body["attachments"][0];
        let fields: Vec<String> = message["fields"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|field| format!("\n       {}: {}", text(&field["title"]), text(&field["value"])))
            .collect();
        let lines = text(&message["text"]).replace('\n', "\n       ");
        let color = text(&message["color"]);
        format!(
            "  -> chat  #{} [{color}] {}\n       {lines}{}",
            text(&body["channel"]),
            text(&message["author_name"]),
            fields.concat()
        )
    } else if request.method == "GET" {
        format!("  -> git   GET {target}: is the status there already?")
    } else if request.target.starts_with("/api/") {
        format!(
            "  -> git   POST {target}\n       {} is {}: {}",
            text(&body["context"]),
            text(&body["state"]),
            text(&body["description"])
        )
    } else {
        let metadata = &body["metadata"];
        format!(
            "  -> hook  POST {target} (X-Team: {}), the whole event\n       {}: {}\n       metadata {metadata}",
            request.header("x-team").unwrap_or("none"),
            text(&body["reason"]),
            text(&body["message"]).lines().next().unwrap_or_default(),
        )
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
