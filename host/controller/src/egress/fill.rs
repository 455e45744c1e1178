//! From a module's request to a request that is ready for the wire: the host rules, then the secrets.
//!
//! Everything a module says is checked here before a secret's value is looked at. The texts of [`PrepareError`] are
//! shown to people, so they name keys and places and never a value.

use std::cell::Cell;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use herald_core::address::{self, Address};
use herald_core::formatter::{Base, Description, Fragment, Place, Plain, Request, Signed};
use herald_core::provider::Provider;
use reqwest::Method;
use reqwest::header::{
    AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT,
};
use thiserror::Error;

use super::nats::PUBLISH;
use super::signature::sign;
use super::{Prepared, url};

/// The longest body that a module may ask to send, in bytes.
const MAX_BODY_BYTES: usize = 4 << 20;
/// The most that is put together for one request, signed messages and what base64 holds included, in bytes. A module can
/// ask for much with few words: a long secret many times over, or the body signed again and again.
const MAX_FILLED_BYTES: usize = 4 * MAX_BODY_BYTES;
/// The most headers that a request may have.
const MAX_HEADERS: usize = 64;

/// Keys that never leave the host, whatever a module declares.
pub(crate) const WITHHELD: [&str; 8] = [
    "address",
    "proxy",
    "githubAppPrivateKey",
    "azureClientSecret",
    "tls.key",
    "ca.crt",
    "creds",
    "nkey",
];

/// Headers that belong to the connection.
const CONNECTION_HEADERS: [&str; 9] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "keep-alive",
];

/// What Herald calls itself.
pub(crate) const AGENT: &str = concat!("herald/", env!("CARGO_PKG_VERSION"));

/// Why a module's request is not sent.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum PrepareError {
    /// Not one of the methods that Herald sends.
    #[error("the module asked for the method {0}, which Herald does not send")]
    Method(String),
    /// A method for NATS, and an address for something else.
    #[error(
        "the Provider's address is not one of NATS: begin spec.address, or the Secret's key address, with nats:// or tls://"
    )]
    NotNats,
    /// No subject to publish to.
    #[error(
        "the module asked for {} without a subject: one path segment without blanks and control characters, and no query",
        PUBLISH
    )]
    Subject,
    /// The request needs the address, and there is none that is a URL.
    #[error(
        "the Provider has no address that is a URL: set spec.address or the Secret's key address"
    )]
    NoUrl,
    /// The address cannot be read.
    #[error("the Provider's address cannot be used")]
    Address(#[source] address::ParseAddressError),
    /// A segment would change the path before it.
    #[error("the module asked for the path segment . or ..")]
    DotSegment,
    /// A site that the module did not declare.
    #[error("the module asked for {0}, which its description does not name as a host")]
    UndeclaredSite(String),
    /// A header that belongs to the connection, has no valid name, or stands twice.
    #[error("the module set the header {0}, which is not allowed or stands twice")]
    Header(String),
    /// A control character in a header.
    #[error("the header {0} would contain a control character")]
    HeaderValue(String),
    /// Too many headers.
    #[error("the module set more than {MAX_HEADERS} headers")]
    TooManyHeaders,
    /// Too long a body.
    #[error("the module's body is longer than {MAX_BODY_BYTES} bytes")]
    TooLong,
    /// Too much in all.
    #[error("what the module asks to be put together is longer than {MAX_FILLED_BYTES} bytes")]
    TooMuch,
    /// A secret in a place that the module did not declare.
    #[error(
        "the module placed the secret {key} in the {place}, which its description does not declare"
    )]
    Undeclared {
        /// The key.
        key: String,
        /// Where it would have gone.
        place: Place,
    },
    /// A key that the Secret does not have.
    #[error("the Provider's Secret has no value for the key {0}")]
    MissingSecret(String),
    /// A key whose value is not the base64 that it should be.
    #[error("the value of the Secret's key {0} is not valid base64")]
    NotBase64(String),
    /// A key whose value is bytes where only a text can stand.
    #[error(
        "the value of the Secret's key {0} is no UTF-8 text, and the body is: store it as text"
    )]
    NotText(String),
    /// A signature without a key.
    #[error("the signing key is empty")]
    EmptyKey,
    /// The body cannot hold its own signature.
    #[error("the module signs the body inside the body")]
    BodyInBody,
    /// A credential that the module did not declare, or not as the sole value of `authorization`.
    #[error("the module placed the credential {0} where it may not stand")]
    Credential(String),
}

