//! An envelope: three lines of JSON, of which the last is the event or the transaction.
//!
//! Knows what Sentry takes of each; what Flux's SDK adds of its own process (modules, runtime, host name) stays out.

use std::borrow::Cow;

use herald_provider::json::{Object, quoted_length};
use herald_provider::metadata::{Limits, fitting};
use herald_provider::{Delivery, Event, json, text};

use crate::dsn::Dsn;

/// How Sentry is told who speaks.
pub(crate) const SDK_NAME: &str = "herald";
pub(crate) const SDK_VERSION: &str = env!("CARGO_PKG_VERSION");

/// The longest message and name of a transaction, in characters; Sentry cuts what is longer
/// (<https://docs.sentry.io/concepts/data-management/size-limits/>).
const MESSAGE_LIMIT: usize = 8192;
const TRANSACTION_LIMIT: usize = 200;

/// The longest key and value of a tag, in characters; Sentry drops a tag that is longer
/// (<https://docs.sentry.io/platforms/go/enriching-events/tags/>).
const TAG_LIMIT: usize = 200;

/// The longest environment, in characters
/// (<https://docs.sentry.io/platforms/go/configuration/environments/>).
const ENVIRONMENT_LIMIT: usize = 64;

/// The longest name of a server, in characters. Sentry documents none; this is the limit of Relay.
const SERVER_LIMIT: usize = 256;

/// The most tags that become of metadata. Sentry documents no number; they stand in a transaction twice, and an event has
/// at most 1 MiB (<https://develop.sentry.dev/sdk/foundations/envelopes/#size-limits>).
const TAGS_LIMIT: usize = 200;

/// What the metadata of an error may take, in bytes, of that MiB.
const CONTEXT_LIMIT: usize = 256 << 10;
const CONTEXT_KEY_LIMIT: usize = 1 << 10;
const CONTEXT_VALUE_LIMIT: usize = 32 << 10;

/// The envelope for this delivery; none for a severity that Sentry is not told of.
pub(crate) fn body(delivery: &Delivery, dsn: &Dsn<'_>) -> Option<String> {
    let (kind, payload) = match delivery.event.severity.as_str() {
        "error" => ("event", error(delivery)),
        "info" => ("transaction", transaction(delivery)),
        _ => return None,
    };
    let header = json::object(256 + dsn.whole.len(), |o| {
        // The same for every attempt, so that Sentry keeps one of two.
        o.text("event_id", &delivery.id).text("sent_at", &delivery.now.rfc3339);
        o.text("dsn", dsn.whole);
        sdk(o);
    });
    let item = json::object(64, |o| {
        o.text("type", kind).number("length", i64::try_from(payload.len()).unwrap_or(i64::MAX));
    });
    Some([header.as_str(), &item, &payload, ""].join("\n"))
}

fn error(delivery: &Delivery) -> String {
    let event = &delivery.event;
    json::object(1024 + event.message.len().min(2 * MESSAGE_LIMIT), |o| {
        common(o, delivery, "error");
        o.text_unless_empty(
            "server_name",
            &text::truncate(&event.reporting_controller, SERVER_LIMIT),
        );
        if !event.metadata.is_empty() {
            o.object("contexts", |o| {
                o.object("metadata", |o| metadata(o, event));
            });
        }
    })
}

fn transaction(delivery: &Delivery) -> String {
    let event = &delivery.event;
    let tags = json::object(512, |o| tags(o, event));
    json::object(1024 + 2 * tags.len() + event.message.len().min(2 * MESSAGE_LIMIT), |o| {
        o.text("type", "transaction");
        common(o, delivery, "info");
        o.text("start_timestamp", timestamp(delivery)).raw("tags", &tags);
        o.object("contexts", |o| {
            o.object("trace", |o| trace(o, delivery));
        });
        // As in Flux, one span that repeats the whole.
        o.array("spans", |a| {
            a.object(|o| {
                trace(o, delivery);
                o.text("origin", "manual")
                    .text("start_timestamp", timestamp(delivery))
                    .text("timestamp", timestamp(delivery))
                    .raw("tags", &tags);
            });
        });
    })
}

