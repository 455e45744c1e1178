//! A build as Bitbucket Server writes it, and whether the commit has it already.

use herald_provider::bitbucket::{self, TEXT_LIMIT};
use herald_provider::commit_status::{CommitStatus, says};
use herald_provider::{Failure, ObjectReference, Response, json, text};

/// What is to be said of a commit.
pub(crate) struct Build<'a> {
    pub(crate) key: String,
    state: &'static str,
    name: String,
    description: &'a str,
    link: &'a str,
}

impl<'a> Build<'a> {
    pub(crate) fn new(
        status: &'a CommitStatus<'a>,
        object: &ObjectReference,
        link: &'a str,
    ) -> Self {
        let description = &status.description;
        let name = [&object.lower_name(), " [", description, "]"].concat();
        let name = text::truncate(&name, TEXT_LIMIT).into_owned();
        Self {
            key: bitbucket::key(status),
            state: bitbucket::state(status),
            name,
            description,
            link,
        }
    }

    /// Whether the commit's build of this key says the same.
    pub(crate) fn is_set(&self, response: &Response) -> Result<bool, Failure> {
        let Some(build) = bitbucket::found(response, crate::NAME)? else { return Ok(false) };
        Ok(says(&build, "key", &self.key)
            && says(&build, "state", self.state)
            && says(&build, "description", self.description)
            && says(&build, "name", &self.name))
    }

    /// The body of the request that sets it.
    pub(crate) fn body(&self) -> String {
        json::object(512 + self.link.len(), |o| {
            o.text("description", self.description)
                .text("key", &self.key)
                .text("name", &self.name)
                .text("state", self.state)
                .text("url", self.link);
        })
    }
}
