//! Sentry's envelope: a header, and an item with its length (<https://develop.sentry.dev/sdk/foundations/transport/envelopes>).

use serde_json::{Value, json};

use super::library::library;
use super::request::{Body, Request};

/// The header, the item's header and the item, each against its definition, and what they say of each other.
pub(super) fn envelope(request: &Request) -> Vec<String> {
    let Body::Envelope(lines) = &request.body else {
        return vec!["the body is no envelope of lines of JSON".to_owned()];
    };
    let [header, item, payload] = &lines[..] else {
        return vec![format!("{} lines, and three make an envelope with one item", lines.len())];
    };
    let mut problems = Vec::new();
    let mut check = |name: &str, value: &Value| {
        problems.extend(library().check(name, value));
    };
    check("sentry-header", header);
    check("sentry-item", item);
    check("sentry/Event", &in_the_words_of_the_definition(payload));
    check("sentry-event", payload);
    let is_transaction = item["type"] == "transaction";
    if is_transaction {
        check("sentry-transaction", payload);
    }
    if is_transaction != (payload["type"] == "transaction") {
        problems.push("the item's header and the item differ in their type".to_owned());
    }
    if header["event_id"] != payload["event_id"] {
        problems.push("the envelope and the item differ in their event id".to_owned());
    }
    // What stands before the item is known to the byte, as nothing in it needs an escape.
    let before: usize = [header, item].iter().map(|line| line.to_string().len() + 1).sum();
    let length = item["length"].as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
    if ![before + length, before + length + 1].contains(&request.n_bytes) {
        problems
            .push(format!("the item says {length} bytes of {} after {before}", request.n_bytes));
    }
    problems
}

/// The definition leaves out what Relay reads all the same: ids without hyphens, `message` for `logentry`, and what a
/// transaction has beyond an event, which `ours/limits.json` has.
fn in_the_words_of_the_definition(payload: &Value) -> Value {
    let mut payload = payload.clone();
    if let Some(members) = payload.as_object_mut() {
        for name in ["event_id", "spans", "start_timestamp"] {
            members.remove(name);
        }
        if let Some(message) = members.remove("message") {
            members.insert("logentry".to_owned(), json!({ "formatted": message }));
        }
    }
    payload
}
