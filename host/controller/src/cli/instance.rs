//! The running instance of a data folder, asked through its socket.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::Failed;
use crate::server::{SOCKET, connectable};
use crate::telemetry::report;

/// The longest answer: a page of deliveries with long reasons.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// A replay of very many deliveries takes its time.
const PATIENCE: Duration = Duration::from_secs(300);

/// An instance that runs.
pub(super) struct Instance {
    path: PathBuf,
    sender: http1::SendRequest<Full<Bytes>>,
}

impl Instance {
    /// The instance that uses this data folder; none when no process does.
    pub(super) async fn of(data_dir: &Path) -> Result<Option<Self>, Failed> {
        let path = data_dir.join(SOCKET);
        let failed = |err: std::io::Error| {
            let err = report(&err);
            Failed::Run(format!("cannot talk to the instance at {}: {err}", path.display()))
        };
        let connected = match connectable(data_dir) {
            Ok((short, _dir)) => UnixStream::connect(short).await,
            Err(err) => Err(err),
        };
        let stream = match connected {
            Ok(stream) => stream,
            // A process that ended early leaves its socket.
            Err(err)
                if matches!(err.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) =>
            {
                return Ok(None);
            }
            Err(err) => return Err(failed(err)),
        };
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|err| failed(std::io::Error::other(err)))?;
        tokio::spawn(async move {
            // Whoever waits for an answer learns of a broken connection there.
            drop(connection.await);
        });
        Ok(Some(Self { path, sender }))
    }

    /// The instance that uses this data folder, where there must be one.
    pub(super) async fn there_on(data_dir: &Path) -> Result<Self, Failed> {
        let none = || Failed::Run(format!("no instance runs on {}", data_dir.display()));
        Self::of(data_dir).await?.ok_or_else(none)
    }

    /// Asks for something.
    pub(super) async fn get<T: DeserializeOwned>(&mut self, target: &str) -> Result<T, Failed> {
        self.ask(Method::GET, target, Bytes::new()).await
    }

    /// Asks for something to be done.
    pub(super) async fn post<T: DeserializeOwned>(
        &mut self,
        target: &str,
        body: &impl Serialize,
    ) -> Result<T, Failed> {
        let body = serde_json::to_vec(body).map_err(|err| Failed::run(&err))?;
        self.ask(Method::POST, target, body.into()).await
    }

    async fn ask<T: DeserializeOwned>(
        &mut self,
        method: Method,
        target: &str,
        body: Bytes,
    ) -> Result<T, Failed> {
        let answered = timeout(PATIENCE, self.exchange(method, target, body)).await;
        let (is_success, body) =
            answered.unwrap_or_else(|_| Err(self.failed(&"it does not answer in time")))?;
        if is_success {
            return serde_json::from_slice(&body).map_err(|err| self.failed(&err));
        }
        let said: Option<Value> = serde_json::from_slice(&body).ok();
        let text = said.as_ref().and_then(|said| said["error"].as_str());
        Err(Failed::Run(text.unwrap_or("the instance refused without a reason").to_owned()))
    }

    async fn exchange(
        &mut self,
        method: Method,
        target: &str,
        body: Bytes,
    ) -> Result<(bool, Bytes), Failed> {
        let request = Request::builder()
            .method(method)
            .uri(target)
            .header(http::header::HOST, "herald")
            .body(Full::new(body))
            .map_err(|err| Failed::run(&err))?;
        let response =
            self.sender.send_request(request).await.map_err(|err| self.failed(&report(&err)))?;
        let is_success = response.status().is_success();
        let body = Limited::new(response.into_body(), MAX_ANSWER_BYTES).collect().await;
        let body = body.map_err(|err| self.failed(&err))?;
        Ok((is_success, body.to_bytes()))
    }

    fn failed(&self, why: &dyn std::fmt::Display) -> Failed {
        Failed::Run(format!("the instance at {} gives no answer: {why}", self.path.display()))
    }
}
