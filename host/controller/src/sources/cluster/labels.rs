//! The labels of the objects that events are about: read by requests for metadata alone, and kept for a short while.
//!
//! It must not know which labels are wanted.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use herald_core::event::ObjectReference;
use kube::Api;
use kube::api::{ApiResource, DynamicObject};
use kube::core::GroupVersionKind;
use kube::discovery::Scope;
use tokio::time::{Instant, timeout};

use super::budget::Budget;
use super::connection::Connection;
use crate::catalog::{LabelReader, UnreadableLabels};
use crate::telemetry::report;

/// How long labels are good: as long as a change may take to have an effect.
const FRESH: Duration = Duration::from_secs(5);
/// How long they are better than nothing, while the API server does not answer.
const STALE: Duration = Duration::from_secs(3600);
/// The most objects whose labels are kept.
const MAX_KEPT: usize = 10_000;
const REQUEST: Duration = Duration::from_secs(5);

/// Reads labels.
#[derive(Clone)]
pub(super) struct Labels {
    connection: Connection,
    budget: Arc<Budget>,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Default)]
struct Kept {
    objects: HashMap<ObjectName, (Instant, Arc<BTreeMap<String, String>>)>,
    /// How each group, version and kind is asked for.
    resources: HashMap<(String, String), (ApiResource, IsNamespaced)>,
}

type IsNamespaced = bool;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct ObjectName {
    api_version: String,
    kind: String,
    namespace: String,
    name: String,
}

impl Labels {
    pub(super) fn new(connection: Connection, budget: Arc<Budget>) -> Self {
        Self { connection, budget, kept: Arc::default() }
    }

    fn kept(&self, name: &ObjectName, age: Duration) -> Option<Arc<BTreeMap<String, String>>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, labels) = kept.objects.get(name)?;
        (at.elapsed() < age).then(|| Arc::clone(labels))
    }

    async fn fetch(&self, name: &ObjectName) -> Result<BTreeMap<String, String>, kube::Error> {
        self.budget.take().await;
        let (resource, is_namespaced) = self.resource(name).await?;
        let client = self.connection.client.clone();
        let api: Api<DynamicObject> = if is_namespaced {
            Api::namespaced_with(client, &name.namespace, &resource)
        } else {
            Api::all_with(client, &resource)
        };
        let object = api.get_metadata(&name.name).await?;
        Ok(object.metadata.labels.unwrap_or_default())
    }

    async fn resource(
        &self,
        name: &ObjectName,
    ) -> Result<(ApiResource, IsNamespaced), kube::Error> {
        let key = (name.api_version.clone(), name.kind.clone());
        let known = {
            let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.resources.get(&key).cloned()
        };
        if let Some(known) = known {
            return Ok(known);
        }
        let (group, version) = name.api_version.split_once('/').unwrap_or(("", &name.api_version));
        let gvk = GroupVersionKind::gvk(group, version, &name.kind);
        let (resource, capabilities) =
            kube::discovery::pinned_kind(&self.connection.client, &gvk).await?;
        let found = (resource, capabilities.scope == Scope::Namespaced);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.resources.insert(key, found.clone());
        Ok(found)
    }
}

impl LabelReader for Labels {
    fn read<'a>(
        &'a self,
        object: &'a ObjectReference,
    ) -> futures_util::future::BoxFuture<'a, Result<Arc<BTreeMap<String, String>>, UnreadableLabels>>
    {
        Box::pin(async move {
            let name = ObjectName {
                api_version: object.api_version.clone(),
                kind: object.kind.clone(),
                namespace: object.namespace.clone(),
                name: object.name.clone(),
            };
            if let Some(labels) = self.kept(&name, FRESH) {
                return Ok(labels);
            }
            let answer = timeout(REQUEST, self.fetch(&name)).await;
            let (reason, is_final) = match answer {
                Ok(Ok(labels)) => {
                    let labels = Arc::new(labels);
                    let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
                    if kept.objects.len() >= MAX_KEPT {
                        kept.objects.clear();
                    }
                    kept.objects.insert(name, (Instant::now(), Arc::clone(&labels)));
                    return Ok(labels);
                }
                Ok(Err(err)) => (report(&err), is_final(&err)),
                Err(_) => ("the API server does not answer".to_owned(), false),
            };
            if is_final {
                return Err(UnreadableLabels { reason, is_final });
            }
            self.kept(&name, STALE).ok_or(UnreadableLabels { reason, is_final })
        })
    }
}

/// Whether another request would get the same answer.
fn is_final(error: &kube::Error) -> bool {
    match error {
        kube::Error::Api(answer) => matches!(answer.code, 400 | 401 | 403 | 404 | 405),
        kube::Error::Discovery(_) => true,
        _ => false,
    }
}
