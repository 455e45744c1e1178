//! How two requests differ, as people read it: by the path of what differs, with both values.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// The most differences of one request that are told.
const MAX_DIFFERENCES: usize = 20;
/// How much of a value is shown, in characters.
const MAX_SHOWN_CHARS: usize = 160;
/// How much of what two long texts have in common is shown before they part, in characters.
const LEAD_CHARS: usize = 40;

/// What the two sides of a comparison are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sides(pub &'static str, pub &'static str);

impl Sides {
    /// What a case says, and what was sent.
    pub const CASE: Self = Self("expected", "sent");

    /// Two values under each other, each with the name of its side.
    #[must_use]
    pub fn beside(self, indent: &str, one: &str, other: &str) -> String {
        let width = self.0.len().max(self.1.len());
        format!("{indent}{:width$}  {one}\n{indent}{:width$}  {other}", self.0, self.1)
    }
}

/// A line for each difference of two requests but for what a transport may do as it likes: headers that either counts as
/// noise, the order of headers, and where a proxy listens.
#[must_use]
pub fn differences(expected: &Value, sent: &Value, sides: Sides) -> Vec<String> {
    let noise: BTreeSet<&str> = [expected, sent]
        .iter()
        .flat_map(|request| request["noise"].as_array().into_iter().flatten())
        .filter_map(Value::as_str)
        .collect();
    let mut found = Found { sides, told: Vec::new(), untold: 0 };
    let names: BTreeSet<&String> = [expected, sent]
        .iter()
        .filter_map(|request| request.as_object())
        .flat_map(|o| o.keys())
        .collect();
    for name in
        names.into_iter().filter(|name| !["noise", "via", "headers"].contains(&name.as_str()))
    {
        found.compare(name, expected.get(name), sent.get(name));
    }
    let (expected, sent) = (headers(expected, &noise), headers(sent, &noise));
    let names: BTreeSet<&String> = expected.keys().chain(sent.keys()).collect();
    for name in names {
        found.compare(&format!("headers.{name}"), expected.get(name), sent.get(name));
    }
    found.lines()
}

/// The headers by name; one that is there several times is a list.
fn headers(request: &Value, noise: &BTreeSet<&str>) -> BTreeMap<String, Value> {
    let mut all: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for header in request["headers"].as_array().into_iter().flatten() {
        let name = header[0].as_str().unwrap_or_default();
        if !noise.contains(name) {
            all.entry(name.to_owned()).or_default().push(header[1].clone());
        }
    }
    all.into_iter()
        .map(|(name, mut values)| {
            let value = if values.len() == 1 { values.remove(0) } else { Value::Array(values) };
            (name, value)
        })
        .collect()
}

/// What differs so far.
struct Found {
    sides: Sides,
    told: Vec<String>,
    untold: usize,
}

impl Found {
    fn compare(&mut self, path: &str, expected: Option<&Value>, sent: Option<&Value>) {
        match (expected, sent) {
            (Some(expected), Some(sent)) if expected == sent => {}
            (Some(Value::Object(expected)), Some(Value::Object(sent))) => {
                let names: BTreeSet<&String> = expected.keys().chain(sent.keys()).collect();
                for name in names {
                    self.compare(&below(path, name), expected.get(name), sent.get(name));
                }
            }
            (Some(Value::Array(expected)), Some(Value::Array(sent))) => {
                for at in 0..expected.len().max(sent.len()) {
                    self.compare(&format!("{path}[{at}]"), expected.get(at), sent.get(at));
                }
            }
            (Some(Value::String(expected)), Some(Value::String(sent))) => {
                let common = lead(expected, sent);
                self.tell(path, &from(expected, common), &from(sent, common));
            }
            (None, None) => {}
            (expected, sent) => self.tell(path, &shown(expected), &shown(sent)),
        }
    }

    fn tell(&mut self, path: &str, expected: &str, sent: &str) {
        if self.told.len() == MAX_DIFFERENCES {
            self.untold += 1;
            return;
        }
        self.told.push(format!("  {path}\n{}", self.sides.beside("    ", expected, sent)));
    }

    fn lines(mut self) -> Vec<String> {
        if self.untold > 0 {
            self.told.push(format!("  and {} more", self.untold));
        }
        self.told
    }
}

/// The path of a member: a name that could be mistaken for several stands in brackets.
fn below(path: &str, name: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "_-".contains(c);
    if !name.is_empty() && name.chars().all(is_plain) {
        format!("{path}.{name}")
    } else {
        format!("{path}[{name:?}]")
    }
}

