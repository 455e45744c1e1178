//! Builds, which are the statuses of commits on Bitbucket: what the Cloud and the Server share.

use crate::commit_status::{CommitStatus, State};
use crate::hash::sha1_hex;
use crate::json::Value;
use crate::{Failure, Response};

/// The longest name and description. Atlassian documents it for the Server ("All fields (mandatory or optional) are
/// limited to 255 characters, except for the url",
/// <https://developer.atlassian.com/server/bitbucket/rest/v803/api-group-build-status>); that it holds for a name in the
/// Cloud was found by <https://github.com/jenkinsci/bitbucket-branch-source-plugin/pull/928>.
pub const TEXT_LIMIT: usize = 255;

/// Tells a build from the commit's others: a digest of the status's name, as a key in the Cloud has at most 40
/// characters (<https://github.com/fluxcd/notification-controller/issues/173>).
#[must_use]
pub fn key(status: &CommitStatus<'_>) -> String {
    sha1_hex(status.name)
}

/// Bitbucket's word for how it went.
#[must_use]
pub fn state(status: &CommitStatus<'_>) -> &'static str {
    match status.state {
        State::Success => "SUCCESSFUL",
        State::Failure => "FAILED",
    }
}

/// The build in the answer to a question for its key; none where the commit has no such build, which is 404.
///
/// # Errors
///
/// The answer is not one of this forge's.
pub fn found(answer: &Response, forge: &str) -> Result<Option<Value>, Failure> {
    if answer.status == 404 {
        return Ok(None);
    }
    match answer.json().filter(Value::is_object) {
        Some(build) => Ok(Some(build)),
        None => Err(Failure::foreign_answer(forge)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::response;

    #[test]
    fn a_build_is_found_or_not_there() {
        let check = |status: u16, body: &str, expected: Option<bool>| {
            let answer = Response { status, ..response(body) };
            let is_there = found(&answer, "Bitbucket").map(|build| build.is_some()).ok();
            assert_eq!(is_there, expected, "{status} {body}");
        };
        check(200, r#"{"key":"x"}"#, Some(true));
        check(404, r#"{"type":"error"}"#, Some(false));
        check(404, "", Some(false));
        for body in ["", "<html></html>", "[]", "null"] {
            check(200, body, None);
        }
    }
}
