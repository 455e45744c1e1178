//! A commit's status as GitHub writes it, and whether the commit has it already.

use herald_provider::commit_status::{CommitStatus, State, newest, says};
use herald_provider::json::{self, Value};
use herald_provider::{Failure, Response};

/// The longest description that GitHub takes; it refuses a longer one with 422
/// (<https://docs.github.com/en/rest/commits/statuses>, "A short description of the status", of at most 140 characters).
pub(crate) const DESCRIPTION_LIMIT: usize = 140;

/// The longest name; GitHub refuses a longer one with 422.
const NAME_LIMIT: usize = 255;

/// Whether the newest status of this name says the same.
pub(crate) fn is_set(status: &CommitStatus<'_>, response: &Response) -> Result<bool, Failure> {
    let Some(Value::Array(listed)) = response.json() else {
        return Err(Failure::foreign_answer(crate::NAME));
    };
    let name = status.name_within(NAME_LIMIT);
    let newest = newest(&listed, |listed| says(listed, "context", &name));
    Ok(newest.is_some_and(|newest| {
        says(newest, "state", state(status)) && says(newest, "description", &status.description)
    }))
}

/// The body of the request that sets it.
pub(crate) fn body(status: &CommitStatus<'_>) -> String {
    json::object(256, |o| {
        o.text("state", state(status))
            .text("description", &status.description)
            .text("context", &status.name_within(NAME_LIMIT));
    })
}

fn state(status: &CommitStatus<'_>) -> &'static str {
    match status.state {
        State::Success => "success",
        State::Failure => "failure",
    }
}
