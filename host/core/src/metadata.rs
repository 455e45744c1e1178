//! The metadata that a provider sees: the event's and the Alert's in one map. Knows who wins when both have a key; must
//! not know how a conflict is reported.

use std::collections::BTreeMap;

use crate::alert::Alert;
use crate::event::Event;
use crate::intake::ANNOTATION_PREFIX;

const ANNOTATIONS: &str = "involved object annotations";
const EVENT_METADATA: &str = "Alert object .spec.eventMetadata";
const SUMMARY: &str = "Alert object .spec.summary";
const CONTROLLER: &str = "involved object controller metadata";

/// A key that more than one source set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The key.
    pub key: String,
    /// Who set it; the last one won.
    pub sources: Vec<&'static str>,
}

/// The event with its metadata merged with the Alert's, and the keys that were set more than once, sorted.
#[must_use]
pub fn merge(event: &Event, alert: &Alert) -> (Event, Vec<Conflict>) {
    let mut merging = Merging::default();
    merging.add_prefixed(&event.metadata, ANNOTATION_PREFIX, ANNOTATIONS);
    for (key, value) in &alert.event_metadata {
        merging.add(key, value, EVENT_METADATA);
    }
    if !alert.summary.is_empty() {
        merging.add("summary", &alert.summary, SUMMARY);
    }
    let own_prefix = format!("{}/", event.involved_object.group());
    merging.add_prefixed(&event.metadata, &own_prefix, CONTROLLER);

    let mut conflicts = Vec::new();
    let mut metadata = BTreeMap::new();
    for (key, Entry { value, sources }) in merging.0 {
        if sources.len() > 1 {
            conflicts.push(Conflict { key: key.to_owned(), sources });
        }
        metadata.insert(key.to_owned(), value.to_owned());
    }
    if metadata.is_empty() {
        return (event.clone(), conflicts);
    }
    // Each field by itself, as a clone of the whole would clone metadata only to drop them.
    let merged = Event {
        involved_object: event.involved_object.clone(),
        severity: event.severity.clone(),
        timestamp: event.timestamp,
        message: event.message.clone(),
        reason: event.reason.clone(),
        metadata,
        reporting_controller: event.reporting_controller.clone(),
        reporting_instance: event.reporting_instance.clone(),
    };
    (merged, conflicts)
}

#[derive(Default)]
struct Merging<'a>(BTreeMap<&'a str, Entry<'a>>);

#[derive(Default)]
struct Entry<'a> {
    value: &'a str,
    sources: Vec<&'static str>,
}

impl<'a> Merging<'a> {
    fn add(&mut self, key: &'a str, value: &'a str, source: &'static str) {
        let entry = self.0.entry(key).or_default();
        entry.value = value;
        entry.sources.push(source);
    }

    fn add_prefixed(
        &mut self,
        metadata: &'a BTreeMap<String, String>,
        prefix: &str,
        source: &'static str,
    ) {
        for (key, value) in metadata {
            if let Some(key) = key.strip_prefix(prefix) {
                self.add(key, value, source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::tests::alert;
    use crate::event::ObjectReference;

    fn map(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
        entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn event(api_version: &str, metadata: &[(&str, &str)]) -> Event {
        Event {
            involved_object: ObjectReference {
                api_version: api_version.to_owned(),
                ..ObjectReference::default()
            },
            metadata: map(metadata),
            ..Event::default()
        }
    }

    fn check(
        event: &Event,
        alert_metadata: &[(&str, &str)],
        summary: &str,
        expected: &[(&str, &str)],
        expected_conflicts: &[(&str, &str)],
    ) {
        let alert =
            Alert { event_metadata: map(alert_metadata), summary: summary.to_owned(), ..alert() };
        let (merged, conflicts) = merge(event, &alert);
        assert_eq!(merged.metadata, map(expected));
        let conflicts: BTreeMap<String, String> = conflicts
            .into_iter()
            .map(|conflict| (conflict.key, conflict.sources.join(", ")))
            .collect();
        assert_eq!(conflicts, map(expected_conflicts));
    }

    #[test]
    fn the_recorded_conflict_is_solved_and_told_as_the_peer_does() {
        check(
            &event(
                "image.toolkit.fluxcd.io/v1",
                &[
                    ("event.toolkit.fluxcd.io/env", "from-annotation"),
                    ("event.toolkit.fluxcd.io/tier", "gold"),
                    ("image.toolkit.fluxcd.io/env", "from-controller"),
                    ("image.toolkit.fluxcd.io/tag", "1.10.0"),
                ],
            ),
            &[("env", "from-alert"), ("region", "eu-1")],
            "old style summary",
            &[
                ("env", "from-controller"),
                ("region", "eu-1"),
                ("summary", "old style summary"),
                ("tag", "1.10.0"),
                ("tier", "gold"),
            ],
            &[(
                "env",
                "involved object annotations, Alert object .spec.eventMetadata, involved object controller metadata",
            )],
        );
    }

    #[test]
    fn the_alert_wins_over_annotations_and_its_summary_over_its_metadata() {
        check(
            &event("a.example/v1", &[("event.toolkit.fluxcd.io/summary", "annotation")]),
            &[("summary", "metadata")],
            "summary",
            &[("summary", "summary")],
            &[(
                "summary",
                "involved object annotations, Alert object .spec.eventMetadata, Alert object .spec.summary",
            )],
        );
    }

    #[test]
    fn keys_of_one_source_are_no_conflict() {
        check(
            &event("a.example/v1", &[("event.toolkit.fluxcd.io/a", "1"), ("a.example/b", "2")]),
            &[("c", "3")],
            "",
            &[("a", "1"), ("b", "2"), ("c", "3")],
            &[],
        );
    }

    #[test]
    fn the_core_group_has_an_empty_prefix() {
        check(&event("v1", &[("/revision", "r")]), &[], "", &[("revision", "r")], &[]);
    }

    #[test]
    fn nothing_to_merge_leaves_the_metadata_alone() {
        check(&event("a.example/v1", &[]), &[], "", &[], &[]);
        check(&event("a.example/v1", &[("other", "x")]), &[], "", &[("other", "x")], &[]);
    }
}
