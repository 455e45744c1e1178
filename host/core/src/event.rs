//! What an event is, and its JSON form. Knows the emitters' wire format as Go reads and writes it; must not know which
//! parts of the metadata mean something (`intake`, `metadata`) or who wants the event (`matching`).

mod decode;
mod timestamp;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value};

pub use decode::ParseEventError;
pub use timestamp::ParseTimestampError;

/// A Kubernetes object; a part that is not known is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ObjectReference {
    /// Group and version, such as `kustomize.toolkit.fluxcd.io/v1`.
    pub api_version: String,
    /// Its kind.
    pub kind: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// The version of it that the event is about.
    pub resource_version: String,
    /// The part of it that the event is about.
    pub field_path: String,
}

impl ObjectReference {
    /// The API group of its version; empty for the core group and for what is no API version.
    #[must_use]
    pub fn group(&self) -> &str {
        match self.api_version.split_once('/') {
            Some((group, version)) if !version.contains('/') => group,
            Some(_) | None => "",
        }
    }
}

/// What happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// The object that it happened to.
    pub involved_object: ObjectReference,
    /// `trace`, `info` or `error`; emitters may send another.
    pub severity: String,
    /// When it happened, in whole seconds.
    pub timestamp: Option<Timestamp>,
    /// What happened, for people.
    pub message: String,
    /// What happened, as one word.
    pub reason: String,
    /// What else the emitter knows.
    pub metadata: BTreeMap<String, String>,
    /// The controller that sent it.
    pub reporting_controller: String,
    /// The instance of that controller, such as a Pod's name.
    pub reporting_instance: String,
}

impl Event {
    /// Reads an event as Go's `encoding/json` does.
    ///
    /// Keys are compared without regard to case, unknown ones are passed over, `null` leaves a part empty, and what is
    /// not UTF-8 becomes U+FFFD.
    ///
    /// # Errors
    /// When the body is not JSON or a part has the wrong type.
    pub fn parse(body: &[u8]) -> Result<Self, ParseEventError> {
        decode::decode(body)
    }

    /// Its JSON form, with the names and the omissions of the wire.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let object = &self.involved_object;
        let reference = [
            ("kind", &object.kind),
            ("namespace", &object.namespace),
            ("name", &object.name),
            ("uid", &object.uid),
            ("apiVersion", &object.api_version),
            ("resourceVersion", &object.resource_version),
            ("fieldPath", &object.field_path),
        ];
        let reference: Map<String, Value> = reference
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| (name.to_owned(), Value::from(value.as_str())))
            .collect();

        let mut event = Map::new();
        let mut put = |name: &str, value: Value| event.insert(name.to_owned(), value);
        put("involvedObject", Value::Object(reference));
        put("severity", Value::from(self.severity.as_str()));
        put("timestamp", self.timestamp.map_or(Value::Null, |at| Value::from(rfc3339_seconds(at))));
        put("message", Value::from(self.message.as_str()));
        put("reason", Value::from(self.reason.as_str()));
        if !self.metadata.is_empty() {
            let metadata = self.metadata.iter();
            put("metadata", metadata.map(|(key, value)| (key.clone(), value.clone())).collect());
        }
        put("reportingController", Value::from(self.reporting_controller.as_str()));
        if !self.reporting_instance.is_empty() {
            put("reportingInstance", Value::from(self.reporting_instance.as_str()));
        }
        Value::Object(event)
    }

    /// Whether its severity is `error`.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == "error"
    }
}

/// A moment as RFC 3339 in UTC with whole seconds, such as `2020-01-01T00:00:00Z`.
#[must_use]
pub fn rfc3339_seconds(moment: Timestamp) -> String {
    timestamp::floor(moment).to_string()
}

#[cfg(test)]
mod tests;
