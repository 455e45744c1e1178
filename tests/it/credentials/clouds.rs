//! The services of Google and Azure as a whole: the running Herald against stand-ins of all of them behind one proxy,
//! with credentials from Secrets and from the environment.

use std::collections::BTreeMap;

use herald_tests::herald::serve;
use herald_tests::receiver::Received;
use herald_tests::tls::Authority;

use super::*;

const EVENTS: usize = 8;

/// What is given out, by whom: what would be a secret in any output.
const GRANTED: &[(&str, &str)] = &[
    ("oauth2.googleapis.com", "ya29.fake-of-the-key"),
    ("sts.googleapis.com", "ya29.fake-of-the-exchange"),
    ("login.microsoftonline.com", "eyJ0.fake.of-the-clients-tenant"),
    ("login.microsoftonline.us", "eyJ0.fake.of-the-operators-tenant"),
];
/// What they are asked with.
const CLIENT_SECRET: &str = "fake~secret/of+the-client";
const SUBJECT: &str = "eyJ0.fake.subject-of-the-cluster";
const SAS_KEY: &str = "ZmFrZS1rZXktb2YtdGhlLW5hbWVzcGFjZQ==";
const JWT: &str = "eyJ0.fake.token-of-the-user";

/// A Provider of each way to be let in, by name: its type, spec and Secret.
fn providers() -> Vec<(&'static str, Value, Value)> {
    let sas = format!(
        "Endpoint=sb://signed.servicebus.windows.net/;SharedAccessKeyName=send;SharedAccessKey={SAS_KEY}"
    );
    let client = json!({"azureTenantID": "clients", "azureClientID": "c", "azureClientSecret": CLIENT_SECRET});
    let hub =
        |namespace: &str| json!({"type": "azureeventhub", "address": "hub", "channel": namespace});
    let topic = |topic: &str| json!({"type": "googlepubsub", "address": "p", "channel": topic});
    let repository = json!({"type": "azuredevops", "address": "https://dev.azure.com/o/p/_git/r"});
    let key = google::key_file("https://oauth2.googleapis.com/token");
    vec![
        ("pubsub-key", topic("key"), json!({"token": key})),
        ("pubsub-operator", topic("operator"), Value::Null),
        ("hub-jwt", hub("jwt"), json!({"token": JWT})),
        ("hub-sas", json!({"type": "azureeventhub", "channel": "hub"}), json!({"address": sas})),
        ("hub-client", hub("client"), client.clone()),
        ("hub-operator", hub("operator"), Value::Null),
        ("devops-client", repository.clone(), client),
        ("devops-operator", repository, Value::Null),
    ]
}

/// Those with a Secret go through the world by a proxy and an authority of their own, the others by those of the process.
fn manifests(world: &Receiver, authority: &Authority) -> String {
    let api = "notification.toolkit.fluxcd.io/v1beta3";
    let secret = |name: &str, values: Value| json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": values});
    let mut documents = vec![
        secret("authority", json!({"ca.crt": authority.pem()})),
        secret("proxy", json!({"address": format!("http://{}", world.address())})),
    ];
    for (name, mut spec, values) in providers() {
        spec["timeout"] = json!("20s");
        if !values.is_null() {
            spec["secretRef"] = json!({"name": name});
            spec["certSecretRef"] = json!({"name": "authority"});
            spec["proxySecretRef"] = json!({"name": "proxy"});
            documents.push(secret(name, values));
        }
        documents.push(json!({"apiVersion": api, "kind": "Provider", "metadata": {"name": name}, "spec": spec}));
        documents.push(json!({
            "apiVersion": api, "kind": "Alert", "metadata": {"name": name},
            "spec": {"providerRef": {"name": name}, "eventSources": [{"kind": "Kustomization", "name": "*", "namespace": "apps"}]},
        }));
    }
    documents.iter().map(Value::to_string).collect::<Vec<_>>().join("\n---\n")
}

/// What hubs and topics get, or what is a status and nothing else.
fn event(number: usize, is_status: bool) -> String {
    let message = if is_status { "for a commit" } else { "for a topic" };
    let mut event =
        kustomization(&format!("app-{number}"), "info", "ReconciliationSucceeded", message);
    if is_status {
        event["metadata"]["kustomize.toolkit.fluxcd.io/commit_status"] = json!("update");
    }
    event["metadata"]["kustomize.toolkit.fluxcd.io/revision"] =
        json!(format!("main@sha1:{number:040x}"));
    event.to_string()
}

/// What each service answers while all is well.
fn answer(got: &Received) -> Reply {
    let host = got.header("host").unwrap_or_default();
    let json = |status, body: Value| Reply::status(status).body(body.to_string());
    if let Some((_, token)) = GRANTED.iter().find(|(granter, _)| *granter == host) {
        return json(
            200,
            json!({"access_token": token, "expires_in": 3600, "token_type": "Bearer"}),
        );
    }
    match (host, got.method.as_str()) {
        ("pubsub.googleapis.com", "POST") => json(200, json!({"messageIds": ["1"]})),
        ("dev.azure.com", "GET") => json(200, json!({"count": 0, "value": []})),
        ("dev.azure.com", "POST") => json(201, json!({"id": 1, "state": "succeeded"})),
        (host, "POST") if host.contains(".servicebus.") => Reply::status(201),
        _ => Reply::status(404),
    }
}