/// A request that was checked and filled in.
pub enum Draft {
    /// It is ready for the wire.
    Whole(Prepared),
    /// It wants a credential in its `authorization`, which the host has to obtain first.
    Lacking {
        /// The credential's name.
        credential: String,
        /// All else.
        request: Unauthorized,
    },
}

/// A request that is ready but for its `authorization`.
pub struct Unauthorized(Prepared);

impl Unauthorized {
    /// Its method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.0.method
    }

    /// Where it goes.
    #[must_use]
    pub fn url(&self) -> &::url::Url {
        &self.0.url
    }

    /// The whole request. The value has to be for the place where it goes.
    #[must_use]
    pub fn authorized(&self, authorization: HeaderValue) -> Prepared {
        let mut request = self.0.clone();
        request.headers.insert(AUTHORIZATION, authorization);
        request
    }
}

/// Checks a module's request and fills in the secrets.
///
/// # Errors
/// Names the rule that the request breaks, or the key that the Secret lacks.
pub fn prepare(
    request: &Request,
    description: &Description,
    provider: &Provider,
) -> Result<Draft, PrepareError> {
    let address = provider.address.read().map_err(|err| PrepareError::Address(err.clone()))?;
    let filler = Filler { description, provider, left: Cell::new(MAX_FILLED_BYTES) };
    let method = method(&request.method)?;

    let segments = request
        .url
        .path
        .iter()
        .map(|segment| filler.join(segment, &At::Path))
        .collect::<Result<Vec<_>, _>>()?;
    let query = request
        .url
        .query
        .iter()
        .map(|(key, value)| Ok((key.clone(), filler.join(value, &At::Query)?)))
        .collect::<Result<Vec<_>, PrepareError>>()?;
    let publishes = method.as_str() == PUBLISH;
    let url = if publishes {
        url::subject(&request.url.base, &segments, &query, address)?
    } else {
        url::build(&request.url.base, &segments, &query, address, description, provider)?
    };

    let body = filler.join(&request.body, &At::Body(BodyKind::of(request)))?;
    if body.len() > MAX_BODY_BYTES {
        return Err(PrepareError::TooLong);
    }
    let (mut headers, credential) = filler.headers(&request.headers, &body)?;
    // A server of NATS knows the connection, and no more of who sent a message.
    if !publishes {
        let userinfo =
            address.filter(|_| is_address(&request.url.base)).and_then(Address::userinfo);
        complete(&mut headers, userinfo.filter(|_| credential.is_none()));
    }
    let prepared = Prepared { method, url, headers, body: Bytes::from(body) };
    Ok(match credential {
        None => Draft::Whole(prepared),
        Some(credential) => Draft::Lacking { credential, request: Unauthorized(prepared) },
    })
}

/// Whether requests to this base go to the address itself, so that user and password in it are meant for them. With only
/// its origin the address is something else, such as a repository or a DSN, and its user is not one of the API's.
fn is_address(base: &Base) -> bool {
    match base {
        Base::Address | Base::AddressEnding | Base::AddressOr => true,
        Base::Origin | Base::Site(_) => false,
    }
}

fn method(name: &str) -> Result<Method, PrepareError> {
    match name {
        "GET" => Ok(Method::GET),
        "POST" => Ok(Method::POST),
        "PUT" => Ok(Method::PUT),
        "PATCH" => Ok(Method::PATCH),
        "DELETE" => Ok(Method::DELETE),
        PUBLISH => Method::from_bytes(PUBLISH.as_bytes())
            .map_err(|_| PrepareError::Method(PUBLISH.to_owned())),
        other => Err(PrepareError::Method(other.chars().take(32).collect())),
    }
}

/// How a secret is escaped in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BodyKind {
    Json,
    Form,
    Raw,
}

impl BodyKind {
    fn of(request: &Request) -> Self {
        let content_type = request
            .headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(CONTENT_TYPE.as_str()));
        match content_type.map(|(_, value)| value.as_slice()) {
            Some([Fragment::Text(text)]) if text.contains("json") => BodyKind::Json,
            Some([Fragment::Text(text)])
                if text.starts_with("application/x-www-form-urlencoded") =>
            {
                BodyKind::Form
            }
            _ => BodyKind::Raw,
        }
    }
}