fn shown(value: Option<&Value>) -> String {
    let Some(value) = value else { return "nothing".to_owned() };
    cut(&value.to_string())
}

/// How many characters at the start of two texts need not be shown.
fn lead(expected: &str, sent: &str) -> usize {
    let common = expected.chars().zip(sent.chars()).take_while(|(a, b)| a == b).count();
    let is_short = |text: &str| text.chars().nth(MAX_SHOWN_CHARS).is_none();
    if is_short(expected) && is_short(sent) { 0 } else { common.saturating_sub(LEAD_CHARS) }
}

/// A text from a character on, as JSON, so that blanks and invisible characters are seen.
fn from(text: &str, at: usize) -> String {
    let rest: String = text.chars().skip(at).collect();
    let rest = cut(&Value::String(visible(&rest)).to_string());
    let rest = rest.replace("\\\\u{", "\\u{");
    if at == 0 { rest } else { format!("(from character {}) {rest}", at + 1) }
}

/// The text with the characters escaped that turn a line around or are not seen.
fn visible(text: &str) -> String {
    let is_hidden = |c: char| matches!(c, '\u{80}'..='\u{9f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

fn cut(text: &str) -> String {
    let mut chars = text.chars();
    let mut cut: String = chars.by_ref().take(MAX_SHOWN_CHARS).collect();
    let left = chars.count();
    if left > 0 {
        cut.push_str(&format!("… and {left} characters more"));
    }
    cut
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(expected: Value, sent: Value, lines: &[&str]) {
        assert_eq!(differences(&expected, &sent, Sides::CASE), lines, "{expected} {sent}");
    }

    #[test]
    fn what_differs_is_named_by_its_path() {
        check(
            json!({"body": {"json": {"a": 1, "b": [1, 2], "c d": true}}}),
            json!({"body": {"json": {"a": 1, "b": [1, 3, 4], "e": null}}}),
            &[
                "  body.json.b[1]\n    expected  2\n    sent      3",
                "  body.json.b[2]\n    expected  nothing\n    sent      4",
                "  body.json[\"c d\"]\n    expected  true\n    sent      nothing",
                "  body.json.e\n    expected  nothing\n    sent      null",
            ],
        );
        check(
            json!({"method": "POST", "body": {"text": "a"}}),
            json!({"method": "GET", "body": null}),
            &[
                "  body\n    expected  {\"text\":\"a\"}\n    sent      null",
                "  method\n    expected  \"POST\"\n    sent      \"GET\"",
            ],
        );
    }

    #[test]
    fn what_a_transport_may_do_as_it_likes_is_no_difference() {
        check(
            json!({"headers": [["accept", "*/*"], ["b", "2"], ["a", "1"]], "noise": ["accept"], "via": "CONNECT x"}),
            json!({"headers": [["a", "1"], ["b", "2"], ["user-agent", "x"]], "noise": ["user-agent"]}),
            &[],
        );
        check(
            json!({"headers": [["a", "1"], ["a", "2"]]}),
            json!({"headers": [["a", "1"], ["b", "2"]]}),
            &[
                "  headers.a\n    expected  [\"1\",\"2\"]\n    sent      \"1\"",
                "  headers.b\n    expected  nothing\n    sent      \"2\"",
            ],
        );
    }

    #[test]
    fn long_texts_are_shown_from_where_they_part() {
        let long = "x".repeat(500);
        check(
            json!({"url": format!("{long}one")}),
            json!({"url": format!("{long}two")}),
            &[&format!(
                "  url\n    expected  (from character 461) \"{0}one\"\n    sent      (from character 461) \"{0}two\"",
                "x".repeat(40)
            )],
        );
        check(
            json!({"url": "a"}),
            json!({"url": long}),
            &[&format!(
                "  url\n    expected  \"a\"\n    sent      \"{}… and 342 characters more",
                "x".repeat(159)
            )],
        );
        check(
            json!({"url": "a\u{202e}b\n"}),
            json!({"url": "ab\\n"}),
            &["  url\n    expected  \"a\\u{202e}b\\n\"\n    sent      \"ab\\\\n\""],
        );
    }

    #[test]
    fn only_so_many_differences_are_told() {
        let expected: Vec<u32> = (0..50).collect();
        let sent: Vec<u32> = (1..51).collect();
        let lines = differences(&json!({"body": expected}), &json!({"body": sent}), Sides::CASE);
        assert_eq!(lines.len(), MAX_DIFFERENCES + 1);
        assert_eq!(lines.last().unwrap(), "  and 30 more");
    }
}
