//! The examples of the page: what is filled in, and what has to arrive where.

use herald_tests::receiver::Received;
use serde_json::{Value, json};

use super::world::Tunnel;

/// One example of the page.
pub(super) struct Example {
    /// Its name in the file.
    pub(super) name: &'static str,
    /// Placeholders and what stands for them.
    pub(super) filled_in: &'static [(&'static str, &'static str)],
    /// What else has to stand in the folder: an Alert where the page has none, and why more.
    pub(super) more: &'static str,
    /// Where its objects are.
    pub(super) namespace: &'static str,
    /// The severity of the event.
    pub(super) severity: &'static str,
    /// Whether the example itself says whom to trust; otherwise the system's authorities do.
    pub(super) brings_its_authority: bool,
    /// The only host that is asked.
    pub(super) host: &'static str,
    /// Checks what the host received, and through which proxies.
    pub(super) check: fn(&[Received], &[Tunnel]),
}

/// Manifests that the page shows without a Provider: that they are taken is all there is to see.
pub(super) const LOADED_ONLY: &[&str] = &["kustomization"];

/// Strings of an Event Hubs namespace, which name no hub; nor does the Provider that the page shows with them. Nothing can be
/// sent until one of the two does, with Flux either.
pub(super) const WITHOUT_A_HUB: &[&str] = &["azureeventhub-sas", "azureeventhub-sas-command"];

/// The hub, which is missing there.
const HUB: (&str, &str) = ("  type: azureeventhub\n", "  type: azureeventhub\n  channel: fluxv2\n");

/// An Alert for everything, which every reader of the page has.
macro_rules! alert {
    ($namespace:literal, $provider:literal) => {
        concat!(
            "apiVersion: notification.toolkit.fluxcd.io/v1beta1\nkind: Alert\n",
            "metadata: {name: all, namespace: ",
            $namespace,
            "}\nspec:\n  providerRef: {name: ",
            $provider,
            "}\n  eventSources: [{kind: Kustomization, name: '*'}]\n",
        )
    };
}

const COMMIT: &str = "96139968ca46b53462d1bf94de410a811d2026a1";
const REVISION: &str = "main/96139968ca46b53462d1bf94de410a811d2026a1";
const MESSAGE: &str = "Deployment/podinfo/podinfo configured";

/// The base64 of `fake-token`, for `data`.
const TOKEN: &str = "ZmFrZS10b2tlbg==";

const SLACK: Example = Example {
    name: "slack-webhook",
    filled_in: &[],
    more: alert!("default", "slack"),
    namespace: "default",
    severity: "info",
    brings_its_authority: false,
    host: "hooks.slack.com",
    check: |received, tunnels| {
        slack_message(received, "/services/YOUR/SLACK/WEBHOOK", None);
        through(tunnels, "proxy.corp", "hooks.slack.com:443", None);
    },
};

const AZURE_JWT: Example = Example {
    name: "azureeventhub-jwt",
    more: alert!("default", "azureeventhub"),
    host: "fluxv2.servicebus.windows.net",
    check: |received, _| {
        let request = one(received, "POST", "/fluxv2/messages?api-version=2014-01");
        assert_eq!(request.header("authorization"), Some("Bearer A-valid-JWT-token"));
        the_event(request);
    },
    ..SLACK
};

const AZURE_SAS: Example = Example {
    name: "azureeventhub-sas",
    filled_in: &[HUB],
    check: |received, _| {
        let request = one(received, "POST", "/fluxv2/messages?api-version=2014-01");
        let authorization = request.header("authorization").unwrap();
        let signed = authorization.strip_prefix("SharedAccessSignature ").unwrap();
        assert!(signed.contains("skn=RootManageSharedAccessKey"), "{signed}");
        assert!(!signed.contains("yoursaskey"), "the key signs and does not leave: {signed}");
        the_event(request);
    },
    ..AZURE_JWT
};

