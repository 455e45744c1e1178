//! Broken manifests and the exact lines that tell of them.

use super::*;

/// Whether the text of `m.yaml` has just these mistakes; of one that ends in `…` only the beginning counts.
fn check(text: &str, expected: &[&str]) {
    let found = lines(&load(text));
    let is_as_expected = |(found, expected): (&String, &&str)| match expected.strip_suffix('…') {
        Some(start) => found.starts_with(start),
        None => found == expected,
    };
    let is_good = found.len() == expected.len() && found.iter().zip(expected).all(is_as_expected);
    assert!(is_good, "found {found:#?}\nnot {expected:#?}\nin {text}");
}

#[test]
fn text_that_is_no_manifest() {
    check("", &[]);
    check("# nothing\n---\n---\n", &[]);
    check(
        "a: 1\n---\njust text\n",
        &[
            "m.yaml:1: apiVersion: is missing; begin the object with `apiVersion:` and `kind:`",
            "m.yaml:1: kind: is missing; begin the object with `apiVersion:` and `kind:`",
            "m.yaml:3: is no Kubernetes object; begin it with `apiVersion:` and `kind:`",
        ],
    );
    check(
        &format!("{}---\na: b: c\n", provider("slack", SLACK)),
        &["m.yaml:8: is not YAML here: mapping values are not allowed in this context; correct it"],
    );
}

#[test]
fn slips_in_the_kind_and_the_group() {
    let head = "metadata: {name: a}\n";
    let group = "notification.toolkit.fluxcd.io";
    check(
        &format!("apiVersion: {group}/v1beta3\nkind: Providr\n{head}"),
        &["m.yaml:2: kind: is unknown in notification.toolkit.fluxcd.io; did you mean `Provider`?"],
    );
    check(
        &format!("apiVersion: {group}/v1\nkind: Alert\n{head}"),
        &[
            "m.yaml:1: apiVersion: has no version `v1`; write notification.toolkit.fluxcd.io/v1beta3",
        ],
    );
    check(
        &format!("apiVersion: notifications.toolkit.fluxcd.io/v1beta3\nkind: Alert\n{head}"),
        &["m.yaml:1: apiVersion: unknown group; did you mean `notification.toolkit.fluxcd.io`?"],
    );
    for passed_over in [
        format!("apiVersion: {group}/v1\nkind: Receiver\n{head}"),
        format!("apiVersion: pkg.crossplane.io/v1\nkind: Provider\n{head}"),
        format!("apiVersion: v1\nkind: ConfigMap\n{head}"),
    ] {
        check(&passed_over, &[]);
    }
}

#[test]
fn every_mistake_of_a_provider_is_told() {
    check(
        "apiVersion: notification.toolkit.fluxcd.io/v1beta3
kind: Provider
metadata:
  name: slack
  labels:
    team: 7
sepc: {}
spec:
  typo: slack
  channel: 007
  username: 42
  adress: https://hooks.example
  timeout: 1h
  interval: 10m
  suspend: 'yes'
  suspend: yes
  secretRef:
    name: ''
    key: token
  certSecretRef: tls
  serviceAccountName: robot
  commitStatusExpr: event.metadata.
  config: [1]
",
        &[
            "m.yaml:6: Provider default/slack: metadata.labels.team: must be text; put the value in quotes",
            "m.yaml:7: Provider default/slack: sepc: unknown field; did you mean `spec`?",
            "m.yaml:8: Provider default/slack: spec.type: is missing; name the type of receiver, such as `slack`",
            "m.yaml:9: Provider default/slack: spec.typo: unknown field; did you mean `type`?",
            "m.yaml:11: Provider default/slack: spec.username: must be text; put the value in quotes",
            "m.yaml:12: Provider default/slack: spec.adress: unknown field; did you mean `address`?",
            "m.yaml:13: Provider default/slack: spec.timeout: the timeout is not written as numbers with the unit `ms`, `s` or `m`, such as `15s`, `500ms` or `1m30s`",
            "m.yaml:16: Provider default/slack: spec.suspend: is set a second time, first in line 15; remove one of the two",
            "m.yaml:18: Provider default/slack: spec.secretRef.name: is empty; name the Secret, or remove the reference",
            "m.yaml:19: Provider default/slack: spec.secretRef.key: unknown field; remove it",
            "m.yaml:20: Provider default/slack: spec.certSecretRef: must be a mapping; write its fields below it, indented",
            "m.yaml:21: Provider default/slack: spec.serviceAccountName: only a cluster gives identities to ServiceAccounts; remove it, and put the credentials into the Secret that `spec.secretRef` names, or start Herald with an identity in its environment",
            "m.yaml:22: Provider default/slack: spec.commitStatusExpr: the expression is no valid CEL at line 1, column 16: …",
            "m.yaml:23: Provider default/slack: spec.config: must be a mapping; write its fields below it, indented",
        ],
    );
}

