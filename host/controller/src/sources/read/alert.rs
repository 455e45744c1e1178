//! Reads an Alert: the fields of all its versions.
//!
//! It must not know whether the Provider exists, nor how an Alert is matched.

use std::sync::Arc;

use herald_core::alert::{Alert, AlertSeverity, EventSource};
use herald_core::floods::{self, Floods};
use herald_core::patterns::Patterns;

use super::Head;
use super::annotations;
use super::fields::{Fields, Notes};
use crate::sources::Mistake;
use crate::sources::manifest::AlertObject;
use crate::sources::mistake::explain;
use crate::sources::yaml::Node;

const OBJECT: [&str; 5] = ["apiVersion", "kind", "metadata", "spec", "status"];
const SPEC: [&str; 8] = [
    "providerRef",
    "eventSeverity",
    "eventSources",
    "inclusionList",
    "exclusionList",
    "eventMetadata",
    "summary",
    "suspend",
];
const SOURCE: [&str; 5] = ["apiVersion", "kind", "name", "namespace", "matchLabels"];

/// Reads what follows the head; no object when it names no Provider.
///
/// What is right in an Alert counts also when something else in it is wrong: a notification too many is seen, one too
/// few is not.
pub(super) fn read(
    fields: &Fields<'_>,
    head: Head,
    mut notes: Notes,
) -> (Option<AlertObject>, Vec<Mistake>) {
    fields.expect_only(&OBJECT, &mut notes);
    let floods = floods(fields, &mut notes);
    if fields.entry("spec", &mut notes).is_none() {
        let advice = "add it with `providerRef:` and `eventSources:`";
        fields.note_missing("spec", advice, &mut notes);
    }
    let Some(spec) = fields.fields("spec", &mut notes) else {
        return (None, notes.finish().1);
    };
    spec.expect_only(&SPEC, &mut notes);
    let provider = provider(&spec, &mut notes);
    let severity = severity(&spec, &mut notes);
    let sources = sources(&spec, &head.id.namespace, &mut notes);
    let inclusions = patterns(&spec, "inclusionList", &mut notes);
    let exclusions = patterns(&spec, "exclusionList", &mut notes);
    let event_metadata = spec.text_map("eventMetadata", &mut notes).unwrap_or_default();
    let summary = spec.text("summary", &mut notes).unwrap_or_default().to_owned();
    let suspend = spec.flag("suspend", &mut notes);

    let (origin, mistakes) = notes.finish();
    let Some(provider) = provider else {
        return (None, mistakes);
    };
    let alert = Alert {
        namespace: head.id.namespace.clone(),
        name: head.id.name.clone(),
        uid: head.uid,
        provider,
        severity,
        sources,
        inclusions,
        exclusions,
        event_metadata,
        summary,
        suspend,
        floods,
        json: head.json,
    };
    (Some(AlertObject { id: head.id, origin, alert: Arc::new(alert) }), mistakes)
}

/// What its annotations ask for against floods; one that is wrong is off.
fn floods(fields: &Fields<'_>, notes: &mut Notes) -> Floods {
    let mut floods = Floods::default();
    for annotation in annotations::read(fields, &floods::ANNOTATIONS, notes) {
        if let Err(error) = floods.set(annotation.name, annotation.value) {
            notes.mistake(annotation.line, &annotation.path, error.to_string());
        }
    }
    floods
}

fn provider(spec: &Fields<'_>, notes: &mut Notes) -> Option<String> {
    if spec.entry("providerRef", notes).is_none() {
        spec.note_missing("providerRef", "add it with the Provider's `name:`", notes);
    }
    let reference = spec.fields("providerRef", notes)?;
    reference.expect_only(&["name"], notes);
    reference.required_text("name", "name the Provider", notes).map(str::to_owned)
}

fn severity(spec: &Fields<'_>, notes: &mut Notes) -> AlertSeverity {
    let Some(text) = spec.text("eventSeverity", notes) else {
        return AlertSeverity::default();
    };
    match AlertSeverity::parse(text) {
        Ok(severity) => severity,
        Err(_) => {
            if let Some(entry) = spec.entry("eventSeverity", notes) {
                let message = "must be `info` or `error`";
                notes.mistake(entry.line, &spec.path_of("eventSeverity"), message);
            }
            AlertSeverity::default()
        }
    }
}

fn sources(spec: &Fields<'_>, namespace: &str, notes: &mut Notes) -> Vec<EventSource> {
    let Some(entry) = spec.entry("eventSources", notes) else {
        let advice = "list the objects whose events are wanted, each with `kind:` and `name:`";
        spec.note_missing("eventSources", advice, notes);
        return Vec::new();
    };
    let Some(items) = spec.items("eventSources", notes) else {
        return Vec::new();
    };
    if items.is_empty() {
        let message = "is empty, so no event matches; list an object with `kind:` and `name:`";
        notes.tolerated(entry.line, &spec.path_of("eventSources"), message);
    }
    items.into_iter().filter_map(|(path, item)| source(&path, item, namespace, notes)).collect()
}

fn source(path: &str, item: &Node, namespace: &str, notes: &mut Notes) -> Option<EventSource> {
    let Some(fields) = Fields::of(item, path, item.line) else {
        notes.mistake(item.line, path, "must be a mapping; give it `kind:` and `name:`");
        return None;
    };
    fields.expect_only(&SOURCE, notes);
    let kind =
        fields.required_text("kind", "name the kind of object, such as `Kustomization`", notes);
    let name = fields.required_text("name", "name the object, or write `'*'` for all", notes);
    let own = fields.text("namespace", notes).filter(|namespace| !namespace.is_empty());
    let match_labels = fields.text_map("matchLabels", notes);
    fields.text("apiVersion", notes);
    Some(EventSource {
        kind: kind?.to_owned(),
        name: name?.to_owned(),
        namespace: own.unwrap_or(namespace).to_owned(),
        match_labels,
    })
}

/// The patterns of a list; like the peer, one that is no regular expression is left out and the others count.
fn patterns(spec: &Fields<'_>, key: &str, notes: &mut Notes) -> Patterns {
    let (lines, texts): (Vec<_>, Vec<_>) =
        spec.texts(key, notes).into_iter().map(|text| (text.line, text.text)).unzip();
    let (patterns, errors) = Patterns::compile(&texts);
    for error in errors {
        if let Some(line) = lines.get(error.index) {
            let path = format!("{}[{}]", spec.path_of(key), error.index);
            let message = format!("is ignored; correct it: {}", explain(&error.source));
            notes.tolerated(*line, &path, message);
        }
    }
    patterns
}
