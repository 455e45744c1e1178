//! Many events of an Alert as one event, which every type that sends messages can say.
//!
//! It names each of them in a line of its own, errors first, so that a type which must cut the message leaves out whole
//! events, the least important ones. It knows no type, and not how events come together.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;

use jiff::Timestamp;

use super::gate::Notice;
use crate::event::{Event, ObjectReference, rfc3339_seconds};
use crate::formatter::AlertRef;

/// So many events make one message at most. One more begins another, so that none is ever left out here.
pub const MAX_EVENTS: usize = 1000;

/// The most characters of a kind, a namespace, a name or a reason; Kubernetes allows no more of most of them.
const MAX_PART_CHARS: usize = 253;

/// The most characters of a message's first line.
const MAX_MESSAGE_CHARS: usize = 300;

/// What Alerts are to Kubernetes.
const API_VERSION: &str = "notification.toolkit.fluxcd.io/v1beta3";

/// An event of a digest.
#[derive(Clone, Debug)]
pub struct Member {
    /// The event, not merged with the Alert's metadata.
    pub event: Event,
    /// When it was accepted.
    pub at: Timestamp,
    /// What goes with it.
    pub notice: Notice,
}

impl Member {
    /// An event of a digest, without what the digest does not say: a thousand events may each have megabytes of text.
    #[must_use]
    pub fn of(event: Event, at: Timestamp, notice: Notice) -> Self {
        let message = cut(first_line(&event.message), MAX_MESSAGE_CHARS).into_owned();
        Self { event: Event { message, metadata: BTreeMap::new(), ..event }, at, notice }
    }
}

/// One event that names all `members`, which are in the order in which they were accepted. It is about the Alert itself.
#[must_use]
pub fn digest(alert: &AlertRef, members: &[Member]) -> Event {
    let is_error = members.iter().any(|member| member.event.is_error());
    let mut message = heading(members);
    // Stable: within the errors and within the rest the order stays.
    let mut sorted: Vec<&Member> = members.iter().collect();
    sorted.sort_by_key(|member| !member.event.is_error());
    for member in sorted {
        message.push('\n');
        message.push_str(&line(member));
    }
    Event {
        involved_object: ObjectReference {
            api_version: API_VERSION.to_owned(),
            kind: "Alert".to_owned(),
            namespace: alert.namespace.clone(),
            name: alert.name.clone(),
            uid: alert.uid.clone(),
            ..ObjectReference::default()
        },
        severity: if is_error { "error" } else { "info" }.to_owned(),
        timestamp: members.iter().filter_map(|member| member.event.timestamp).max(),
        message,
        reason: "Digest".to_owned(),
        metadata: BTreeMap::new(),
        reporting_controller: "herald".to_owned(),
        reporting_instance: String::new(),
    }
}

/// Such as `3 events about 2 objects: 1 error, 2 info, from 2026-09-01T10:00:00Z to 2026-09-01T10:09:58Z`.
fn heading(members: &[Member]) -> String {
    let objects: HashSet<_> = members
        .iter()
        .map(|member| &member.event.involved_object)
        .map(|object| (&object.kind, &object.namespace, &object.name))
        .collect();
    let count =
        |severity: &str| members.iter().filter(|member| member.event.severity == severity).count();
    let known = ["error", "info", "trace"].map(|severity| (count(severity), severity));
    let n_known: usize = known.iter().map(|(number, _)| number).sum();
    let severities: Vec<String> = known
        .into_iter()
        .chain([(members.len() - n_known, "other")])
        .filter(|(number, _)| *number > 0)
        .map(|(number, severity)| format!("{number} {severity}"))
        .collect();
    let mut heading = format!(
        "{} about {}: {}",
        counted(members.len(), "event"),
        counted(objects.len(), "object"),
        severities.join(", ")
    );
    let times = || members.iter().map(|member| member.at);
    if let (Some(first), Some(last)) = (times().min(), times().max()) {
        let (first, last) = (rfc3339_seconds(first), rfc3339_seconds(last));
        write!(heading, ", from {first} to {last}").expect("writing to a String cannot fail");
    }
    heading
}

/// Such as `error Kustomization/apps/storefront BuildFailed: kustomize build failed (failures: 3 in a row)`.
fn line(member: &Member) -> String {
    let Event { involved_object: object, severity, reason, message, .. } = &member.event;
    let mut line = format!(
        "{} {}/{}/{} {}",
        part(severity),
        part(&object.kind),
        part(&object.namespace),
        part(&object.name),
        part(reason)
    );
    let message = first_line(message);
    if !message.is_empty() {
        line.push_str(": ");
        line.push_str(&cut(message, MAX_MESSAGE_CHARS));
    }
    let notes: Vec<String> =
        member.notice.metadata.iter().map(|(key, value)| format!("{key}: {value}")).collect();
    if !notes.is_empty() {
        write!(line, " ({})", notes.join("; ")).expect("writing to a String cannot fail");
    }
    // Whatever else breaks a line would break the promise that an event is one.
    line.replace(char::is_control, " ")
}

/// The first line with something in it.
fn first_line(message: &str) -> &str {
    message.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default()
}

fn counted(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

fn part(text: &str) -> Cow<'_, str> {
    cut(text, MAX_PART_CHARS)
}

/// At most so many characters, with `…` as the last one where it is cut.
fn cut(text: &str, max: usize) -> Cow<'_, str> {
    match text.char_indices().nth(max) {
        None => Cow::Borrowed(text),
        Some(_) => Cow::Owned(text.chars().take(max - 1).chain(['…']).collect()),
    }
}

#[cfg(test)]
mod tests;