#[test]
fn an_object_without_a_usable_name() {
    let group = "apiVersion: notification.toolkit.fluxcd.io/v1beta3\n";
    check(
        &format!("{group}kind: Provider\n---\n{group}kind: Alert\nmetadata: {{}}\n"),
        &[
            "m.yaml:1: Provider: metadata: is missing; add it with the object's `name:`",
            "m.yaml:6: Alert: metadata.name: is missing; give the object a name",
        ],
    );
    check(
        &format!(
            "{group}kind: Provider\nmetadata:\n  name: My Slack\n  namespace: a/b\nspec: {{type: slack}}\n"
        ),
        &[
            "m.yaml:4: Provider a/b/My Slack: metadata.name: is no name of Kubernetes; use at most 253 lower-case letters, digits, `-` and `.`",
            "m.yaml:5: Provider a/b/My Slack: metadata.namespace: is no name of Kubernetes; use at most 253 lower-case letters, digits, `-` and `.`",
        ],
    );
}

#[test]
fn every_mistake_of_an_alert_is_told() {
    let text = format!(
        "{}---\n{}",
        provider("slack", SLACK),
        alert(
            "a",
            "providerRef: {name: slack, namespace: other}
eventSeverity: warning
eventSources:
- kind: Kustomization
  nam: '*'
- name: x
  matchLabels: {app: 1}
- Kustomization
inclusionList: ['a', '[']
exclusionList: [3]
eventMetadata:
  env: [prod]
sumary: x",
        )
    );
    check(
        &text,
        &[
            "m.yaml:12: Alert default/a: spec.providerRef.namespace: unknown field; remove it",
            "m.yaml:13: Alert default/a: spec.eventSeverity: must be `info` or `error`",
            "m.yaml:15: Alert default/a: spec.eventSources[0].name: is missing; name the object, or write `'*'` for all",
            "m.yaml:16: Alert default/a: spec.eventSources[0].nam: unknown field; did you mean `name`?",
            "m.yaml:17: Alert default/a: spec.eventSources[1].kind: is missing; name the kind of object, such as `Kustomization`",
            "m.yaml:18: Alert default/a: spec.eventSources[1].matchLabels.app: must be text; put the value in quotes",
            "m.yaml:19: Alert default/a: spec.eventSources[2]: must be a mapping; give it `kind:` and `name:`",
            "m.yaml:20: Alert default/a: spec.inclusionList[1]: is ignored; correct it: it is not written in the syntax of Go: …",
            "m.yaml:21: Alert default/a: spec.exclusionList[0]: must be text; put the value in quotes",
            "m.yaml:23: Alert default/a: spec.eventMetadata.env: must be text, not a list or a mapping",
            "m.yaml:24: Alert default/a: spec.sumary: unknown field; did you mean `summary`?",
        ],
    );
    check(
        &alert("b", "summary: x"),
        &[
            "m.yaml:4: Alert default/b: spec.eventSources: is missing; list the objects whose events are wanted, each with `kind:` and `name:`",
            "m.yaml:4: Alert default/b: spec.providerRef: is missing; add it with the Provider's `name:`",
        ],
    );
}

#[test]
fn a_secret_is_told_of_without_its_values() {
    let text = "apiVersion: v1
kind: Secret
metadata: {name: s}
data:
  token: hunter2!
  tls.crt: 7
stringData:
  pin: 1234
  a/b: hunter2
  list: [hunter2]
  password: hunter2
  password: hunter2
---
apiVersion: v1
kind: Secret
metadata: {name: t}
stringdata: {token: hunter2}
---
apiVersion: v1
kind: Secret
metadata: {name: u}
data: {token: 'ENC[hunter2]'}
sops: {version: 3.9.0}
";
    check(
        text,
        &[
            "m.yaml:5: Secret default/s: data.token: is not base64; encode the value, or move it to `stringData` as it is",
            "m.yaml:6: Secret default/s: data[tls.crt]: must be base64 text; put the value in quotes if it is that, or move it to `stringData`",
            "m.yaml:8: Secret default/s: stringData.pin: must be text; put the value in quotes",
            "m.yaml:9: Secret default/s: stringData[a/b]: is no key of a Secret; use letters, digits, `-`, `_` and `.` only",
            "m.yaml:10: Secret default/s: stringData.list: must be text, not a list or a mapping",
            "m.yaml:12: Secret default/s: stringData.password: is set a second time, first in line 11; remove one of the two",
            "m.yaml:17: Secret default/t: stringdata: unknown field; did you mean `stringData`?",
            "m.yaml:23: Secret default/u: sops: the Secret is encrypted with SOPS; put it into the folder decrypted",
        ],
    );
}

