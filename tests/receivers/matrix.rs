//! Synapse, the homeserver of Matrix.

use std::process::Command;

use herald_tests::events::kustomization;
use herald_tests::install::python;
use herald_tests::process::{Process, answered, free_port};
use herald_tests::service::{Service, client};
use serde_json::{Value, json};

use crate::held;

struct Synapse {
    process: Process,
    url: String,
    /// The access token of the user who speaks and reads.
    token: String,
}

impl Synapse {
    async fn start() -> Self {
        let python = python(&["matrix-synapse==1.163.2"]);
        let (dir, port) = (tempfile::tempdir().unwrap(), free_port());
        let config = json!({
            "server_name": "herald.test",
            "listeners": [{
                "port": port, "bind_addresses": ["127.0.0.1"], "type": "http",
                "resources": [{"names": ["client"]}],
            }],
            "database": {"name": "sqlite3", "args": {"database": "homeserver.db"}},
            "signing_key_path": "signing.key",
            "macaroon_secret_key": "fake-macaroon-key",
            "media_store_path": "media",
            "enable_registration": true,
            "enable_registration_without_verification": true,
            "report_stats": false,
            "trusted_key_servers": [],
        });
        std::fs::write(dir.path().join("homeserver.yaml"), config.to_string()).unwrap();
        let homeserver = || {
            let mut command = Command::new(&python);
            command.args(["-m", "synapse.app.homeserver", "-c", "homeserver.yaml"]);
            command
        };
        let keys = homeserver().arg("--generate-keys").current_dir(dir.path()).output().unwrap();
        assert!(keys.status.success(), "{}", String::from_utf8_lossy(&keys.stderr));
        let process = Process::start(homeserver(), port, dir).await;
        let url = format!("http://127.0.0.1:{port}");
        let user = json!({
            "username": "herald", "password": "fake-password", "auth": {"type": "m.login.dummy"},
        });
        let registered =
            client().post(format!("{url}/_matrix/client/v3/register")).body(user.to_string());
        let token = answered(registered).await["access_token"].as_str().unwrap().to_owned();
        Self { process, url, token }
    }

    /// A new room with this alias; its id.
    async fn room(&self, alias: &str) -> String {
        let room = json!({"room_alias_name": alias, "preset": "private_chat"}).to_string();
        let created = client().post(format!("{}/_matrix/client/v3/createRoom", self.url));
        let created = answered(created.bearer_auth(&self.token).body(room)).await;
        created["room_id"].as_str().unwrap().to_owned()
    }

    /// The contents of the messages in a room, the oldest first, once there are so many.
    async fn messages(&self, room: &str, count: usize, service: &Service) -> Vec<Value> {
        let url = format!("{}/_matrix/client/v3/rooms/{room}/messages?dir=f&limit=100", self.url);
        let log = || self.process.log() + &service.log();
        held(&format!("the room holds {count} messages"), log, async || {
            let read = answered(client().get(&url).bearer_auth(&self.token)).await;
            let events = read["chunk"].as_array().unwrap().iter();
            let messages = events.filter(|event| event["type"] == "m.room.message");
            let contents: Vec<Value> = messages.map(|event| event["content"].clone()).collect();
            (contents.len() == count).then_some(contents)
        })
        .await
    }
}

#[tokio::test]
async fn synapse_holds_texts_and_html_by_id_and_by_alias() {
    let synapse = Synapse::start().await;
    let (text, html) = (synapse.room("text").await, synapse.room("html").await);
    let provider = |name, address: &str, channel: &str, config: Value| {
        let spec = json!({
            "type": "matrix", "address": address, "channel": channel, "config": config,
            "secretRef": {"name": name},
        });
        (name, spec, json!({"token": synapse.token}))
    };
    let service = Service::start(&[
        provider("text", &synapse.url, &text, json!({})),
        // The slash at the end is one that people write.
        provider(
            "html",
            &format!("{}/", synapse.url),
            "#html:herald.test",
            json!({"format": "html"}),
        ),
    ])
    .await;
    let event = kustomization("storefront", "error", "BuildFailed", "größer than <b>&\n@room 👍");
    service.post(&event).await;

    let body = "\u{1f6a8} kustomization/storefront.apps\ngrößer than <b>&\n@room 👍\n- revision: main@sha1:8f1c2a9b7d6e5f40312233445566778899aabbcc\n";
    let held = synapse.messages(&text, 1, &service).await.remove(0);
    assert_eq!(held, json!({"body": body, "msgtype": "m.text", "m.mentions": {}}));

    let held = synapse.messages(&html, 1, &service).await.remove(0);
    assert_eq!(held["format"], "org.matrix.custom.html");
    let formatted = held["formatted_body"].as_str().unwrap();
    assert!(formatted.contains("größer than &lt;b&gt;&amp;"), "{formatted}");

    // The longest messages are within what it takes.
    let long = kustomization("storefront", "error", "BuildFailed", &"\u{1f600}\"\n".repeat(30_000));
    service.post(&long).await;
    for room in [&text, &html] {
        let held = synapse.messages(room, 2, &service).await.remove(1);
        let body = held["body"].as_str().unwrap();
        assert!(body.contains('…') && body.len() > 10_000, "{} bytes", body.len());
    }
}
