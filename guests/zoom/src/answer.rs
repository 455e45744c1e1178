//! What Zoom's answer means.
//!
//! Zoom states neither what the webhook says of a message that it took, nor that its status can always be believed. So
//! the body of a 2xx answer counts only where it clearly tells an error, in the members that Zoom's APIs have for one,
//! or is a page; all else is a success, so that no message is sent again and again for an answer that is only unknown.

use herald_provider::json::Value;
use herald_provider::{Action, Failure, Response};

/// Besides 2xx: what Zoom says of a connection that is gone, among other mistakes.
pub(crate) const EXPECTED: [u16; 1] = [400];

/// What a 400 says of a connection whose maker has left the account or lost its rights
/// (<https://github.com/flashcatcloud/flashduty-docs/pull/40>). Where in the body it stands is not stated anywhere.
const CONNECTION_IS_GONE: &str = "Failed to send bot message";

/// Judges an answer with a 2xx status or an expected one; the host has judged all others.
pub(crate) fn judge(response: &Response) -> Result<Action, Failure> {
    if response.status == 400 {
        let body = String::from_utf8_lossy(&response.body);
        let said = ["Zoom answered 400: ", body.trim()].concat();
        return Err(if body.contains(CONNECTION_IS_GONE) {
            Failure::misconfigured(
                [
                    &said,
                    ": make a new connection with /inc connect, as this one has no owner anymore",
                ]
                .concat(),
            )
        } else {
            Failure::rejected(said)
        });
    }
    if response.body.trim_ascii_start().starts_with(b"<") {
        return Err(Failure::later("the answer is not one of Zoom's: is a proxy in between?"));
    }
    let answer = response.json().unwrap_or(Value::Null);
    let Some(error) = error(&answer) else {
        return Ok(Action::delivered());
    };
    let said = ["Zoom answered with an error: ", &error.message].concat();
    Err(match error.code {
        Some(401 | 403 | 404) => Failure::misconfigured(
            [&said, ": check the address and the `token` in the Secret"].concat(),
        ),
        Some(429 | 500..=599) => Failure::later_after(said, response.retry_after()),
        _ => Failure::rejected(said),
    })
}

struct Error {
    code: Option<i64>,
    message: String,
}

/// The error that an answer tells in spite of its status: a code that is neither zero nor a success, a success that is
/// denied, or a text that is called an error.
fn error(answer: &Value) -> Option<Error> {
    let number = |name: &str| answer[name].as_i64();
    // A status may be one of any kind, so only an HTTP status that is no success counts.
    let status = number("status").filter(|status| (300..600).contains(status));
    let code = number("code").or_else(|| number("errorCode")).or(status);
    let is_denied = ["success", "status"].iter().any(|name| answer[*name] == Value::Bool(false));
    let text = |names: &[&str]| {
        let mut texts = names.iter().filter_map(|name| answer[*name].as_str());
        texts.find(|text| !text.is_empty()).map(str::to_owned)
    };
    let told = text(&["errorMessage", "error"]);
    let is_failure = code.is_some_and(|code| !matches!(code, 0 | 200..=299));
    (is_failure || is_denied || told.is_some()).then(|| {
        let message =
            told.or_else(|| text(&["message"])).unwrap_or_else(|| "no message".to_owned());
        let message = match code {
            Some(code) => [&code.to_string(), ": ", message.as_str()].concat(),
            None => message,
        };
        Error { code, message }
    })
}