#[test]
fn a_mistake_in_a_secret_is_a_problem_of_who_needs_it() {
    let text = format!(
        "{}---\n{}",
        provider("slack", "type: slack\nsecretRef: {name: s}"),
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {address: '?'}\n"
    );
    let loaded = load(&text);
    assert_eq!(
        named(&loaded, "slack").problems,
        [
            "Secret default/s: data.address: is not base64; encode the value, or move it to `stringData` as it is"
        ]
    );
    assert_eq!(loaded.mistakes.len(), 1);
}

#[test]
fn references_that_lead_nowhere() {
    let elsewhere = secret("elsewhere", "token: t").replace("{name", "{namespace: prod, name");
    let text = [
        provider(
            "slack",
            "type: slack\nsecretRef: {name: slack-tokne}\ncertSecretRef:\n  name: none",
        ),
        provider("webex", "type: webex\nsecretRef: {name: elsewhere}"),
        secret("slack-token", "token: t"),
        elsewhere,
        alert("a", "providerRef: {name: slak}\neventSources: []"),
    ]
    .join("---\n");
    check(
        &text,
        &[
            "m.yaml:6: Provider default/slack: spec.secretRef.name: there is no Secret default/slack-tokne; did you mean `slack-token`?",
            "m.yaml:8: Provider default/slack: spec.certSecretRef.name: there is no Secret default/none; add it or correct the name",
            "m.yaml:15: Provider default/webex: spec.secretRef.name: there is no Secret default/elsewhere; the one in namespace `prod` cannot be used from `default`; move one of the two",
            "m.yaml:33: Alert default/a: spec.providerRef.name: there is no Provider default/slak; did you mean `slack`?",
            "m.yaml:34: Alert default/a: spec.eventSources: is empty, so no event matches; list an object with `kind:` and `name:`",
        ],
    );
    let loaded = load(&text);
    assert_eq!(named(&loaded, "slack").problems.len(), 2);
    assert_eq!(loaded.catalog.alerts.len(), 1, "an Alert stays though its Provider is missing");
}

#[test]
fn objects_that_are_there_twice() {
    let one = provider("slack", SLACK);
    let other = provider("slack", "type: discord");
    let loaded = from_texts(&[("a.yaml", one.as_str()), ("b.yaml", other.as_str())]);
    assert_eq!(
        lines(&loaded),
        [
            "b.yaml:3: Provider default/slack: metadata.name: is declared a second time, first at a.yaml:1; remove or rename one of the two"
        ]
    );
    assert_eq!(named(&loaded, "slack").kind, "slack");

    let spec = "providerRef: {name: slack}\neventSources: [{kind: Kustomization, name: '*'}]";
    let with_uid = |name: &str| alert(name, spec).replace("metadata: {", "metadata: {uid: u-1, ");
    let text = [one, with_uid("a"), with_uid("b")].join("---\n");
    check(
        &text,
        &[
            "m.yaml:17: Alert default/b: metadata.uid: is also the uid of Alert default/a at m.yaml:8, so one made of the name is used; remove it",
        ],
    );
    let loaded = load(&text);
    let uids: std::collections::BTreeSet<&str> =
        loaded.catalog.alerts.iter().map(|alert| alert.uid.as_str()).collect();
    assert_eq!(uids.len(), 2);
    assert!(
        loaded
            .catalog
            .alerts
            .iter()
            .all(|alert| alert.json.value()["metadata"]["uid"] == alert.uid)
    );
}

