//! A receiver that answers from a script, and writes down what it was sent.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use herald_core::formatter::Response;
use herald_core::policy::AddressPolicy;
use herald_core::provider::Provider;
use reqwest::Method;
use reqwest::header::{HOST, HeaderMap, HeaderValue, PROXY_AUTHORIZATION, USER_AGENT};
use serde_json::Value;
use url::Url;

use super::Answer;
use super::shown::{Secrets, Via, shown_on_the_wire};
use crate::egress::{MAX_HOPS, Prepared, SendError, Transport, nats, proxy_of, redirect_target};
use crate::modules::Modules;

/// The script and the record of one case.
pub struct Scripted {
    answers: BTreeMap<usize, Answer>,
    modules: Arc<Modules>,
    secrets: Secrets,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    requests: Vec<Value>,
    /// Tunnels through a proxy that stand already: a kept connection asks for none.
    tunnels: HashSet<String>,
}

impl Scripted {
    /// A receiver with these answers; what has none is answered 200 with an empty body.
    #[must_use]
    pub fn new(answers: BTreeMap<usize, Answer>, modules: Arc<Modules>, secrets: Secrets) -> Self {
        Self { answers, modules, secrets, state: Mutex::default() }
    }

    /// What it was sent so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Value> {
        self.state.lock().expect("no holder of this lock panics").requests.clone()
    }

    /// How many requests it was sent so far.
    pub(super) fn sent(&self) -> usize {
        self.state.lock().expect("no holder of this lock panics").requests.len()
    }

    /// Whether the script has an answer for the next request.
    pub(super) fn has_next(&self) -> bool {
        self.answers.contains_key(&(self.sent() + 1))
    }

    fn shown(&self, request: &Prepared, provider: &Provider, via: Option<&Via>) -> Value {
        shown_on_the_wire(request, via, &self.modules.mask(provider), self.secrets)
    }

    fn take(&self, request: Value) -> Answer {
        let mut state = self.state.lock().expect("no holder of this lock panics");
        state.requests.push(request);
        self.answers.get(&state.requests.len()).cloned().unwrap_or_default()
    }

    /// One request and its answer.
    fn exchange(
        &self,
        provider: &Provider,
        request: &Prepared,
        within: Duration,
    ) -> Result<Response, SendError> {
        // Where it really goes is not known without DNS, and a case may stand on loopback.
        let policy = AddressPolicy { allow_loopback: true, allow_private: true };
        if request.method.as_str() == nats::PUBLISH {
            nats::check_url(&policy, &request.url).map_err(SendError::Denied)?;
            nats::check_provider(provider)?;
        } else {
            policy.check_url(&request.url).map_err(SendError::Denied)?;
        }
        let host = request.url.host_str().unwrap_or_default().to_owned();
        let via = self.tunnel(provider, &request.url, &host)?;
        match self.take(self.shown(request, provider, via.as_ref())) {
            Answer::Abort => Err(SendError::Connect {
                host,
                reason: "the connection was closed before an answer came".to_owned(),
            }),
            Answer::Response { delay, .. } if delay > within => {
                Err(SendError::Timeout { host, seconds: within.as_secs_f64() })
            }
            Answer::Response { response, .. } => Ok(response),
        }
    }

    /// Asks the Provider's proxy for a tunnel where a connection through it would.
    fn tunnel(&self, provider: &Provider, url: &Url, host: &str) -> Result<Option<Via>, SendError> {
        let Some(proxy) = proxy_of(provider) else { return Ok(None) };
        if url.scheme() != "https" {
            return Ok(Some(Via::Forward { proxy: proxy.authority }));
        }
        let target = format!("{host}:{}", url.port_or_known_default().unwrap_or(443));
        let known = !self
            .state
            .lock()
            .expect("no holder of this lock panics")
            .tunnels
            .insert(target.clone());
        if !known {
            let mut headers = HeaderMap::new();
            if let Ok(host) = HeaderValue::from_str(&target) {
                headers.insert(HOST, host);
            }
            headers.insert(USER_AGENT, HeaderValue::from_static(crate::egress::AGENT));
            if let Some(authorization) = proxy.authorization {
                headers.insert(PROXY_AUTHORIZATION, authorization);
            }
            let connect = Prepared {
                method: Method::CONNECT,
                url: url.clone(),
                headers,
                body: bytes::Bytes::new(),
            };
            match self.take(self.shown(&connect, provider, None)) {
                Answer::Response { response, .. } if (200..300).contains(&response.status) => {}
                Answer::Response { .. } | Answer::Abort => {
                    return Err(SendError::Connect {
                        host: host.to_owned(),
                        reason: "the proxy refused the tunnel".to_owned(),
                    });
                }
            }
        }
        Ok(Some(Via::Tunnel { target }))
    }
}

impl Transport for Arc<Scripted> {
    async fn send(
        &self,
        provider: &Provider,
        mut request: Prepared,
        within: Duration,
    ) -> Result<Response, SendError> {
        for _ in 0..MAX_HOPS {
            let response = self.exchange(provider, &request, within)?;
            match redirect_target(&request.url, response.status, response.header("location")) {
                Some(next) => request.url = next,
                None => return Ok(response),
            }
        }
        Err(SendError::Redirects { host: request.url.host_str().unwrap_or_default().to_owned() })
    }
}
