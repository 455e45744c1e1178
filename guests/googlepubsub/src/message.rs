//! The message: the event in base64, and the attributes that the user put in the Secret.
//!
//! Its values are filled in by the host, so their length is not known here.

use herald_provider::{Delivery, Event, Fragment, Plain, Provider, event_json_within, json, text};

/// The longest event, in bytes. Pub/Sub takes 10 MB (<https://cloud.google.com/pubsub/quotas#resource_limits>, "Message
/// size"), and Herald sends bodies of 4 MiB at most; in base64 three bytes take four.
const EVENT_LIMIT: usize = 3_000_000;

/// Attributes of a message and their keys (the same table). The values have 1024 bytes at most.
const ATTRIBUTES_LIMIT: usize = 100;
const KEY_LIMIT: usize = 256;

/// The longest ordering key, in bytes (the same table).
const ORDERING_KEY_LIMIT: usize = 1024;

/// Keys that begin so are Google's (<https://cloud.google.com/pubsub/docs/publisher#using-attributes>).
const RESERVED: &str = "goog";

/// By this attribute a subscriber can tell that it has the message already, after a second attempt whose first one had
/// arrived.
const DELIVERY_ID: &str = "herald-delivery-id";

/// What is wrong with the attributes, as far as their keys tell.
pub(crate) fn attribute_problems(provider: &Provider) -> Vec<String> {
    let mut problems = Vec::new();
    let keys = || attributes(provider).filter(|(name, _)| *name != DELIVERY_ID);
    if keys().count() >= ATTRIBUTES_LIMIT {
        problems.push(format!("the Secret's `headers` are more than the {} attributes that a message can have beside Herald's own: remove some", ATTRIBUTES_LIMIT - 1));
    }
    for (name, _) in keys() {
        let wrong = if name.is_empty() {
            "is empty"
        } else if name.len() > KEY_LIMIT {
            "is longer than 256 bytes"
        } else if name.to_ascii_lowercase().starts_with(RESERVED) {
            "begins with `goog`, which is Google's"
        } else {
            continue;
        };
        let shown = text::truncate(name, 40);
        problems
            .push(format!("the key `{shown}` in the Secret's `headers` {wrong}: choose another"));
    }
    problems
}

/// The name of each attribute, and the Secret's key of its value.
fn attributes(provider: &Provider) -> impl Iterator<Item = (&str, &str)> {
    let keys = provider.secret_keys.iter().map(String::as_str);
    keys.filter_map(|key| Some((key.strip_prefix("headers/")?, key)))
}

/// The body of a request with this message alone.
pub(crate) fn body(delivery: &Delivery, is_ordered: bool) -> Vec<Fragment> {
    let event = event_json_within(&delivery.event, EVENT_LIMIT);
    let mut body = vec![
        Fragment::text(r#"{"messages":[{"data":""#),
        Fragment::Base64(vec![Plain::Text(event)]),
        Fragment::text(r#"","attributes":{"#),
    ];
    let mut own = String::new();
    for (name, key) in attributes(&delivery.provider) {
        json::quote(&mut own, name);
        own.push_str(":\"");
        body.push(Fragment::Text(std::mem::take(&mut own)));
        body.push(Fragment::secret(key));
        own.push_str("\",");
    }
    // The user's own wins.
    if attributes(&delivery.provider).any(|(name, _)| name == DELIVERY_ID) {
        own.pop();
    } else {
        json::quote(&mut own, DELIVERY_ID);
        own.push(':');
        json::quote(&mut own, &delivery.id);
    }
    own.push('}');
    if is_ordered {
        own.push_str(r#","orderingKey":"#);
        json::quote(&mut own, &ordering_key(&delivery.event));
    }
    own.push_str("}]}");
    body.push(Fragment::Text(own));
    body
}

/// What the messages of one object share.
fn ordering_key(event: &Event) -> String {
    text::cut(&event.involved_object.full_name(), ORDERING_KEY_LIMIT, char::len_utf8).into_owned()
}
