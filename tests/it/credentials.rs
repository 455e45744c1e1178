//! Credentials against stand-ins of the services that give them out: obtained once, renewed in time, sent nowhere else,
//! and shown nowhere.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use herald_controller::credentials::{
    Asking, CredentialError, Credentials, Environment, ObtainError,
};
use herald_controller::egress::{AddressSeen, Mask, Network};
use herald_controller::sources::folder::from_texts;
use herald_controller::telemetry::report;
use herald_core::policy::AddressPolicy;
use herald_core::provider::Provider;
use herald_tests::events::kustomization;
use herald_tests::herald::{Herald, binary, root};
use herald_tests::receiver::{Receiver, Reply};
use jiff::{SignedDuration, Timestamp};
use reqwest::{Method, Url};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::secrets::needles::Needles;
use crate::serve::client;

mod azure;
mod clouds;
mod google;

const TOKEN: &str = "ghs_fakeInstallationToken";

/// A key that opens nothing.
fn key() -> String {
    std::fs::read_to_string(root().join("tests/fixtures/keys/rsa-pkcs8.pem")).unwrap()
}

/// A Provider with this address and Secret.
fn provider(address: &str, secret: &Value) -> Arc<Provider> {
    provider_in(address, "", secret)
}

/// The same with a channel.
fn provider_in(address: &str, channel: &str, secret: &Value) -> Arc<Provider> {
    let documents = [
        json!({"apiVersion": "notification.toolkit.fluxcd.io/v1beta3", "kind": "Provider", "metadata": {"name": "p"},
               "spec": {"type": "generic", "address": address, "channel": channel, "secretRef": {"name": "s"}}}),
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": secret}),
    ];
    let text = documents.iter().map(Value::to_string).collect::<Vec<_>>().join("\n---\n");
    let loaded = from_texts(&[("p.yaml", &text)]);
    assert!(loaded.mistakes.is_empty(), "{}", loaded.mistakes[0]);
    Arc::clone(loaded.catalog.providers.values().next().unwrap())
}

/// The Secret of an App whose API is on this receiver.
fn app(receiver: &Receiver) -> Value {
    json!({
        "githubAppID": "12345",
        "githubAppInstallationID": "67890",
        "githubAppPrivateKey": key(),
        "githubAppBaseURL": receiver.url("/api/v3"),
    })
}

/// The same with other keys, or without those that are null.
fn with(secret: Value, changes: Value) -> Value {
    let mut secret = secret;
    for (key, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(secret.as_object_mut().unwrap().remove(key)),
            value => secret[key] = value.clone(),
        }
    }
    secret
}

/// One who asks for credentials.
struct Asker {
    credentials: Credentials,
    transport: Network,
    provider: Arc<Provider>,
    mask: Mask,
}

impl Asker {
    fn new(provider: Arc<Provider>) -> Self {
        Self::with(provider, Environment::default())
    }

    /// One whose process has this environment.
    fn with(provider: Arc<Provider>, environment: Environment) -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let policy = AddressPolicy { allow_loopback: true, allow_private: true };
        let mask = Mask::new(&provider, AddressSeen::Origin);
        let transport = Network::new(policy).unwrap();
        Self { credentials: Credentials::new(environment), transport, provider, mask }
    }

    /// The header's value for a GET of this URL, and whether it was obtained just now.
    async fn ask(
        &self,
        credential: &str,
        url: &str,
        now: Timestamp,
    ) -> Result<(String, bool), CredentialError> {
        let asking = Asking {
            provider: &self.provider,
            method: &Method::GET,
            url: &Url::parse(url).unwrap(),
            transport: &self.transport,
            mask: &self.mask,
            now,
            deadline: Instant::now() + Duration::from_secs(10),
        };
        let authorization = self.credentials.authorization(credential, &asking).await?;
        let value = authorization.value();
        assert!(value.is_sensitive());
        let text = value.to_str().unwrap().to_owned();
        let (_, secret) = text.split_once(' ').unwrap();
        assert_eq!(self.mask.text(secret), "*****");
        Ok((text, authorization.is_new))
    }
}