/// Every example with something to send.
pub(super) const EXAMPLES: &[Example] = &[
    SLACK,
    Example {
        name: "authenticated-proxy",
        check: |received, tunnels| {
            slack_message(received, "/services/YOUR/SLACK/WEBHOOK", None);
            // `username:password`.
            through(
                tunnels,
                "proxy_url",
                "hooks.slack.com:443",
                Some("Basic dXNlcm5hbWU6cGFzc3dvcmQ="),
            );
        },
        ..SLACK
    },
    Example {
        name: "slack-app",
        host: "slack.com",
        check: |received, tunnels| {
            slack_message(received, "/api/chat.postMessage", Some("Bearer xoxb-YOUR-TOKEN"));
            through(tunnels, "proxy.corp", "slack.com:443", None);
        },
        ..SLACK
    },
    Example {
        name: "generic",
        more: alert!("default", "generic"),
        host: "api.github.com",
        check: |received, tunnels| {
            let request = one(received, "POST", "/repos/owner/repo/dispatches");
            assert_eq!(request.header("authorization"), Some("token"));
            assert_eq!(request.header("x-forwarded-proto"), Some("https"));
            whole_event(request);
            through(tunnels, "environment", "api.github.com:443", None);
        },
        ..SLACK
    },
    Example {
        name: "self-signed",
        more: concat!(
            "apiVersion: notification.toolkit.fluxcd.io/v1beta1\nkind: Provider\n",
            "metadata: {name: own, namespace: default}\n",
            "spec: {type: generic, address: 'https://self-signed.example/', certSecretRef: {name: tls-certs}}\n---\n",
            alert!("default", "own"),
        ),
        brings_its_authority: true,
        host: "self-signed.example",
        check: |received, _| whole_event(one(received, "POST", "/")),
        ..SLACK
    },
    Example {
        name: "msteams",
        filled_in: &[("<webhook-url>", "https://teams.example/workflows/fake")],
        more: alert!("flux-system", "msteams"),
        namespace: "flux-system",
        host: "teams.example",
        check: |received, _| {
            let card = &one(received, "POST", "/workflows/fake").json()["attachments"][0];
            assert_eq!(card["contentType"], "application/vnd.microsoft.card.adaptive");
            let items = &card["content"]["body"][0]["items"];
            assert_eq!(items[0]["text"], "kustomization/podinfo.flux-system");
            assert_eq!(items[1]["text"], MESSAGE);
            assert_eq!(items[2]["facts"], json!([{"title": "revision", "value": REVISION}]));
        },
        ..SLACK
    },
    Example {
        name: "sentry",
        more: alert!("default", "sentry"),
        host: "sentry.io",
        check: |received, _| {
            let request = one(received, "POST", "/api/12341234/envelope/");
            let auth = request.header("x-sentry-auth").unwrap();
            assert!(auth.contains("sentry_key=....") && !auth.contains("@"), "{auth}");
            // Traces for the severity `info`, in the environment that `channel` names.
            let trace = envelope(request);
            assert_eq!(trace["type"], "transaction");
            assert_eq!(trace["environment"], "my-cluster-name");
            assert_eq!(trace["transaction"], "Kustomization: default/podinfo");
        },
        ..SLACK
    },
    Example {
        name: "telegram",
        filled_in: &[("<token>", "123456:fake-token")],
        more: alert!("flux-system", "telegram"),
        namespace: "flux-system",
        host: "api.telegram.org",
        check: |received, _| {
            let message = one(received, "POST", "/bot123456:fake-token/sendMessage").json();
            assert_eq!(message["chat_id"], "@fluxtest");
            assert!(message["text"].as_str().unwrap().contains(MESSAGE), "{message}");
        },
        ..SLACK
    },
    Example {
        name: "matrix",
        filled_in: &[("<access-token>", "fake-access-token")],
        more: alert!("default", "matrix"),
        host: "matrix.org",
        check: |received, _| {
            let [request] = received else { panic!("{received:?}") };
            let path =
                "/_matrix/client/r0/rooms/!jezptmDwEeLapMLjOc:matrix.org/send/m.room.message/";
            assert_eq!(request.method, "PUT");
            let target = request.target.replace("%21", "!").replace("%3A", ":");
            assert!(target.starts_with(path), "{target}");
            assert_eq!(request.header("authorization"), Some("Bearer fake-access-token"));
            assert!(request.json()["body"].as_str().unwrap().contains(MESSAGE));
        },
        ..SLACK
    },
    Example {
        name: "lark",
        filled_in: &[(
            "<lark-webhook-url>",
            "https://open.larksuite.com/open-apis/bot/v2/hook/fake",
        )],
        more: alert!("default", "lark"),
        host: "open.larksuite.com",
        check: |received, _| {
            let message = one(received, "POST", "/open-apis/bot/v2/hook/fake").json();
            assert_eq!(message["msg_type"], "interactive");
            assert!(message["card"].to_string().contains(MESSAGE), "{message}");
        },
        ..SLACK
    },
    Example {
        name: "opsgenie",
        filled_in: &[("<opsgenie-api-key>", "fake-api-key")],
        more: alert!("default", "opsgenie"),
        host: "api.opsgenie.com",
        check: |received, _| opsgenie_alert(received, "GenieKey fake-api-key"),
        ..SLACK
    },
    // The key of another Secret, which a Provider of this namespace may name just as well.
    Example {
        name: "opsgenie-api-key",
        filled_in: &[("<api-key>", TOKEN)],
        more: concat!(
            "apiVersion: notification.toolkit.fluxcd.io/v1beta1\nkind: Provider\n",
            "metadata: {name: opsgenie, namespace: default}\n",
            "spec: {type: opsgenie, address: 'https://api.opsgenie.com/v2/alerts', secretRef: {name: api-token}}\n---\n",
            alert!("default", "opsgenie"),
        ),
        host: "api.opsgenie.com",
        check: |received, _| opsgenie_alert(received, "GenieKey fake-token"),
        ..SLACK
    },
    Example {
        name: "alertmanager",
        filled_in: &[("<alertmanager-url>", "alertmanager.example")],
        more: concat!(alert!("default", "alertmanager"), "  summary: staging\n"),
        severity: "error",
        host: "alertmanager.example",
        check: |received, _| {
            // The address of the page ends in a quotation mark.
            let request = one(received, "POST", "/api/v2/alerts/%22");
            // The user `....` without a password.
            assert_eq!(request.header("authorization"), Some("Basic Li4uLjo="));
            let alerts = request.json();
            let alert = &alerts[0];
            for (label, value) in [
                ("alertname", "FluxKustomizationReconciliationsucceeded"),
                ("severity", "error"),
                ("reason", "ReconciliationSucceeded"),
                ("kind", "Kustomization"),
                ("name", "podinfo"),
                ("namespace", "default"),
            ] {
                assert_eq!(alert["labels"][label], value, "{label}");
            }
            // No label any more in Flux either, as each event would be an alert of its own.
            assert_eq!(alert["startsAt"], "2022-04-20T12:20:28Z");
            assert_eq!(alert["annotations"], json!({"message": MESSAGE, "summary": "staging"}));
        },
        ..SLACK
    },
    Example {
        name: "webex-template",
        filled_in: &[("<webexSpaceRoomID>", "fakeRoom"), ("<webexBotAccessTokenBase64>", TOKEN)],
        more: alert!("flux-system", "webex"),
        namespace: "flux-system",
        host: "webexapis.com",
        check: |received, _| webex_message(received, "fakeRoom", b"Bearer fake-token"),
        ..SLACK
    },
    Example {
        name: "webex",
        more: "",
        namespace: "flux-system",
        host: "webexapis.com",
        // The made-up token of the page is no text.
        check: |received, _| {
            webex_message(
                received,
                "Y2jzY29zcGFyazovL3VzL1JPT00vMGU3YzZhODAlOWU4MC0xMWVjLWJlZWMtMzNm4DkwQGYwMjIz",
                b"Bearer MWZ3NTU1MWQtZDA1Ny02\x8emY3LWIzMzItMzk5YTY3OTVhMmJkM2E2OGU0\xdaGItOTU4_PF84_1eb65fdf-9643-417f-9974-ad72cae0e10f",
            );
        },
        ..SLACK
    },
    Example {
        name: "grafana",
        filled_in: &[("<grafana-api-key>", "fake-api-key"), ("<grafana-url>", "grafana.example")],
        more: alert!("default", "grafana"),
        host: "grafana.example",
        check: |received, _| grafana_annotation(received, "Bearer fake-api-key"),
        ..SLACK
    },
    // The page's second Secret has no address, so it has the one that the first one says.
    Example {
        name: "grafana-basic",
        filled_in: &[
            ("<your-grafana-username>", "fake-user"),
            (
                "<your-grafana-password>",
                "fake-password\n  address: https://grafana.example/api/annotations",
            ),
        ],
        more: alert!("default", "grafana"),
        host: "grafana.example",
        // `fake-user:fake-password`.
        check: |received, _| grafana_annotation(received, "Basic ZmFrZS11c2VyOmZha2UtcGFzc3dvcmQ="),
        ..SLACK
    },
    Example {
        name: "commit-status",
        filled_in: &[("<username>:<app-password>", "fake-user:fake-app-password")],
        more: alert!("default", "podinfo"),
        severity: "error",
        host: "api.github.com",
        check: |received, _| commit_status(received, "Bearer fake-user:fake-app-password"),
        ..SLACK
    },
    Example {
        name: "commit-status-token",
        filled_in: &[("<personal-access-tokens>", TOKEN)],
        more: alert!("default", "podinfo"),
        severity: "error",
        host: "api.github.com",
        check: |received, _| commit_status(received, "Bearer fake-token"),
        ..SLACK
    },
    Example {
        name: "commit-status-bitbucket",
        filled_in: &[("<username>:<app-password>", TOKEN)],
        more: alert!("default", "podinfo"),
        severity: "error",
        host: "api.github.com",
        check: |received, _| commit_status(received, "Bearer fake-token"),
        ..SLACK
    },
    // The page's Secret is in another namespace than its Provider, which no Provider may look into: it stands there twice.
    Example {
        name: "githubdispatch",
        filled_in: &[("<personal-access-tokens>", TOKEN)],
        more: "apiVersion: v1\nkind: Secret\nmetadata: {name: api-token, namespace: flux-system}\ndata: {token: ZmFrZS10b2tlbg==}\n",
        namespace: "flux-system",
        host: "api.github.com",
        check: |received, _| {
            let request = one(received, "POST", "/repos/stefanprodan/podinfo/dispatches");
            assert_eq!(request.header("authorization"), Some("Bearer fake-token"));
            let dispatch = request.json();
            assert_eq!(dispatch["event_type"], "Kustomization/podinfo.flux-system");
            let payload = &dispatch["client_payload"];
            assert_eq!(
                payload["metadata"],
                json!({"revision": REVISION, "summary": "staging (us-west-2)"})
            );
            assert_eq!(payload["message"], MESSAGE);
            assert_eq!(payload["involvedObject"]["kind"], "Kustomization");
            assert_eq!(payload["reportingInstance"], "kustomize-controller-79464d8dc5-nb9c4");
        },
        ..SLACK
    },
    AZURE_JWT,
    Example { name: "azureeventhub-jwt-command", ..AZURE_JWT },
    AZURE_SAS,
    Example { name: "azureeventhub-sas-command", ..AZURE_SAS },
];

