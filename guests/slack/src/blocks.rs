//! The same in Block Kit: the object, the message and the metadata as blocks within one attachment, which keeps the bar in
//! the color of the outcome.

use herald_provider::json::{Array, Object};
use herald_provider::metadata::{Limits, fitting};
use herald_provider::{Event, json, text};

use crate::escape::{escape, length};
use crate::message::{AUTHOR_LIMIT, FALLBACK_LIMIT, color};

/// The most blocks of a message (<https://docs.slack.dev/reference/block-kit/blocks>: "You can include up to 50 blocks in
/// each message").
const BLOCKS_LIMIT: usize = 50;

/// The longest text of a section, the most fields in one, and the longest text of a field
/// (<https://docs.slack.dev/reference/block-kit/blocks/section-block>).
const SECTION_LIMIT: usize = 3_000;
const FIELDS_LIMIT: usize = 10;
const FIELD_LIMIT: usize = 2_000;

/// All texts of a message's blocks together. Slack documents none and refuses about 13,200 with `msg_blocks_too_long`
/// (<https://github.com/slackapi/bolt-js/issues/2509>).
const TOTAL_LIMIT: usize = 13_000;

/// The most sections of the message, whose text fills them in turn.
const SECTIONS: usize = 4;

/// The longest key of the metadata, and what all of it may take from a long message. Slack has no limits of its own for
/// them.
const KEY_LIMIT: usize = 150;
const METADATA_LIMIT: usize = 4_000;

/// What a field has around its key and value.
const AROUND_FIELD: usize = "**\n".len();

/// Room for the line that stands for the fields left out: a count has at most 20 digits.
const MARK: usize = "… ".len() + 20 + " more".len();

/// The JSON body for this event. Without a user name the message is the reporting controller's.
pub(crate) fn body(event: &Event, channel: &str, username: &str) -> String {
    let username = if username.is_empty() { &event.reporting_controller } else { username };
    let object = event.involved_object.lower_full_name();
    let fallback = [object.as_str(), ": ", text::first_line(&event.message)].concat();
    let author = escape(&object, AUTHOR_LIMIT);

    let room = TOTAL_LIMIT - AUTHOR_LIMIT - "**".len();
    let message = text::measure(&event.message, length);
    let limits = Limits {
        // One block for the object and one for the mark.
        entries: (BLOCKS_LIMIT - 2 - SECTIONS) * FIELDS_LIMIT,
        key: KEY_LIMIT,
        value: FIELD_LIMIT - KEY_LIMIT - AROUND_FIELD,
        total: room.saturating_sub(message).max(METADATA_LIMIT),
        around: AROUND_FIELD,
        mark: MARK,
    };
    let metadata = fitting(&event.metadata, &limits, length);
    let message = sections(&event.message, room - metadata.length);

    json::object(512 + 2 * event.message.len().min(TOTAL_LIMIT) + 2 * metadata.length, |o| {
        o.text_unless_empty("channel", channel).text_unless_empty("username", username);
        o.array("attachments", |a| {
            a.object(|o| {
                o.text("color", color(event)).text("fallback", &escape(&fallback, FALLBACK_LIMIT));
                o.array("blocks", |a| {
                    section(a, &["*", &author, "*"].concat());
                    for text in &message {
                        section(a, text);
                    }
                    for fields in metadata.entries.chunks(FIELDS_LIMIT) {
                        a.object(|o| {
                            o.text("type", "section").array("fields", |a| {
                                for (key, value) in fields {
                                    let key = escape(key, usize::MAX);
                                    let value = escape(value, usize::MAX);
                                    a.object(|o| markdown(o, &["*", &key, "*\n", &value].concat()));
                                }
                            });
                        });
                    }
                    if let Some(rest) = metadata.rest() {
                        a.object(|o| {
                            o.text("type", "context").array("elements", |a| {
                                a.object(|o| markdown(o, &["… ", rest.as_str()].concat()));
                            });
                        });
                    }
                });
            });
        });
    })
}

/// The message in at most `limit` characters, in texts that fit into a section each, escaped. They end at line breaks
/// where there are any in their second half.
fn sections(message: &str, limit: usize) -> Vec<String> {
    // A section that ends at a line break may be half empty, so the sections are counted as well.
    let message = text::cut(message, limit, length);
    let mut rest: &str = &message;
    let mut sections = Vec::with_capacity(SECTIONS);
    while !rest.trim().is_empty() {
        let is_last = sections.len() + 1 == SECTIONS;
        if is_last {
            sections.push(escape(rest, SECTION_LIMIT).into_owned());
            break;
        }
        let (section, after) = rest.split_at(section_end(rest));
        if !section.trim().is_empty() {
            sections.push(escape(section.trim_end_matches('\n'), usize::MAX).into_owned());
        }
        rest = after;
    }
    sections
}

/// Where the first section of this text ends.
fn section_end(text: &str) -> usize {
    let mut used = 0;
    let mut line_end = None;
    for (at, char) in text.char_indices() {
        used += length(char);
        if used > SECTION_LIMIT {
            return line_end.unwrap_or(at);
        }
        if char == '\n' && used > SECTION_LIMIT / 2 {
            line_end = Some(at + 1);
        }
    }
    text.len()
}

