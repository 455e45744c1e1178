//! The way to the API server: which one, as whom, and which namespaces are looked at.
//!
//! It knows kubeconfig files and the ServiceAccount of a pod. It must not know what is asked for.

use std::path::PathBuf;
use std::time::Duration;

use k8s_openapi::NamespaceResourceScope;
use kube::api::{ApiResource, DynamicObject};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::GroupVersionKind;
use kube::{Api, Client, Config, Resource};
use thiserror::Error;

use super::crds::{GROUP, STORED};

/// How long a connection may take: the last good catalog serves meanwhile, so there is no hurry.
const CONNECT: Duration = Duration::from_secs(10);

/// Where the cluster is and what of it is looked at.
#[derive(Clone, Debug, Default)]
pub struct ConnectSettings {
    /// A kubeconfig file; without one `KUBECONFIG`, `~/.kube/config` and the pod's ServiceAccount are tried.
    pub kubeconfig: Option<PathBuf>,
    /// The namespace that Herald runs in; without it the one of the context or of the pod.
    pub namespace: Option<String>,
    /// Which namespaces are looked at.
    pub scope: Scope,
}

/// Which namespaces are looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// All.
    #[default]
    Cluster,
    /// The one that Herald runs in.
    OwnNamespace,
}

/// Why there is no way to an API server.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// The kubeconfig file cannot be used.
    #[error("cannot use the kubeconfig {}; give another with --kubeconfig", path.display())]
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: kube::config::KubeconfigError,
    },
    /// Nothing says where an API server is.
    #[error(
        "there is no kubeconfig and no ServiceAccount of a pod; give --kubeconfig FILE for a cluster, or --config-dir DIR to work without one"
    )]
    NoCluster(#[source] kube::config::InferConfigError),
    /// Certificates or keys of the configuration cannot be used.
    #[error("cannot prepare a connection to the API server")]
    Client(#[source] kube::Error),
}

/// The way to the API server.
#[derive(Clone)]
pub struct Connection {
    pub(super) client: Client,
    /// The namespace that Herald runs in.
    pub(super) namespace: String,
    scope: Scope,
}

impl Connection {
    /// Prepares the way; nothing is sent yet.
    ///
    /// # Errors
    /// Nothing says where the API server is, or what says it cannot be used.
    pub async fn prepare(settings: &ConnectSettings) -> Result<Self, ConnectError> {
        let mut config = match &settings.kubeconfig {
            Some(path) => from_file(path)
                .await
                .map_err(|source| ConnectError::Kubeconfig { path: path.clone(), source })?,
            None => Config::infer().await.map_err(ConnectError::NoCluster)?,
        };
        config.connect_timeout = Some(CONNECT);
        let namespace =
            settings.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
        let client = Client::try_from(config).map_err(ConnectError::Client)?;
        Ok(Self { client, namespace, scope: settings.scope })
    }

    /// The objects of one of our kinds.
    pub(super) fn ours(&self, kind: &str) -> Api<DynamicObject> {
        self.ours_as(&our_resource(kind))
    }

    /// The same, in a version that the cluster serves.
    pub(super) fn ours_as(&self, resource: &ApiResource) -> Api<DynamicObject> {
        match self.scope {
            Scope::Cluster => Api::all_with(self.client.clone(), resource),
            Scope::OwnNamespace => {
                Api::namespaced_with(self.client.clone(), &self.namespace, resource)
            }
        }
    }

    /// The objects of one of our kinds in one namespace.
    pub(super) fn ours_in(&self, kind: &str, namespace: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), namespace, &our_resource(kind))
    }

    /// The objects of a built-in kind, where Herald looks.
    pub(super) fn all<K>(&self) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        match self.scope {
            Scope::Cluster => Api::all(self.client.clone()),
            Scope::OwnNamespace => Api::namespaced(self.client.clone(), &self.namespace),
        }
    }
}

fn our_resource(kind: &str) -> ApiResource {
    let plural = format!("{}s", kind.to_ascii_lowercase());
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(GROUP, STORED, kind), &plural)
}

async fn from_file(path: &PathBuf) -> Result<Config, kube::config::KubeconfigError> {
    let kubeconfig = Kubeconfig::read_from(path)?;
    Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await
}

#[cfg(test)]
impl Connection {
    /// A way that leads nowhere, for tests that send nothing.
    pub(super) fn to_nowhere() -> Self {
        let nowhere = "http://127.0.0.1:1".parse().expect("that is a URL");
        let client = Client::try_from(Config::new(nowhere)).expect("it needs no files");
        Self { client, namespace: "herald".to_owned(), scope: Scope::Cluster }
    }
}