fn now() -> Timestamp {
    "2026-03-14T09:30:00Z".parse().unwrap()
}

fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

fn installation_token(ends: Timestamp) -> Reply {
    Reply::status(201).body(json!({"token": TOKEN, "expires_at": ends.to_string()}).to_string())
}

/// The claims of a token that stands behind this prefix. Its signature is checked where it is made.
fn claims(text: &str, prefix: &str) -> Value {
    let token = text.strip_prefix(prefix).unwrap();
    serde_json::from_slice(&from_base64url(token.split('.').nth(1).unwrap())).unwrap()
}

fn from_base64url(text: &str) -> Vec<u8> {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for byte in text.bytes() {
        let value = alphabet.iter().position(|letter| *letter == byte).unwrap();
        bits = (bits << 6) | u32::try_from(value).unwrap();
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from((bits >> held) & 0xff).unwrap());
        }
    }
    bytes
}

/// An environment with these variables.
fn environment(variables: Value) -> Environment {
    Environment::read(|name| variables[name].as_str().map(str::to_owned))
}

/// The pairs of a form, decoded.
fn form(body: &[u8]) -> Value {
    let query = std::str::from_utf8(body).unwrap();
    let url = Url::parse(&["http://form.invalid/?", query].concat()).unwrap();
    let pairs = url.query_pairs().map(|(key, value)| (key.into_owned(), json!(value)));
    Value::Object(pairs.collect())
}

/// Fifty ask at once, and get this. How many of them were the first.
async fn fifty_ask(asker: Asker, credential: &'static str, url: &str, expected: &str) -> usize {
    let asker = Arc::new(asker);
    let asked: Vec<_> = (0..50)
        .map(|_| {
            let (asker, url) = (Arc::clone(&asker), url.to_owned());
            tokio::spawn(async move { asker.ask(credential, &url, now()).await.unwrap() })
        })
        .collect();
    let mut obtained = 0;
    for asked in asked {
        let (text, is_new) = asked.await.unwrap();
        assert_eq!(text, expected);
        obtained += usize::from(is_new);
    }
    obtained
}

/// Rule S5.
#[tokio::test]
async fn a_credential_is_obtained_once_for_all_who_wait() {
    let receiver = Receiver::start().await;
    receiver.otherwise(installation_token(now() + minutes(60)).delayed(Duration::from_millis(100)));
    let provider = provider(&receiver.url("/acme/fleet"), &app(&receiver));
    let url = receiver.url("/api/v3/repos/acme/fleet");
    let bearer = ["Bearer ", TOKEN].concat();
    let obtained = fifty_ask(Asker::new(provider), "github-app", &url, &bearer).await;
    assert_eq!((obtained, receiver.count()), (1, 1));

    let request = &receiver.received()[0];
    assert_eq!(request.method, "POST");
    assert_eq!(request.target, "/api/v3/app/installations/67890/access_tokens");
    let claims = claims(request.header("authorization").unwrap(), "Bearer ");
    let second = now().as_second();
    assert_eq!(claims, json!({"iss": "12345", "iat": second - 60, "exp": second + 540}));
}

/// Rule S5.
#[tokio::test]
async fn a_credential_is_renewed_before_it_ends() {
    let receiver = Receiver::start().await;
    let provider = provider(&receiver.url("/acme/fleet"), &app(&receiver));
    let asker = Asker::new(provider);
    let url = receiver.url("/api/v3/repos/acme/fleet");
    for (minute, ends, requests) in
        [(0, 60, 1), (54, 999, 1), (55, 115, 2), (109, 999, 2), (110, 170, 3)]
    {
        receiver.otherwise(installation_token(now() + minutes(ends)));
        asker.ask("github-app", &url, now() + minutes(minute)).await.unwrap();
        assert_eq!(receiver.count(), requests, "minute {minute}");
    }
    // The service is down: the old one is good for a few minutes yet.
    receiver.otherwise(Reply::status(502));
    assert!(asker.ask("github-app", &url, now() + minutes(166)).await.is_ok());
    assert_eq!(receiver.count(), 4);
    assert!(asker.ask("github-app", &url, now() + minutes(170)).await.is_err());
}

