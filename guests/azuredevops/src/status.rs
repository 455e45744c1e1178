//! A commit's status as Azure DevOps writes it, and whether the commit has it already.

use herald_provider::commit_status::{CommitStatus, State, newest, says};
use herald_provider::json::{self, Value};
use herald_provider::{Event, Failure, Response};

use crate::answer;

/// The longest description. Azure DevOps documents none; this is what GitLab and Bitbucket take.
pub(crate) const DESCRIPTION_LIMIT: usize = 255;

/// Whose statuses they are; with a summary in the event's metadata it follows after a colon.
const GENRE: &str = "fluxcd";

/// What is to be said of a commit.
pub(crate) struct Status<'a> {
    pub(crate) commit: &'a str,
    state: &'static str,
    description: &'a str,
    name: &'a str,
    genre: String,
}

impl<'a> Status<'a> {
    pub(crate) fn new(status: &'a CommitStatus<'a>, event: &Event) -> Self {
        let state = match status.state {
            State::Success => "succeeded",
            State::Failure => "error",
        };
        let genre = match event.metadata_value("summary") {
            Some(summary) => [GENRE, ":", summary].concat(),
            None => GENRE.to_owned(),
        };
        let CommitStatus { commit, name, description, .. } = status;
        Self { commit, state, description, name, genre }
    }

    /// Whether the newest status of this name and genre says the same.
    pub(crate) fn is_set(&self, response: &Response) -> Result<bool, Failure> {
        let answer = answer::read(response)?;
        let Some(listed) = answer["value"].as_array() else {
            return Err(Failure::foreign_answer(crate::NAME));
        };
        let is_own = |listed: &Value| {
            let context = &listed["context"];
            says(context, "name", self.name) && says(context, "genre", &self.genre)
        };
        Ok(newest(listed, is_own).is_some_and(|newest| {
            says(newest, "state", self.state) && says(newest, "description", self.description)
        }))
    }

    /// The body of the request that sets it.
    pub(crate) fn body(&self) -> String {
        json::object(256, |o| {
            o.object("context", |o| {
                o.text("genre", &self.genre).text("name", self.name);
            });
            o.text("description", self.description).text("state", self.state);
        })
    }
}
