//! What all tests share: one API server with what `deploy/` installs, and Herald with the rights of its ServiceAccount.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, OnceLock};
use std::time::{Duration, Instant};

use herald_tests::herald::{Herald, binary, root};
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use kube::api::{
    ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams,
};
use kube::core::GroupVersionKind;
use kube::{Api, Client, ResourceExt as _};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::Mutex;

use super::api_server::ApiServer;
use super::proxy::Proxy;

pub(crate) const GROUP: &str = "notification.toolkit.fluxcd.io";
/// The namespace of `deploy/kustomize/base`.
pub(crate) const HOME: &str = "flux-system";
/// The rights that Providers with a ServiceAccount need.
pub(crate) const IDENTITIES: &str = "deploy/kustomize/workload-identity/rbac.yaml";
/// As long as something may take on a machine that does much else.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The API server and what is in it.
pub(crate) struct World {
    pub(crate) admin: Client,
    pub(crate) server: ApiServer,
    pub(crate) proxy: Proxy,
    /// Where Herald finds the API server, and as whom.
    pub(crate) kubeconfig: PathBuf,
    dir: TempDir,
    n_heralds: usize,
}

/// Runs one test. They share the API server, and one Herald would write what another is watched for, so one runs at a time.
pub(crate) fn run(test: impl AsyncFnOnce(&mut World)) {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
    static WORLD: OnceLock<Mutex<World>> = OnceLock::new();
    let _runtime = RUNTIME.enter();
    let world = WORLD.get_or_init(|| Mutex::new(RUNTIME.block_on(World::new())));
    RUNTIME.block_on(async {
        let mut world = world.lock().await;
        world.clean().await;
        test(&mut world).await;
    });
}

