//! Manifests as people have them, and what becomes of them.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::*;

const PAGE: &str =
    include_str!("../../../../../../tests/fixtures/manifests/provider-api-v1beta1.yaml");

/// The examples of the page by name.
fn examples() -> Vec<(&'static str, &'static str)> {
    PAGE.split("# example: ")
        .skip(1)
        .map(|example| example.split_once('\n').expect("a name stands in the first line"))
        .collect()
}

#[test]
fn every_example_of_the_page_loads() {
    let mut mistakes = Vec::new();
    for (name, text) in examples() {
        let loaded = from_texts(&[(name, text)]);
        mistakes.extend(lines(&loaded));
        let n_providers = text.matches("kind: Provider").count();
        assert_eq!(loaded.catalog.providers.len(), n_providers, "of {name}");
        let n_alerts = text.matches("kind: Alert").count();
        assert_eq!(loaded.catalog.alerts.len(), n_alerts, "of {name}");
    }
    // Placeholders that no controller could use as they stand, and two slips of the page: a connection string without its hub, a Secret in another namespace than its Provider.
    let host = "the address is no valid URL; correct the part named after this: invalid international domain name";
    let base64 = "is not base64; encode the value, or move it to `stringData` as it is";
    assert_eq!(
        mistakes,
        [
            format!("alertmanager:9: Provider default/alertmanager: spec.address: {host}"),
            format!("webex-template:20: Secret flux-system/webex-bot-access-token: data.token: {base64}"),
            format!("grafana:18: Secret default/grafana-token: stringData.address: {host}"),
            format!("commit-status-token:19: Secret default/api-token: data.token: {base64}"),
            format!("commit-status-bitbucket:19: Secret default/api-token: data.token: {base64}"),
            format!("opsgenie-api-key:7: Secret default/api-token: data.token: {base64}"),
            "azureeventhub-sas:12: Secret default/webhook-url: data.address: the connection string names no event hub; add `;EntityPath=HUB` to it, or write the hub's name into `spec.channel`".to_owned(),
            "azureeventhub-sas-command:16: Secret default/webhook-url: stringData.address: the connection string names no event hub; add `;EntityPath=HUB` to it, or write the hub's name into `spec.channel`".to_owned(),
            "githubdispatch:10: Provider flux-system/github-dispatch: spec.secretRef.name: there is no Secret flux-system/api-token; the one in namespace `default` cannot be used from `flux-system`; move one of the two".to_owned(),
            format!("githubdispatch:18: Secret default/api-token: data.token: {base64}"),
        ]
    );
}

#[test]
fn the_page_s_slack_example_is_what_it_says() {
    let examples: BTreeMap<_, _> = examples().into_iter().collect();
    let loaded = load(examples["authenticated-proxy"]);
    let slack = named(&loaded, "slack");
    assert_eq!((slack.kind.as_str(), slack.channel.as_str()), ("slack", "general"));
    assert_eq!(slack.timeout, Duration::from_secs(30));
    assert_eq!(&*slack.address, "https://hooks.slack.com/services/YOUR/SLACK/WEBHOOK");
    let proxy = slack.proxy.as_ref().expect("the Secret has a proxy");
    assert_eq!(proxy.url.expose(), "http://username:password@proxy_url:8080/");

    let loaded = load(examples["generic"]);
    let keys: Vec<&str> = named(&loaded, "generic").secret.keys_with_value().collect();
    assert_eq!(keys, ["headers/Authorization", "headers/X-Forwarded-Proto"]);
}

