//! A commit's status as GitLab writes it, and whether the commit has it already.

use herald_provider::commit_status::{CommitStatus, State, newest, says};
use herald_provider::json::{self, Value};
use herald_provider::{Failure, Response};

/// The longest description (<https://docs.gitlab.com/api/commits/#set-commit-pipeline-status>, `description`: "Must be
/// 255 characters or fewer").
pub(crate) const DESCRIPTION_LIMIT: usize = 255;

/// The longest name (the same page, `name`: "Must be 255 characters or fewer").
pub(crate) const NAME_LIMIT: usize = 255;

/// Whether the newest status of this name says the same.
///
/// GitLab lists the latest of each of the commit's pipelines, and adds to the newest pipeline. Flux takes any that says
/// the same, so that one in an older pipeline would keep a failure in the newest from ever being resolved.
pub(crate) fn is_set(status: &CommitStatus<'_>, response: &Response) -> Result<bool, Failure> {
    let Some(Value::Array(listed)) = response.json() else {
        return Err(Failure::foreign_answer(crate::NAME));
    };
    let name = status.name_within(NAME_LIMIT);
    let newest = newest(&listed, |listed| says(listed, "name", &name));
    Ok(newest.is_some_and(|newest| {
        says(newest, "status", state(status)) && says(newest, "description", &status.description)
    }))
}

/// The body of the request that sets it.
pub(crate) fn body(status: &CommitStatus<'_>) -> String {
    json::object(256, |o| {
        o.text("state", state(status))
            .text("name", &status.name_within(NAME_LIMIT))
            .text("description", &status.description);
    })
}

fn state(status: &CommitStatus<'_>) -> &'static str {
    match status.state {
        State::Success => "success",
        State::Failure => "failed",
    }
}