/// Where pieces are joined.
enum At<'a> {
    Path,
    Query,
    Header { body: &'a [u8] },
    Body(BodyKind),
}

impl At<'_> {
    fn place(&self) -> Place {
        match self {
            At::Path => Place::Path,
            At::Query => Place::Query,
            At::Header { .. } => Place::Header,
            At::Body(_) => Place::Body,
        }
    }
}

struct Filler<'a> {
    description: &'a Description,
    provider: &'a Provider,
    /// How many more bytes may be put together.
    left: Cell<usize>,
}

impl Filler<'_> {
    /// Adds a piece, if there is room for it.
    fn add(&self, joined: &mut Vec<u8>, piece: &[u8]) -> Result<(), PrepareError> {
        let left = self.left.get().checked_sub(piece.len()).ok_or(PrepareError::TooMuch)?;
        self.left.set(left);
        joined.extend_from_slice(piece);
        Ok(())
    }

    fn join(&self, fragments: &[Fragment], at: &At<'_>) -> Result<Vec<u8>, PrepareError> {
        let mut joined = Vec::new();
        for fragment in fragments {
            match fragment {
                Fragment::Text(text) => self.add(&mut joined, text.as_bytes())?,
                Fragment::Bytes(bytes) => self.add(&mut joined, bytes)?,
                Fragment::Secret(key) => {
                    let value = escape(self.secret(key, at.place())?, at);
                    let value = value.ok_or_else(|| PrepareError::NotText(key.clone()))?;
                    self.add(&mut joined, &value)?
                }
                Fragment::Base64(pieces) => {
                    let plain = self.plain(pieces, at.place())?;
                    self.add(&mut joined, STANDARD.encode(plain).as_bytes())?;
                }
                Fragment::Hmac(hmac) => {
                    let key = self.plain(&hmac.key, Place::Signature)?;
                    if key.is_empty() {
                        return Err(PrepareError::EmptyKey);
                    }
                    let message = self.message(&hmac.message, at)?;
                    self.add(
                        &mut joined,
                        sign(hmac.hash, &key, &message, hmac.encoding).as_bytes(),
                    )?;
                }
                // It is handled where it may stand: as the sole value of its header.
                Fragment::Authorization(name) => {
                    return Err(PrepareError::Credential(name.clone()));
                }
            }
        }
        Ok(joined)
    }

    /// The value of a key that the module declared for this place.
    fn secret(&self, key: &str, place: Place) -> Result<&[u8], PrepareError> {
        if WITHHELD.contains(&key) || !self.description.declares(key, place) {
            return Err(PrepareError::Undeclared { key: key.to_owned(), place });
        }
        let values = &self.provider.secret;
        let text = values.get(key).map(|text| text.expose().as_bytes());
        let value = text.or_else(|| values.bytes(key).map(|bytes| bytes.expose()));
        value
            .filter(|value| !value.is_empty())
            .ok_or_else(|| PrepareError::MissingSecret(key.to_owned()))
    }

    fn plain(&self, pieces: &[Plain], place: Place) -> Result<Vec<u8>, PrepareError> {
        let mut joined = Vec::new();
        for piece in pieces {
            match piece {
                Plain::Text(text) => self.add(&mut joined, text.as_bytes())?,
                Plain::Secret(key) => {
                    let value = self.secret(key, place)?;
                    let value = match place {
                        Place::Header | Place::Path | Place::Query => without_line_break(value),
                        Place::Body | Place::Signature => value,
                    };
                    self.add(&mut joined, value)?;
                }
                Plain::SecretBytes(key) => {
                    self.add(&mut joined, &decoded(self.secret(key, place)?, key)?)?
                }
            }
        }
        Ok(joined)
    }

    fn message(&self, pieces: &[Signed], at: &At<'_>) -> Result<Vec<u8>, PrepareError> {
        let mut joined = Vec::new();
        for piece in pieces {
            match (piece, at) {
                (Signed::Text(text), _) => self.add(&mut joined, text.as_bytes())?,
                (Signed::Secret(key), _) => {
                    self.add(&mut joined, self.secret(key, Place::Signature)?)?
                }
                (Signed::Body, At::Header { body }) => self.add(&mut joined, body)?,
                (Signed::Body, At::Path | At::Query | At::Body(_)) => {
                    return Err(PrepareError::BodyInBody);
                }
            }
        }
        Ok(joined)
    }

    fn headers(
        &self,
        headers: &[(String, Vec<Fragment>)],
        body: &[u8],
    ) -> Result<(HeaderMap, Option<String>), PrepareError> {
        if headers.len() > MAX_HEADERS {
            return Err(PrepareError::TooManyHeaders);
        }
        let mut map = HeaderMap::with_capacity(headers.len() + 2);
        let mut credential = None;
        for (name, value) in headers {
            let lower = name.to_ascii_lowercase();
            let refused = || PrepareError::Header(shown(name));
            if CONNECTION_HEADERS.contains(&lower.as_str()) || lower.starts_with("proxy-") {
                return Err(refused());
            }
            let parsed = HeaderName::from_bytes(lower.as_bytes()).map_err(|_| refused())?;
            if parsed == AUTHORIZATION && credential.is_some() {
                return Err(refused());
            }
            if let [Fragment::Authorization(name)] = value.as_slice() {
                self.check_credential(name, &parsed)?;
                if map.contains_key(&parsed) {
                    return Err(refused());
                }
                credential = Some(name.clone());
                continue;
            }
            let joined = self.join(value, &At::Header { body })?;
            let mut filled = HeaderValue::from_bytes(&joined)
                .map_err(|_| PrepareError::HeaderValue(shown(name)))?;
            filled.set_sensitive(value.iter().any(|piece| !matches!(piece, Fragment::Text(_))));
            if map.insert(parsed, filled).is_some() {
                return Err(refused());
            }
        }
        Ok((map, credential))
    }

    fn check_credential(&self, credential: &str, header: &HeaderName) -> Result<(), PrepareError> {
        let declared = self.description.credentials.iter().any(|name| name == credential);
        if declared && *header == AUTHORIZATION {
            Ok(())
        } else {
            Err(PrepareError::Credential(shown(credential)))
        }
    }
}

