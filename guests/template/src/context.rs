//! What a template sees of a delivery, and the names of it.

use herald_provider::custom::marks;
use herald_provider::{Address, Delivery, Provider};
use minijinja::value::Value;

const EVENT: &[&str] = &[
    "involvedObject",
    "severity",
    "timestamp",
    "message",
    "reason",
    "metadata",
    "reportingController",
    "reportingInstance",
];
const OBJECT: &[&str] =
    &["apiVersion", "kind", "namespace", "name", "uid", "resourceVersion", "fieldPath"];
const ALERT: &[&str] = &["namespace", "name", "uid"];
const PROVIDER: &[&str] =
    &["namespace", "name", "uid", "channel", "username", "address", "secretKeys"];
const DELIVERY: &[&str] = &["id", "now"];
const ROOTS: &[&str] =
    &["event", "metadata", "alert", "provider", "delivery", "commitStatus", "facts"];
/// What the language itself has.
const LANGUAGE: &[&str] =
    &["range", "dict", "namespace", "debug", "secret", "caller", "varargs", "kwargs", "loop"];

/// Everything that a template sees.
pub(crate) fn of(delivery: &Delivery) -> Value {
    let event = &delivery.event;
    let object = &event.involved_object;
    let metadata = pairs(&event.metadata);
    let timestamp = event.timestamp.as_ref().map(|timestamp| text(&timestamp.rfc3339));
    let involved = map(
        OBJECT,
        [
            text(&object.api_version),
            text(&object.kind),
            text(&object.namespace),
            text(&object.name),
            text(&object.uid),
            text(&object.resource_version),
            text(&object.field_path),
        ],
    );
    let seen_event = map(
        EVENT,
        [
            involved,
            text(&event.severity),
            timestamp.unwrap_or_default(),
            text(&event.message),
            text(&event.reason),
            metadata.clone(),
            text(&event.reporting_controller),
            text(&event.reporting_instance),
        ],
    );
    let alert = &delivery.alert;
    let seen_alert = map(ALERT, [text(&alert.namespace), text(&alert.name), text(&alert.uid)]);
    let seen_delivery = map(DELIVERY, [text(&delivery.id), text(&delivery.now.rfc3339)]);
    let status = delivery.commit_status.as_ref().map(|status| text(status));
    map(
        ROOTS,
        [
            seen_event,
            metadata,
            seen_alert,
            provider(&delivery.provider),
            seen_delivery,
            status.unwrap_or_default(),
            pairs(&delivery.facts),
        ],
    )
}

fn provider(provider: &Provider) -> Value {
    let address = match &provider.address {
        Some(Address::Url(origin)) => map(
            &["scheme", "host", "port"],
            [
                text(&origin.scheme),
                text(&origin.host),
                origin.port.map(Value::from).unwrap_or_default(),
            ],
        ),
        Some(Address::Name(name)) => text(name),
        None => Value::default(),
    };
    map(
        PROVIDER,
        [
            text(&provider.namespace),
            text(&provider.name),
            text(&provider.uid),
            text(&provider.channel),
            text(&provider.username),
            address,
            Value::from(provider.secret_keys.iter().map(|key| text(key)).collect::<Vec<_>>()),
        ],
    )
}

fn text(text: &str) -> Value {
    Value::from(marks::cleaned(text).into_owned())
}

fn pairs(pairs: &[(String, String)]) -> Value {
    Value::from_pairs(pairs.iter().map(|(key, value)| (text(key), text(value))))
}

fn map<const N: usize>(names: &[&'static str], values: [Value; N]) -> Value {
    Value::from_pairs(names.iter().copied().zip(values))
}

/// Why a name that a template uses stands for nothing; none when it stands for something.
pub(crate) fn unknown(name: &str) -> Option<String> {
    let mut path = name.split('.');
    let root = path.next().unwrap_or_default();
    let known = match (root, path.next(), path.next()) {
        ("event", Some("involvedObject"), Some(member)) => {
            return absent(OBJECT, "event.involvedObject", member);
        }
        ("event", Some(member), _) => return absent(EVENT, root, member),
        ("alert", Some(member), _) => return absent(ALERT, root, member),
        ("provider", Some(member), _) => return absent(PROVIDER, root, member),
        ("delivery", Some(member), _) => return absent(DELIVERY, root, member),
        _ => ROOTS.contains(&root) || LANGUAGE.contains(&root),
    };
    (!known).then(|| format!("there is no {root}: there are {}", ROOTS.join(", ")))
}

fn absent(members: &[&str], of: &str, member: &str) -> Option<String> {
    let is_known = members.contains(&member);
    (!is_known).then(|| format!("{of} has no {member}: it has {}", members.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_stand_for_nothing_are_told() {
        for known in [
            "event",
            "event.message",
            "event.involvedObject.name",
            "event.metadata.anything",
            "metadata.any.thing",
            "facts.attempt",
            "provider.address.host",
            "commitStatus",
            "range",
        ] {
            assert_eq!(unknown(known), None, "{known}");
        }
        for (name, expected) in [
            ("event.mesage", "event has no mesage: it has involvedObject, severity"),
            ("event.involvedObject.Name", "event.involvedObject has no Name: it has apiVersion"),
            ("alert.summary", "alert has no summary: it has namespace, name, uid"),
            ("object.name", "there is no object: there are event, metadata, alert"),
        ] {
            let why = unknown(name).expect("it is unknown");
            assert!(why.starts_with(expected), "{why}");
        }
    }
}
