//! Which Alerts want an event. Knows Alerts, events and the labels that it is told; must not know providers, or where
//! labels come from.

mod index;

use std::collections::BTreeMap;

pub use index::AlertIndex;

use crate::alert::{Alert, AlertSeverity, EventSource};
use crate::event::Event;

/// The labels of objects, as far as they are known.
pub trait Labels {
    /// The labels of this object; none when it is not known.
    fn labels(&self, kind: &str, namespace: &str, name: &str) -> Option<&BTreeMap<String, String>>;
}

/// Whether an Alert wants an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Match {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// It depends on the labels of an object that is not known. This counts as no match, and a warning is due.
    UnknownLabels {
        /// The object's kind.
        kind: String,
        /// The object's namespace.
        namespace: String,
        /// The object's name.
        name: String,
    },
}

/// Whether this Alert wants this event.
#[must_use]
pub fn matches(alert: &Alert, event: &Event, labels: &dyn Labels) -> Match {
    if !wants_severity(alert.severity, event) {
        return Match::No;
    }
    match is_about_sources(alert, event, labels) {
        Match::Yes if wants_message(alert, event) => Match::Yes,
        Match::Yes => Match::No,
        other @ (Match::No | Match::UnknownLabels { .. }) => other,
    }
}

/// Whether this event is about an object whose events this Alert wants, if not this one.
#[must_use]
pub fn is_about_sources(alert: &Alert, event: &Event, labels: &dyn Labels) -> Match {
    if alert.suspend { Match::No } else { matches_sources(&alert.sources, event, labels) }
}

/// Whether this Alert wants this event of an object whose events it wants.
#[must_use]
pub fn is_wanted(alert: &Alert, event: &Event) -> bool {
    wants_severity(alert.severity, event) && wants_message(alert, event)
}

fn wants_message(alert: &Alert, event: &Event) -> bool {
    // A list of which no entry compiles is not an empty one: it lets nothing in, and keeps nothing out.
    let is_included = alert.inclusions.was_empty() || alert.inclusions.any_match(&event.message);
    is_included && !alert.exclusions.any_match(&event.message)
}

fn wants_severity(wanted: AlertSeverity, event: &Event) -> bool {
    match wanted {
        AlertSeverity::Info => true,
        AlertSeverity::Error => event.is_error(),
    }
}

fn matches_sources(sources: &[EventSource], event: &Event, labels: &dyn Labels) -> Match {
    let object = &event.involved_object;
    let mut is_unknown = false;
    for source in sources {
        let is_named = source.namespace == object.namespace
            && source.kind == object.kind
            && (source.name == "*" || source.name == object.name);
        if !is_named {
            continue;
        }
        let Some(wanted) = &source.match_labels else { return Match::Yes };
        match labels.labels(&object.kind, &object.namespace, &object.name) {
            Some(known) if wanted.iter().all(|(key, value)| known.get(key) == Some(value)) => {
                return Match::Yes;
            }
            Some(_) => {}
            None => is_unknown = true,
        }
    }
    if is_unknown {
        Match::UnknownLabels {
            kind: object.kind.clone(),
            namespace: object.namespace.clone(),
            name: object.name.clone(),
        }
    } else {
        Match::No
    }
}

#[cfg(test)]
mod tests;
