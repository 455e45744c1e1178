//! What an Alert is once it is read and checked. Knows no wire form of it and not how it is matched.

use std::collections::BTreeMap;

use crate::floods::Floods;
use crate::formatter::AlertRef;
use crate::object_json::ObjectJson;
use crate::patterns::Patterns;

/// Objects whose events an Alert wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventSource {
    /// Their kind.
    pub kind: String,
    /// The name of one, or `*`.
    pub name: String,
    /// Their namespace; the Alert's own where none was given.
    pub namespace: String,
    /// Labels that they must have besides.
    pub match_labels: Option<BTreeMap<String, String>>,
}

/// Which severities an Alert wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AlertSeverity {
    /// All of them, `trace` and unknown ones included.
    #[default]
    Info,
    /// Errors alone.
    Error,
}

impl AlertSeverity {
    /// Reads `spec.eventSeverity`; where it is unset, take the default.
    ///
    /// # Errors
    /// When it is neither `info` nor `error`.
    pub fn parse(text: &str) -> Result<Self, ParseAlertSeverityError> {
        match text {
            "info" => Ok(Self::Info),
            "error" => Ok(Self::Error),
            _ => Err(ParseAlertSeverityError { text: text.to_owned() }),
        }
    }

    /// Its name in `spec.eventSeverity`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Error => "error",
        }
    }
}

/// Why a text is no severity for an Alert.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("eventSeverity must be info or error, not {text:?}")]
pub struct ParseAlertSeverityError {
    text: String,
}

/// A wish to have certain events sent to a provider.
#[derive(Clone, Debug)]
pub struct Alert {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// The name of the provider, which is in the same namespace.
    pub provider: String,
    /// The severities that it wants.
    pub severity: AlertSeverity,
    /// The objects whose events it wants.
    pub sources: Vec<EventSource>,
    /// Only messages that match one of these, unless there is none.
    pub inclusions: Patterns,
    /// No message that matches one of these.
    pub exclusions: Patterns,
    /// Added to the event's metadata.
    pub event_metadata: BTreeMap<String, String>,
    /// Added to the event's metadata as `summary`, unless empty.
    pub summary: String,
    /// Whether it rests.
    pub suspend: bool,
    /// What it asks for against floods of messages.
    pub floods: Floods,
    /// The object as JSON, for CEL.
    pub json: ObjectJson,
}

impl Alert {
    /// Its identity.
    #[must_use]
    pub fn reference(&self) -> AlertRef {
        AlertRef {
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            uid: self.uid.clone(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An Alert that wants every event of the Kustomizations in `apps`.
    pub(crate) fn alert() -> Alert {
        Alert {
            namespace: "notify".to_owned(),
            name: "on-generic".to_owned(),
            uid: "a1e47000-0000-4000-8000-00000000cafe".to_owned(),
            provider: "generic".to_owned(),
            severity: AlertSeverity::Info,
            sources: vec![source("Kustomization", "*", "apps")],
            inclusions: Patterns::default(),
            exclusions: Patterns::default(),
            event_metadata: BTreeMap::new(),
            summary: String::new(),
            suspend: false,
            floods: Floods::default(),
            json: ObjectJson::default(),
        }
    }

    pub(crate) fn source(kind: &str, name: &str, namespace: &str) -> EventSource {
        EventSource {
            kind: kind.to_owned(),
            name: name.to_owned(),
            namespace: namespace.to_owned(),
            match_labels: None,
        }
    }

    #[test]
    fn severities_are_read_by_their_exact_names() {
        for severity in [AlertSeverity::Info, AlertSeverity::Error] {
            assert_eq!(AlertSeverity::parse(severity.name()), Ok(severity));
        }
        let error = AlertSeverity::parse("Error").unwrap_err();
        assert_eq!(error.to_string(), "eventSeverity must be info or error, not \"Error\"");
    }

    #[test]
    fn an_alert_names_itself() {
        let reference = alert().reference();
        assert_eq!(
            (reference.namespace.as_str(), reference.name.as_str()),
            ("notify", "on-generic")
        );
    }
}
