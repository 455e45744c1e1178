//! Events that nobody expects: what a type must send whole or refuse with a reason, whatever it is for.
//!
//! It must not know any type, nor how an event is sent.

use serde_json::{Value, json};

/// What would be markup, a mention, an escape or an end of something, for one receiver or another.
pub const MARKUP: &[&str] = &[
    "@everyone <!channel> <@U1> @here @**all** /close\n/merge",
    "<b>bold</b> <script>x</script> &amp; &#64;room </font> <at>all</at>",
    "*a* _b_ ~c~ `d` ```e``` [f](http://g.example) ![h](i) # j\n> k\n- l | m \\ n",
    "\"quoted\" 'single' {{ template }} ${x} %s %00 \\u0000 \\n",
    "\r\n\r\nSubject: injected\r\n\0\u{1b}[31m\u{7}\u{8}\u{85}\u{2028}\u{2029}",
    "\u{202e}rtl \u{200b}\u{feff}\u{fffd}\u{10ffff} e\u{301} 👩\u{200d}👩\u{200d}👧 🇩🇪",
    "   ",
    "\n\n\n",
    "main@sha1:8f1c2a9b7d6e5f40312233445566778899aabbcc",
    "0001-01-01T00:00:00Z",
];

/// Times of events, from the ordinary to the ends of what can be written.
pub const TIMES: &[&str] = &[
    "2026-03-14T09:26:53Z",
    "2026-03-14T09:26:53.123456789+05:30",
    "0001-01-01T00:00:00Z",
    "1969-12-31T23:59:59Z",
    "9999-12-31T23:59:59Z",
];

/// Severities besides those that Flux sends.
const SEVERITIES: &[&str] = &["", "trace", "warning", "ERROR", " error", "<b>"];

/// Texts of an event that may hold anything, as JSON pointers.
const TEXTS: &[&str] = &[
    "/message",
    "/reason",
    "/reportingController",
    "/reportingInstance",
    "/involvedObject/kind",
    "/involvedObject/name",
    "/involvedObject/uid",
    "/involvedObject/apiVersion",
];

/// Longer than any text that a controller writes, in bytes.
const LONG_BYTES: usize = 200_000;
/// A third of what the body of an event may have: what a controller writes that passes a log on.
const HUGE_BYTES: usize = 1 << 20;
const MANY_ENTRIES: usize = 3_000;

/// An event and what is odd about it.
pub struct Odd {
    /// For people.
    pub what: String,
    /// As it is posted.
    pub event: Value,
}

/// The event, changed in each way in turn.
#[must_use]
pub fn events(event: &Value) -> Vec<Odd> {
    let mut all = Vec::new();
    let mut add = |what: String, change: &dyn Fn(&mut Value)| {
        let mut event = event.clone();
        change(&mut event);
        all.push(Odd { what, event });
    };
    for pointer in TEXTS {
        let name = pointer.trim_start_matches('/').replace('/', ".");
        add(format!("an empty {name}"), &|event| set(event, pointer, json!("")));
        let long = "x<é🦀&\" ".repeat(LONG_BYTES / 11);
        add(format!("{} characters in {name}", long.chars().count()), &|event| {
            set(event, pointer, json!(long));
        });
        for markup in MARKUP {
            add(format!("{markup:?} in {name}"), &|event| set(event, pointer, json!(markup)));
        }
    }
    add(format!("a message of {HUGE_BYTES} bytes"), &|event| {
        set(event, "/message", json!("x".repeat(HUGE_BYTES)));
    });
    for severity in SEVERITIES {
        add(format!("the severity {severity:?}"), &|event| {
            set(event, "/severity", json!(severity));
        });
    }
    for time in TIMES {
        add(format!("the time {time}"), &|event| set(event, "/timestamp", json!(time)));
    }
    add("no time".to_owned(), &|event| remove(event, "timestamp"));
    add("no metadata".to_owned(), &|event| remove(event, "metadata"));
    let many: serde_json::Map<String, Value> =
        (0..MANY_ENTRIES).map(|n| (key(&format!("key-{n}")), json!("value"))).collect();
    add(format!("{MANY_ENTRIES} keys of metadata"), &|event| {
        set(event, "/metadata", json!(many));
    });
    let long = "v".repeat(LONG_BYTES);
    add("a very long key of metadata".to_owned(), &|event| {
        set(event, "/metadata", json!({ key(&long): "value" }));
    });
    add("a very long value of metadata".to_owned(), &|event| {
        set(event, "/metadata", json!({ key("revision"): long }));
    });
    let odd: serde_json::Map<String, Value> =
        MARKUP.iter().map(|markup| (key(markup), json!(markup))).collect();
    add("markup in keys and values of metadata".to_owned(), &|event| {
        set(event, "/metadata", json!(odd));
    });
    all
}

