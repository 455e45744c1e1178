//! What a revision on trial would have sent, beside what was sent. Both are texts in which secrets have no value yet.

use std::fmt::Write as _;
use std::sync::Arc;

use herald_core::formatter::{Action, Delivery, Failure, Fragment, Outcome, Request};
use herald_engine::{CallError, Disclosure};
use serde_json::Value;
use similar::TextDiff;

use super::{Loaded, Verdict};
use crate::egress::Mask;
use crate::telemetry::report;

/// The longest difference that is kept, in characters.
const MAX_CHARS: usize = 4_000;

/// What a module said of a delivery.
pub(crate) type Said = Result<Action, Failure>;

impl Loaded {
    /// Asks this module about a delivery that another made, and counts what it says. Nothing of it is sent.
    pub(crate) async fn look_on(
        &self,
        delivery: &Delivery,
        sent: &Said,
        disclosure: Arc<dyn Disclosure>,
        mask: &Mask,
    ) {
        let difference = match self.module.next(delivery, disclosure).await {
            Ok(said) if said == *sent => None,
            Ok(said) => Some(difference(sent, &said)),
            Err(err) => {
                if is_its_own(&err) {
                    self.record.count(Verdict::Broken);
                }
                Some(format!("it gives no answer: {}", report(&err)))
            }
        };
        let difference = difference.map(|text| {
            let object = &delivery.event.involved_object;
            let head = format!("{}/{}/{}", object.kind, object.namespace, object.name);
            let text: String = mask.lines(&text).chars().take(MAX_CHARS).collect();
            format!("{head}\n{text}")
        });
        self.record.shadowed(difference);
    }
}

/// Whether a failed call is the module's fault and not that of a busy machine.
pub(crate) fn is_its_own(err: &CallError) -> bool {
    match err {
        CallError::Trap { .. }
        | CallError::Deadline { .. }
        | CallError::Timeout { .. }
        | CallError::Limit { .. }
        | CallError::BadAnswer(_) => true,
        CallError::Busy { .. } | CallError::Host(_) => false,
    }
}

/// What is different, by lines: `-` was sent, `+` would have been.
fn difference(sent: &Said, would: &Said) -> String {
    let (sent, would) = (text(sent), text(would));
    TextDiff::from_lines(&sent, &would).unified_diff().context_radius(1).to_string()
}

fn text(said: &Said) -> String {
    let mut text = String::new();
    match said {
        Ok(Action::Finish(request)) => write_request(&mut text, "send", request),
        Ok(Action::Ask(question)) => write_request(&mut text, "ask", &question.request),
        Ok(Action::Done(done)) => {
            let outcome = match &done.outcome {
                Outcome::Delivered => "done".to_owned(),
                Outcome::Skipped(reason) => format!("skip: {reason}"),
            };
            line(&mut text, &outcome);
            if let Some(remember) = &done.remember {
                line(&mut text, &format!("remember: {remember}"));
            }
        }
        Err(Failure::Misconfigured(reason)) => line(&mut text, &format!("misconfigured: {reason}")),
        Err(Failure::Unsendable(reason)) => line(&mut text, &format!("unsendable: {reason}")),
        Err(Failure::Rejected(reason)) => line(&mut text, &format!("rejected: {reason}")),
        Err(Failure::Later(later)) => line(&mut text, &format!("later: {}", later.reason)),
    }
    text
}

fn write_request(text: &mut String, verb: &str, request: &Request) {
    let path: Vec<String> = request.url.path.iter().map(|part| pieces(part)).collect();
    line(text, &format!("{verb} {} {:?} /{}", request.method, request.url.base, path.join("/")));
    for (name, value) in &request.url.query {
        line(text, &format!("query {name}: {}", pieces(value)));
    }
    for (name, value) in &request.headers {
        line(text, &format!("{name}: {}", pieces(value)));
    }
    let body = pieces(&request.body);
    match serde_json::from_str::<Value>(&body) {
        Ok(json) => line(text, &format!("{json:#}")),
        Err(_) => line(text, &body),
    }
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("writing to a String cannot fail");
}

/// Pieces joined, with a name where the host fills in a value.
fn pieces(pieces: &[Fragment]) -> String {
    let mut text = String::new();
    for piece in pieces {
        match piece {
            Fragment::Text(piece) => text.push_str(piece),
            Fragment::Bytes(bytes) => text.push_str(&String::from_utf8_lossy(bytes)),
            Fragment::Secret(key) => text.push_str(&format!("<secret {key}>")),
            Fragment::Authorization(name) => text.push_str(&format!("<authorization {name}>")),
            Fragment::Base64(plain) => text.push_str(&format!("<base64 of {plain:?}>")),
            Fragment::Hmac(hmac) => text.push_str(&format!("<{hmac:?}>")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use herald_core::formatter::{Base, Url};

    use super::*;

    fn sends(body: &str, header: &str) -> Said {
        Ok(Action::Finish(Request {
            method: "POST".to_owned(),
            url: Url { base: Base::Address, path: Vec::new(), query: Vec::new() },
            headers: vec![(
                "authorization".to_owned(),
                vec![Fragment::Text(header.to_owned()), Fragment::Secret("token".to_owned())],
            )],
            body: vec![Fragment::Text(body.to_owned())],
        }))
    }

    #[test]
    fn a_difference_names_the_lines_and_no_secret() {
        let text = difference(
            &sends(r#"{"a":1,"b":2}"#, "Bearer "),
            &sends(r#"{"a":1,"b":3}"#, "Bearer "),
        );
        assert!(text.contains("-  \"b\": 2") && text.contains("+  \"b\": 3"), "{text}");
        assert!(!text.contains("Bearer"), "what is the same is left out: {text}");
        let text = difference(&sends("x", "Bearer "), &sends("x", "Token "));
        assert!(text.contains("+authorization: Token <secret token>"), "{text}");
        let text = difference(&sends("x", ""), &Err(Failure::Unsendable("too long".to_owned())));
        assert!(text.contains("+unsendable: too long"), "{text}");
    }
}
