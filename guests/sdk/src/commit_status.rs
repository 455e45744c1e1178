//! The status of a commit: what all types that set one share.
//!
//! Knows what Flux makes of an event: nothing while it progresses, else a state, the words of its reason and a name on
//! the commit that its metadata names. How a forge is asked and answers, the modules know.

use std::borrow::Cow;

use crate::hash::sha1_hex;
use crate::json::Value;
use crate::{Action, Delivery, Event, Failure, Provider, git, text};

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// An event with the severity `info`.
    Success,
    /// An event with the severity `error`.
    Failure,
}

/// What is to be said of which commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitStatus<'a> {
    /// Its hash.
    pub commit: &'a str,
    /// How it went.
    pub state: State,
    /// Tells it from what others say of the commit; a forge shows the newest status of each name.
    pub name: &'a str,
    /// The words of the event's reason.
    pub description: String,
}

impl<'a> CommitStatus<'a> {
    /// What this delivery says; a description of more than `limit` characters is cut.
    ///
    /// # Errors
    ///
    /// The event names no commit or has a severity that is no state, or the status has no name.
    pub fn of(delivery: &'a Delivery, forge: &str, limit: usize) -> Result<Self, Failure> {
        let event = &delivery.event;
        let revision = git::revision(event).ok_or_else(|| {
            Failure::unsendable("the event's metadata has no commit, originRevision or revision")
        })?;
        let commit = git::commit(revision).ok_or_else(|| {
            Failure::unsendable(["the revision `", revision, "` names no commit"].concat())
        })?;
        let state = state(event, forge)?;
        let name =
            delivery.commit_status.as_deref().filter(|name| !name.is_empty()).ok_or_else(|| {
                Failure::misconfigured(
                    "the name of the commit status is empty: change spec.commitStatusExpr",
                )
            })?;
        let description = text::truncate(&text::reason_words(&event.reason), limit).into_owned();
        Ok(Self { commit, state, name, description })
    }
}

impl<'a> CommitStatus<'a> {
    /// The name in at most `limit` characters. What is longer ends in a mark and a part of its hash, so that two names do
    /// not become one.
    #[must_use]
    pub fn name_within(&self, limit: usize) -> Cow<'a, str> {
        const HASH: usize = 8;
        if self.name.chars().nth(limit).is_none() {
            return Cow::Borrowed(self.name);
        }
        let hash: String = sha1_hex(self.name).chars().take(HASH).collect();
        let start = text::truncate(self.name, limit.saturating_sub(HASH));
        Cow::Owned([&*start, &hash].concat())
    }
}

fn state(event: &Event, forge: &str) -> Result<State, Failure> {
    match event.severity.as_str() {
        "info" => Ok(State::Success),
        "error" => Ok(State::Failure),
        other => {
            let why = ["the severity `", other, "` has no state on ", forge];
            Err(Failure::unsendable([&why.concat(), ": only info and error have"].concat()))
        }
    }
}

/// Whether the event only says that its object is at work.
#[must_use]
pub fn is_progressing(event: &Event) -> bool {
    event.reason == "Progressing"
}

/// What becomes of an event that only says that its object is at work, on a forge where that is no status.
#[must_use]
pub fn skip_progressing(event: &Event) -> Option<Action> {
    is_progressing(event)
        .then(|| Action::skipped("reason Progressing: a status is set when the outcome is known"))
}

/// What becomes of a delivery whose status is there.
#[must_use]
pub fn already_set() -> Action {
    Action::skipped("the commit has this status already")
}

/// What to change where the Secret has none of what the forge takes.
#[must_use]
pub fn no_credentials(forge: &str) -> String {
    ["there are no credentials for ", forge, ": put a `token` in the Secret of spec.secretRef"]
        .concat()
}

/// The repository at the Provider's address; `address` is the whole of it, and `example` what one looks like.
///
/// # Errors
///
/// Says what to change.
pub fn repository<'a>(
    provider: &Provider,
    address: Option<&'a str>,
    example: &str,
) -> Result<git::Address<'a>, String> {
    if let Some(problem) = provider.http_address_problem() {
        return Err(problem);
    }
    address
        .and_then(git::Address::parse)
        .ok_or_else(|| ["the address is not that of a Git repository: ", &change(example)].concat())
}

/// Owner and name of the repository at the Provider's address, without percent-encoding.
///
/// # Errors
///
/// Says what to change.
pub fn owner_and_name<'a>(
    provider: &Provider,
    address: Option<&'a str>,
    example: &str,
) -> Result<(Cow<'a, str>, Cow<'a, str>), String> {
    let repository = repository(provider, address, example)?;
    // The path is not quoted: the host would mask it, as that of a webhook is a secret.
    let (owner, name) = repository.owner_and_name().ok_or_else(|| {
        ["invalid repository id: the path is not an owner and a name: ", &change(example)].concat()
    })?;
    Ok((git::decoded(owner), git::decoded(name)))
}

/// How to mend an address.
#[must_use]
pub fn change(example: &str) -> String {
    ["set spec.address to a repository's URL such as ", example].concat()
}

/// Of the statuses that `is_own` takes the newest, which has the highest `id`; where none is higher, the first.
pub fn newest(listed: &[Value], is_own: impl Fn(&Value) -> bool) -> Option<&Value> {
    // Of equal ones `max_by_key` takes the last.
    listed.iter().rev().filter(|status| is_own(status)).max_by_key(|status| status["id"].as_u64())
}

/// Whether a member of a status is this text; one that is missing or `null` is an empty text.
#[must_use]
pub fn says(status: &Value, member: &str, expected: &str) -> bool {
    status[member].as_str().unwrap_or_default() == expected
}

#[cfg(test)]
mod tests;
