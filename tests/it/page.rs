//! The page that describes the v1beta1 Provider API: each of its examples stands in a folder of its own, word for word, and
//! gives the message that the page describes.
//!
//! What nobody could use as it stands is filled in: placeholders in `<>`, the two names of proxies, and the event hub that
//! two examples forget. The page's hosts are reached through the environment's proxy, which leads to receivers on
//! loopback.

mod examples;
mod world;

use std::fs;
use std::time::Duration;

use herald_tests::herald::{Herald, output, root, serve};
use herald_tests::tls::Authority;
use serde_json::{Value, json};

use crate::serve::client;
use examples::{EXAMPLES, Example, LOADED_ONLY, WITHOUT_A_HUB};
use world::World;

/// How long a delivery may take.
const SOON: Duration = Duration::from_secs(60);

/// The examples by name, as they stand in the file.
fn page() -> Vec<(String, String)> {
    let file = root().join("tests/fixtures/manifests/provider-api-v1beta1.yaml");
    let text = fs::read_to_string(file).unwrap();
    let examples = text.split("\n# example: ").skip(1);
    examples
        .map(|example| example.split_once('\n').unwrap())
        .map(|(name, text)| (name.to_owned(), text.to_owned()))
        .collect()
}

#[test]
fn every_example_of_the_page_is_held() {
    let mut names: Vec<String> = page().into_iter().map(|(name, _)| name).collect();
    let mut held: Vec<&str> = EXAMPLES.iter().map(|example| example.name).collect();
    held.extend(LOADED_ONLY);
    names.sort();
    held.sort_unstable();
    assert_eq!(names, held);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_example_of_the_page_gives_the_message_that_it_describes() {
    let page = page();
    for example in EXAMPLES {
        let (_, text) = page.iter().find(|(name, _)| name == example.name).unwrap();
        run(example, text).await;
    }
}

#[test]
fn what_the_page_leaves_out_is_told() {
    let page = page();
    for name in WITHOUT_A_HUB {
        let (_, text) = page.iter().find(|(other, _)| other == name).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("config");
        fs::create_dir(&config).unwrap();
        fs::write(config.join("page.yaml"), text).unwrap();
        let ended = output(&mut serve(&config, &dir.path().join("data"), &[]));
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(64), "{name}: {said}");
        let advice = "write the hub's name into `spec.channel`";
        assert!(said.contains("names no event hub") && said.contains(advice), "{name}: {said}");
        assert!(!said.contains("yoursaskey"), "{name}: {said}");
    }
}

async fn run(example: &Example, text: &str) {
    let world = World::new(Authority::default());
    let everywhere = world.proxy("environment", false).await;
    let own = if example.name == "authenticated-proxy" {
        world.proxy("proxy_url", false).await
    } else {
        world.proxy("proxy.corp", true).await
    };
    let dir = tempfile::tempdir().unwrap();
    let (config, data) = (dir.path().join("config"), dir.path().join("data"));
    fs::create_dir(&config).unwrap();
    let mut text = text
        .replace("https://proxy.corp:8080", &format!("https://localhost:{own}"))
        .replace("proxy_url:8080", &format!("127.0.0.1:{own}"));
    for (placeholder, value) in example.filled_in {
        assert!(text.contains(placeholder), "{}: {placeholder} is not there", example.name);
        text = text.replace(placeholder, value);
    }
    let pem = world.pem().replace('\n', "\\n");
    let text = text.replace("<ca.crt>", &format!("\"{pem}\""));
    assert!(!text.contains('<'), "{}: something is to be filled in:\n{text}", example.name);
    fs::write(config.join("page.yaml"), text).unwrap();
    fs::write(config.join("more.yaml"), example.more).unwrap();

    let roots = dir.path().join("roots.pem");
    fs::write(&roots, world.pem()).unwrap();
    let mut command = serve(&config, &data, &[]);
    command.env("HTTPS_PROXY", format!("http://127.0.0.1:{everywhere}"));
    for name in ["NO_PROXY", "ALL_PROXY", "SSL_CERT_DIR", "SSL_CERT_FILE"] {
        command.env_remove(name).env_remove(name.to_ascii_lowercase());
    }
    if !example.brings_its_authority {
        command.env("SSL_CERT_FILE", &roots);
    }
    let herald = Herald::spawn(command, &data).await;
    let event = event(example);
    let posted = client().post(herald.events()).body(event.to_string()).send().await.unwrap();
    assert_eq!(posted.status(), 202, "{}", example.name);
    sent(example, &herald).await;

    assert_eq!(world.hosts(), [example.host], "{}", example.name);
    let received = world.received(example.host);
    (example.check)(&received, &world.tunnels());
    assert_eq!(herald.stop().await, Some(0), "{}", example.name);
}

/// The event of an example: the object that its Alert wants, with all that a message may show.
fn event(example: &Example) -> Value {
    json!({
        "involvedObject": {
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1beta2", "kind": "Kustomization",
            "name": "podinfo", "namespace": example.namespace,
            "uid": "b9b8554d-be26-4a3d-a97f-65f3276a097a",
        },
        "severity": example.severity,
        "timestamp": "2022-04-20T12:20:28Z",
        "message": "Deployment/podinfo/podinfo configured",
        "reason": "ReconciliationSucceeded",
        "metadata": {
            "kustomize.toolkit.fluxcd.io/revision": "main/96139968ca46b53462d1bf94de410a811d2026a1",
        },
        "reportingController": "kustomize-controller",
        "reportingInstance": "kustomize-controller-79464d8dc5-nb9c4",
    })
}

/// Waits until the one delivery of this example is over, and has it sent.
async fn sent(example: &Example, herald: &Herald) {
    let end = std::time::Instant::now() + SOON;
    loop {
        let metrics = herald.address("metrics") + "/metrics";
        let answer = client().get(metrics).send().await.unwrap();
        #[expect(clippy::disallowed_methods, reason = "the test reads its own server")]
        let metrics = answer.text().await.unwrap();
        let is_sent = |line: &str| {
            line.starts_with("herald_deliveries_total{")
                && ["delivered", "accepted"].iter().any(|word| line.contains(word))
                && line.ends_with(" 1")
        };
        if metrics.lines().any(is_sent) {
            return;
        }
        let log = || herald.log();
        assert!(std::time::Instant::now() < end, "{} was not sent:\n{}", example.name, log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