/// What an event and a transaction both have.
fn common(o: &mut Object<'_>, delivery: &Delivery, level: &str) {
    let event = &delivery.event;
    let object = &event.involved_object;
    let name = [&object.kind, ": ", &object.namespace, "/", &object.name].concat();
    let environment = text::truncate(&delivery.provider.channel, ENVIRONMENT_LIMIT);
    o.text("event_id", &delivery.id)
        .text("timestamp", timestamp(delivery))
        .text("platform", "other")
        .text("level", level)
        .text("transaction", &text::truncate(&name, TRANSACTION_LIMIT))
        .text_unless_empty("message", &text::truncate(&event.message, MESSAGE_LIMIT))
        .text_unless_empty("environment", &environment);
    sdk(o);
}

/// When it happened, or when it is sent if its sender did not say.
fn timestamp(delivery: &Delivery) -> &str {
    let timestamp = delivery.event.timestamp.as_ref().unwrap_or(&delivery.now);
    &timestamp.rfc3339
}

fn sdk(o: &mut Object<'_>) {
    o.object("sdk", |o| {
        o.text("name", SDK_NAME).text("version", SDK_VERSION);
    });
}

/// A trace of its own for each delivery; its ids are parts of the delivery's, which is a hash.
fn trace(o: &mut Object<'_>, delivery: &Delivery) {
    let span = delivery.id.get(..16).unwrap_or(&delivery.id);
    o.text("trace_id", &delivery.id).text("span_id", span).text("op", "event");
}

/// The metadata of an error as it is.
fn metadata(o: &mut Object<'_>, event: &Event) {
    let limits = Limits {
        entries: usize::MAX,
        key: CONTEXT_KEY_LIMIT,
        value: CONTEXT_VALUE_LIMIT,
        total: CONTEXT_LIMIT,
        around: r#""":"","#.len(),
        // A count has at most 20 digits.
        mark: r#""…":" more","#.len() + 20,
    };
    let metadata = fitting(&event.metadata, &limits, quoted_length);
    for (key, value) in &metadata.entries {
        o.text(key, value);
    }
    if let Some(rest) = metadata.rest() {
        o.text("…", &rest);
    }
}

/// Where good news come from, and their metadata, as tags.
fn tags(o: &mut Object<'_>, event: &Event) {
    let object = &event.involved_object;
    let mut tags: Vec<(Cow<'_, str>, Cow<'_, str>)> = Vec::new();
    for (key, value) in [
        ("flux_involved_object_kind", &object.kind),
        ("flux_involved_object_name", &object.name),
        ("flux_involved_object_namespace", &object.namespace),
        ("flux_reason", &event.reason),
        ("flux_reporting_controller", &event.reporting_controller),
        ("flux_reporting_instance", &event.reporting_instance),
    ] {
        add(&mut tags, key, value);
    }
    let n_own = tags.len();
    let mut n_left_out = 0_usize;
    for (key, value) in &event.metadata {
        if tags.len() < n_own + TAGS_LIMIT {
            add(&mut tags, key, value);
        } else {
            n_left_out += 1;
        }
    }
    for (key, value) in &tags {
        o.text(key, value);
    }
    if n_left_out > 0 {
        o.text("herald_left_out", &[&n_left_out.to_string(), " more"].concat());
    }
}

/// Adds a tag as Sentry takes it: it drops one with an empty value, with a line break in it, or whose key has other
/// characters than letters, digits and `_.:-`.
fn add<'a>(tags: &mut Vec<(Cow<'a, str>, Cow<'a, str>)>, key: &'a str, value: &'a str) {
    if key.is_empty() || value.is_empty() {
        return;
    }
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "_.:-".contains(char);
    let key = replaced(key, |char| !is_plain(char), '_');
    // The mark of a cut text is none of these characters, so a key is cut without one.
    let key = match key.char_indices().nth(TAG_LIMIT) {
        Some((end, _)) => Cow::Owned(key.get(..end).unwrap_or_default().to_owned()),
        None => key,
    };
    let value = match replaced(value, |char| matches!(char, '\n' | '\r'), ' ') {
        Cow::Borrowed(value) => text::truncate(value, TAG_LIMIT),
        Cow::Owned(value) => Cow::Owned(text::truncate(&value, TAG_LIMIT).into_owned()),
    };
    // As in Flux, metadata wins over what has its name.
    match tags.iter_mut().find(|(other, _)| *other == key) {
        Some(tag) => tag.1 = value,
        None => tags.push((key, value)),
    }
}

fn replaced(text: &str, is_bad: impl Fn(char) -> bool, with: char) -> Cow<'_, str> {
    if text.chars().any(&is_bad) {
        Cow::Owned(text.chars().map(|char| if is_bad(char) { with } else { char }).collect())
    } else {
        Cow::Borrowed(text)
    }
}
