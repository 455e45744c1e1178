//! nats-server with a stream that holds what is published: its four ways to log in, and TLS.

use std::path::{Path, PathBuf};
use std::process::Command;

use herald_tests::events::kustomization;
use herald_tests::herald::root;
use herald_tests::install::{go, python};
use herald_tests::process::{Process, free_port, printed};
use herald_tests::service::Service;
use herald_tests::tls::Authority;
use serde_json::{Value, json};

use crate::held;

/// The seed of the nkey in `nats/accounts.conf`.
const NKEY: &str = "SUACMCLBTZKLGWCVJI2OTDDZQVTW36CKO7PXHHOJHFBGHNMBIXX7IYRSQU";

struct Nats {
    process: Process,
    port: u16,
    python: PathBuf,
    /// How the reader logs in, in the words of `messages.py`.
    login: Value,
}

fn files() -> PathBuf {
    root().join("tests/receivers/nats")
}

impl Nats {
    /// Starts a server with this configuration, and makes its stream.
    async fn start(config: &str, authority: &Authority, login: Value) -> Self {
        let program = go("github.com/nats-io/nats-server/v2", "v2.15.2");
        let python = python(&["nats-py==2.16.0", "nkeys==0.2.1"]);
        let (dir, port) = (tempfile::tempdir().unwrap(), free_port());
        let (certificate, key) = authority.server_pem("127.0.0.1");
        let texts = [("tls.crt", certificate), ("tls.key", key), ("ca.crt", authority.pem())];
        for (name, text) in texts {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        // Paths in a configuration begin where the server runs.
        std::fs::copy(files().join(config), dir.path().join(config)).unwrap();
        let mut command = Command::new(program);
        command.args(["-c", config, "-a", "127.0.0.1", "-p", &port.to_string()]);
        let process = Process::start(command, port, dir).await;
        let nats = Self { process, port, python, login };
        assert!(nats.messages().is_empty());
        nats
    }

    /// The messages of its stream: subject, headers and payload.
    fn messages(&self) -> Vec<Value> {
        let mut login = self.login.clone();
        login["servers"] = json!(format!("nats://127.0.0.1:{}", self.port));
        login["allow_reconnect"] = json!(false);
        let mut command = Command::new(&self.python);
        let held = printed(command.arg(files().join("messages.py")).arg(login.to_string()));
        held.as_array().unwrap().clone()
    }

    /// The subjects of its messages, each of which holds this event, once there are so many.
    async fn subjects(&self, count: usize, event: &Value, service: &Service) -> Vec<String> {
        let log = || self.process.log() + &service.log();
        let messages = held(&format!("the stream holds {count} messages"), log, async || {
            Some(self.messages()).filter(|messages| messages.len() == count)
        })
        .await;
        let mut subjects: Vec<String> = Vec::new();
        for message in messages {
            let id = message[1]["Nats-Msg-Id"].as_str().unwrap();
            assert_eq!(id.len(), 32, "{message}");
            let payload: Value = serde_json::from_str(message[2].as_str().unwrap()).unwrap();
            assert_eq!(payload["message"], event["message"]);
            assert_eq!(payload["involvedObject"], event["involvedObject"]);
            subjects.push(message[0].as_str().unwrap().to_owned());
        }
        subjects.sort();
        subjects
    }
}

#[tokio::test]
async fn nats_server_holds_what_passwords_nkeys_and_tls_publish() {
    let authority = Authority::default();
    let login = json!({"user": "herald", "password": "fake-password"});
    let nats = Nats::start("accounts.conf", &authority, login.clone()).await;
    let provider = |name: &'static str, scheme: &str, secret: Value| {
        let spec = json!({
            "type": "nats", "channel": format!("flux.{name}"),
            "address": format!("{scheme}://127.0.0.1:{}", nats.port),
            "secretRef": {"name": name}, "certSecretRef": {"name": name},
        });
        (name, spec, secret)
    };
    let (certificate, key) = authority.client("herald");
    let ca = authority.pem();
    let password = json!({"username": "herald", "password": "fake-password", "ca.crt": ca});
    let nkey = json!({"nkey": NKEY, "ca.crt": ca, "tls.crt": certificate, "tls.key": key});
    let mut in_the_address = provider("in-the-address", "tls", json!({"ca.crt": ca}));
    let whole = format!("tls://herald:fake-password@127.0.0.1:{}", nats.port);
    in_the_address.2["address"] = json!(whole);
    let wrong = json!({"username": "herald", "password": "wrong", "ca.crt": ca});
    let service = Service::start(&[
        provider("password", "tls", password),
        provider("nkey", "nats", nkey),
        in_the_address,
        provider("wrong", "tls", wrong),
    ])
    .await;
    let event = kustomization("storefront", "info", "ReconciliationSucceeded", "größer\r\n👍");
    service.post(&event).await;
    let subjects = nats.subjects(3, &event, &service).await;
    assert_eq!(subjects, ["flux.in-the-address", "flux.nkey", "flux.password"]);
    let refused = "correct `creds`, `nkey`";
    held(
        "the wrong password is refused",
        || service.log(),
        async || service.log().contains(refused).then_some(()),
    )
    .await;
}

#[tokio::test]
async fn nats_server_holds_what_credentials_of_an_operator_publish() {
    let creds = files().join("user.creds");
    let nats =
        Nats::start("operator.conf", &Authority::default(), json!({"user_credentials": creds}))
            .await;
    let spec = json!({
        "type": "nats", "channel": "flux.creds",
        "address": format!("nats://127.0.0.1:{}", nats.port), "secretRef": {"name": "hook"},
    });
    let secret = json!({"creds": read(&creds)});
    let service = Service::start(&[("hook", spec, secret)]).await;
    let event = kustomization("storefront", "error", "BuildFailed", "by its credentials");
    service.post(&event).await;
    assert_eq!(nats.subjects(1, &event, &service).await, ["flux.creds"]);
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}
