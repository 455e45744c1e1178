//! A commit's status as Gitea writes it, and whether the commit has it already.

use std::borrow::Cow;

use herald_provider::commit_status::{CommitStatus, State, newest, says};
use herald_provider::json::{self, Value};
use herald_provider::{Failure, Response};

/// The longest description. Gitea names none, and keeps it in a column that has 65,535 bytes in MySQL, of which a
/// character takes four at most (<https://github.com/go-gitea/gitea/blob/main/models/git/commit_status.go>).
pub(crate) const DESCRIPTION_LIMIT: usize = 16_383;

/// The longest name. Gitea documents none; this is what GitHub and GitLab take.
const NAME_LIMIT: usize = 255;

/// What is to be said of a commit.
pub(crate) struct Status<'a> {
    pub(crate) commit: &'a str,
    state: &'static str,
    description: &'a str,
    context: Cow<'a, str>,
}

impl<'a> Status<'a> {
    /// An object at work is a state of its own.
    pub(crate) fn new(status: &'a CommitStatus<'a>, is_progressing: bool) -> Self {
        let state = match status.state {
            _ if is_progressing => "pending",
            State::Success => "success",
            State::Failure => "failure",
        };
        let CommitStatus { commit, description, .. } = status;
        Self { commit, state, description, context: status.name_within(NAME_LIMIT) }
    }

    /// Whether the newest status of this name says the same.
    ///
    /// Gitea lists them by the second in which they were made. Of one second, such as `pending` and what it led to,
    /// either may come first, so the id decides; Flux takes the first.
    pub(crate) fn is_set(&self, response: &Response) -> Result<bool, Failure> {
        let Some(Value::Array(listed)) = response.json() else {
            return Err(Failure::foreign_answer(crate::NAME));
        };
        let newest = newest(&listed, |listed| says(listed, "context", &self.context));
        Ok(newest.is_some_and(|newest| {
            says(newest, "status", self.state) && says(newest, "description", self.description)
        }))
    }

    /// The body of the request that sets it.
    pub(crate) fn body(&self) -> String {
        json::object(256 + self.description.len(), |o| {
            o.text("state", self.state)
                .text("target_url", "")
                .text("description", self.description)
                .text("context", &self.context);
        })
    }
}