/// The operator's environment, all of it on files of this folder.
fn operator(dir: &Path, authority: &Authority) -> Vec<(&'static str, String)> {
    let at = |name: &str, text: &str| {
        let path = dir.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let subject = at("subject", SUBJECT);
    let external = json!({
        "type": "external_account", "audience": "//iam.googleapis.com/pool",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": "https://sts.googleapis.com/v1/token", "credential_source": {"file": subject},
    });
    vec![
        ("SSL_CERT_FILE", at("authority.pem", &authority.pem())),
        ("GOOGLE_APPLICATION_CREDENTIALS", at("external.json", &external.to_string())),
        ("AZURE_TENANT_ID", "operators".to_owned()),
        ("AZURE_CLIENT_ID", "operator".to_owned()),
        ("AZURE_FEDERATED_TOKEN_FILE", subject),
        ("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.us/".to_owned()),
    ]
}

/// How many requests each service got, by host and what let them in: the token's name, or `signed`.
fn counted(received: &[Received]) -> BTreeMap<(String, String), usize> {
    let mut counted = BTreeMap::new();
    for got in received {
        let shown = got.header("authorization").unwrap_or_default();
        let granter = GRANTED.iter().find(|(_, token)| shown == ["Bearer ", token].concat());
        let by = match granter {
            Some((granter, _)) => granter,
            None if shown == ["Bearer ", JWT].concat() => "the user",
            None if shown.starts_with("SharedAccessSignature sr=") => "signed",
            None => shown,
        };
        let host = got.header("host").unwrap_or_default();
        *counted.entry((host.to_owned(), by.to_owned())).or_default() += 1;
    }
    counted
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_way_into_the_clouds_is_taken_once_and_shown_nowhere() {
    let authority = Arc::new(Authority::default());
    let world = Receiver::start_world(Arc::clone(&authority)).await;
    world.answer_with(answer);
    let dir = tempfile::tempdir().unwrap();
    let (config, data) = (dir.path().join("config"), dir.path().join("data"));
    std::fs::create_dir(&config).unwrap();
    std::fs::write(config.join("all.yaml"), manifests(&world, &authority)).unwrap();
    let mut command = serve(&config, &data, &["--log-level", "trace", "--shutdown-grace", "0s"]);
    command
        .env("HTTPS_PROXY", format!("http://{}", world.address()))
        .env_remove("NO_PROXY")
        .env_remove("ALL_PROXY")
        .envs(operator(dir.path(), &authority));
    let herald = Herald::spawn(command, &data).await;
    let post = async |event: String| {
        let posted = client().post(herald.events()).body(event).send().await.unwrap();
        assert_eq!(posted.status().as_u16(), 202);
    };
    for number in 0..EVENTS {
        post(event(number, false)).await;
        post(event(number, true)).await;
    }
    let host = |host: &str, by: &str, n: usize| ((host.to_owned(), by.to_owned()), n);
    let (public, government) = ("login.microsoftonline.com", "login.microsoftonline.us");
    let expected = BTreeMap::from([
        host("oauth2.googleapis.com", "", 1),
        host("sts.googleapis.com", "", 1),
        // One for the hub and one for Azure DevOps.
        host(public, "", 2),
        host(government, "", 2),
        host("pubsub.googleapis.com", "oauth2.googleapis.com", EVENTS),
        host("pubsub.googleapis.com", "sts.googleapis.com", EVENTS),
        host("jwt.servicebus.usgovcloudapi.net", "the user", EVENTS),
        host("signed.servicebus.windows.net", "signed", EVENTS),
        host("client.servicebus.usgovcloudapi.net", public, EVENTS),
        host("operator.servicebus.usgovcloudapi.net", government, EVENTS),
        host("dev.azure.com", public, 2 * EVENTS),
        host("dev.azure.com", government, 2 * EVENTS),
    ]);
    let total: usize = expected.values().sum();
    herald_tests::eventually("everything arrives", Duration::from_secs(180), || {
        world.count() >= total
    })
    .await;
    assert_eq!(counted(&world.received()), expected, "{}", herald.log());

    // From now on each receiver refuses what it gets, and tells everybody what that was.
    world.answer_with(|got| {
        let headers = got.headers.iter().map(|(name, value)| [name, ": ", value].concat());
        let said = headers.collect::<Vec<_>>().join("\n");
        Reply::status(500).body([said.as_bytes(), b"\n", &got.body].concat())
    });
    post(event(EVENTS, false)).await;
    post(event(EVENTS, true)).await;
    // A status is not set before it was asked for.
    herald_tests::eventually("each has failed", Duration::from_secs(120), || {
        world.count() >= total + providers().len()
            && herald.log().matches("answered 500").count() >= providers().len()
    })
    .await;
    assert_eq!(herald.stop().await, Some(0));

    let log = data.with_extension("log");
    let outputs: Vec<(String, Vec<u8>)> = files(&data)
        .into_iter()
        .chain([log])
        .map(|path| (path.display().to_string(), std::fs::read(&path).unwrap()))
        .collect();
    let mut needles = Needles::default();
    for (granter, token) in GRANTED {
        needles.add(granter, token);
    }
    for (name, value) in [
        ("the client's secret", CLIENT_SECRET),
        ("the cluster's token", SUBJECT),
        ("the namespace's key", SAS_KEY),
        ("the user's token", JWT),
    ] {
        needles.add(name, value);
    }
    for line in key().lines().filter(|line| !line.starts_with("-----")) {
        needles.add("the account's key", line);
    }
    for got in world.received() {
        let shown = got.header("authorization").unwrap_or_default();
        if let Some(signed) = shown.strip_prefix("SharedAccessSignature ") {
            let sum = signed.split('&').find_map(|part| part.strip_prefix("sig=")).unwrap();
            needles.add("a signature", sum);
        }
        if got.header("host") == Some("oauth2.googleapis.com") {
            needles.add("an assertion", form(&got.body)["assertion"].as_str().unwrap());
        }
    }
    needles.assert_absent(&outputs);
}
