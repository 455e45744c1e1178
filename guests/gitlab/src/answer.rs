//! What GitLab's answer to a new status means, where the number alone would mislead.

use herald_provider::{Action, Failure, Response, text};

/// The answers besides 2xx that are judged here.
pub(crate) const EXPECTED: [u16; 2] = [400, 409];

/// How GitLab's refusal begins to move a status to where it is or can no longer come from
/// (<https://gitlab.com/gitlab-org/gitlab-foss/-/issues/25807>).
const CANNOT_MOVE: &str = "Cannot transition status via";

/// How much of a message is shown.
const SHOWN: usize = 200;

pub(crate) fn judge(answer: &Response) -> Result<Action, Failure> {
    match answer.status {
        200..=299 => Ok(Action::delivered()),
        // Another update of this commit holds GitLab's lock, which it keeps for some seconds.
        409 => Err(Failure::later(["GitLab answered 409: ", &message(answer)].concat())),
        _ => {
            let message = message(answer);
            if message.starts_with(CANNOT_MOVE) {
                // What came first, such as the first half of a delivery that was cut off, set it; asking again would
                // be refused again.
                return Ok(Action::skipped(
                    &["GitLab leaves the status as it is set: ", &message].concat(),
                ));
            }
            let status = answer.status.to_string();
            Err(Failure::rejected(["GitLab answered ", &status, ": ", &message].concat()))
        }
    }
}

/// What it says: a text, or the whole body where that is an object of texts for the members of the request.
fn message(answer: &Response) -> String {
    let body = answer.json();
    let message = body.as_ref().and_then(|body| body["message"].as_str());
    let message =
        message.map_or_else(|| String::from_utf8_lossy(&answer.body), |message| message.into());
    text::truncate(&message, SHOWN).into_owned()
}
