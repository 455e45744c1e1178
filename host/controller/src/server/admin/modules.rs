//! What a person asks about the revisions of modules, and has done to them.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{MAX_BODY_BYTES, Refusal, Rooms, answer, wrong};
use crate::desk::Told;

/// What there is to know about modules, and to be done to them.
pub trait ModulesDesk: Send + Sync {
    /// Those that serve now.
    fn list(&self) -> Value;
    /// The revisions of one type or all.
    fn history(&self, kind: Option<&str>) -> Value;
    /// Does what somebody wants. Returns the revision that serves then, or why nothing was done.
    ///
    /// # Errors
    /// The text says why.
    fn carry_out(&self, order: &ModuleOrder) -> Result<String, String>;
}

/// What somebody wants done to a type's revisions.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case", tag = "order", deny_unknown_fields)]
pub enum ModuleOrder {
    /// Go back from the latest one.
    RollBack {
        /// The type.
        kind: String,
    },
    /// Have one serve, whatever comes.
    Pin {
        /// The type.
        kind: String,
        /// Its digest, or the beginning of it.
        revision: String,
    },
    /// Have the newest fit one serve again.
    Unpin {
        /// The type.
        kind: String,
    },
}

pub(super) async fn list<T: Told>(State(rooms): State<Arc<Rooms<T>>>) -> Response {
    answer(&rooms.modules.list())
}

pub(super) async fn history<T: Told>(
    State(rooms): State<Arc<Rooms<T>>>,
    RawQuery(query): RawQuery,
) -> Response {
    let query = query.unwrap_or_default();
    let kind = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "type");
    answer(&rooms.modules.history(kind.as_ref().map(|(_, kind)| &**kind)))
}

pub(super) async fn carry_out<T: Told>(
    State(rooms): State<Arc<Rooms<T>>>,
    body: Body,
) -> Result<Response, Refusal> {
    let body = to_bytes(body, MAX_BODY_BYTES).await.map_err(|err| wrong(&err))?;
    let order: ModuleOrder = serde_json::from_slice(&body).map_err(|err| wrong(&err))?;
    let serves = rooms.modules.carry_out(&order);
    let serves = serves.map_err(|why| Refusal(StatusCode::BAD_REQUEST, why))?;
    tracing::info!("a person changed what serves: {order:?}");
    Ok(answer(&json!({"serves": serves})))
}
