//! Manifests with mistakes beside a secret, or with a secret where none belongs: what is said of them holds no value.

use std::collections::BTreeSet;

use herald_controller::sources::folder::from_texts;
use herald_tests::herald::{output, serve};

use super::needles::Needles;
use super::run;

/// Secrets that stand where they should not, or in files with mistakes. `MARK` is the secret.
const BROKEN: &[(&str, &str)] = &[
    ("data-not-base64", "data:\n  token: MARK!"),
    ("data-number", "data: {token: 12, password: [MARK]}"),
    ("headers-nested", "stringData:\n  headers: |\n    a: b: MARK"),
    ("headers-list", "stringData:\n  headers: |\n    X-Key: [MARK]"),
    ("headers-scalar", "stringData: {headers: X-Key=MARK}"),
    ("headers-documents", "stringData:\n  headers: |\n    a: MARK\n    ---\n    b: MARK"),
    ("headers-anchor", "stringData:\n  headers: |\n    a: *MARK"),
    ("headers-tag", "stringData:\n  headers: |\n    a: !MARK b"),
    ("headers-quote", "stringData:\n  headers: |\n    a: \"MARK"),
    ("address-port", "stringData: {address: \"https://u:MARK@h.example:99999/MARK?MARK\"}"),
    ("address-port-text", "stringData: {address: \"https://h.example:MARK/\"}"),
    ("address-host", "stringData: {address: \"https://[MARK/\"}"),
    ("address-path", "stringData: {address: /MARK}"),
    ("address-no-scheme", "stringData: {address: h.example/MARK}"),
    ("address-user", "stringData: {address: MARK@h.example}"),
    ("address-hubs", "stringData: {address: \"Endpoint=sb://h.example/;SharedAccessKey=MARK\"}"),
    ("address-line-break", "stringData: {address: \"https://h.example/\\nMARK\"}"),
    ("proxy-scheme", "stringData: {proxy: \"ftp://u:MARK@h.example\"}"),
    ("proxy-no-host", "stringData: {proxy: \"http://u:MARK@\"}"),
    ("proxy-port", "stringData: {proxy: \"http://u:MARK@h.example:MARK\"}"),
    ("proxy-host", "stringData: {proxy: \"socks5://u:MARK@h%00.example\"}"),
    ("proxy-text", "stringData: {proxy: MARK}"),
    ("ca-garbage", "stringData: {ca.crt: MARK}"),
    (
        "ca-pem",
        "stringData:\n  ca.crt: |\n    -----BEGIN CERTIFICATE-----\n    MARK\n    -----END CERTIFICATE-----",
    ),
    ("key-garbage", "stringData: {tls.crt: MARK, tls.key: MARK}"),
    (
        "key-pem",
        "stringData:\n  tls.crt: x\n  tls.key: |\n    -----BEGIN PRIVATE KEY-----\n    MARK\n    -----END PRIVATE KEY-----",
    ),
    ("key-alone", "stringData: {tls.key: MARK}"),
    ("no-space", "stringData: {token:MARK}"),
    ("no-space-in-data", "data: {token:MARK}"),
    ("equals", "stringData: {token=MARK}"),
    ("no-space-twice", "stringData:\n  token:MARK\n  password:MARK"),
    ("no-space-and-value", "stringData:\n  token:MARK: x"),
    ("no-data", "token: MARK"),
    ("no-data-no-space", "{token:MARK}"),
    ("scalar", "stringData: MARK"),
    ("list", "stringData: [token, MARK]"),
    ("alias", "stringData: {token: *MARK}"),
    ("alias-block", "stringData:\n  token: *MARK"),
    ("tag", "stringData: {token: !MARK x}"),
    ("tag-alone", "stringData:\n  token: !MARK"),
    ("tag-handle", "stringData:\n  token: !MARK!x y"),
    ("tag-core", "stringData:\n  token: !!MARK y"),
    ("tag-int", "stringData:\n  token: !!int MARK"),
    ("tag-binary", "stringData:\n  token: !!binary MARK*"),
    ("tag-float", "stringData:\n  token: !!float MARK"),
    ("anchor", "stringData:\n  token: &MARK\n  &MARK password: x\n  x: ["),
    ("merge", "stringData:\n  <<: MARK"),
    ("escape", "stringData: {token: \"MARK\\q\"}"),
    ("escape-code", "stringData: {token: \"\\xMARK\"}"),
    ("open-quote", "stringData: {token: 'MARK"),
    ("open-list", "stringData: {token: [MARK"),
    ("at-sign", "stringData:\n  token: @MARK"),
    ("percent", "stringData:\n  token: %MARK"),
    ("backtick", "stringData:\n  token: `MARK"),
    ("block-head", "stringData:\n  token: |MARK\n    x"),
    ("block-indent", "stringData:\n  token: |9MARK\n    x"),
    ("directive", "stringData: {}\n---\n%MARK\n"),
    ("colon", "stringData:\n  token: MARK: MARK"),
    ("long-key", "stringData:\n  ? MARK MARK\n  : x"),
    ("tab", "stringData:\n\ttoken: MARK"),
    ("indentation", "stringData:\n  token: x\n MARK: y"),
    ("twice", "stringData: {token: MARK, token: MARK}"),
    ("spec-no-space", "spec: {type: generic, address:https://h.example/MARK}"),
    ("spec-no-space-block", "spec:\n  type: generic\n  address:https://h.example/MARK: x"),
    ("spec-address-list", "spec: {type: generic, address: [MARK]}"),
    (
        "spec-address-port",
        "spec: {type: generic, address: \"https://u:MARK@h.example:x/MARK?k=MARK\"}",
    ),
    ("spec-address-path", "spec: {type: generic, address: /MARK}"),
    ("spec-proxy", "spec: {type: generic, proxy: \"ftp://u:MARK@h.example\"}"),
    ("spec-proxy-list", "spec: {type: generic, proxy: {\"http://u:MARK@h.example\": x}}"),
    ("spec-field", "spec: {type: generic, \"https://h.example/MARK\": x}"),
    ("spec-secret-ref", "spec: {type: generic, secretRef: {name:MARK}}"),
];