#[test]
fn an_object_gets_what_the_api_server_would_fill_in() {
    let loaded = load(&provider("slack", "type: slack\nconfig: {blocks: true}"));
    let slack = named(&loaded, "slack");
    assert_eq!(slack.uid.len(), 36, "{}", slack.uid);
    assert_eq!(
        slack.json.value(),
        serde_json::json!({
            "apiVersion": "notification.toolkit.fluxcd.io/v1beta3",
            "kind": "Provider",
            "metadata": {"name": "slack", "namespace": "default", "uid": slack.uid},
            "spec": {"type": "slack", "config": {"blocks": true}},
        })
    );
    assert_eq!(slack.config, serde_json::json!({"blocks": true}));
    assert_eq!(slack.timeout, Duration::from_secs(15));
    let again = load(&provider("slack", "type: discord"));
    assert_eq!(named(&again, "slack").uid, slack.uid, "the uid follows from the name alone");
}

#[test]
fn a_secret_s_values_are_taken_apart() {
    let text = [
        provider("a", "type: generic\naddress: https://spec.example\nusername: spec\nproxy: http://spec.example\nsecretRef: {name: s}"),
        "apiVersion: v1
kind: Secret
metadata: {name: s}
type: Opaque
data:
  address: aHR0cHM6Ly9kYXRhLmV4YW1wbGU=
  token: |
    aHVu
    dGVyMg==
  signingKey: /w==
  keystore.jks: KEYSTORE
stringData:
  address: \" https://secret.example/hook\\n\"
  username: secret
  proxy: socks5://proxy.example:1080
  headers: |
    X-Number: 7
    X-Bool: true
    X-Text: 'a: b'
    X-Empty:
"
        .to_owned(),
    ]
    .join("---\n");
    let keystore = BASE64_STANDARD.encode([0xff; 4097]);
    let loaded = load(&text.replace("KEYSTORE", &keystore));
    assert_eq!(
        lines(&loaded),
        [
            "m.yaml:21: Secret default/s: data[keystore.jks]: is not UTF-8 text, longer than any credential, and left out; store it as text if it is meant for the Provider"
        ]
    );
    assert!(loaded.mistakes.iter().all(|mistake| mistake.tolerated));
    let a = named(&loaded, "a");
    assert!(a.problems.is_empty(), "{:?}", a.problems);
    assert_eq!(&*a.address, "https://secret.example/hook");
    assert_eq!(a.view().username, "secret");
    assert!(
        matches!(a.view().address, Some(ProviderAddress::Url(url)) if url.host == "secret.example")
    );
    assert_eq!(a.proxy.as_ref().unwrap().url.expose(), "socks5://proxy.example:1080");
    assert_eq!(a.secret.bytes("signingKey").unwrap().expose(), [0xff]);
    assert!(a.secret.bytes("keystore.jks").is_none());
    let values: Vec<(&str, &str)> =
        a.secret.iter().map(|(key, value)| (key, value.expose())).collect();
    assert_eq!(
        values,
        [
            ("address", " https://secret.example/hook\n"),
            ("headers/X-Bool", "true"),
            ("headers/X-Empty", ""),
            ("headers/X-Number", "7"),
            ("headers/X-Text", "a: b"),
            ("proxy", "socks5://proxy.example:1080"),
            ("token", "hunter2"),
            ("username", "secret"),
        ]
    );
}

#[test]
fn the_proxy_of_a_reference_beats_the_others_and_takes_credentials() {
    let text = [
        provider("a", "type: generic\nproxy: http://spec.example\nsecretRef: {name: s}\nproxySecretRef: {name: p}"),
        secret("s", "proxy: http://secret.example"),
        secret("p", "address: http://proxy.example:8080\nusername: me@corp\npassword: 'p:%/'"),
    ]
    .join("---\n");
    let loaded = load(&text);
    assert_eq!(lines(&loaded), [""; 0]);
    let proxy = named(&loaded, "a").proxy.as_ref().unwrap();
    assert_eq!(proxy.url.expose(), "http://me%40corp:p%3A%25%2F@proxy.example:8080/");
}

