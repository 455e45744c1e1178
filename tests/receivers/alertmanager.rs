//! Alertmanager of Debian, which is of the versions that refuse a label's name with a hyphen.

use std::path::Path;

use herald_tests::events::kustomization;
use herald_tests::install::debian;
use herald_tests::process::{Process, answered, free_port, in_a_place_of_its_own, trusting};
use herald_tests::service::{Service, client};
use herald_tests::tls::Authority;
use serde_json::{Value, json};

use crate::held;

/// `fake-password` in the form that its configuration wants.
const HASH: &str = "$2b$04$PoY5vpk1sJdCQfKOA5G5/.HdiK2dS8maql79Ij/8Mb3RiPJbePjNS";

struct Alertmanager {
    process: Process,
    url: String,
    client: reqwest::Client,
}

impl Alertmanager {
    /// Starts it, with TLS and a password if there is an authority for its certificate.
    async fn start(authority: Option<&Authority>) -> Self {
        let package = debian("prometheus-alertmanager");
        let (dir, port) = (tempfile::tempdir().unwrap(), free_port());
        let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
        // JSON is YAML.
        let config = json!({"route": {"receiver": "none"}, "receivers": [{"name": "none"}]});
        write("config.yml", &config.to_string());
        // Debian's looks for its template in this very place, so it gets a /usr/share of its own.
        let mut command =
            in_a_place_of_its_own(&package.join("usr/share"), Path::new("/usr/share"));
        command.arg(package.join("usr/bin/prometheus-alertmanager"));
        command.args(["--config.file=config.yml", "--storage.path=data"]);
        command
            .args(["--cluster.listen-address=", &format!("--web.listen-address=127.0.0.1:{port}")]);
        let (mut scheme, mut client) = ("http", client());
        if let Some(authority) = authority {
            let (certificate, key) = authority.server_pem("127.0.0.1");
            write("tls.crt", &certificate);
            write("tls.key", &key);
            let web = json!({
                "tls_server_config": {"cert_file": "tls.crt", "key_file": "tls.key"},
                "basic_auth_users": {"herald": HASH},
            });
            write("web.yml", &web.to_string());
            command.arg("--web.config.file=web.yml");
            (scheme, client) = ("https", trusting(&authority.pem()));
        }
        let process = Process::start(command, port, dir).await;
        Self { process, url: format!("{scheme}://127.0.0.1:{port}/api/v2/alerts"), client }
    }

    /// The alerts that fire there, once there are so many.
    async fn alerts(&self, count: usize, service: &Service) -> Vec<Value> {
        let log = || self.process.log() + &service.log();
        held(&format!("Alertmanager holds {count} alerts"), log, async || {
            let asked = self.client.get(&self.url).basic_auth("herald", Some("fake-password"));
            let alerts = answered(asked).await.as_array().unwrap().clone();
            (alerts.len() == count).then_some(alerts)
        })
        .await
    }
}

#[tokio::test]
async fn alertmanager_holds_an_alert_until_its_cause_is_gone() {
    let alertmanager = Alertmanager::start(None).await;
    let spec = json!({
        "type": "alertmanager", "address": alertmanager.url, "config": {"resolve": true},
    });
    let service = Service::start(&[("hook", spec, json!({}))]).await;
    let mut failure = kustomization(
        "storefront",
        "error",
        "ReconciliationFailed",
        "größer \"quoted\" \u{7}\nline",
    );
    for (key, value) in [("app-version", "1.2"), ("summary", "staging"), ("größe", "")] {
        failure["metadata"][format!("kustomize.toolkit.fluxcd.io/{key}")] = json!(value);
    }
    service.post(&failure).await;
    let alert = alertmanager.alerts(1, &service).await.remove(0);
    assert_eq!(
        alert["labels"],
        json!({
            "alertname": "FluxKustomizationReconciliationfailed", "severity": "error",
            "reason": "ReconciliationFailed", "kind": "Kustomization", "name": "storefront",
            "namespace": "apps", "reportingcontroller": "kustomize-controller",
            "app_version": "1.2",
            "revision": "main@sha1:8f1c2a9b7d6e5f40312233445566778899aabbcc",
        })
    );
    let annotations = json!({"message": "größer \"quoted\" \u{7}\nline", "summary": "staging"});
    assert_eq!(alert["annotations"], annotations);
    assert_eq!(alert["startsAt"], "2026-03-14T09:26:53.000Z");
    assert_eq!(alert["status"]["state"], "active");

    let recovery = kustomization("storefront", "info", "ReconciliationSucceeded", "well again");
    service.post(&recovery).await;
    alertmanager.alerts(0, &service).await;
}

#[tokio::test]
async fn alertmanager_is_reached_behind_tls_and_a_password() {
    let authority = Authority::default();
    let alertmanager = Alertmanager::start(Some(&authority)).await;
    let spec = json!({
        "type": "alertmanager", "address": alertmanager.url, "username": "herald",
        "secretRef": {"name": "hook"}, "certSecretRef": {"name": "hook"},
    });
    let secret = json!({"password": "fake-password", "ca.crt": authority.pem()});
    let service = Service::start(&[("hook", spec, secret)]).await;
    service.post(&kustomization("storefront", "info", "ReconciliationSucceeded", "well")).await;
    let alert = alertmanager.alerts(1, &service).await.remove(0);
    assert_eq!(alert["annotations"], json!({"message": "well"}));
}
