//! Values for the unit tests of modules: an event, a Provider and a delivery that a test changes where it matters.
//!
//! What a module sends as a whole is tested by its cases, through the compiled component.

use crate::{
    Address, Alert, Delivery, Event, Fragment, ObjectReference, Origin, Provider, Request,
    Response, Timestamp,
};

/// A GitRepository's good news, with one key of metadata.
#[must_use]
pub fn event() -> Event {
    Event {
        involved_object: ObjectReference {
            api_version: "source.toolkit.fluxcd.io/v1".to_owned(),
            kind: "GitRepository".to_owned(),
            namespace: "gitops-system".to_owned(),
            name: "webapp".to_owned(),
            uid: "1234".to_owned(),
            resource_version: String::new(),
            field_path: String::new(),
        },
        severity: "info".to_owned(),
        timestamp: Some(timestamp()),
        message: "message".to_owned(),
        reason: "reason".to_owned(),
        metadata: vec![("test".to_owned(), "metadata".to_owned())],
        reporting_controller: "source-controller".to_owned(),
        reporting_instance: "source-controller-xyz".to_owned(),
    }
}

/// A Provider with this address and these keys in its Secret.
#[must_use]
pub fn provider(address: Option<Address>, secret_keys: &[&str]) -> Provider {
    Provider {
        namespace: "apps".to_owned(),
        name: "provider".to_owned(),
        uid: "0c9c2e41-d2f9-4f9b-9c41-bebc1984d67a".to_owned(),
        channel: String::new(),
        username: String::new(),
        address,
        secret_keys: secret_keys.iter().copied().map(str::to_owned).collect(),
        config: "{}".to_owned(),
    }
}

/// The first attempt to send [`event`] to this Provider.
#[must_use]
pub fn delivery(provider: Provider) -> Delivery {
    Delivery {
        id: "0123456789abcdef0123456789abcdef".to_owned(),
        now: timestamp(),
        event: event(),
        alert: Alert {
            namespace: "apps".to_owned(),
            name: "alert".to_owned(),
            uid: "7d3a5a4e-93f0-4b21-8f2b-0a1c5d0f7a11".to_owned(),
        },
        provider,
        commit_status: None,
        remembered: None,
        responses: Vec::new(),
        facts: vec![("attempt".to_owned(), "1".to_owned())],
    }
}

/// The address of this origin.
#[must_use]
pub fn url(scheme: &str, host: &str) -> Option<Address> {
    Some(Address::Url(Origin { scheme: scheme.to_owned(), host: host.to_owned(), port: None }))
}

/// An answer with status 200 and this body.
#[must_use]
pub fn response(body: &str) -> Response {
    Response { status: 200, headers: Vec::new(), body: body.as_bytes().to_vec() }
}

/// A request as text: method and path, one line for each header, an empty line, the body. A secret is written as
/// `{token}`, the base as `{address}`, `{origin}` or the site.
#[must_use]
pub fn render(request: &Request) -> String {
    use crate::Base;

    let base = match &request.url.base {
        Base::Address => "{address}",
        Base::AddressEnding => "{address ending in}",
        Base::AddressOr => "{address or}",
        Base::Origin => "{origin}",
        Base::Site(site) => site,
    };
    let mut out = [request.method.as_str(), " ", base].concat();
    for segment in &request.url.path {
        out.push('/');
        out.push_str(&fragments(segment));
    }
    for (at, (key, value)) in request.url.query.iter().enumerate() {
        out.push(if at == 0 { '?' } else { '&' });
        out.push_str(&[key, "=", fragments(value).as_str()].concat());
    }
    for (name, value) in &request.headers {
        out.push_str(&["\n", name, ": ", fragments(value).as_str()].concat());
    }
    if !request.body.is_empty() {
        out.push_str("\n\n");
        out.push_str(&fragments(&request.body));
    }
    out
}

fn fragments(fragments: &[Fragment]) -> String {
    let write = |fragment: &Fragment| match fragment {
        Fragment::Text(text) => text.clone(),
        Fragment::Bytes(bytes) => format!("{bytes:?}"),
        Fragment::Secret(key) => format!("{{{key}}}"),
        Fragment::Base64(pieces) => format!("{{base64 {pieces:?}}}"),
        Fragment::Hmac(hmac) => format!("{{{hmac:?}}}"),
        Fragment::Authorization(name) => format!("{{authorization {name}}}"),
    };
    fragments.iter().map(write).collect()
}

fn timestamp() -> Timestamp {
    Timestamp { seconds: 1_577_836_800, rfc3339: "2020-01-01T00:00:00Z".to_owned() }
}
