//! The event: a title, the message and tags.

use std::borrow::Cow;

use herald_provider::{Delivery, json, text};

/// The longest text, in characters (<https://docs.datadoghq.com/api/latest/events/#post-an-event>, `text`). Datadog shows
/// no more, and marks nothing.
const TEXT_LIMIT: usize = 4000;

/// The longest title, in characters (the same page, `title` of the API v2; for v1 there is none any more).
const TITLE_LIMIT: usize = 500;

/// The longest tag, in characters (<https://docs.datadoghq.com/getting_started/tagging/>).
const TAG_LIMIT: usize = 200;

/// How old an event may be, in seconds: 18 hours (`date_happened` of the same page), less a minute for the way there.
const AGE_LIMIT: i64 = 18 * 60 * 60 - 60;

/// Between an `@` and a name it keeps the two from being a mention: a space without width.
const NOTHING: char = '\u{200b}';

/// The JSON body, its members in the order of Flux.
pub(crate) fn body(delivery: &Delivery) -> String {
    let event = &delivery.event;
    let object = &event.involved_object;
    let title =
        ["Events from the ", &object.kind, " ", &object.name, "/", &object.namespace].concat();
    json::object(1024 + event.message.len().min(4 * TEXT_LIMIT), |o| {
        o.text("alert_type", if event.is_error() { "error" } else { "info" })
            .number("date_happened", date(delivery))
            .text("source_type_name", "fluxcd");
        o.array("tags", |a| {
            for (key, value) in [
                ("flux_reporting_controller", &event.reporting_controller),
                ("flux_reason", &event.reason),
                ("kube_kind", &object.kind),
                ("kube_name", &object.name),
                ("kube_namespace", &object.namespace),
            ] {
                a.text(&tag(key, value));
            }
            for (key, value) in &event.metadata {
                a.text(&tag(key, value));
            }
        });
        o.text("text", &text::truncate(&without_mentions(&event.message), TEXT_LIMIT))
            .text("title", &text::truncate(&without_mentions(&title), TITLE_LIMIT));
    })
}

/// When it happened, in seconds. One that had to wait too long is dated as late as needed: Datadog would drop it.
fn date(delivery: &Delivery) -> i64 {
    let now = delivery.now.seconds;
    let date = delivery.event.timestamp.as_ref().map_or(now, |timestamp| timestamp.seconds);
    date.max(now.saturating_sub(AGE_LIMIT))
}

/// In small letters, as Datadog keeps it. It is cut without a mark, which Datadog would make a `_` of.
fn tag(key: &str, value: &str) -> String {
    let mut tag = [key, ":", value].concat().to_ascii_lowercase();
    if let Some((end, _)) = tag.char_indices().nth(TAG_LIMIT) {
        tag.truncate(end);
    }
    tag
}

/// The text with a space without width after each `@` that begins a word: Datadog notifies whom an event mentions
/// (<https://docs.datadoghq.com/events/guides/email/>, "Recipients"), and what a cluster reports must not choose whom.
/// Within a word, as in `main@sha1:…`, it mentions nobody.
fn without_mentions(text: &str) -> Cow<'_, str> {
    if !text.contains('@') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    let mut before = ' ';
    for char in text.chars() {
        out.push(char);
        if char == '@' && !(before.is_ascii_alphanumeric() || before == '_') {
            out.push(NOTHING);
        }
        before = char;
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_mentioned() {
        for (text, expected) in [
            ("", ""),
            ("no sign", "no sign"),
            ("main@sha1:abc x_@y", "main@sha1:abc x_@y"),
            ("someone@corp.example", "someone@corp.example"),
            ("@all", "@\u{200b}all"),
            ("see @slack-ops, (@team)\n@u", "see @\u{200b}slack-ops, (@\u{200b}team)\n@\u{200b}u"),
            ("@@x", "@\u{200b}@\u{200b}x"),
            ("ü@x", "ü@\u{200b}x"),
        ] {
            assert_eq!(without_mentions(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_tag_is_short_and_small() {
        assert_eq!(tag("Upper Case", "Value: X"), "upper case:value: x");
        let long = tag("key", &"ü".repeat(300));
        assert_eq!(long.chars().count(), 200);
        assert!(long.ends_with("üü"));
    }
}