impl World {
    async fn new() -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let server = ApiServer::start();
        let admin = server.admin().await;
        let dir = TempDir::new().unwrap();
        let proxy = Proxy::start().await;
        let kubeconfig = dir.path().join("herald.kubeconfig");
        let world = Self { admin, server, proxy, kubeconfig, dir, n_heralds: 0 };
        world.install().await;
        world.write_kubeconfig().await;
        world
    }

    /// Applies what `deploy/` has.
    pub(crate) async fn install(&self) {
        for file in ["crds/providers.yaml", "crds/alerts.yaml", "crds/providermodules.yaml"] {
            for object in manifests(&format!("deploy/{file}")) {
                self.apply(&object).await;
            }
        }
        self.eventually("the definitions are served in all versions", async || {
            for version in ["v1beta1", "v1beta2", "v1beta3"] {
                let list = self.admin.list_api_group_resources(&format!("{GROUP}/{version}")).await;
                let n = list.map_or(0, |list| list.resources.len());
                // Two kinds and their statuses.
                if n < 4 {
                    return false;
                }
            }
            self.admin.list_api_group_resources("herald.dev/v1alpha1").await.is_ok()
        })
        .await;
        self.namespace(HOME).await;
        self.restore_rights().await;
    }

    /// Applies the rights as `deploy/` has them.
    pub(crate) async fn restore_rights(&self) {
        for object in manifests("deploy/kustomize/base/rbac.yaml") {
            self.apply(&object).await;
        }
    }

    /// Gives the rights to the identities of ServiceAccounts, which are there only where somebody wants them.
    pub(crate) async fn allow_identities(&self) {
        for object in manifests(IDENTITIES) {
            self.apply(&object).await;
        }
    }

    /// Takes them away again.
    pub(crate) async fn deny_identities(&self) {
        let roles: Api<ClusterRole> = Api::all(self.admin.clone());
        let bindings: Api<ClusterRoleBinding> = Api::all(self.admin.clone());
        let params = DeleteParams::default();
        drop(roles.delete("herald-workload-identity", &params).await);
        drop(bindings.delete("herald-workload-identity", &params).await);
    }

    /// A kubeconfig with the token of Herald's ServiceAccount, by way of the proxy.
    pub(crate) async fn write_kubeconfig(&self) {
        let config = self.server.config().await;
        let host = config.cluster_url.host().unwrap().to_owned();
        let port = config.cluster_url.port_u16().unwrap_or(443);
        self.proxy.lead_to(&format!("{host}:{port}"));
        let accounts: Api<ServiceAccount> = Api::namespaced(self.admin.clone(), HOME);
        let request = TokenRequest {
            spec: TokenRequestSpec {
                expiration_seconds: Some(2 * 3600),
                ..TokenRequestSpec::default()
            },
            ..TokenRequest::default()
        };
        let token = accounts
            .create_token_request("herald", &PostParams::default(), &request)
            .await
            .unwrap();
        let mut cluster = json!({
            "server": format!("https://{}", self.proxy.address),
            "tls-server-name": config.tls_server_name.unwrap_or(host),
        });
        match config.root_cert.as_deref() {
            Some([first, ..]) if !config.accept_invalid_certs => {
                use base64::Engine as _;
                let der = base64::prelude::BASE64_STANDARD.encode(first);
                let pem =
                    format!("-----BEGIN CERTIFICATE-----\n{der}\n-----END CERTIFICATE-----\n");
                cluster["certificate-authority-data"] =
                    base64::prelude::BASE64_STANDARD.encode(pem).into();
            }
            _ => cluster["insecure-skip-tls-verify"] = true.into(),
        }
        let kubeconfig = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "herald",
            "clusters": [{"name": "c", "cluster": cluster}],
            "users": [{"name": "herald", "user": {"token": token.status.unwrap().token}}],
            "contexts": [{"name": "herald", "context": {"cluster": "c", "user": "herald", "namespace": HOME}}],
        });
        fs::write(&self.kubeconfig, kubeconfig.to_string()).unwrap();
    }

    /// The command `herald serve` in this cluster, and its data folder.
    pub(crate) fn command(&mut self, flags: &[&str]) -> (Command, PathBuf) {
        self.n_heralds += 1;
        let data = self.dir.path().join(format!("herald-{}", self.n_heralds));
        (self.command_on(&data, flags), data)
    }

    /// The same on a data folder that another may have used.
    pub(crate) fn command_on(&self, data: &Path, flags: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.arg("serve").arg("--kubeconfig").arg(&self.kubeconfig);
        command.arg("--data-dir").arg(data);
        for door in ["--events-addr", "--health-addr", "--metrics-addr"] {
            command.args([door, "127.0.0.1:0"]);
        }
        command.arg("--allow-loopback").args(flags);
        command
    }

    /// Herald in this cluster, ready.
    pub(crate) async fn herald(&mut self, flags: &[&str]) -> Herald {
        let herald = self.unready_herald(flags).await;
        eventually("Herald is ready", async || readiness(&herald).await.0 == 200).await;
        herald
    }

    /// Herald in this cluster, as soon as it listens.
    pub(crate) async fn unready_herald(&mut self, flags: &[&str]) -> Herald {
        let (command, data) = self.command(flags);
        Herald::spawn(command, &data).await
    }

    /// Makes a namespace that is there until the next test.
    pub(crate) async fn namespace(&self, name: &str) {
        let api: Api<Namespace> = Api::all(self.admin.clone());
        let namespace = json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": name, "labels": {"herald.dev/test": "true"}},
        });
        let params = PatchParams::apply("test").force();
        api.patch(name, &params, &Patch::Apply(&namespace)).await.unwrap();
    }

    /// Removes what an earlier test, or an earlier run, has left.
    async fn clean(&self) {
        self.deny_identities().await;
        let all = (DeleteParams::default(), ListParams::default());
        super::provider_modules::api(self).delete_collection(&all.0, &all.1).await.unwrap();
        for kind in ["Provider", "Alert"] {
            let api: Api<DynamicObject> = Api::all_with(self.admin.clone(), &ours("v1beta3", kind));
            for object in api.list_metadata(&ListParams::default()).await.unwrap() {
                let api = self.ours(kind, &object.namespace().unwrap());
                let name = object.name_any();
                let patch = json!({"metadata": {"finalizers": null}});
                drop(api.patch(&name, &PatchParams::default(), &Patch::Merge(&patch)).await);
                drop(api.delete(&name, &DeleteParams::default()).await);
            }
        }
    }

    /// The objects of one of our kinds.
    pub(crate) fn ours(&self, kind: &str, namespace: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.admin.clone(), namespace, &ours("v1beta3", kind))
    }

    /// Applies an object of any kind.
    pub(crate) async fn apply(&self, object: &Value) {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
        let (api_version, kind) = (text("/apiVersion").unwrap(), text("/kind").unwrap());
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let gvk = GroupVersionKind::gvk(group, version, kind);
        let (resource, _) = kube::discovery::pinned_kind(&self.admin, &gvk).await.unwrap();
        let api: Api<DynamicObject> = match text("/metadata/namespace") {
            Some(namespace) => Api::namespaced_with(self.admin.clone(), namespace, &resource),
            None => Api::all_with(self.admin.clone(), &resource),
        };
        let name = text("/metadata/name").unwrap();
        let params = PatchParams::apply("test").force();
        api.patch(name, &params, &Patch::Apply(object))
            .await
            .unwrap_or_else(|err| panic!("{kind} {name}: {err}"));
    }

    /// Applies each of these.
    pub(crate) async fn apply_all(&self, objects: &[Value]) {
        for object in objects {
            self.apply(object).await;
        }
    }

    /// An object of ours as it is now.
    pub(crate) async fn get(&self, kind: &str, namespace: &str, name: &str) -> Value {
        json!(self.ours(kind, namespace).get(name).await.unwrap())
    }

    /// Waits until the condition Ready of an object says this, and returns its message and how long it took.
    pub(crate) async fn ready(
        &self,
        kind: &str,
        namespace: &str,
        name: &str,
        expected: &str,
    ) -> (String, Duration) {
        let began = Instant::now();
        let end = began + PATIENCE;
        loop {
            let object = self.get(kind, namespace, name).await;
            let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
            let ready = conditions.into_iter().flatten().find(|c| c["type"] == "Ready");
            let is_current = object.pointer("/status/observedGeneration")
                == object.pointer("/metadata/generation");
            let said = ready.map(|ready| {
                format!(
                    "{} {}",
                    ready["status"].as_str().unwrap(),
                    ready["reason"].as_str().unwrap()
                )
            });
            if is_current && said.as_deref() == Some(expected) {
                let message = ready.unwrap()["message"].as_str().unwrap().to_owned();
                return (message, began.elapsed());
            }
            assert!(
                Instant::now() < end,
                "{kind} {namespace}/{name} is not {expected}: {}",
                object["status"]
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The reasons and messages of the Kubernetes events about an object.
    pub(crate) async fn events_of(&self, namespace: &str, name: &str) -> Vec<Value> {
        let api: Api<k8s_openapi::api::core::v1::Event> =
            Api::namespaced(self.admin.clone(), namespace);
        let params = ListParams::default().fields(&format!("involvedObject.name={name}"));
        api.list(&params).await.unwrap().into_iter().map(|event| json!(event)).collect()
    }

    /// All Kubernetes events of a namespace.
    pub(crate) async fn all_events(&self, namespace: &str) -> Vec<Value> {
        let api: Api<k8s_openapi::api::core::v1::Event> =
            Api::namespaced(self.admin.clone(), namespace);
        let events = api.list(&ListParams::default()).await.unwrap();
        events.into_iter().map(|event| json!(event)).collect()
    }

    /// Waits until `condition` holds.
    pub(crate) async fn eventually(&self, what: &str, condition: impl AsyncFn() -> bool) {
        eventually(what, condition).await;
    }
}

/// Waits until `condition` holds.
pub(crate) async fn eventually(what: &str, condition: impl AsyncFn() -> bool) {
    assert!(within(PATIENCE, condition).await, "not within {PATIENCE:?}: {what}");
}

/// Whether `condition` holds within this time.
pub(crate) async fn within(time: Duration, condition: impl AsyncFn() -> bool) -> bool {
    let end = Instant::now() + time;
    while !condition().await {
        if Instant::now() > end {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    true
}

/// The status and text of `/readyz`.
pub(crate) async fn readiness(herald: &Herald) -> (u16, String) {
    get(&format!("{}/readyz", herald.address("health"))).await
}

/// The value of a number that Herald shows.
pub(crate) async fn metric(herald: &Herald, name: &str) -> Option<f64> {
    let (_, text) = get(&format!("{}/metrics", herald.address("metrics"))).await;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?.to_owned();
    line.trim().parse().ok()
}

async fn get(url: &str) -> (u16, String) {
    super::emitter::get(url).await
}

/// One of our kinds in this version.
pub(crate) fn ours(version: &str, kind: &str) -> ApiResource {
    let plural = format!("{}s", kind.to_ascii_lowercase());
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(GROUP, version, kind), &plural)
}

/// The objects in a file of the repository.
pub(crate) fn manifests(path: &str) -> Vec<Value> {
    objects(&root().join(path))
}

/// The objects in a file.
pub(crate) fn objects(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_else(|err| panic!("{}: {err}", path.display()));
    let documents: Vec<Value> = serde_saphyr::from_multiple(&text)
        .unwrap_or_else(|err| panic!("{}: {err}", path.display()));
    documents.into_iter().filter(|document| !document.is_null()).collect()
}

/// The objects in what a tool printed.
pub(crate) fn documents(text: &str) -> Vec<Value> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).unwrap();
    documents.into_iter().filter(|document| !document.is_null()).collect()
}
