//! A running `herald serve` with the Providers of a test, and the emitter that posts to it.

use herald_controller::telemetry::report;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::herald::Herald;

/// A folder with one Provider of this spec, its Secret, and an Alert for all Kustomizations of `apps`.
///
/// # Panics
/// The folder cannot be written.
#[must_use]
pub fn folder(spec: &Value, secret: &Value) -> TempDir {
    folder_of(&[("hook", spec.clone(), secret.clone())])
}

/// The same with several Providers; each has a name, which is that of its Secret and Alert too, a spec and the values of
/// its Secret.
///
/// # Panics
/// The folder cannot be written.
#[must_use]
pub fn folder_of(providers: &[(&str, Value, Value)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let mut text = Vec::new();
    for (name, spec, secret) in providers {
        let manifests = [
            json!({"apiVersion": "notification.toolkit.fluxcd.io/v1beta3", "kind": "Provider", "metadata": {"name": name}, "spec": spec}),
            json!({"apiVersion": "notification.toolkit.fluxcd.io/v1beta3", "kind": "Alert", "metadata": {"name": name}, "spec": {
                "providerRef": {"name": name},
                "eventSources": [{"kind": "Kustomization", "name": "*", "namespace": "apps"}],
            }}),
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": secret}),
        ];
        text.extend(manifests.iter().map(Value::to_string));
    }
    std::fs::write(dir.path().join("all.yaml"), text.join("\n---\n")).unwrap();
    dir
}

/// A client of the test's own, which uses no proxy.
///
/// # Panics
/// There is no client to be had.
#[expect(clippy::disallowed_methods, reason = "the test is the emitter, not Herald")]
#[must_use]
pub fn client() -> reqwest::Client {
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// Herald with the Providers of a test.
pub struct Service {
    herald: Herald,
    _config: TempDir,
    _data: TempDir,
}

impl Service {
    /// Starts it with these Providers, as [`folder_of`] takes them.
    ///
    /// # Panics
    /// It does not start.
    pub async fn start(providers: &[(&str, Value, Value)]) -> Self {
        let (config, data) = (folder_of(providers), tempfile::tempdir().unwrap());
        let herald = Herald::start(config.path(), &data.path().join("data"), &[]).await;
        Self { herald, _config: config, _data: data }
    }

    /// Posts an event and has it accepted.
    ///
    /// # Panics
    /// It is not accepted.
    pub async fn post(&self, event: &Value) {
        let answer = client().post(self.herald.events()).body(event.to_string()).send().await;
        let status = answer.unwrap_or_else(|err| panic!("{}", report(&err))).status();
        assert_eq!(status, 202, "{}", self.log());
    }

    /// What it wrote to its log so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.herald.log()
    }
}