fn one<'a>(received: &'a [Received], method: &str, target: &str) -> &'a Received {
    let [request] = received else { panic!("not one request: {received:?}") };
    assert_eq!((request.method.as_str(), request.target.as_str()), (method, target));
    request
}

fn through(tunnels: &[Tunnel], proxy: &str, target: &str, authorization: Option<&str>) {
    let [tunnel] = tunnels else { panic!("not one tunnel: {tunnels:?}") };
    assert_eq!((tunnel.proxy, tunnel.target.as_str()), (proxy, target));
    assert_eq!(tunnel.authorization.as_deref(), authorization);
}

fn slack_message(received: &[Received], path: &str, authorization: Option<&str>) {
    let request = one(received, "POST", path);
    assert_eq!(request.header("authorization"), authorization);
    let message = request.json();
    assert_eq!(message["channel"], "general");
    assert_eq!(message["username"], "kustomize-controller");
    let attachment = &message["attachments"][0];
    assert_eq!(attachment["text"], MESSAGE);
    assert_eq!(attachment["author_name"], "kustomization/podinfo.default");
    assert_eq!(attachment["fields"][0]["value"], REVISION);
}

/// The event as the controller posted it, but for the prefix of its metadata, and the header that names the controller.
fn whole_event(request: &Received) {
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("gotk-component"), Some("kustomize-controller"));
    the_event(request);
}

