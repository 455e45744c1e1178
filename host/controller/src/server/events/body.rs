//! Reads the body of a request within its limits of size and time.
//!
//! It does not know what a body means, nor which status a failure becomes.

use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::extract::Request;
use bytes::Bytes;
use herald_core::intake::MAX_BODY_BYTES;
use http::header;
use http_body_util::BodyExt as _;
use thiserror::Error;
use tokio::time::{Instant, timeout_at};

/// A sender may announce more than it sends, so not more than this is set aside on its word.
const MAX_RESERVED_BYTES: u64 = 64 << 10;

/// Of a body that is too long, so much more is read and thrown away, for so long.
const MAX_DISCARDED_BYTES: usize = 16 << 20;
const MAX_DISCARD_TIME: Duration = Duration::from_secs(2);

/// Why there is no body.
#[derive(Debug, Error)]
pub(super) enum ReadBodyError {
    /// It is longer than the limit.
    #[error("the body is longer than {MAX_BODY_BYTES} bytes")]
    TooLong {
        /// Whether some of it was not read.
        left_over: bool,
    },
    /// It did not arrive in time.
    #[error("the body did not arrive in time")]
    Late,
    /// The connection broke, or the framing is wrong.
    #[error("the body cannot be read")]
    Receive(#[source] axum::Error),
}

/// Reads a whole body.
pub(super) async fn read(request: Request, deadline: Instant) -> Result<Bytes, ReadBodyError> {
    let waits_for_us = request.headers().contains_key(header::EXPECT);
    let mut body = request.into_body();
    let announced = body.size_hint().lower();
    if announced > MAX_BODY_BYTES as u64 {
        let left_over = waits_for_us || !discard(&mut body, deadline).await;
        return Err(ReadBodyError::TooLong { left_over });
    }
    let reserved = usize::try_from(announced.min(MAX_RESERVED_BYTES)).unwrap_or_default();
    let mut collected = Vec::with_capacity(reserved);
    loop {
        let frame = match timeout_at(deadline, body.frame()).await {
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(error))) => return Err(ReadBodyError::Receive(error)),
            Ok(None) => return Ok(collected.into()),
            Err(_) => return Err(ReadBodyError::Late),
        };
        // What is not data is trailers; nobody needs them.
        let Some(data) = frame.data_ref() else { continue };
        if collected.len() + data.len() > MAX_BODY_BYTES {
            drop(collected);
            let left_over = !discard(&mut body, deadline).await;
            return Err(ReadBodyError::TooLong { left_over });
        }
        collected.extend_from_slice(data);
    }
}

/// Reads on to the end of a body that is refused; false when there is too much of it.
///
/// Closing a connection with bytes unread resets it, and a reset can overtake the answer: the sender would see a broken
/// connection and try again instead of learning that its event is too long.
async fn discard(body: &mut Body, deadline: Instant) -> bool {
    let deadline = deadline.min(Instant::now() + MAX_DISCARD_TIME);
    let mut n_bytes = 0;
    loop {
        match timeout_at(deadline, body.frame()).await {
            Ok(None) => return true,
            Ok(Some(Ok(frame))) => n_bytes += frame.data_ref().map_or(0, Bytes::len),
            Ok(Some(Err(_))) | Err(_) => return false,
        }
        if n_bytes > MAX_DISCARDED_BYTES {
            return false;
        }
    }
}
