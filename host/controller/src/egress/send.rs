//! One request over the network: policy before DNS, bounded answer, redirects only to the same origin.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use herald_core::formatter::Response;
use herald_core::policy::Denied;
use herald_core::provider::Provider;
use reqwest::header::LOCATION;
use url::Url;

use super::resolver::{Guarded, LookupError};
use super::{HttpTransport, Prepared, SendError, Transport, proxy};

/// The longest answer that is read, in bytes.
pub const MAX_ANSWER_BYTES: usize = 4 << 20;
/// The most requests of one chain of redirects.
pub(crate) const MAX_HOPS: usize = 10;

impl Transport for HttpTransport {
    async fn send(
        &self,
        provider: &Provider,
        request: Prepared,
        within: Duration,
    ) -> Result<Response, SendError> {
        let host = host(&request.url);
        match tokio::time::timeout(within, self.hops(provider, request)).await {
            Ok(result) => result,
            Err(_) => Err(SendError::Timeout { host, seconds: within.as_secs_f64() }),
        }
    }
}

impl HttpTransport {
    async fn hops(
        &self,
        provider: &Provider,
        mut request: Prepared,
    ) -> Result<Response, SendError> {
        proxy::check(provider, &self.policy).map_err(SendError::Denied)?;
        let client = self.client(provider)?;
        for _ in 0..MAX_HOPS {
            self.policy.check_url(&request.url).map_err(SendError::Denied)?;
            let host = host(&request.url);
            let sent = client
                .request(request.method.clone(), request.url.clone())
                .headers(request.headers.clone())
                .body(request.body.clone())
                .send()
                .await;
            let sent = match sent {
                Ok(sent) => sent,
                Err(err) => return Err(self.explained(provider, failure(&host, err)).await),
            };
            if let Some(next) = redirect(&request.url, &sent) {
                request.url = next;
                continue;
            }
            return read(&host, sent).await;
        }
        Err(SendError::Redirects { host: host(&request.url) })
    }

    /// The client does not tell why it did not dial a SOCKS proxy. Its name is asked for once more then, to say whether
    /// the policy forbids it; nothing is dialed.
    async fn explained(&self, provider: &Provider, failure: SendError) -> SendError {
        let SendError::Connect { .. } = failure else { return failure };
        let Some(name) = proxy::name_of_socks(provider) else { return failure };
        let guarded = Guarded { resolver: Arc::clone(&self.resolver), policy: self.policy };
        match guarded.lookup(name).await {
            Err(LookupError::Denied(denied)) => SendError::Denied(denied),
            Err(LookupError::NotFound(_)) | Ok(_) => failure,
        }
    }
}

/// Where a 307 or 308 leads, when that is the same origin: nothing is ever sent to a host that the Provider does not name.
pub(crate) fn redirect_target(from: &Url, status: u16, location: Option<&str>) -> Option<Url> {
    let location = location.filter(|_| matches!(status, 307 | 308))?;
    let target = from.join(location).ok()?;
    (target.origin() == from.origin()
        && target.username().is_empty()
        && target.password().is_none())
    .then_some(target)
}

fn redirect(from: &Url, response: &reqwest::Response) -> Option<Url> {
    let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    redirect_target(from, response.status().as_u16(), location)
}

async fn read(host: &str, response: reqwest::Response) -> Result<Response, SendError> {
    let status = response.status().as_u16();
    let headers = response
        .headers()
        .iter()
        .map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect();
    let mut body = Vec::new();
    let mut chunks = response.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|err| failure(host, err))?;
        if body.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Err(SendError::TooLong { host: host.to_owned(), limit: MAX_ANSWER_BYTES });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Response { status, headers, body })
}

/// Why reqwest failed, found by the types of its causes. Its own text is never used: it holds the URL.
fn failure(host: &str, err: reqwest::Error) -> SendError {
    let err = err.without_url();
    if err.is_timeout() {
        return SendError::Connect {
            host: host.to_owned(),
            reason: "no connection in time".to_owned(),
        };
    }
    let mut reason = err.to_string();
    let mut cause: Option<&(dyn Error + 'static)> = err.source();
    while let Some(source) = cause {
        match source.downcast_ref::<LookupError>() {
            Some(LookupError::Denied(denied)) => return SendError::Denied(Denied::clone(denied)),
            Some(LookupError::NotFound(io)) => {
                let source = std::io::Error::new(io.kind(), io.to_string());
                return SendError::Resolve { host: host.to_owned(), source: Box::new(source) };
            }
            None => reason = source.to_string(),
        }
        cause = source.source();
    }
    SendError::Connect { host: host.to_owned(), reason }
}

/// The part of a URL that may be shown.
fn host(url: &Url) -> String {
    url.host_str().unwrap_or("the receiver").to_owned()
}
