//! Reads the Secrets that Providers name, one by one, and sees that one has changed.
//!
//! Changes are seen by the metadata of Secrets alone, so no value of a Secret that nobody names is ever in this process.

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{ApiResource, DynamicObject, PartialObjectMeta};
use kube::runtime::watcher::{self, Event, watcher as watch_objects};
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};

use super::connection::Connection;
use super::mirror::{SecretState, read_secret};
use super::watches::{PAGE, WATCH_SECONDS};
use crate::catalog::ProviderKey as Key;
use crate::telemetry::report;

/// What no Provider uses and many clusters have thousands of: the releases that Helm keeps.
const NEVER_USED: &str = "type!=helm.sh/release.v1";

/// What became of reading a Secret.
pub(super) enum ReadSecret {
    /// That is what is known of it now.
    Read(SecretState),
    /// Ask again later; what was known is still the best.
    Later(String),
}

/// A Secret's name and version.
#[derive(Debug)]
pub(super) struct SecretVersion {
    pub(super) key: Key,
    pub(super) version: String,
}

/// Watches the metadata of Secrets.
pub(super) fn watch(
    connection: &Connection,
) -> BoxStream<'static, watcher::Result<Event<PartialObjectMeta<Secret>>>> {
    let config =
        watcher::Config::default().timeout(WATCH_SECONDS).page_size(PAGE).fields(NEVER_USED);
    watch_objects(connection.all::<PartialObjectMeta<Secret>>(), config).boxed()
}

/// The name of a Secret.
pub(super) fn key(secret: &PartialObjectMeta<Secret>) -> Option<Key> {
    Some(Key::new(secret.namespace()?, secret.name_any()))
}

/// The name and version of a Secret.
pub(super) fn version(secret: PartialObjectMeta<Secret>) -> Option<SecretVersion> {
    Some(SecretVersion { key: key(&secret)?, version: secret.resource_version()? })
}

/// Reads one Secret.
pub(super) async fn read(connection: &Connection, key: &Key) -> ReadSecret {
    let resource = ApiResource::erase::<Secret>(&());
    let api: Api<DynamicObject> =
        Api::namespaced_with(connection.client.clone(), &key.namespace, &resource);
    match api.get_opt(&key.name).await {
        Ok(Some(secret)) => ReadSecret::Read(known(key, secret)),
        Ok(None) => ReadSecret::Read(SecretState::Absent),
        Err(kube::Error::Api(status)) if matches!(status.code, 401 | 403) => {
            ReadSecret::Read(SecretState::Unreadable(status.message.clone()))
        }
        Err(err) => ReadSecret::Later(report(&err)),
    }
}

fn known(key: &Key, mut secret: DynamicObject) -> SecretState {
    let version = secret.metadata.resource_version.take().unwrap_or_default();
    let object = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": { "name": key.name, "namespace": key.namespace },
        "data": secret.data.get_mut("data").map_or(Value::Null, Value::take),
    });
    match read_secret(&object) {
        Some(object) => SecretState::Known { object: Box::new(object), version },
        // The API server takes no Secret that the reader cannot name.
        None => SecretState::Absent,
    }
}
