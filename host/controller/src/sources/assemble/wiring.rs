//! Makes a Provider of its object and the Secrets that it refers to.
//!
//! It knows the keys of a Secret that the host itself reads and which setting beats which. It must not know what a type
//! of Provider needs, nor how values are placed in requests.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash, Hasher};

use herald_core::address;
use herald_core::commit_status::CommitStatusExpr;
use herald_core::provider::Provider;
use herald_core::secret::{SecretText, SecretValues};

use super::{Identities, Secrets, connection, missing};
use crate::sources::Mistake;
use crate::sources::manifest::{ProviderObject, SecretObject, SecretValue};
use crate::sources::mistake::explain;
use crate::sources::yaml::{self, Value};

/// The longest value that is no text and yet a credential, in bytes: receivers take no longer headers.
const MAX_BINARY: usize = 4 << 10;

/// A Provider in the making.
pub(super) struct Wiring<'a> {
    pub(super) object: &'a ProviderObject,
    secrets: &'a Secrets<'a>,
    mistakes: &'a mut Vec<Mistake>,
    problems: Vec<String>,
    /// Takes in all that the Provider depends on.
    content: DefaultHasher,
}

/// Makes the Provider; what is wrong goes both to `mistakes` and to its problems.
pub(super) fn wire(
    object: &ProviderObject,
    secrets: &Secrets<'_>,
    identities: Identities,
    mistakes: &mut Vec<Mistake>,
) -> Provider {
    // The hasher's keys are fixed, so the same content has the same generation after a restart.
    let mut content = BuildHasherDefault::<DefaultHasher>::default().build_hasher();
    object.json.hash(&mut content);
    let problems = object.problems.clone();
    let mut wiring = Wiring { object, secrets, mistakes, problems, content };

    let secret = match &object.secret {
        Some(name) => wiring.secret("spec.secretRef.name", name),
        None => None,
    };
    let values = secret.map(|secret| wiring.values(secret)).unwrap_or_default();
    let address = wiring.address(secret);
    let proxy = connection::proxy(&mut wiring, secret);
    if proxy.is_some() {
        connection::blame_proxy_of_nats(&mut wiring, &address);
    }
    let tls = connection::tls(&mut wiring, secret);
    let commit_status_expr = wiring.commit_status_expr();
    if object.service_account.is_some()
        && let Some(message) = identities.refusal()
    {
        wiring.blame("spec.serviceAccountName", message.to_owned());
    }
    Provider {
        namespace: object.id.namespace.clone(),
        name: object.id.name.clone(),
        uid: object.uid.clone(),
        kind: object.kind.clone(),
        channel: object.channel.clone(),
        username: object.username.clone(),
        address: address.into(),
        timeout: object.timeout,
        concurrency: object.concurrency,
        fallback: object.fallback,
        suspend: object.suspend,
        secret: values,
        proxy,
        tls,
        service_account: object.service_account.clone(),
        commit_status_expr,
        config: object.config.clone(),
        json: object.json.clone(),
        problems: wiring.problems,
        generation: wiring.content.finish(),
    }
}

impl<'a> Wiring<'a> {
    /// Says that a field of the Provider itself is wrong.
    pub(super) fn blame(&mut self, field: &str, message: String) {
        self.problems.push(format!("{field}: {message}"));
        self.mistakes.push(self.object.origin.mistake(&self.object.id, field, message));
    }

    /// Says that the value of a Secret's key is wrong.
    pub(super) fn blame_key(&mut self, secret: &SecretObject, field: &str, message: String) {
        self.problems.push(format!("{}: {field}: {message}", secret.id));
        self.mistakes.push(secret.origin.mistake(&secret.id, field, message));
    }