/// With the prefix that Herald takes off: other keys are not the object's own.
fn key(name: &str) -> String {
    format!("event.toolkit.fluxcd.io/{name}")
}

fn set(event: &mut Value, pointer: &str, value: Value) {
    let (parent, field) = pointer.rsplit_once('/').unwrap_or_default();
    if let Some(Value::Object(parent)) = event.pointer_mut(parent) {
        parent.insert(field.to_owned(), value);
    }
}

fn remove(event: &mut Value, field: &str) {
    if let Value::Object(event) = event {
        event.remove(field);
    }
}

/// Bodies with status 200 that a receiver, or whatever stands between, may answer with.
#[must_use]
pub fn answers() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("an empty answer", Vec::new()),
        ("an answer that is a page", b"<html><body>Sign in</body></html>".to_vec()),
        ("an answer that is null", b"null".to_vec()),
        ("an answer that is a list of nulls", b"[null, null]".to_vec()),
        (
            "an answer that is an object of nulls",
            br#"{"ok": null, "id": null, "error": null}"#.to_vec(),
        ),
        ("an answer that is half a text", br#"{"ok": tr"#.to_vec()),
        ("an answer that is no UTF-8", vec![0xff, 0xfe, 0, 1]),
        ("an answer of a thousand brackets", b"[".repeat(1_000)),
        ("an answer of 1 MiB", vec![b'x'; 1 << 20]),
    ]
}

#[cfg(test)]
mod tests {
    use herald_core::intake;

    use super::*;

    #[test]
    fn each_is_an_event_that_is_accepted_and_odd_in_its_own_way() {
        let event = json!({
            "involvedObject": {"kind": "Kustomization", "namespace": "apps", "name": "web", "uid": "1",
                "apiVersion": "kustomize.toolkit.fluxcd.io/v1"},
            "severity": "info", "timestamp": "2026-03-14T09:26:53Z", "message": "done", "reason": "Done",
            "reportingController": "kustomize-controller", "reportingInstance": "x", "metadata": {"a": "b"},
        });
        let odd = events(&event);
        assert!(odd.len() > 90, "{}", odd.len());
        let mut whats: Vec<&str> = odd.iter().map(|odd| odd.what.as_str()).collect();
        whats.sort_unstable();
        whats.dedup();
        assert_eq!(whats.len(), odd.len());
        let mut accepted = 0;
        for odd in &odd {
            let body = odd.event.to_string();
            assert!(body.len() <= intake::MAX_BODY_BYTES, "{}", odd.what);
            // A name may not be empty; all else is taken.
            accepted += usize::from(intake::accept(body.as_bytes()).is_ok());
        }
        assert!(accepted > odd.len() - 6, "{accepted} of {}", odd.len());
        let many = odd.iter().find(|odd| odd.what.contains("keys of metadata")).unwrap();
        let many = intake::accept(many.event.to_string().as_bytes()).unwrap();
        assert!(many.event.metadata.len() >= MANY_ENTRIES);
    }
}