#[test]
fn certificates_are_found_under_both_names_and_in_both_places() {
    let pair = rcgen::generate_simple_self_signed(vec!["hooks.example".to_owned()]).unwrap();
    let (certificate, key) = (pair.cert.pem(), pair.signing_key.serialize_pem());
    let block = |key: &str, pem: &str| format!("{key}: |\n{}", indented(pem));
    for (reference, keys) in [
        ("certSecretRef", ["ca.crt", "tls.crt", "tls.key"]),
        ("certSecretRef", ["caFile", "certFile", "keyFile"]),
        ("secretRef", ["ca.crt", "tls.crt", "tls.key"]),
        ("secretRef", ["caFile", "certFile", "keyFile"]),
    ] {
        let pems = [&certificate, &certificate, &key];
        let data: String = keys.iter().zip(pems).map(|(key, pem)| block(key, pem)).collect();
        let spec = format!("type: generic\n{reference}: {{name: s}}");
        let loaded = load(&[provider("a", &spec), secret("s", &data)].join("---\n"));
        assert_eq!(lines(&loaded), [""; 0]);
        let tls = named(&loaded, "a").tls.as_ref().expect("there are certificates");
        assert_eq!(tls.ca.as_ref().unwrap().expose(), certificate);
        assert_eq!(tls.identity.as_ref().unwrap().1.expose(), key);
    }
}

#[test]
fn an_alert_is_read_with_its_defaults() {
    let text = [
        provider("slack", SLACK),
        alert(
            "a",
            "providerRef: {name: slack}
eventSources:
- {kind: Kustomization, name: '*'}
- {kind: HelmRelease, name: app, namespace: prod, matchLabels: {team: a}}
inclusionList: ['failed']
eventMetadata: {env: prod}
summary: old",
        ),
    ]
    .join("---\n");
    let loaded = load(&text);
    assert_eq!(lines(&loaded), [""; 0]);
    let alert = loaded.catalog.alerts.iter().next().unwrap();
    assert_eq!(alert.severity.name(), "info");
    let sources: Vec<(&str, &str, bool)> = alert
        .sources
        .iter()
        .map(|source| {
            (source.namespace.as_str(), source.name.as_str(), source.match_labels.is_some())
        })
        .collect();
    assert_eq!(sources, [("default", "*", false), ("prod", "app", true)]);
    assert!(alert.inclusions.any_match("it failed") && !alert.inclusions.any_match("fine"));
    assert_eq!(alert.json.value()["metadata"]["namespace"], "default");
    assert!(loaded.catalog.provider_of(alert).is_some());
}

#[test]
fn lists_hold_objects_and_others_keep_their_labels() {
    let loaded = load(
        "apiVersion: v1
kind: List
items:
- apiVersion: notification.toolkit.fluxcd.io/v1beta2
  kind: Provider
  metadata: {name: slack}
  spec: {type: slack}
- apiVersion: kustomize.toolkit.fluxcd.io/v1
  kind: Kustomization
  metadata: {name: apps, namespace: prod, labels: {team: a}}
",
    );
    assert_eq!(lines(&loaded), [""; 0]);
    assert_eq!(
        loaded.origin(&ProviderKey::new("default", "slack")),
        Some(("m.yaml".to_owned(), 4))
    );
    let labels = loaded.catalog.objects.labels("Kustomization", "prod", "apps").unwrap();
    assert_eq!(labels["team"], "a");
}

#[test]
fn a_generation_follows_the_content() {
    let text = |spec: &str, token: &str| {
        [
            provider("a", &format!("type: generic\nsecretRef: {{name: s}}\n{spec}")),
            secret("s", &format!("token: {token}")),
        ]
        .join("---\n")
    };
    let generation = |text: &str| named(&load(text), "a").generation;
    let first = generation(&text("", "t"));
    assert_eq!(generation(&format!("# a comment\n{}", text("", "t"))), first);
    assert_ne!(generation(&text("channel: x", "t")), first);
    assert_ne!(generation(&text("", "u")), first);
}
