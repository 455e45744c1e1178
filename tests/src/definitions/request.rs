//! A request as a rehearsal shows it, and what must be right with it whoever gets it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Url;
use serde_json::{Map, Value};

use super::library::library;
use super::protobuf;

/// A request taken apart.
#[derive(Debug)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The host without its port.
    pub host: String,
    /// The path as it is sent.
    pub path: String,
    /// The pairs of the query, decoded.
    pub query: Vec<(String, String)>,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Body,
    /// How long the body is on the wire.
    pub n_bytes: usize,
}

/// A body by its content type.
#[derive(Debug)]
pub enum Body {
    /// There is none.
    Empty,
    /// One JSON value, or OTLP's binary form in the words of its JSON form.
    Json(Value),
    /// The pairs of a form, decoded.
    Form(Vec<(String, String)>),
    /// Sentry's lines, each a JSON value.
    Envelope(Vec<Value>),
    /// Anything else.
    Bytes(Vec<u8>),
}

impl Body {
    /// The body as a value: a form is an object of texts, an envelope a list, and what is no JSON a text.
    #[must_use]
    pub fn value(&self) -> Option<Value> {
        match self {
            Body::Json(value) => Some(value.clone()),
            Body::Form(pairs) => {
                let members: Map<String, Value> = pairs
                    .iter()
                    .map(|(key, value)| (key.clone(), Value::String(value.clone())))
                    .collect();
                Some(Value::Object(members))
            }
            Body::Envelope(lines) => Some(Value::Array(lines.clone())),
            Body::Bytes(bytes) => {
                let text = || str::from_utf8(bytes).ok().map(Value::from);
                serde_json::from_slice(bytes).ok().or_else(text)
            }
            Body::Empty => None,
        }
    }
}

impl Request {
    /// Reads the form of `N.request.json`.
    ///
    /// # Errors
    /// Says what it cannot be read for.
    pub fn parse(shown: &Value) -> Result<Self, String> {
        let text = |name: &str| {
            shown[name].as_str().map(str::to_owned).ok_or_else(|| format!("there is no {name}"))
        };
        let (method, url) = (text("method")?, text("url")?);
        let headers: Vec<(String, String)> =
            serde_json::from_value(shown["headers"].clone()).map_err(|err| err.to_string())?;
        let headers: Vec<(String, String)> =
            headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
        let header = |name: &str| headers.iter().find(|(key, _)| key == name).map(|(_, v)| v);
        let kind = header("content-type").map(String::as_str);
        let (body, n_bytes) = read_body(&shown["body"], kind)?;
        // What was counted on the wire is better than what can be told from the values.
        let n_bytes = header("content-length").and_then(|n| n.parse().ok()).unwrap_or(n_bytes);
        if method == "CONNECT" {
            let (host, path, query) = (url, String::new(), Vec::new());
            return Ok(Self { method, host, path, query, headers, body, n_bytes });
        }
        let url = Url::parse(&url).map_err(|err| format!("{url} is no URL: {err}"))?;
        Ok(Self {
            method,
            host: url.host_str().unwrap_or_default().to_owned(),
            path: url.path().to_owned(),
            query: form_pairs(url.query().unwrap_or_default())?,
            headers,
            body,
            n_bytes,
        })
    }

    /// The first header of this name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// What is wrong for any receiver.
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for (name, value) in &self.headers {
            if value.chars().any(char::is_control) {
                problems.push(format!("the header {name} has a control character"));
            }
            if value.trim() != value {
                problems.push(format!("the header {name} is blank at an end"));
            }
            if self.headers.iter().filter(|(other, _)| other == name).count() > 1 {
                problems.push(format!("the header {name} stands there twice"));
            }
        }
        if let Some("Bearer" | "Basic" | "GenieKey" | "token") = self.header("authorization") {
            problems.push("the header authorization names a scheme and nothing else".to_owned());
        }
        if self.path.split('/').any(|segment| segment == "." || segment == "..") {
            problems.push(format!("the path {} climbs", self.path));
        }
        // What is published has no headers of this kind.
        let has_type = self.header("content-type").is_some() || self.method == "PUBLISH";
        if !has_type && !matches!(self.body, Body::Empty) {
            problems.push("there is a body without a content type".to_owned());
        }
        problems
    }
}

/// The body and its length, which is exact only for texts and bytes.
fn read_body(shown: &Value, kind: Option<&str>) -> Result<(Body, usize), String> {
    let is = |name: &str| kind.is_some_and(|kind| kind.contains(name));
    if shown.is_null() {
        return Ok((Body::Empty, 0));
    }
    if let Some(value) = shown.get("json") {
        return Ok((Body::Json(value.clone()), value.to_string().len()));
    }
    if let Some(lines) = shown.get("envelope").and_then(Value::as_array) {
        let n_bytes = lines.iter().map(|line| line.to_string().len() + 1).sum();
        return Ok((Body::Envelope(lines.clone()), n_bytes));
    }
    if let Some(text) = shown.get("text").and_then(Value::as_str) {
        // A fixture shows what is different each time as what it is.
        let text = text.replace("(an RS256 JWT)", "jwt");
        let body = match () {
            () if is("json") => return Err("the body says that it is JSON and is none".to_owned()),
            () if is("x-www-form-urlencoded") => Body::Form(form_pairs(&text)?),
            () => Body::Bytes(text.as_bytes().to_vec()),
        };
        return Ok((body, text.len()));
    }
    let Some(bytes) = shown.get("base64").and_then(Value::as_str) else {
        return Err("the body has no form that is known".to_owned());
    };
    if is("json") || is("form") || is("text/") {
        return Err("the body says that it is text and is not UTF-8".to_owned());
    }
    let bytes = STANDARD.decode(bytes).map_err(|err| err.to_string())?;
    let n_bytes = bytes.len();
    if is("x-protobuf") {
        let value = protobuf::read(&library().wire, "ExportTraceServiceRequest", &bytes)?;
        return Ok((Body::Json(value), n_bytes));
    }
    Ok((Body::Bytes(bytes), n_bytes))
}

/// The pairs of a form or a query. Stricter than a browser: what is no proper escape is an error.
fn form_pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(key, Plus::IsSpace)?, decode(value, Plus::IsSpace)?))
        })
        .collect()
}

/// What `+` means.
#[derive(Clone, Copy)]
pub(super) enum Plus {
    IsSpace,
    IsPlus,
}

/// A text without its percent escapes.
pub(super) fn decode(text: &str, plus: Plus) -> Result<String, String> {
    let bad = || format!("{text} is not percent-encoded text");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match (byte, plus) {
            (b'%', _) => {
                let pair = [rest.next().ok_or_else(bad)?, rest.next().ok_or_else(bad)?];
                let digits = std::str::from_utf8(&pair).map_err(|_| bad())?;
                bytes.push(u8::from_str_radix(digits, 16).map_err(|_| bad())?);
            }
            (b'+', Plus::IsSpace) => bytes.push(b' '),
            (0..=0x20 | 0x7f.., _) => return Err(bad()),
            (byte, _) => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).map_err(|_| bad())
}
