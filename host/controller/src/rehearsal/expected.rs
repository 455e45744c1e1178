//! What must come of a case, and how what came of it differs: the one judge for the fixtures, the author's kit and the
//! service.
//!
//! It must not know where the texts came from.

mod difference;

use std::collections::BTreeMap;

use serde_json::Value;
use thiserror::Error;

use super::Rehearsed;

pub use difference::{Sides, differences};

/// What must come of a case.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expected {
    /// The requests in the order in which they are sent.
    pub requests: Vec<Value>,
    /// `delivered`, `accepted`, `skipped: …` or `failed: …`; none where nothing says it.
    pub outcome: Option<String>,
    /// A line for each mistake in the manifests.
    pub mistakes: Vec<String>,
}

/// Why the texts of a case do not say what must come out.
#[derive(Debug, Error)]
pub enum ReadExpectedError {
    /// A request is no JSON.
    #[error("{name} is no JSON")]
    Request {
        /// The file's name.
        name: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A request has no predecessor, so it would never be looked at.
    #[error("{0} is there without the request before it")]
    Gap(String),
}

impl Expected {
    /// Reads `1.request.json`, `2.request.json`, …, `outcome.txt` and `mistakes.txt` of a case folder's texts.
    ///
    /// # Errors
    /// A request is no JSON, or one is missing between others.
    pub fn of_texts(files: &BTreeMap<String, String>) -> Result<Self, ReadExpectedError> {
        let mut requests = Vec::new();
        while let Some(text) = files.get(&request_file(requests.len() + 1)) {
            requests.push(serde_json::from_str(text).map_err(|source| {
                ReadExpectedError::Request { name: request_file(requests.len() + 1), source }
            })?);
        }
        let is_read = |name: &String| (1..=requests.len()).any(|n| *name == request_file(n));
        let left = files.keys().find(|name| name.ends_with(".request.json") && !is_read(name));
        if let Some(left) = left {
            return Err(ReadExpectedError::Gap(left.clone()));
        }
        let outcome = files.get("outcome.txt").map(|text| text.trim_end().to_owned());
        let mistakes = files.get("mistakes.txt").map(String::as_str).unwrap_or_default();
        Ok(Self { requests, outcome, mistakes: mistakes.lines().map(str::to_owned).collect() })
    }

