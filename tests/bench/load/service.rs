//! A running Herald, or the floor beside it, with a folder of manifests of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use herald_tests::herald;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A process that takes events.
pub(crate) struct Service {
    child: Child,
    pub(crate) events: SocketAddr,
    pub(crate) metrics: Option<SocketAddr>,
    data: PathBuf,
    work: Option<TempDir>,
}

impl Service {
    /// Starts Herald with these manifests and flags.
    pub(crate) fn herald(manifests: &[Value], flags: &[&str]) -> Self {
        let work = tempfile::tempdir().unwrap();
        let config = work.path().join("config");
        write(&config, manifests);
        Self::herald_in(&config, &work.path().join("data"), flags).owning(work)
    }

    /// Its folders go with it.
    pub(crate) fn owning(mut self, work: TempDir) -> Self {
        self.work = Some(work);
        self
    }

    /// The same in folders that stay.
    pub(crate) fn herald_in(config: &Path, data: &Path, flags: &[&str]) -> Self {
        let flags = [flags, &["--log-level", "error"]].concat();
        Self::start(herald::serve(config, data, &flags), data)
    }

    /// Starts a command that writes `addresses.json` into the folder of its data when it is ready.
    pub(crate) fn start(mut command: Command, data: &Path) -> Self {
        let announced = data.join("addresses.json");
        fs::remove_file(&announced).ok();
        let mut child = command.stdout(Stdio::null()).spawn().unwrap();
        let end = Instant::now() + Duration::from_secs(60);
        let addresses: Value = loop {
            let text = fs::read_to_string(&announced).unwrap_or_default();
            if let Ok(addresses) = serde_json::from_str(&text) {
                break addresses;
            }
            assert!(child.try_wait().unwrap().is_none(), "the service has ended");
            assert!(Instant::now() < end, "the service does not listen");
            thread::sleep(Duration::from_millis(1));
        };
        let address = |door: &str| addresses[door].as_str().map(|text| text.parse().unwrap());
        Self {
            child,
            events: address("events").unwrap(),
            metrics: address("metrics"),
            data: data.to_owned(),
            work: None,
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    /// Asks it to end and waits.
    pub(crate) fn stop(&mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.child.wait().unwrap();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        // Only now nobody writes there any more.
        drop(self.work.take());
    }
}

/// Writes manifests into one file.
pub(crate) fn write(dir: &Path, manifests: &[Value]) {
    fs::create_dir_all(dir).unwrap();
    let texts: Vec<String> = manifests.iter().map(Value::to_string).collect();
    fs::write(dir.join("all.yaml"), texts.join("\n---\n")).unwrap();
}

/// A Provider of the type `generic`.
pub(crate) fn provider(name: &str, spec: Value) -> Value {
    manifest("Provider", name, spec)
}

/// An Alert for a Provider.
pub(crate) fn alert(name: &str, provider: &str, sources: Value) -> Value {
    manifest("Alert", name, json!({"providerRef": {"name": provider}, "eventSources": sources}))
}

/// What names all events of the poster.
pub(crate) fn everything() -> Value {
    json!([{"kind": "Kustomization", "name": "*", "namespace": "apps"}])
}

fn manifest(kind: &str, name: &str, spec: Value) -> Value {
    json!({
        "apiVersion": "notification.toolkit.fluxcd.io/v1beta3",
        "kind": kind,
        "metadata": {"name": name, "namespace": "apps"},
        "spec": spec,
    })
}

/// One Provider with this address and an Alert for everything.
pub(crate) fn one_way(address: &str) -> Vec<Value> {
    vec![
        provider("sink", json!({"type": "generic", "address": address})),
        alert("all", "sink", everything()),
    ]
}