#[tokio::test]
async fn an_installation_is_found_by_its_owner() {
    let receiver = Receiver::start().await;
    receiver.queue([
        Reply::status(404).body(r#"{"message":"Not Found"}"#),
        Reply::status(200).body(r#"{"id":777,"account":{"login":"acme"}}"#),
        installation_token(now() + minutes(60)),
    ]);
    let owner = json!({"githubAppInstallationID": null, "githubAppInstallationOwner": "acme"});
    let provider = provider(&receiver.url("/acme/fleet"), &with(app(&receiver), owner));
    let asker = Asker::new(provider);
    let url = receiver.url("/api/v3/repos/acme/fleet");
    assert!(asker.ask("github-app", &url, now()).await.unwrap().1);
    let asked: Vec<String> =
        receiver.received().iter().map(|got| [&got.method, " ", &got.target].concat()).collect();
    assert_eq!(
        asked,
        [
            "GET /api/v3/orgs/acme/installation",
            "GET /api/v3/users/acme/installation",
            "POST /api/v3/app/installations/777/access_tokens",
        ]
    );
}

#[tokio::test]
async fn an_app_s_own_token_needs_no_request() {
    let receiver = Receiver::start().await;
    let provider = provider(&receiver.url("/acme/fleet"), &app(&receiver));
    let asker = Asker::new(provider);
    let url = receiver.url("/api/v3/app");
    let (first, _) = asker.ask("github-app-jwt", &url, now()).await.unwrap();
    assert_eq!(claims(&first, "Bearer ")["iss"], "12345");
    let (second, is_new) = asker.ask("github-app-jwt", &url, now() + minutes(6)).await.unwrap();
    assert_eq!((&second, is_new), (&first, false));
    assert!(asker.ask("github-app-jwt", &url, now() + minutes(7)).await.unwrap().1);
    assert_eq!(receiver.count(), 0);
}

/// What comes of asking, in one line.
fn outcome(result: Result<(String, bool), CredentialError>) -> String {
    match result {
        Ok(_) => "obtained".to_owned(),
        Err(CredentialError::Obtain { failure, .. }) => {
            let kind = match &*failure {
                ObtainError::Misconfigured(_) => "change".to_owned(),
                ObtainError::Later { after: None, .. } => "later".to_owned(),
                ObtainError::Later { after: Some(after), .. } => format!("after {after:?}"),
                ObtainError::Send(err) => err.kind().to_owned(),
            };
            format!("{kind}: {}", report(&failure))
        }
        Err(err) => format!("refused: {}", report(&err)),
    }
}

#[tokio::test]
async fn what_is_wrong_with_an_app_says_what_to_change() {
    let receiver = Receiver::start().await;
    let url = receiver.url("/api/v3/repos/acme/fleet");
    let elliptic = std::fs::read_to_string(root().join("tests/fixtures/keys/elliptic.pem"));
    for (changes, expected) in [
        (
            json!({"githubAppPrivateKey": "fake"}),
            "`githubAppPrivateKey` in the Secret is no private key in PEM form",
        ),
        (
            json!({"githubAppPrivateKey": elliptic.unwrap()}),
            "`githubAppPrivateKey` in the Secret is no RSA key",
        ),
        (json!({"githubAppPrivateKey": null}), "`githubAppPrivateKey` is missing"),
        (json!({"githubAppID": null}), "`githubAppID` is missing"),
        (
            json!({"githubAppInstallationID": "x/y"}),
            "`githubAppInstallationID` in the Secret is no number",
        ),
        (json!({"githubAppInstallationID": null}), "neither `githubAppInstallationID` nor"),
        (json!({"githubAppInstallationOwner": "acme"}), "keep one of them"),
        (json!({"githubAppBaseURL": "git.example"}), "`githubAppBaseURL` in the Secret is no URL"),
        (
            json!({"githubAppBaseURL": null}),
            "it is for https://api.github.com/ and not for 127.0.0.1: set `githubAppBaseURL`",
        ),
    ] {
        let secret = with(app(&receiver), changes);
        let asker = Asker::new(provider(&receiver.url("/x"), &secret));
        let outcome = outcome(asker.ask("github-app", &url, now()).await);
        assert!(outcome.starts_with("change: ") && outcome.contains(expected), "{outcome}");
    }
    assert_eq!(receiver.count(), 0);
}

#[tokio::test]
async fn each_answer_of_a_token_service_means_something() {
    let receiver = Receiver::start().await;
    let url = receiver.url("/api/v3/repos/acme/fleet");
    let json = |status, body: Value| Reply::status(status).body(body.to_string());
    for (reply, expected) in [
        (
            json(401, json!({"message": "Bad credentials"})),
            "change: 127.0.0.1 answered 401: check `githubAppID`",
        ),
        (
            json(404, json!({"message": "Not Found"})),
            "change: 127.0.0.1 answered 404: check `githubAppInstallationID`",
        ),
        (
            json(403, json!({"message": "suspended"})),
            "change: 127.0.0.1 answered 403: check `githubAppInstallationID`",
        ),
        (json(500, json!({})), "later: 127.0.0.1 answered 500"),
        (json(429, json!({})).header("retry-after", "7"), "after 7s: 127.0.0.1 answered 429"),
        (Reply::status(200).body("<html>"), "later: the answer of 127.0.0.1 holds no token"),
        (
            json(201, json!({"expires_at": "2099-01-01T00:00:00Z"})),
            "later: the answer of 127.0.0.1 holds no token",
        ),
        (json(201, json!({"token": TOKEN})), "later: the answer of 127.0.0.1 holds no token"),
        (
            json(201, json!({"token": "a\nb", "expires_at": "2099-01-01T00:00:00Z"})),
            "later: the token holds a control",
        ),
    ] {
        receiver.otherwise(reply);
        let provider = provider(&receiver.url("/x"), &app(&receiver));
        let asker = Asker::new(provider);
        let outcome = outcome(asker.ask("github-app", &url, now()).await);
        assert!(outcome.starts_with(expected), "{outcome}");
    }
    let nowhere = with(app(&receiver), json!({"githubAppBaseURL": "http://127.0.0.1:9/api/v3"}));
    let asker = Asker::new(provider(&receiver.url("/x"), &nowhere));
    let outcome = outcome(asker.ask("github-app", "http://127.0.0.1:9/api/v3/x", now()).await);
    assert!(outcome.starts_with("connect: cannot reach 127.0.0.1"), "{outcome}");
}

/// Rule S5.
#[tokio::test]
async fn a_credential_goes_to_its_audience_alone() {
    let receiver = Receiver::start().await;
    let answer = json!({"access_token": "fake-token", "expires_in": 3600});
    receiver.otherwise(Reply::status(200).body(answer.to_string()));
    for (credential, address, secret, urls) in [
        (
            "github-app",
            "https://github.com/acme/fleet",
            with(app(&receiver), json!({"githubAppBaseURL": "https://git.example/api/v3"})),
            &[
                "https://api.github.com/repos/acme/fleet",
                "https://git.example/acme/fleet",
                "https://git.example:8443/api/v3/repos",
                "http://git.example/api/v3/repos",
                "https://git.example.evil.example/api/v3/repos",
            ][..],
        ),
        (
            "github-app-jwt",
            "https://github.com/acme/fleet",
            with(app(&receiver), json!({"githubAppBaseURL": null})),
            &[
                "https://api.github.com/app/installations",
                "https://api.github.com/app?x=1",
                "https://evil.example/app",
            ],
        ),
        (
            "google",
            "my-project",
            json!({"token": google::key_file(&receiver.url("/token"))}),
            &[
                "https://pubsub.googleapis.com.evil.example/v1",
                "https://evilgoogleapis.com/v1",
                "https://googleapis.com/v1",
                "https://pubsub.googleapis.com:8443/v1",
                "http://pubsub.googleapis.com/v1",
            ],
        ),
        (
            "azure-event-hubs",
            "hub",
            azure::client(&receiver),
            &[
                "https://other.servicebus.windows.net/hub/messages",
                "https://mine.servicebus.windows.net.evil.example/hub/messages",
                "https://mine.servicebus.windows.net:8443/hub/messages",
                "http://mine.servicebus.windows.net/hub/messages",
                "https://mine.example/hub/messages",
            ],
        ),
        (
            "azure-event-hubs",
            "Endpoint=sb://ns.example/;SharedAccessKeyName=n;SharedAccessKey=k;EntityPath=hub",
            json!({}),
            &["https://mine.servicebus.windows.net/hub/messages", "https://ns.example:1/hub"],
        ),
        (
            "azure-devops",
            "https://tfs.example/tfs/Main/p/_git/r",
            azure::client(&receiver),
            &[
                "https://dev.azure.com.evil.example/o",
                "https://dev.azure.com:8443/o",
                "http://dev.azure.com/o",
                "https://visualstudio.com/o",
                "https://evilvisualstudio.com/o",
                "https://tfs.example/tfs/Main",
            ],
        ),
        ("no-such", "hub", json!({}), &["https://evil.example/"]),
    ] {
        let asker = Asker::new(provider_in(address, "mine", &secret));
        for url in urls {
            let result = asker.ask(credential, url, now()).await;
            let outcome = outcome(result);
            let is_refused = outcome.starts_with("refused: the credential ")
                || outcome.starts_with("change: it is for https://git.example/api/v3")
                || outcome.starts_with("change: it is for https://api.github.com/")
                || outcome.starts_with("change: tfs.example takes no tokens of Microsoft Entra");
            assert!(is_refused, "{credential} for {url}: {outcome}");
        }
    }
    assert_eq!(receiver.count(), 0);
}

/// A Provider of the type github with an App, everything of which is on this receiver, and an Alert.
fn manifests(receiver: &Receiver, name: &str) -> String {
    let documents = [
        json!({"apiVersion": "notification.toolkit.fluxcd.io/v1beta3", "kind": "Provider", "metadata": {"name": name},
               "spec": {"type": "github", "address": receiver.url("/acme/fleet"), "secretRef": {"name": name}}}),
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": app(receiver)}),
        json!({"apiVersion": "notification.toolkit.fluxcd.io/v1beta3", "kind": "Alert", "metadata": {"name": name},
               "spec": {"providerRef": {"name": name},
                        "eventSources": [{"kind": "Kustomization", "name": "*", "namespace": "apps"}]}}),
    ];
    documents.iter().map(Value::to_string).collect::<Vec<_>>().join("\n---\n")
}

fn status_event(number: usize) -> String {
    let mut event =
        kustomization(&format!("app-{number}"), "info", "ReconciliationSucceeded", "done");
    event["metadata"]["kustomize.toolkit.fluxcd.io/commit_status"] = json!("update");
    event["metadata"]["kustomize.toolkit.fluxcd.io/revision"] =
        json!(format!("main@sha1:{number:040x}"));
    event.to_string()
}

/// Gives out a token, and tells in every other answer what it was sent.
fn github_that_echoes(receiver: &Receiver, status: u16) {
    receiver.answer_with(move |received| {
        if received.target.ends_with("/access_tokens") {
            return installation_token(Timestamp::now() + minutes(60));
        }
        if received.method == "GET" && status == 201 {
            return Reply::status(200).body("[]");
        }
        let headers: Vec<String> =
            received.headers.iter().map(|(name, value)| [name, ": ", value].concat()).collect();
        Reply::status(status).body(headers.join("\n"))
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_deliveries_share_one_token() {
    let receiver = Receiver::start().await;
    github_that_echoes(&receiver, 201);
    let dir = tempfile::tempdir().unwrap();
    let (config, data) = (dir.path().join("config"), dir.path().join("data"));
    std::fs::create_dir(&config).unwrap();
    std::fs::write(config.join("all.yaml"), manifests(&receiver, "app")).unwrap();
    let herald = Herald::start(&config, &data, &[]).await;
    for number in 0..50 {
        let posted = client().post(herald.events()).body(status_event(number)).send().await;
        assert_eq!(posted.unwrap().status().as_u16(), 202);
    }
    herald_tests::eventually("every status is set", Duration::from_secs(30), || {
        receiver.count() >= 101
    })
    .await;
    let received = receiver.received();
    let of = |method: &str, end: &str| {
        received.iter().filter(|got| got.method == method && got.target.contains(end)).count()
    };
    assert_eq!(
        (of("POST", "/access_tokens"), of("GET", "/commits/"), of("POST", "/statuses/")),
        (1, 50, 50)
    );
    let bearer = ["Bearer ", TOKEN].concat();
    let others = received.iter().filter(|got| !got.target.ends_with("/access_tokens"));
    assert!(others.into_iter().all(|got| got.header("authorization") == Some(&bearer)));
    assert_eq!(herald.stop().await, Some(0));
}

/// Everything that a command or the service wrote is searched for the token, the App's own token and its key.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_obtained_is_shown_nowhere() {
    let receiver = Receiver::start().await;
    github_that_echoes(&receiver, 500);
    let dir = tempfile::tempdir().unwrap();
    let (config, data) = (dir.path().join("config"), dir.path().join("data"));
    std::fs::create_dir(&config).unwrap();
    let (manifest, event) = (config.join("all.yaml"), dir.path().join("event.json"));
    std::fs::write(&manifest, manifests(&receiver, "app")).unwrap();
    std::fs::write(&event, status_event(1)).unwrap();

    let mut outputs = Vec::new();
    for format in ["text", "json"] {
        let mut command = tokio::process::Command::new(binary());
        command.args(["send", "--allow-loopback", "--output", format, "--provider"]);
        command.arg(&manifest).arg("--event").arg(&event);
        let ran = command.output().await.unwrap();
        let shown = String::from_utf8_lossy(&ran.stdout).into_owned();
        assert!(shown.contains("access_tokens") && shown.contains("*****"), "{shown}");
        outputs.push((format!("herald send, {format}"), [ran.stdout, ran.stderr].concat()));
    }
    let herald = Herald::start(&config, &data, &["--log-level", "trace"]).await;
    let before = receiver.count();
    let posted = client().post(herald.events()).body(status_event(2)).send().await.unwrap();
    assert_eq!(posted.status().as_u16(), 202);
    herald_tests::eventually("it failed twice", Duration::from_secs(30), || {
        receiver.count() >= before + 3 && herald.log().contains("answered 500")
    })
    .await;
    assert_eq!(herald.stop().await, Some(0));
    let log = data.with_extension("log");
    assert!(std::fs::read_to_string(&log).unwrap().contains("obtained a credential"));
    for path in files(&data).into_iter().chain([log]) {
        outputs.push((path.display().to_string(), std::fs::read(&path).unwrap()));
    }

    let mut needles = Needles::default();
    needles.add("token", TOKEN);
    for line in key().lines().filter(|line| !line.starts_with("-----")) {
        needles.add("key", line);
    }
    for got in receiver.received().iter().filter(|got| got.target.ends_with("/access_tokens")) {
        let own = got.header("authorization").unwrap().strip_prefix("Bearer ").unwrap();
        needles.add("the App's own token", own);
        needles.add("its signature", own.rsplit('.').next().unwrap());
    }
    needles.assert_absent(&outputs);
}

fn files(dir: &Path) -> Vec<std::path::PathBuf> {
    let listed = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    listed.filter(|path| path.is_file()).collect()
}