    /// How what came of the case differs, for people, a line or more for each difference; empty when it does not.
    #[must_use]
    pub fn differences(&self, rehearsed: &Rehearsed) -> Vec<String> {
        let mut found = Vec::new();
        match &self.outcome {
            None => found.push(format!(
                "outcome.txt is missing; it has to say what must come out, and it came to\n  {}",
                rehearsed.outcome
            )),
            Some(outcome) if *outcome != rehearsed.outcome => found.push(format!(
                "outcome.txt\n  expected  {outcome}\n  came out  {}",
                rehearsed.outcome
            )),
            Some(_) => {}
        }
        let mistakes: Vec<String> = rehearsed
            .mistakes
            .iter()
            .flat_map(|mistake| mistake.lines())
            .map(str::to_owned)
            .collect();
        if self.mistakes != mistakes {
            let lines = |lines: &[String]| match lines {
                [] => "nothing".to_owned(),
                lines => lines.join("\n            "),
            };
            found.push(format!(
                "mistakes in the manifests\n  expected  {}\n  found     {}",
                lines(&self.mistakes),
                lines(&mistakes)
            ));
        }
        found.extend(requests(&self.requests, &rehearsed.requests, Sides::CASE));
        found
    }
}

/// How two series of requests differ, a line or more for each.
#[must_use]
pub fn requests(one: &[Value], other: &[Value], sides: Sides) -> Vec<String> {
    let mut found = Vec::new();
    for at in 0..one.len().max(other.len()) {
        let name = request_file(at + 1);
        let beside = |one: &str, other: &str| format!("{name}\n{}", sides.beside("  ", one, other));
        match (one.get(at), other.get(at)) {
            (Some(one), Some(other)) => {
                let lines = differences(one, other, sides);
                if !lines.is_empty() {
                    found.push(format!("{name}\n{}", lines.join("\n")));
                }
            }
            (Some(one), None) => found.push(beside(&line(one), "nothing")),
            (None, Some(other)) => found.push(beside("nothing", &line(other))),
            (None, None) => {}
        }
    }
    found
}

/// The name of the file with the request of this number, which counts from 1.
#[must_use]
pub fn request_file(number: usize) -> String {
    format!("{number}.request.json")
}

/// Whether two requests are the same but for what a transport may do as it likes.
#[must_use]
pub fn same(expected: &Value, sent: &Value) -> bool {
    differences(expected, sent, Sides::CASE).is_empty()
}

/// A request in one line.
fn line(request: &Value) -> String {
    let part = |name: &str| request.get(name).and_then(Value::as_str).unwrap_or_default();
    format!("{} {}", part("method"), part("url"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn files(texts: &[(&str, &str)]) -> BTreeMap<String, String> {
        texts.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    fn request(title: &str) -> Value {
        json!({"method": "POST", "url": "https://h.example/", "headers": [], "noise": [],
            "body": {"json": {"title": title}}})
    }

    fn rehearsed(requests: Vec<Value>, outcome: &str, mistakes: &[&str]) -> Rehearsed {
        let mistakes = mistakes.iter().map(|mistake| (*mistake).to_owned()).collect();
        Rehearsed { requests, outcome: outcome.to_owned(), mistakes }
    }

    #[test]
    fn what_must_come_out_is_read_from_the_files_of_a_case() {
        let read = Expected::of_texts(&files(&[
            ("event.json", "{}"),
            ("1.request.json", "{\"method\": \"GET\"}"),
            ("2.request.json", "{}"),
            ("outcome.txt", "failed: 401\n"),
            ("mistakes.txt", "one\ntwo\n"),
        ]))
        .unwrap();
        assert_eq!(read.requests, [json!({"method": "GET"}), json!({})]);
        assert_eq!(read.outcome.as_deref(), Some("failed: 401"));
        assert_eq!(read.mistakes, ["one", "two"]);
        assert_eq!(Expected::of_texts(&files(&[])).unwrap(), Expected::default());
        let gap = Expected::of_texts(&files(&[("1.request.json", "{}"), ("3.request.json", "{}")]));
        assert!(matches!(gap, Err(ReadExpectedError::Gap(name)) if name == "3.request.json"));
        let wrong = Expected::of_texts(&files(&[("1.request.json", "{")]));
        assert!(matches!(wrong, Err(ReadExpectedError::Request { .. })));
    }

    #[test]
    fn each_difference_says_what_was_expected_and_what_came() {
        let expected = Expected {
            requests: vec![request("a"), request("b")],
            outcome: Some("delivered".to_owned()),
            mistakes: Vec::new(),
        };
        let same = rehearsed(vec![request("a"), request("b")], "delivered", &[]);
        assert_eq!(expected.differences(&same), Vec::<String>::new());

        let other = rehearsed(vec![request("x")], "failed: retry", &["no such key"]);
        assert_eq!(
            expected.differences(&other),
            [
                "outcome.txt\n  expected  delivered\n  came out  failed: retry",
                "mistakes in the manifests\n  expected  nothing\n  found     no such key",
                "1.request.json\n  body.json.title\n    expected  \"a\"\n    sent      \"x\"",
                "2.request.json\n  expected  POST https://h.example/\n  sent      nothing",
            ]
        );

        let untold = Expected { requests: vec![], outcome: None, mistakes: vec![] };
        let more = rehearsed(vec![request("a")], "delivered", &[]);
        assert_eq!(
            untold.differences(&more),
            [
                "outcome.txt is missing; it has to say what must come out, and it came to\n  delivered",
                "1.request.json\n  expected  nothing\n  sent      POST https://h.example/",
            ]
        );
    }
}
