//! An alert that fires, and one that has ended.

use herald_provider::json::Object;
use herald_provider::{Event, Timestamp, json};

use crate::labels::{self, Labels};
use crate::open::OpenAlert;

/// Go's zero time, which Alertmanager reads as none: the alert ends after `resolve_timeout`, and one that never began
/// begins now.
pub(crate) const NEVER: &str = "0001-01-01T00:00:00Z";

/// The alert of an event.
pub(crate) struct Firing<'a> {
    pub(crate) event: &'a Event,
    pub(crate) labels: Labels<'a>,
}

impl<'a> Firing<'a> {
    pub(crate) fn new(event: &'a Event) -> Self {
        Self { event, labels: labels::of(event) }
    }

    pub(crate) fn starts_at(&self) -> &str {
        self.event.timestamp.as_ref().map_or(NEVER, |timestamp| &timestamp.rfc3339)
    }

    /// The fields in the order in which Flux writes them. `status` is only for the eyes of a reader: Alertmanager goes by
    /// the times.
    pub(crate) fn to_json(&self) -> String {
        json::object(512 + self.event.message.len(), |o| {
            o.text("status", "firing");
            o.object("labels", |o| {
                for (name, value) in &self.labels {
                    o.text(name, value);
                }
            });
            annotations(o, self.event);
            o.text("startsAt", self.starts_at()).text("endsAt", NEVER);
        })
    }
}

/// An alert that this event ends.
pub(crate) struct Resolved<'a> {
    pub(crate) alert: &'a OpenAlert,
    pub(crate) event: &'a Event,
    pub(crate) now: &'a Timestamp,
}

impl Resolved<'_> {
    pub(crate) fn to_json(&self) -> String {
        let Self { alert, event, now } = self;
        // Alertmanager refuses an end before the beginning, which the clock of a controller ahead of ours would make.
        // Times of this form have the order of their letters.
        let ends_at = now.rfc3339.as_str().max(&alert.starts_at);
        json::object(512 + event.message.len(), |o| {
            o.text("status", "resolved");
            o.object("labels", |o| {
                for (name, value) in &alert.labels {
                    o.text(name, value);
                }
            });
            annotations(o, event);
            o.text("startsAt", &alert.starts_at).text("endsAt", ends_at);
        })
    }
}

fn annotations(o: &mut Object<'_>, event: &Event) {
    o.object("annotations", |o| {
        o.text("message", &event.message);
        if let Some(summary) = event.metadata_value(labels::SUMMARY) {
            o.text("summary", summary);
        }
    });
}
