//! A build as Bitbucket Cloud writes it, and whether the commit has it already.

use herald_provider::bitbucket::{self, TEXT_LIMIT};
use herald_provider::commit_status::{CommitStatus, says};
use herald_provider::{Failure, ObjectReference, Response, json, text};

/// Where the build links to. It must be a URL, and the event has none.
const LINK: &str = "https://bitbucket.org";

/// What is to be said of a commit.
pub(crate) struct Build<'a> {
    pub(crate) key: String,
    state: &'static str,
    name: String,
    description: &'a str,
}

impl<'a> Build<'a> {
    pub(crate) fn new(status: &'a CommitStatus<'a>, object: &ObjectReference) -> Self {
        let name = text::truncate(&object.lower_name(), TEXT_LIMIT).into_owned();
        Self {
            key: bitbucket::key(status),
            state: bitbucket::state(status),
            name,
            description: &status.description,
        }
    }

    /// Whether the commit's build of this key says the same.
    pub(crate) fn is_set(&self, response: &Response) -> Result<bool, Failure> {
        let Some(build) = bitbucket::found(response, crate::NAME)? else { return Ok(false) };
        Ok(says(&build, "state", self.state) && says(&build, "description", self.description))
    }

    /// The body of the request that sets it.
    pub(crate) fn body(&self) -> String {
        json::object(512, |o| {
            o.text("key", &self.key)
                .text("url", LINK)
                .text("state", self.state)
                .text("name", &self.name)
                .text("description", self.description);
        })
    }
}
