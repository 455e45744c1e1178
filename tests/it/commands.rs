//! The commands: what they print and how they end.

use std::collections::BTreeSet;
use std::process::{Command, Output};

use herald_tests::events::kustomization;
use herald_tests::herald::{binary, output, root};
use herald_tests::receiver::{Receiver, Reply};
use serde_json::Value;

fn herald(args: &[&str]) -> Output {
    let mut command = Command::new(binary());
    // The cluster of whoever runs the tests is none of their business.
    command
        .env("HOME", "/nonexistent")
        .env_remove("KUBECONFIG")
        .env_remove("KUBERNETES_SERVICE_HOST");
    output(command.args(args).current_dir(root()))
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn render_prints_requests_and_outcome_and_masks_secrets() {
    let case = "tests/fixtures/providers/slack/peer-app-429-then-ok";
    let masked = herald(&["render", case, "--output", "json"]);
    assert_eq!(masked.status.code(), Some(0), "{}", stderr(&masked));
    let printed: Value = serde_json::from_str(&stdout(&masked)).unwrap();
    assert_eq!(printed["outcome"], "delivered");
    assert_eq!(printed["requests"].as_array().unwrap().len(), 2);
    assert!(!stdout(&masked).contains("xoxb-fake-shared"));

    let revealed = stdout(&herald(&["render", case, "--output", "json", "--reveal-secrets"]));
    assert!(revealed.contains("Bearer xoxb-fake-shared"));
    let text = stdout(&herald(&["render", case]));
    assert!(text.starts_with("request 1: POST https://slack.com"), "{text}");
    assert!(text.ends_with("outcome: delivered\n"), "{text}");
}

#[test]
fn render_takes_single_files() {
    let case = "tests/fixtures/providers/generic/peer-status-500-then-200";
    let file = |name: &str| format!("{case}/{name}");
    let output = herald(&[
        "render",
        "--provider",
        &file("provider.yaml"),
        "--event",
        &file("event.json"),
        "--response",
        &file("1.response.json"),
        "--output",
        "json",
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let printed: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(printed["outcome"], "failed: retry");
    assert_eq!(printed["requests"].as_array().unwrap().len(), 1);
}

#[test]
fn a_wrong_command_line_or_file_ends_with_64_and_says_what_to_change() {
    for (args, said) in [
        (&["render"][..], "CASE_DIR"),
        (&["render", "no/such/folder"], "no/such/folder"),
        (&["send"], "--event"),
        (&["serve"], "--config-dir"),
        (&["serve", "--config-dir", "no/such/folder"], "no/such/folder"),
        (&["serve", "--config-dir", "tests", "--events-addr", "nonsense"], "nonsense"),
        (&["serve", "--config-dir", "tests", "--rate-limit-interval", "5"], "30s"),
        (&["serve", "--kubeconfig", "no/such/file"], "no/such/file"),
        (&["serve", "--leader-election-lease-duration=5s"], "--leader-election-renew-deadline"),
        (&["frobnicate"], "frobnicate"),
    ] {
        let output = herald(args);
        assert_eq!(output.status.code(), Some(64), "{args:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(said), "{args:?} should say {said}: {}", stderr(&output));
    }
}

#[test]
fn modules_lists_the_types() {
    let output = herald(&["modules", "--output", "json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let listed: Vec<Value> = serde_json::from_str(&stdout(&output)).unwrap();
    let types: Vec<&str> = listed.iter().map(|module| module["type"].as_str().unwrap()).collect();
    let folders = std::fs::read_dir(root().join("tests/fixtures/providers")).unwrap();
    let expected: BTreeSet<String> =
        folders.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(types.iter().copied().eq(expected.iter().map(String::as_str)), "{types:?}");
    let github = listed.iter().find(|module| module["type"] == "github").unwrap();
    assert_eq!(github["permissions"], serde_json::json!(["full-address"]));
    assert_eq!(github["hosts"], serde_json::json!(["api.github.com"]));
    assert!(listed.iter().all(|module| module["digest"].as_str().unwrap().starts_with("sha256:")));
    assert!(stdout(&herald(&["modules"])).contains("slack: "));
}

#[test]
fn crds_prints_the_definitions_and_writes_the_files_of_deploy() {
    let printed = stdout(&herald(&["crds"]));
    for file in ["alerts.yaml", "providermodules.yaml", "providers.yaml"] {
        let text = std::fs::read_to_string(root().join("deploy/crds").join(file)).unwrap();
        assert!(printed.contains(text.trim_end()), "{file}");
    }
    let dir = tempfile::tempdir().unwrap();
    let output = herald(&["crds", "--write", dir.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 3);
}

#[test]
fn every_flag_of_the_peer_is_accepted_and_what_means_nothing_is_named() {
    let data = tempfile::tempdir().unwrap();
    let flags = [
        "serve",
        // It ends here, after the flags were read.
        "--config-dir=no/such/folder",
        "--metrics-addr=:8080",
        "--events-addr=:9090",
        "--health-addr=:9440",
        "--receiverAddr=:9292",
        "--concurrent=4",
        "--rate-limit-interval=5m",
        "--export-http-path-metrics",
        "--watch-all-namespaces=true",
        "--watch-configs-label-selector=reconcile.fluxcd.io/watch=Enabled",
        "--kube-api-qps=50",
        "--kube-api-burst=300",
        "--log-encoding=json",
        "--log-level=info",
        "--enable-leader-election",
        "--leader-election-release-on-cancel=true",
        "--leader-election-lease-duration=35s",
        "--leader-election-renew-deadline=30s",
        "--leader-election-retry-period=5s",
        "--no-cross-namespace-refs=true",
        "--min-retry-delay=750ms",
        "--max-retry-delay=15m",
        "--feature-gates=CacheSecretsAndConfigMaps=false,ObjectLevelWorkloadIdentity=true",
        "--token-cache-max-size=100",
        "--token-cache-max-duration=1h",
        "--default-service-account=robot",
    ];
    let data_dir = format!("--data-dir={}", data.path().display());
    let args: Vec<&str> = flags.into_iter().chain([data_dir.as_str()]).collect();
    let output = herald(&args);
    assert_eq!(output.status.code(), Some(64));
    let said = stderr(&output);
    assert!(said.contains("no/such/folder"), "{said}");
    let warning = said.lines().find(|line| line.contains("without effect")).unwrap();
    for flag in flags.into_iter().filter(|arg| arg.starts_with("--")) {
        let name = flag.split('=').next().unwrap();
        let means_nothing = [
            "--receiverAddr",
            "--concurrent",
            "--watch-configs-label-selector",
            "--min-retry-delay",
            "--max-retry-delay",
            "--feature-gates",
            "--token-cache-max-size",
            "--token-cache-max-duration",
        ]
        .contains(&name);
        assert_eq!(warning.contains(name), means_nothing, "{name}: {warning}");
    }
}

#[test]
fn help_is_there_for_every_command() {
    for command in ["serve", "render", "send", "modules", "deliveries", "crds", "migrate"] {
        let output = herald(&[command, "--help"]);
        assert_eq!(output.status.code(), Some(0));
        assert!(stdout(&output).contains("Usage: herald"), "{command}");
    }
}

#[tokio::test]
async fn send_shows_what_was_sent_and_answered() {
    let receiver = Receiver::start().await;
    receiver.queue([
        Reply::status(200).body("thanks for fake-secret-value"),
        Reply::status(400).body("no such hook"),
    ]);
    let dir = tempfile::tempdir().unwrap();
    let provider = dir.path().join("provider.yaml");
    let event = dir.path().join("event.json");
    let manifest = format!(
        "apiVersion: notification.toolkit.fluxcd.io/v1beta3\nkind: Provider\nmetadata: {{name: hook}}\n\
         spec:\n  type: generic\n  address: {}\n  secretRef: {{name: hook}}\n---\n\
         apiVersion: v1\nkind: Secret\nmetadata: {{name: hook}}\n\
         stringData: {{headers: \"X-Key: fake-secret-value\"}}\n",
        receiver.url("/hook")
    );
    std::fs::write(&provider, manifest).unwrap();
    std::fs::write(&event, kustomization("a", "info", "R", "m").to_string()).unwrap();
    let files = ["--provider", provider.to_str().unwrap(), "--event", event.to_str().unwrap()];

    let send = |loopback: bool| {
        let mut args = vec!["send"];
        args.extend(files);
        args.extend(loopback.then_some("--allow-loopback"));
        let args: Vec<String> = args.into_iter().map(str::to_owned).collect();
        tokio::task::spawn_blocking(move || {
            herald(&args.iter().map(String::as_str).collect::<Vec<_>>())
        })
    };
    let sent = send(true).await.unwrap();
    assert_eq!(sent.status.code(), Some(0), "{}", stderr(&sent));
    assert!(
        stdout(&sent).contains("answer 1: 200") && stdout(&sent).contains("outcome: delivered"),
        "{}",
        stdout(&sent)
    );
    assert_eq!(receiver.received()[0].header("x-key"), Some("fake-secret-value"));
    assert!(!stdout(&sent).contains("fake-secret-value"), "{}", stdout(&sent));

    let refused = send(true).await.unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(stdout(&refused).contains("outcome: failed: "), "{}", stdout(&refused));

    let denied = send(false).await.unwrap();
    assert_eq!(denied.status.code(), Some(1));
    assert!(stdout(&denied).contains("--allow-loopback"), "{}", stdout(&denied));
    assert_eq!(receiver.count(), 2, "nothing is sent to loopback without the flag");
}