#[test]
fn addresses_headers_and_proxies() {
    let long = format!("type: generic\naddress: https://hooks.example/{}", "a".repeat(2048));
    let shown = lines(&load(&provider("long", &long))).join("\n");
    assert!(shown.starts_with("m.yaml:6: Provider default/long: spec.address: "), "{shown}");
    assert!(shown.contains("2048"), "{shown}");

    let text = [
        provider("a", "type: generic\naddress: https://hooks.example:port/hunter2\nproxy: ftp://proxy.example"),
        provider("b", "type: generic\nsecretRef: {name: b}\nproxySecretRef: {name: p}"),
        secret("b", "address: /hunter2\nproxy: nonsense hunter2\nheaders: |\n  a: b: hunter2"),
        secret("p", "username: hunter2"),
        provider("c", "type: generic\nsecretRef: {name: c}"),
        secret("c", "proxy: nonsense hunter2\nheaders: |\n  Authorization: x\n  hunter2: [y]"),
        provider("d", "type: generic\nsecretRef: {name: d}\nproxySecretRef: {name: q}"),
        secret("d", "headers: hunter2"),
        secret("q", "address: hunter2"),
    ]
    .join("---\n");
    let loaded = load(&text);
    let shown = lines(&loaded);
    assert!(!shown.join("\n").contains("hunter2"), "{shown:#?}");
    let proxy = "is no URL of a proxy; write it as http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT";
    for (start, end) in [
        ("m.yaml:6: Provider default/a: spec.address: ", ": invalid port number"),
        ("m.yaml:7: Provider default/a: spec.proxy: ", proxy),
        (
            "m.yaml:15: Provider default/b: spec.proxySecretRef.name: ",
            "Secret default/p has no key `address`; add the proxy's URL",
        ),
        (
            "m.yaml:21: Secret default/b: stringData.address: ",
            "write the whole URL, such as `https://host/path`",
        ),
        (
            "m.yaml:23: Secret default/b: stringData.headers: ",
            "is not YAML in line 1 of it; write lines of `Name: value`, with quotes around a value that YAML would misread",
        ),
        ("m.yaml:43: Secret default/c: stringData.proxy: ", proxy),
        (
            "m.yaml:44: Secret default/c: stringData.headers: ",
            "has no text in line 2 of it; give a header one value",
        ),
        (
            "m.yaml:60: Secret default/d: stringData.headers: ",
            "is not a YAML mapping; write lines of `Name: value`",
        ),
        ("m.yaml:66: Secret default/q: stringData.address: ", proxy),
    ] {
        let found = shown.iter().any(|line| line.starts_with(start) && line.ends_with(end));
        assert!(found, "{start}…{end} in {shown:#?}");
    }
    assert_eq!(shown.len(), 9, "{shown:#?}");
    for (name, n_problems) in [("a", 2), ("b", 3), ("c", 2), ("d", 2)] {
        assert_eq!(named(&loaded, name).problems.len(), n_problems, "{name}");
    }
}

#[test]
fn a_proxy_does_not_lead_to_nats() {
    let text = [
        provider("a", "type: nats\naddress: nats://a.example\nproxy: http://proxy.example"),
        provider("b", "type: nats\nsecretRef: {name: b}"),
        secret("b", "address: tls://b.example\nproxy: http://proxy.example"),
        provider("c", "type: nats\naddress: nats://c.example"),
    ]
    .join("---\n");
    let loaded = load(&text);
    for (name, n_problems) in [("a", 1), ("b", 1), ("c", 0)] {
        assert_eq!(named(&loaded, name).problems.len(), n_problems, "{name}");
    }
    let shown = lines(&loaded);
    assert!(shown.iter().all(|line| line.contains("not reach through a proxy")), "{shown:#?}");
}

#[test]
fn certificates_that_do_not_fit() {
    let text = [
        provider("a", "type: generic\ncertSecretRef: {name: a}"),
        secret("a", "tls.crt: hunter2\nca.crt: hunter2"),
        provider("b", "type: generic\ncertSecretRef: {name: b}"),
        secret("b", "keyFile: hunter2"),
        provider("c", "type: generic\ncertSecretRef: {name: c}"),
        secret("c", "token: hunter2"),
        provider("d", "type: generic\nsecretRef: {name: d}"),
        secret("d", "tls.crt: hunter2\ntls.key: hunter2"),
    ]
    .join("---\n");
    check(
        &text,
        &[
            "m.yaml:12: Secret default/a: stringData[tls.crt]: has no `tls.key` beside it; add the key or remove the certificate",
            "m.yaml:13: Secret default/a: stringData[ca.crt]: holds no certificate that can be read; give one in PEM form, with the lines `BEGIN CERTIFICATE` and `END CERTIFICATE`",
            "m.yaml:26: Secret default/b: stringData.keyFile: has no `tls.crt` beside it; add the certificate or remove the key",
            "m.yaml:33: Provider default/c: spec.certSecretRef.name: Secret default/c has neither `ca.crt` nor `tls.crt` with `tls.key`; add one of them",
            "m.yaml:52: Secret default/d: stringData[tls.crt]: holds no certificate that can be read; give one in PEM form, with the lines `BEGIN CERTIFICATE` and `END CERTIFICATE`",
            "m.yaml:53: Secret default/d: stringData[tls.key]: holds no private key that can be read; give one in PEM form, with the lines `BEGIN PRIVATE KEY` and `END PRIVATE KEY`",
        ],
    );
}
