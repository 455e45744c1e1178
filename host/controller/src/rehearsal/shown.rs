//! Requests and answers as people and fixtures see them: JSON, headers sorted, secrets masked unless they were asked for.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use herald_core::formatter::Response;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, USER_AGENT};
use serde_json::{Value, json};

use crate::egress::nats::{PUBLISH, header_name};
use crate::egress::{Mask, Prepared};

/// Whether secrets are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrets {
    /// `*****` stands in their place.
    Masked,
    /// They are shown as they are sent.
    Revealed,
}

/// How a request travels when a proxy is between.
pub(super) enum Via {
    /// Through a tunnel to this host and port.
    Tunnel { target: String },
    /// Whole, to a proxy that passes it on.
    Forward { proxy: String },
}

/// A request as JSON, with secrets masked.
#[must_use]
pub fn shown_request(request: &Prepared, mask: &Mask) -> Value {
    shown_on_the_wire(request, None, mask, Secrets::Masked)
}

pub(super) fn shown_on_the_wire(
    request: &Prepared,
    via: Option<&Via>,
    mask: &Mask,
    secrets: Secrets,
) -> Value {
    let hide = |text: &str| match secrets {
        Secrets::Masked => mask.lines(text).into_owned(),
        Secrets::Revealed => mask.without_proofs(text),
    };
    let is_connect = request.method == reqwest::Method::CONNECT;
    let publishes = request.method.as_str() == PUBLISH;
    let authority = authority(&request.url, is_connect);
    let mut headers: Vec<(String, String)> = request
        .headers
        .iter()
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            let shown = if secrets == Secrets::Masked && name == "proxy-authorization" {
                "*****".to_owned()
            } else {
                hide(&value)
            };
            let name = if publishes { header_name(name.as_str()) } else { name.to_string() };
            (name, shown)
        })
        .collect();
    let mut noise = Vec::new();
    if !publishes {
        if !request.headers.contains_key(HOST) {
            headers.push((HOST.to_string(), authority.clone()));
        }
        if !request.body.is_empty() {
            headers.push((CONTENT_LENGTH.to_string(), request.body.len().to_string()));
            noise.push(CONTENT_LENGTH.as_str());
        }
        noise.push(USER_AGENT.as_str());
    }
    headers.sort();
    let url = if is_connect { authority } else { hide(request.url.as_str()) };
    let body = match (secrets, std::str::from_utf8(&request.body)) {
        (Secrets::Masked, _) => mask.bytes(request.body.to_vec()),
        (Secrets::Revealed, Ok(text)) => mask.without_proofs(text).into_bytes(),
        (Secrets::Revealed, Err(_)) => request.body.to_vec(),
    };
    let content_type = request.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    // A message to NATS is of no type, and JSON as a rule.
    let content_type = content_type.or(publishes.then_some("json"));
    let mut shown = json!({
        "method": request.method.as_str(),
        "url": url,
        "headers": headers,
        "noise": noise,
        "body": shown_body(&body, content_type),
    });
    match via {
        Some(Via::Tunnel { target }) => shown["via"] = json!(format!("CONNECT {target}")),
        Some(Via::Forward { proxy }) => shown["via"] = json!(format!("forward proxy {proxy}")),
        None => {}
    }
    shown
}

/// An answer as JSON. It is masked already.
#[must_use]
pub fn shown_response(response: &Response) -> Value {
    json!({
        "status": response.status,
        "headers": response.headers,
        "body": shown_body(&response.body, response.header("content-type")),
    })
}

/// `{"json": …}`, `{"envelope": [a value for each line]}` for Sentry's, `{"text": …}`, `{"base64": …}`, or null for
/// nothing.
fn shown_body(body: &[u8], content_type: Option<&str>) -> Value {
    if body.is_empty() {
        return Value::Null;
    }
    if content_type.is_some_and(|kind| kind.contains("json"))
        && let Ok(value) = serde_json::from_slice::<Value>(body)
    {
        return json!({ "json": value });
    }
    if content_type == Some("application/x-sentry-envelope")
        && let Some(lines) = json_lines(body)
    {
        return json!({ "envelope": lines });
    }
    match std::str::from_utf8(body) {
        Ok(text) => json!({ "text": text }),
        Err(_) => json!({ "base64": STANDARD.encode(body) }),
    }
}

/// The lines as JSON, if every one of them is.
fn json_lines(body: &[u8]) -> Option<Vec<Value>> {
    std::str::from_utf8(body).ok()?.lines().map(|line| serde_json::from_str(line).ok()).collect()
}

fn authority(url: &url::Url, with_port: bool) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port().or_else(|| url.port_or_known_default().filter(|_| with_port)) {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}