fn the_event(request: &Received) {
    let event = request.json();
    assert_eq!(event["metadata"], json!({"revision": REVISION}));
    for (field, value) in [
        ("severity", "info"),
        ("timestamp", "2022-04-20T12:20:28Z"),
        ("message", MESSAGE),
        ("reason", "ReconciliationSucceeded"),
        ("reportingController", "kustomize-controller"),
        ("reportingInstance", "kustomize-controller-79464d8dc5-nb9c4"),
    ] {
        assert_eq!(event[field], value, "{field}");
    }
    assert_eq!(event["involvedObject"]["name"], "podinfo");
}

/// The last line of an envelope.
fn envelope(request: &Received) -> Value {
    let body = String::from_utf8(request.body.to_vec()).unwrap();
    serde_json::from_str(body.lines().last().unwrap()).unwrap()
}

fn opsgenie_alert(received: &[Received], authorization: &str) {
    let request = one(received, "POST", "/v2/alerts");
    assert_eq!(request.header("authorization"), Some(authorization));
    let alert = request.json();
    assert_eq!(alert["message"], "Kustomization/podinfo");
    assert_eq!(alert["description"], MESSAGE);
    assert_eq!(alert["details"], json!({"revision": REVISION, "severity": "info"}));
}

fn webex_message(received: &[Received], room: &str, authorization: &[u8]) {
    let request = one(received, "POST", "/v1/messages");
    let shown = String::from_utf8_lossy(authorization);
    assert_eq!(request.header("authorization"), Some(&*shown));
    let message = request.json();
    assert_eq!(message["roomId"], room);
    assert!(message["markdown"].as_str().unwrap().contains(MESSAGE), "{message}");
}

fn grafana_annotation(received: &[Received], authorization: &str) {
    let request = one(received, "POST", "/api/annotations");
    assert_eq!(request.header("authorization"), Some(authorization));
    let tags = request.json()["tags"].clone();
    assert_eq!(tags[0], "flux", "the tag that the page's dashboard asks for");
}

fn commit_status(received: &[Received], authorization: &str) {
    let [list, set] = received else { panic!("not two requests: {received:?}") };
    assert!(received.iter().all(|request| request.header("authorization") == Some(authorization)));
    assert_eq!(list.method, "GET");
    let target = format!("/repos/stefanprodan/podinfo/statuses/{COMMIT}");
    assert_eq!((set.method.as_str(), set.target.as_str()), ("POST", target.as_str()));
    let status = set.json();
    // Good news need the commit in their metadata besides.
    assert_eq!(status["state"], "failure");
    assert_eq!(status["description"], "reconciliation succeeded");
    assert!(status["context"].as_str().unwrap().starts_with("kustomization/podinfo/"), "{status}");
}