fn section(blocks: &mut Array<'_>, text: &str) {
    blocks.object(|o| {
        o.text("type", "section").object("text", |o| markdown(o, text));
    });
}

fn markdown(o: &mut Object<'_>, text: &str) {
    o.text("type", "mrkdwn").text("text", text);
}

#[cfg(test)]
mod tests {
    use herald_provider::json::Value;
    use herald_provider::testing;

    use super::*;

    #[test]
    fn an_event_is_blocks_beside_a_bar() {
        let mut event = testing::event();
        event.message = "a <b>\nc".to_owned();
        assert_eq!(
            body(&event, "", ""),
            r#"{"username":"source-controller","attachments":[{"color":"good","fallback":"gitrepository/webapp.gitops-system: a \u0026lt;b\u0026gt;","blocks":[{"type":"section","text":{"type":"mrkdwn","text":"*gitrepository/webapp.gitops-system*"}},{"type":"section","text":{"type":"mrkdwn","text":"a \u0026lt;b\u0026gt;\nc"}},{"type":"section","fields":[{"type":"mrkdwn","text":"*test*\nmetadata"}]}]}]}"#
        );
        event.severity = "error".to_owned();
        event.message = " \n".to_owned();
        event.metadata.clear();
        assert_eq!(
            body(&event, "general", "herald"),
            r#"{"channel":"general","username":"herald","attachments":[{"color":"danger","fallback":"gitrepository/webapp.gitops-system:  ","blocks":[{"type":"section","text":{"type":"mrkdwn","text":"*gitrepository/webapp.gitops-system*"}}]}]}"#
        );
    }

    #[test]
    fn a_message_is_split_at_lines_and_between_escapes() {
        let check = |message: &str, limit: usize, expected: &[(usize, &str)]| {
            let found = sections(message, limit);
            let found: Vec<(usize, &str)> = found
                .iter()
                .map(|text| {
                    let at = text.char_indices().rev().nth(3).map_or(0, |(at, _)| at);
                    (text.chars().count(), text.get(at..).unwrap_or_default())
                })
                .collect();
            assert_eq!(found, expected);
        };
        let line = ["x".repeat(1_999), "\n".to_owned()].concat();
        check("", 100, &[]);
        check("\n\n", 100, &[]);
        check("short", 100, &[(5, "hort")]);
        check(&"y".repeat(6_000), 9_000, &[(3_000, "yyyy"), (3_000, "yyyy")]);
        check(&line.repeat(2), 9_000, &[(1_999, "xxxx"), (1_999, "xxxx")]);
        check(&"<".repeat(800), 9_000, &[(3_000, "&lt;"), (200, "&lt;")]);
        check(&"y".repeat(6_001), 6_000, &[(3_000, "yyyy"), (3_000, "yyy…")]);
        check(
            &line.repeat(9),
            99_000,
            &[(1_999, "xxxx"), (1_999, "xxxx"), (1_999, "xxxx"), (3_000, "xxx…")],
        );
    }

    #[test]
    fn everything_stays_within_the_limits_of_blocks() {
        let check = |message: &str, metadata: Vec<(String, String)>, is_cut: bool| {
            let n_entries = metadata.len();
            let mut event = testing::event();
            event.involved_object.name = "n".repeat(500);
            event.message = message.to_owned();
            event.metadata = metadata;
            let body: Value = body(&event, "", "").parse().expect("it is JSON");
            let Some(Value::Array(blocks)) = body["attachments"][0].get("blocks") else {
                panic!("no blocks");
            };
            assert!(blocks.len() <= BLOCKS_LIMIT);
            let (mut total, mut n_fields) = (0, 0);
            for block in blocks {
                let own = block["text"]["text"].as_str();
                let inner = block["fields"].as_array().or(block["elements"].as_array());
                assert!(inner.is_none_or(|inner| inner.len() <= FIELDS_LIMIT));
                let inner = inner.into_iter().flatten().filter_map(|inner| inner["text"].as_str());
                n_fields += block["fields"].as_array().map_or(0, Vec::len);
                for text in own.into_iter().chain(inner) {
                    let n_chars = text.chars().count();
                    assert!((1..=SECTION_LIMIT).contains(&n_chars), "{n_chars}");
                    total += n_chars;
                }
            }
            assert!(total <= TOTAL_LIMIT, "{total}");
            let all = body.to_string();
            assert_eq!(all.contains('…'), is_cut);
            assert_eq!(all.contains(" more"), n_fields < n_entries);
        };
        let entries = |n: usize, value: &str| {
            (0..n).map(|n| (format!("key-{n}"), value.to_owned())).collect::<Vec<_>>()
        };
        check("short", Vec::new(), true);
        check(&"<x> ".repeat(5_000), entries(3, "value"), true);
        check("short", entries(600, ""), true);
        check("short", entries(20, &"🦀&".repeat(1_000)), true);
        check(&"🦀".repeat(20_000), entries(100, &"v".repeat(100)), true);
    }
}
