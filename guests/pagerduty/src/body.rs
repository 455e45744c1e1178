//! The three bodies: trigger, resolve and change. Each begins with the routing key.

use std::borrow::Cow;

use herald_provider::json::{Object, quoted_length};
use herald_provider::metadata::{Limits, fitting};
use herald_provider::{Event, Fragment, json, text};

/// The longest summary, in characters
/// (<https://developer.pagerduty.com/docs/send-alert-event>: "The maximum permitted length of this property is 1024
/// characters"). The other names in a payload are held to the same.
const SUMMARY_LIMIT: usize = 1024;

/// The longest `dedup_key`, in characters (the same page: "Maximum permitted length is 255 characters").
const DEDUP_KEY_LIMIT: usize = 255;

/// The most that the message and the metadata take in the body, in bytes. PagerDuty refuses an event of more than 512 KB
/// (<https://developer.pagerduty.com/docs/events-api-v2-overview>, "Size limits"), of which a fifth is left to the rest.
const MESSAGE_LIMIT: usize = 256 << 10;
const METADATA_LIMIT: usize = 144 << 10;

/// The longest key and value of the metadata, in bytes. PagerDuty has no limits of its own for them.
const KEY_LIMIT: usize = 1 << 10;
const VALUE_LIMIT: usize = 32 << 10;

/// Where an event goes.
pub(crate) enum RoutingKey<'a> {
    Text(&'a str),
    /// The value of this key of the Secret.
    Secret(&'static str),
}

impl RoutingKey<'_> {
    /// The body that begins with this key and goes on with the members of `rest`, an object that has some.
    pub(crate) fn body(&self, rest: &str) -> Vec<Fragment> {
        let rest = rest.strip_prefix('{').unwrap_or(rest);
        match self {
            RoutingKey::Text(key) => {
                let mut body = String::with_capacity(rest.len() + key.len() + 32);
                body.push_str(r#"{"routing_key":"#);
                json::quote(&mut body, key);
                body.push(',');
                body.push_str(rest);
                vec![Fragment::Text(body)]
            }
            // The host escapes the value as JSON asks.
            RoutingKey::Secret(key) => vec![
                Fragment::text(r#"{"routing_key":""#),
                Fragment::secret(key),
                Fragment::Text([r#"","#, rest].concat()),
            ],
        }
    }
}

/// Opens an alert, or adds to the one that is open for this object.
pub(crate) fn trigger(event: &Event) -> String {
    json::object(capacity(event), |o| {
        o.text("event_action", "trigger").text("dedup_key", &dedup_key(event));
        o.object("payload", |o| {
            summary_and_source(o, event);
            o.text("severity", "error");
            timestamp(o, event);
            o.text("component", &text::truncate(&event.involved_object.name, SUMMARY_LIMIT))
                .text("group", &text::truncate(&event.involved_object.kind, SUMMARY_LIMIT));
            details(o, event);
        });
    })
}

/// Ends the alert of this object.
pub(crate) fn resolve(event: &Event) -> String {
    json::object(128, |o| {
        o.text("event_action", "resolve").text("dedup_key", &dedup_key(event));
    })
}

/// Tells of a change, which alerts nobody.
pub(crate) fn change(event: &Event) -> String {
    json::object(capacity(event), |o| {
        o.object("payload", |o| {
            summary_and_source(o, event);
            timestamp(o, event);
            details(o, event);
        });
    })
}

/// What all events of one object share. PagerDuty asks for one to resolve an alert.
fn dedup_key(event: &Event) -> Cow<'_, str> {
    let key = event.involved_object.identity();
    match text::truncate(&key, DEDUP_KEY_LIMIT) {
        Cow::Owned(cut) => Cow::Owned(cut),
        Cow::Borrowed(_) => key,
    }
}

fn summary_and_source(o: &mut Object<'_>, event: &Event) {
    let words = text::reason_words(&event.reason);
    let summary = [&words, ": ", &event.involved_object.lower_name()].concat();
    let source = ["Flux ", &event.reporting_controller].concat();
    o.text("summary", &text::truncate(&summary, SUMMARY_LIMIT))
        .text("source", &text::truncate(&source, SUMMARY_LIMIT));
}

fn timestamp(o: &mut Object<'_>, event: &Event) {
    if let Some(timestamp) = &event.timestamp {
        o.text("timestamp", &timestamp.rfc3339);
    }
}

fn details(o: &mut Object<'_>, event: &Event) {
    let limits = Limits {
        entries: usize::MAX,
        key: KEY_LIMIT,
        value: VALUE_LIMIT,
        total: METADATA_LIMIT,
        around: r#""":"","#.len(),
        // A count has at most 20 digits.
        mark: r#""…":" more","#.len() + 20,
    };
    let metadata = fitting(&event.metadata, &limits, quoted_length);
    o.object("custom_details", |o| {
        o.text("message", &text::cut(&event.message, MESSAGE_LIMIT, quoted_length));
        o.object("metadata", |o| {
            for (key, value) in &metadata.entries {
                o.text(key, value);
            }
            if let Some(rest) = metadata.rest() {
                o.text("…", &rest);
            }
        });
    });
}

fn capacity(event: &Event) -> usize {
    let metadata: usize =
        event.metadata.iter().map(|(key, value)| key.len() + value.len() + 8).sum();
    512 + event.message.len().min(MESSAGE_LIMIT) + metadata.min(METADATA_LIMIT)
}
