//! A commit's status: what it says, and whether the commit says so already.

use herald_provider::json::{Object, Value};
use herald_provider::{Event, Failure, Response, text};

/// The longest description that GitHub takes; it refuses a longer one with 422
/// (<https://docs.github.com/en/rest/commits/statuses>, "A short description of the status", of at most 140 characters).
const DESCRIPTION_LIMIT: usize = 140;

/// How it went.
#[derive(Clone, Copy)]
pub(crate) enum State {
    Success,
    Failure,
}

impl State {
    pub(crate) fn of(event: &Event) -> Result<Self, Failure> {
        match event.severity.as_str() {
            "info" => Ok(State::Success),
            "error" => Ok(State::Failure),
            other => Err(Failure::unsendable(
                ["the severity `", other, "` has no state on GitHub: only info and error have"]
                    .concat(),
            )),
        }
    }

    fn name(self) -> &'static str {
        match self {
            State::Success => "success",
            State::Failure => "failure",
        }
    }
}

/// What is to be said of a commit.
pub(crate) struct Status<'a> {
    state: &'static str,
    description: String,
    context: &'a str,
}

impl<'a> Status<'a> {
    /// `context` is its name: GitHub shows the newest status of each.
    pub(crate) fn new(state: State, reason: &str, context: &'a str) -> Self {
        let description =
            text::truncate(&text::reason_words(reason), DESCRIPTION_LIMIT).into_owned();
        Self { state: state.name(), description, context }
    }

    /// Whether the newest status of this name says the same, by GitHub's list, which is newest first.
    pub(crate) fn is_newest(&self, response: &Response) -> Result<bool, Failure> {
        let Some(Value::Array(listed)) = response.json() else {
            return Err(Failure::later(
                "the answer is not a list of statuses: does the address lead to GitHub's API?",
            ));
        };
        // A missing description is `null`.
        let says = |status: &Value, member: &str, expected: &str| {
            status.get(member).and_then(Value::as_str).unwrap_or_default() == expected
        };
        let newest = listed.iter().find(|status| says(status, "context", self.context));
        Ok(newest.is_some_and(|status| {
            says(status, "state", self.state) && says(status, "description", &self.description)
        }))
    }

    /// The members of the request that sets it.
    pub(crate) fn write(&self, o: &mut Object<'_>) {
        o.text("state", self.state)
            .text("description", &self.description)
            .text("context", self.context);
    }
}
