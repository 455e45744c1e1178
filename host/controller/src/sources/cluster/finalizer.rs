//! Takes the peer's finalizer from an object, so that deleting the object does not wait for a controller that is gone.

use std::time::Duration;

use kube::api::{Patch, PatchParams};
use serde_json::json;

use super::connection::Connection;
use super::seen::PEER_FINALIZER;
use crate::catalog::ProviderKey as Key;
use crate::telemetry::report;

/// How often it is tried while others write the object: its status is written at about the same time.
const TRIES: u32 = 10;
const WAIT: Duration = Duration::from_millis(100);

/// Takes it away; others stay.
pub(super) async fn strip(connection: Connection, kind: &'static str, key: Key) {
    for again in (0..TRIES).rev() {
        match try_strip(&connection, kind, &key).await {
            Ok(()) => return,
            Err(kube::Error::Api(answer)) if answer.code == 409 && again > 0 => {
                tokio::time::sleep(WAIT).await;
            }
            Err(err) => {
                let err = report(&err);
                tracing::warn!("the finalizer of {kind} {key} cannot be removed: {err}");
                return;
            }
        }
    }
}

async fn try_strip(connection: &Connection, kind: &str, key: &Key) -> kube::Result<()> {
    let api = connection.ours_in(kind, &key.namespace);
    let Some(object) = api.get_opt(&key.name).await? else { return Ok(()) };
    let finalizers = object.metadata.finalizers.unwrap_or_default();
    let rest: Vec<&String> = finalizers.iter().filter(|name| *name != PEER_FINALIZER).collect();
    if rest.len() == finalizers.len() {
        return Ok(());
    }
    // The version makes the API server refuse this if somebody has changed the list meanwhile.
    let patch = json!({
        "metadata": { "resourceVersion": object.metadata.resource_version, "finalizers": rest },
    });
    match api.patch(&key.name, &PatchParams::default(), &Patch::Merge(&patch)).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(answer)) if answer.code == 404 => Ok(()),
        Err(err) => Err(err),
    }
}
