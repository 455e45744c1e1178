//! What an answer, or a step of an attempt that failed, means: for the delivery and for its receiver.

use std::time::Duration;

use herald_core::formatter::{Delivery, Failure, Response};
use herald_core::retry::{self, Verdict};
use jiff::Timestamp;

use super::{Contact, Outcome};
use crate::credentials::{CredentialError, ObtainError};
use crate::egress::{PrepareError, SendError};
use crate::telemetry::report;

/// Why a request has no answer.
pub(super) enum Unanswered {
    /// It was sent, or was to be.
    Send(SendError),
    /// It lacks a credential.
    Obtain(CredentialError),
}

pub(super) fn retry(reason: String) -> Outcome {
    Outcome::Retry { after: None, reason }
}

pub(super) fn judged(response: &Response, now: Timestamp) -> Outcome {
    match retry::judge(response, now) {
        Verdict::Delivered => Outcome::Delivered,
        Verdict::Accepted => Outcome::Accepted,
        Verdict::Retry { after, reason } => Outcome::Retry { after, reason },
        Verdict::Misconfigured(reason) => Outcome::Misconfigured(reason),
        Verdict::Rejected(reason) => Outcome::Dead(reason),
    }
}

/// A module that names no time leaves it to what the last answer says.
pub(super) fn refusal(failure: Failure, delivery: &Delivery) -> Outcome {
    match failure {
        Failure::Misconfigured(reason) => Outcome::Misconfigured(reason),
        Failure::Unsendable(reason) | Failure::Rejected(reason) => Outcome::Dead(reason),
        Failure::Later(postponement) => Outcome::Retry {
            after: postponement.after.map(|seconds| Duration::from_secs(seconds.into())).or_else(
                || {
                    let last = delivery.responses.last()?;
                    retry::retry_after(last, delivery.now)
                },
            ),
            reason: postponement.reason,
        },
    }
}

/// What only the Provider's owner can mend waits for them; what the module did wrong waits for a better module.
pub(super) fn not_prepared(err: &PrepareError) -> Outcome {
    let text = report(err);
    match err {
        PrepareError::NoUrl
        | PrepareError::NotNats
        | PrepareError::Address(_)
        | PrepareError::MissingSecret(_)
        | PrepareError::NotBase64(_)
        | PrepareError::NotText(_)
        | PrepareError::EmptyKey
        | PrepareError::BodyInBody
        | PrepareError::HeaderValue(_) => Outcome::Misconfigured(text),
        PrepareError::Method(_)
        | PrepareError::Subject
        | PrepareError::DotSegment
        | PrepareError::UndeclaredSite(_)
        | PrepareError::Header(_)
        | PrepareError::TooManyHeaders
        | PrepareError::TooLong
        | PrepareError::TooMuch
        | PrepareError::Undeclared { .. }
        | PrepareError::Credential(_) => retry(text),
    }
}

impl Unanswered {
    pub(super) fn outcome(&self) -> Outcome {
        match self {
            Unanswered::Send(err) => not_sent(err),
            Unanswered::Obtain(err) => not_obtained(err),
        }
    }

    pub(super) fn contact(&self) -> Contact {
        match self {
            Unanswered::Send(err) => of_error(err),
            Unanswered::Obtain(CredentialError::Obtain { failure, .. }) => match &**failure {
                ObtainError::Send(err) => of_error(err),
                // Without a token nothing can be sent there, whoever is asked for it.
                ObtainError::Later { .. } => Contact::Failed,
                ObtainError::Misconfigured(_) => Contact::None,
            },
            Unanswered::Obtain(CredentialError::Unknown(_) | CredentialError::Audience { .. }) => {
                Contact::None
            }
        }
    }
}

impl Contact {
    /// What an answer tells of its receiver. One that says that it cannot work is as good as none.
    pub(super) fn of(response: &Response, now: Timestamp) -> Self {
        match response.status {
            429 => Contact::Limited,
            403 if matches!(retry::judge(response, now), Verdict::Retry { .. }) => Contact::Limited,
            // What it does not implement concerns one request.
            501 => Contact::Answered,
            408 | 500..=599 => Contact::Failed,
            _ => Contact::Answered,
        }
    }
}

fn not_sent(err: &SendError) -> Outcome {
    let text = report(err);
    if err.is_misconfiguration() {
        Outcome::Misconfigured(text)
    } else if err.is_final() {
        Outcome::Dead(text)
    } else {
        retry(text)
    }
}

fn not_obtained(err: &CredentialError) -> Outcome {
    let text = report(err);
    match err {
        CredentialError::Unknown(_) => Outcome::Misconfigured(text),
        // Another module may ask for it where it belongs.
        CredentialError::Audience { .. } => retry(text),
        CredentialError::Obtain { failure, .. } => match &**failure {
            ObtainError::Misconfigured(_) => Outcome::Misconfigured(text),
            ObtainError::Later { after, .. } => Outcome::Retry { after: *after, reason: text },
            ObtainError::Send(err) if err.is_misconfiguration() => Outcome::Misconfigured(text),
            ObtainError::Send(_) => retry(text),
        },
    }
}

fn of_error(err: &SendError) -> Contact {
    match err {
        SendError::Resolve { .. }
        | SendError::Connect { .. }
        | SendError::Timeout { .. }
        | SendError::TooLong { .. }
        | SendError::Redirects { .. } => Contact::Failed,
        SendError::Refused { .. } | SendError::TooLarge { .. } => Contact::Answered,
        SendError::Denied(_) | SendError::Settings(_) => Contact::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_tells_whether_its_receiver_works() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let check = |status, headers: &[(&str, &str)], expected| {
            let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into()));
            let response = Response { status, headers: headers.collect(), body: Vec::new() };
            assert_eq!(Contact::of(&response, now), expected, "{status}");
        };
        for status in [200, 202, 400, 401, 403, 404, 410, 501] {
            check(status, &[], Contact::Answered);
        }
        for status in [408, 500, 502, 503, 504] {
            check(status, &[], Contact::Failed);
        }
        check(429, &[], Contact::Limited);
        check(403, &[("retry-after", "60")], Contact::Limited);
        check(403, &[("x-ratelimit-remaining", "0")], Contact::Limited);
    }
}