/// Adds what Herald says in each request of HTTP, unless the module said something else.
fn complete(headers: &mut HeaderMap, userinfo: Option<(String, String)>) {
    headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(AGENT));
    if let Some((user, password)) = userinfo
        && !headers.contains_key(AUTHORIZATION)
    {
        headers.insert(AUTHORIZATION, basic(&user, &password));
    }
}

/// A secret as its place asks: percent-encoded later in a URL, escaped in a body, without a last line break in a header.
/// None where its place takes texts alone and it is none.
fn escape(value: &[u8], at: &At<'_>) -> Option<Vec<u8>> {
    Some(match at {
        At::Path | At::Query | At::Header { .. } => without_line_break(value).to_vec(),
        At::Body(BodyKind::Raw) => value.to_vec(),
        At::Body(BodyKind::Form) => url::encode(value).into_bytes(),
        At::Body(BodyKind::Json) => {
            let quoted = serde_json::Value::from(str::from_utf8(value).ok()?).to_string();
            let inner = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
            inner.unwrap_or_default().as_bytes().to_vec()
        }
    })
}

/// Many people write a Secret with `echo`, which ends it in a line break.
fn without_line_break(value: &[u8]) -> &[u8] {
    value.strip_suffix(b"\r\n").or_else(|| value.strip_suffix(b"\n")).unwrap_or(value)
}

fn decoded(value: &[u8], key: &str) -> Result<Vec<u8>, PrepareError> {
    let value = without_line_break(value);
    // What stands before `_` says of what kind the key is.
    let start = value.iter().position(|byte| *byte == b'_').map_or(0, |at| at + 1);
    let value = value.get(start..).unwrap_or_default();
    STANDARD.decode(value).map_err(|_| PrepareError::NotBase64(key.to_owned()))
}

/// A `Basic` authorization.
pub(super) fn basic(user: &str, password: &str) -> HeaderValue {
    let encoded = STANDARD.encode([user, ":", password].concat());
    let mut value = HeaderValue::from_str(&["Basic ", &encoded].concat())
        .expect("base64 holds no control character");
    value.set_sensitive(true);
    value
}

/// A name as the module wrote it, short and without control characters.
fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(64).collect()
}

#[cfg(test)]
mod tests;
