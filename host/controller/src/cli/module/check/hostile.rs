//! The steps of a check that send what nobody expects: odd events, and odd answers of the receiver.

use std::collections::BTreeMap;
use std::time::Duration;

use herald_core::formatter::Response;
use herald_engine::{Engine, Module};
use serde_json::Value;

use super::Finding;
use crate::rehearsal::cases::Cases;
use crate::rehearsal::{Answer, Case, Rehearsed, examine, odd};

/// With so many of the cases events are changed: one for each way that a module has to write a message.
const FORMS: usize = 4;
/// After so many findings no more is tried: one that loops takes its time with each.
const MAX_FINDINGS: usize = 8;

/// Odd events in the place of those of some cases.
pub(super) async fn events(engine: &Engine, module: &Module, cases: &Cases) -> Vec<Finding> {
    let mut found = Found::default();
    for (name, case) in forms(cases) {
        let Ok(event) = serde_json::from_slice::<Value>(&case.event) else { continue };
        for odd in odd::events(&event) {
            let mut case = case.clone();
            case.event = odd.event.to_string().into_bytes();
            let rehearsed = examine::run(engine, module, &case).await;
            found.judge(&name, &format!("with {}", odd.what), &rehearsed);
            if found.is_full() {
                return found.findings;
            }
        }
    }
    found.findings
}

/// Odd answers to each request of some cases.
pub(super) async fn answers(engine: &Engine, module: &Module, cases: &Cases) -> Vec<Finding> {
    let mut found = Found::default();
    for (name, case) in forms(cases) {
        let n_requests = examine::run(engine, module, &case).await.requests.len();
        for (number, (what, body)) in (1..=n_requests)
            .flat_map(|number| odd::answers().into_iter().map(move |odd| (number, odd)))
        {
            let mut case = case.clone();
            let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
            let response = Response { status: 200, headers, body };
            case.answers.insert(number, Answer::Response { response, delay: Duration::ZERO });
            let rehearsed = examine::run(engine, module, &case).await;
            found.judge(&name, &format!("with {what} to request {number}"), &rehearsed);
            if found.is_full() {
                return found.findings;
            }
        }
    }
    found.findings
}

/// Cases in which something is sent, one for each set of options, every event wanted.
fn forms(cases: &Cases) -> Vec<(String, Case)> {
    let mut forms = BTreeMap::new();
    for (name, mut case, expected) in cases.iter() {
        if expected.requests.is_empty() {
            continue;
        }
        case.manifests.retain(|(file, _)| file != "alert.yaml");
        case.has_alert = false;
        forms.entry(case.manifests.clone()).or_insert((name.to_owned(), case));
    }
    forms.into_values().take(FORMS).collect()
}

/// What was found so far; the same fault is told once.
#[derive(Default)]
struct Found {
    known: Vec<String>,
    findings: Vec<Finding>,
}

impl Found {
    fn judge(&mut self, case: &str, what: &str, rehearsed: &Rehearsed) {
        let Some(fault) = rehearsed.fault().map(str::to_owned).or_else(|| no_json(rehearsed))
        else {
            return;
        };
        if !self.known.contains(&fault) {
            let text = format!("{fault}\n{what}: {}", advice(&fault));
            self.findings.push(Finding { at: case.to_owned(), text });
            self.known.push(fault);
        }
    }

    fn is_full(&self) -> bool {
        self.findings.len() >= MAX_FINDINGS
    }
}

/// A body that its content type promises to be JSON and that is none.
fn no_json(rehearsed: &Rehearsed) -> Option<String> {
    let at = rehearsed.requests.iter().position(|request| {
        let headers = request["headers"].as_array().into_iter().flatten();
        let is_json = headers.clone().any(|header| {
            header[0] == "content-type"
                && header[1].as_str().is_some_and(|kind| kind.contains("json"))
        });
        is_json && request["body"].get("json").is_none() && !request["body"].is_null()
    })?;
    Some(format!("request {} says that its body is JSON, and it is none", at + 1))
}

fn advice(fault: &str) -> &'static str {
    if fault.contains("panicked") || fault.contains("trapped") {
        "a field may hold anything, or nothing; answer with a failure that says why, or cut and replace what does not fit"
    } else if fault.contains("ran for longer") || fault.contains("did not end") {
        "a call may run for 250 ms; do less for each character, and stop at the receiver's limit"
    } else if fault.contains("wanted more") {
        "cut a text before it is copied; a call may have 64 MiB and answer 4 MiB"
    } else if fault.contains("header") {
        "a header takes no control characters and no line breaks; take them out of what comes from an event"
    } else if fault.contains("JSON") {
        "write the body with a JSON writer, which escapes texts"
    } else {
        "wit/host-rules.md says what a host refuses"
    }
}
