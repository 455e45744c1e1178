//! What the definitions in the cluster offer.

use std::time::Duration;

use tokio::time::timeout;

use super::connection::Connection;
use super::crds::{GROUP, STORED};
use crate::telemetry::report;

const REQUEST: Duration = Duration::from_secs(5);

/// Whether Providers have a status that can be written; none when the API server does not say.
pub(super) async fn have_status(connection: &Connection) -> Option<bool> {
    let version = format!("{GROUP}/{STORED}");
    let answer = timeout(REQUEST, connection.client.list_api_group_resources(&version)).await;
    match answer.ok()? {
        Ok(list) => {
            let has = |name: &str| list.resources.iter().any(|resource| resource.name == name);
            has("providers").then(|| has("providers/status") && has("alerts/status"))
        }
        Err(err) => {
            tracing::debug!("the definitions of {version} cannot be seen: {}", report(&err));
            None
        }
    }
}