    /// The Secret that `field` names.
    pub(super) fn secret(&mut self, field: &str, name: &str) -> Option<&'a SecretObject> {
        let namespace = self.object.id.namespace.as_str();
        let Some(secret) = self.secrets.get(namespace, name) else {
            let message = missing("Secret", namespace, name, self.secrets.0.keys().copied());
            self.blame(field, message);
            return None;
        };
        for problem in &secret.problems {
            self.problems.push(format!("{}: {problem}", secret.id));
        }
        secret.id.name.hash(&mut self.content);
        for (key, value) in &secret.values {
            key.hash(&mut self.content);
            match &value.text {
                Ok(text) => text.expose().hash(&mut self.content),
                Err(bytes) => bytes.expose().hash(&mut self.content),
            }
        }
        Some(secret)
    }

    /// The text under a key that the host itself reads.
    pub(super) fn text(&mut self, secret: &'a SecretObject, key: &str) -> Option<&'a SecretText> {
        let SecretValue { field, text } = secret.values.get(key)?;
        if text.is_err() {
            self.blame_key(secret, field, "is not UTF-8 text; store it as text".to_owned());
        }
        text.as_ref().ok()
    }

    /// What modules and egress see of the Secret, `headers` taken apart.
    fn values(&mut self, secret: &'a SecretObject) -> SecretValues {
        let mut values = SecretValues::default();
        for (key, value) in &secret.values {
            if key == "headers" {
                continue;
            }
            match &value.text {
                Ok(text) => values.insert(key.as_str(), text.clone()),
                Err(bytes) if bytes.expose().len() <= MAX_BINARY => {
                    values.insert_bytes(key.as_str(), bytes.clone());
                }
                // A Secret may hold a key for somebody else, such as a keystore.
                Err(_) => self.mistakes.push(Mistake {
                    tolerated: true,
                    ..secret.origin.mistake(
                        &secret.id,
                        &value.field,
                        "is not UTF-8 text, longer than any credential, and left out; store it as text if it is meant for the Provider".to_owned(),
                    )
                }),
            }
        }
        if let Some(text) = self.text(secret, "headers") {
            match headers(text.expose()) {
                Ok(headers) => {
                    for (name, value) in headers {
                        values.insert(format!("headers/{name}"), value);
                    }
                }
                Err(message) => self.blame_key(secret, field_of(secret, "headers"), message),
            }
        }
        values
    }

    /// The address that counts: the Secret's when it has that key, or else the Provider's own; with its hub, if that
    /// stands in the channel.
    fn address(&mut self, secret: Option<&'a SecretObject>) -> String {
        let Some(secret) = secret.filter(|secret| secret.values.contains_key("address")) else {
            let address = address::with_hub(self.object.address.trim(), &self.object.channel);
            if let Err(error) = address::parse(&address) {
                self.blame("spec.address", explain(&error));
            }
            return address.into_owned();
        };
        let Some(text) = self.text(secret, "address") else {
            return String::new();
        };
        let field = field_of(secret, "address");
        let address = address::with_hub(text.expose().trim(), &self.object.channel);
        if let Err(error) = address::parse(&address) {
            self.blame_key(secret, field, explain(&error));
        }
        address.into_owned()
    }

    fn commit_status_expr(&mut self) -> Option<CommitStatusExpr> {
        let source = self.object.commit_status_expr.as_deref()?;
        // An expression that does not compile was reported when the object was read.
        CommitStatusExpr::compile(source).ok()
    }
}

/// The path of a key that is there.
pub(super) fn field_of<'a>(secret: &'a SecretObject, key: &str) -> &'a str {
    secret.values.get(key).map_or("data", |value| value.field.as_str())
}

/// The entries of the Secret's `headers`. A complaint names lines and no text, as the text is secret.
fn headers(text: &str) -> Result<Vec<(String, SecretText)>, String> {
    let mut documents = yaml::documents(text);
    if documents.len() > 1 {
        return Err("is more than one YAML document; keep one".to_owned());
    }
    let entries = match documents.pop() {
        None => return Ok(Vec::new()),
        Some(Ok(document)) => match document.value {
            Value::Map(entries) => entries,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::List(_) => {
                return Err("is not a YAML mapping; write lines of `Name: value`".to_owned());
            }
        },
        Some(Err(error)) => {
            let line = error.line.map(|line| format!(" in line {line} of it")).unwrap_or_default();
            return Err(format!(
                "is not YAML{line}; write lines of `Name: value`, with quotes around a value that YAML would misread"
            ));
        }
    };
    let mut headers = Vec::new();
    for entry in entries {
        let value = match entry.value.value {
            Value::String(value) => value,
            Value::Number(value) => value.to_string(),
            Value::Bool(value) => value.to_string(),
            Value::Null => String::new(),
            Value::List(_) | Value::Map(_) => {
                return Err(format!(
                    "has no text in line {} of it; give a header one value",
                    entry.line
                ));
            }
        };
        headers.push((entry.key, SecretText::new(value)));
    }
    Ok(headers)
}
