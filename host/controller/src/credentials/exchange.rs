//! Requests for tokens: one exchange with the service that gives them out, and what its answer means.
//!
//! It knows JSON answers. It must not know which service is asked.

use bytes::Bytes;
use herald_core::formatter::Response;
use herald_core::provider::Provider;
use herald_core::retry::{self, Verdict};
use herald_core::secret::SecretText;
use jiff::Timestamp;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use serde_json::Value;
use tokio::time::Instant;
use url::Url;

use super::kept::Minted;
use super::{Asking, ObtainError, misconfigured};
use crate::egress::{AGENT, Mask, Prepared, Transport};

/// Asks for tokens until a deadline.
pub(super) struct Exchange<'a, 'b, T> {
    pub(super) asking: &'a Asking<'b, T>,
    pub(super) deadline: Instant,
}

impl<T: Transport> Exchange<'_, '_, T> {
    pub(super) fn provider(&self) -> &Provider {
        self.asking.provider
    }

    pub(super) fn mask(&self) -> &Mask {
        self.asking.mask
    }

    pub(super) fn now(&self) -> Timestamp {
        self.asking.now
    }

    /// One request and its answer, whatever its status.
    pub(super) async fn send(
        &self,
        method: Method,
        url: Url,
        headers: HeaderMap,
        body: impl Into<Bytes>,
    ) -> Result<Response, ObtainError> {
        let mut headers = headers;
        headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(AGENT));
        let request = Prepared { method, url, headers, body: body.into() };
        let within = self.deadline.saturating_duration_since(Instant::now());
        self.asking
            .transport
            .send(self.asking.provider, request, within)
            .await
            .map_err(ObtainError::Send)
    }

    /// The token in an answer. The mask knows it from here on, whatever else the answer lacks.
    pub(super) fn token(
        &self,
        answer: &Value,
        member: &str,
        service: &str,
    ) -> Result<SecretText, ObtainError> {
        let token = answer.get(member).and_then(Value::as_str).filter(|token| !token.is_empty());
        let token = SecretText::from(token.ok_or_else(|| not_an_answer(service))?);
        self.mask().hide(&token);
        Ok(token)
    }
}

/// The JSON of a 2xx answer, or what to do about another one.
pub(super) fn json(
    response: &Response,
    service: &str,
    now: Timestamp,
    advice: &str,
) -> Result<Value, ObtainError> {
    let said = || {
        let said = retry::excerpt(&response.body);
        if said.is_empty() { said } else { ["; it said: ", &said].concat() }
    };
    let status = response.status;
    match retry::judge(response, now) {
        Verdict::Delivered | Verdict::Accepted => {
            serde_json::from_slice(&response.body).map_err(|_| not_an_answer(service))
        }
        Verdict::Retry { after, .. } => Err(ObtainError::Later {
            reason: format!("{service} answered {status}{}", said()),
            after,
        }),
        Verdict::Misconfigured(_) | Verdict::Rejected(_) => {
            Err(misconfigured(format!("{service} answered {status}: {advice}{}", said())))
        }
    }
}

/// A 2xx answer without what was asked for; it is not quoted, as it may hold a token.
pub(super) fn not_an_answer(service: &str) -> ObtainError {
    ObtainError::Later {
        reason: format!("the answer of {service} holds no token: is a proxy in between?"),
        after: None,
    }
}

/// A token as its header has it.
pub(super) fn bearer(token: SecretText, ends: Timestamp) -> Result<Minted, ObtainError> {
    Ok(Minted {
        header: authorization("Bearer ", &token)?,
        secrets: vec![token],
        ends,
        annotations: None,
    })
}

/// A header's value that is never logged.
pub(super) fn authorization(scheme: &str, rest: &SecretText) -> Result<HeaderValue, ObtainError> {
    let value = [scheme, rest.expose()].concat();
    let mut value = HeaderValue::from_str(&value).map_err(|_| ObtainError::Later {
        reason: "the token holds a control character: is a proxy in between?".to_owned(),
        after: None,
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// Headers of a request that carries a token of its own.
pub(super) fn with_token(
    token: &SecretText,
    headers: &[(HeaderName, &'static str)],
) -> Result<HeaderMap, ObtainError> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(name.clone(), HeaderValue::from_static(value));
    }
    map.insert(AUTHORIZATION, authorization("Bearer ", token)?);
    Ok(map)
}

/// The part of a URL that may be shown.
pub(super) fn host(url: &Url) -> String {
    url.host_str().unwrap_or("the token service").to_owned()
}
