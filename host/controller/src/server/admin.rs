//! The door for the person who runs Herald: a Unix socket in the data folder, with deliveries and modules as JSON.
//!
//! It knows paths and statuses. What is answered comes from a [`Desk`] and from whoever lists the modules.

mod modules;
mod socket;

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde::Serialize;
use serde_json::json;

pub use modules::{ModuleOrder, ModulesDesk};
pub use socket::{AdminSocket, BindSocketError, SOCKET, connectable};

use crate::desk::{Answer, Desk, DeskError, IdPrefix, Order, Query, Told, Wanted};
use crate::telemetry::report;

/// The longest body of a request: some thousands of ids.
const MAX_BODY_BYTES: usize = 1 << 20;

/// Deliveries of a page when nothing else is asked for.
const PAGE: usize = 100;

/// What the door leads to.
struct Rooms<T> {
    desk: Desk<T>,
    modules: Arc<dyn ModulesDesk>,
}

/// An answer that is not what was asked for.
struct Refusal(StatusCode, String);

/// Answers everything below `/v1/`.
pub fn router<T: Told>(desk: Desk<T>, modules: Arc<dyn ModulesDesk>) -> Router {
    Router::new()
        .route("/v1/deliveries", get(list::<T>))
        .route("/v1/deliveries/count", get(count::<T>))
        .route("/v1/deliveries/replay", post(replay::<T>))
        .route("/v1/deliveries/discard", post(discard::<T>))
        .route("/v1/deliveries/{id}", get(show::<T>))
        .route("/v1/modules", get(modules::list::<T>))
        .route("/v1/modules/history", get(modules::history::<T>))
        .route("/v1/modules/orders", post(modules::carry_out::<T>))
        .fallback(async || Refusal(StatusCode::NOT_FOUND, "there is nothing here".to_owned()))
        .with_state(Arc::new(Rooms { desk, modules }))
}

async fn list<T: Told>(
    State(rooms): State<Arc<Rooms<T>>>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let Asked { query, limit, after } = asked(query.as_deref())?;
    let page = rooms.desk.list(&query, after.as_deref(), limit).await;
    Ok(answer(&page.map_err(refused)?))
}

async fn count<T: Told>(
    State(rooms): State<Arc<Rooms<T>>>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let count = rooms.desk.count(&asked(query.as_deref())?.query).await.map_err(refused)?;
    Ok(answer(&json!({"count": count})))
}

async fn show<T: Told>(
    State(rooms): State<Arc<Rooms<T>>>,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let id: IdPrefix = id.parse().map_err(|err| wrong(&err))?;
    Ok(answer(&rooms.desk.show(&id).await.map_err(refused)?))
}

async fn replay<T: Told>(
    State(rooms): State<Arc<Rooms<T>>>,
    body: Body,
) -> Result<Response, Refusal> {
    let (order, wanted) = ordered(body).await?;
    let done: Answer = rooms.desk.replay(&wanted, order.force).await.map_err(refused)?;
    tracing::info!(deliveries = done.done, "deliveries were asked for again");
    Ok(answer(&done))
}

async fn discard<T: Told>(
    State(rooms): State<Arc<Rooms<T>>>,
    body: Body,
) -> Result<Response, Refusal> {
    let (order, wanted) = ordered(body).await?;
    let done: Answer = rooms.desk.discard(&wanted, &order.reason).await.map_err(refused)?;
    tracing::info!(deliveries = done.done, reason = order.reason, "deliveries were discarded");
    Ok(answer(&done))
}

/// What the URL of a list asks for.
struct Asked {
    query: Query,
    limit: usize,
    after: Option<String>,
}

fn asked(query: Option<&str>) -> Result<Asked, Refusal> {
    let (mut limit, mut after, mut rest) = (PAGE, None, Vec::new());
    for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        match &*name {
            "limit" => {
                limit = value.parse().map_err(|_| {
                    Refusal(StatusCode::BAD_REQUEST, format!("the limit {value:?} is no number"))
                })?;
            }
            "after" => after = Some(value.into_owned()),
            _ => rest.push((name, value)),
        }
    }
    let pairs = rest.iter().map(|(name, value)| (&**name, &**value));
    let query = Query::from_pairs(pairs).map_err(|err| wrong(&err))?;
    Ok(Asked { query, limit, after })
}

async fn ordered(body: Body) -> Result<(Order, Wanted), Refusal> {
    let body = to_bytes(body, MAX_BODY_BYTES).await.map_err(|err| wrong(&err))?;
    let order: Order = serde_json::from_slice(&body).map_err(|err| wrong(&err))?;
    let wanted = Wanted::try_from(&order).map_err(|err| wrong(&err))?;
    Ok((order, wanted))
}

fn answer(value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(json) => ([(CONTENT_TYPE, "application/json")], json).into_response(),
        Err(err) => Refusal(StatusCode::INTERNAL_SERVER_ERROR, report(&err)).into_response(),
    }
}

fn wrong(err: &dyn std::error::Error) -> Refusal {
    Refusal(StatusCode::BAD_REQUEST, report(err))
}

fn refused(err: DeskError) -> Refusal {
    let status =
        if err.is_of_the_asker() { StatusCode::NOT_FOUND } else { StatusCode::SERVICE_UNAVAILABLE };
    Refusal(status, report(&err))
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Refusal(status, text) = self;
        let body = json!({"error": text}).to_string();
        (status, [(CONTENT_TYPE, "application/json")], body).into_response()
    }
}
