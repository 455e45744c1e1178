//! What answers mean: a key that Google does not know is answered with 400, like a message that is wrong.

use herald_provider::json::Value;
use herald_provider::{Action, Failure, Response, text};

/// What Google answers besides 2xx that needs a second look.
pub(crate) const EXPECTED: [u16; 1] = [400];

/// How much of an answer is shown.
const SHOWN: usize = 200;

/// Judges an answer with a 2xx status, or 400; the host has judged all others.
pub(crate) fn judge(response: &Response) -> Result<Action, Failure> {
    if response.status != 400 {
        return Ok(Action::delivered());
    }
    // <https://cloud.google.com/apis/design/errors#error_model>.
    let answer = response.json().unwrap_or_default();
    let error = &answer["error"];
    let member = |name: &str| error[name].as_str();
    let said = [
        "the receiver answered 400: ",
        member("status").unwrap_or("no status"),
        ": ",
        &text::truncate(member("message").unwrap_or("no message"), SHOWN),
    ]
    .concat();
    Err(if is_about_the_key(error) {
        Failure::misconfigured(
            [said.trim_end_matches('.'), ": copy the webhook's address again, `key=` included"]
                .concat(),
        )
    } else {
        Failure::rejected(said)
    })
}

fn is_about_the_key(error: &Value) -> bool {
    error["details"]
        .as_array()
        .is_some_and(|details| details.iter().any(|detail| detail["reason"] == "API_KEY_INVALID"))
}