/// A file of this case: a Secret and a Provider that uses it, one of them with the mistake.
fn broken(name: &str, text: &str, mark: &str) -> String {
    const API: &str =
        "apiVersion: notification.toolkit.fluxcd.io/v1beta3\nkind: Provider\nmetadata";
    let text = text.replace("MARK", mark);
    if text.starts_with("spec") {
        return format!("{API}: {{name: {name}}}\n{text}\n");
    }
    format!(
        "{API}: {{name: {name}}}\nspec: {{type: generic, address: 'https://h.example', secretRef: {{name: {name}}}}}\n\
         ---\napiVersion: v1\nkind: Secret\nmetadata: {{name: {name}}}\n{text}\n"
    )
}

#[test]
fn mistakes_in_manifests_show_no_secret() {
    const MARK: &str = "Mq7hunterTwoKx9";
    let mut needles = Needles::default();
    needles.add("secret", MARK);
    let dir = tempfile::tempdir().unwrap();
    let (config, data) = (dir.path().join("config"), dir.path().join("data"));
    std::fs::create_dir(&config).unwrap();
    let event = dir.path().join("event.json");
    std::fs::write(&event, super::event()).unwrap();
    let mut outputs = Vec::new();
    let mut silent = BTreeSet::new();
    for (name, text) in BROKEN {
        let text = broken(name, text, MARK);
        std::fs::write(config.join(format!("{name}.yaml")), &text).unwrap();
        let loaded = from_texts(&[(name, &text)]);
        let mut said: Vec<String> = loaded.mistakes.iter().map(ToString::to_string).collect();
        for provider in loaded.catalog.providers.values() {
            said.extend(provider.problems.iter().cloned());
            said.push(format!("{provider:?}"));
        }
        if loaded.mistakes.is_empty() {
            silent.insert(*name);
        }
        outputs.push(((*name).to_owned(), said.join("\n").into_bytes()));
    }
    // A tag of YAML that nobody knows is passed over, so there is nothing to say of these.
    assert_eq!(silent, BTreeSet::from(["headers-tag", "tag", "tag-alone"]));

    let served = output(serve(&config, &data, &["--log-level", "trace"]).env_remove("RUST_LOG"));
    assert_eq!(served.status.code(), Some(64));
    let stderr = String::from_utf8(served.stderr.clone()).unwrap();
    for (name, _) in BROKEN.iter().filter(|(name, _)| !silent.contains(name)) {
        assert!(stderr.contains(&format!("{name}.yaml:")), "nothing is said of {name}:\n{stderr}");
    }
    outputs.push(("herald serve".to_owned(), served.stderr));
    let all: String = BROKEN
        .iter()
        .flat_map(|(name, _)| {
            [
                "--provider".to_owned(),
                config.join(format!("{name}.yaml")).to_str().unwrap().to_owned(),
            ]
        })
        .collect::<Vec<_>>()
        .join("\n");
    for command in ["render", "send"] {
        let mut args =
            vec![command.to_owned(), "--event".to_owned(), event.to_str().unwrap().to_owned()];
        args.extend(all.lines().map(str::to_owned));
        outputs.push(run(&args));
    }
    needles.assert_absent(&outputs);
}
