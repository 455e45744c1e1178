//! What an Alert asks for against floods of messages: its annotations `herald.dev/…`, all of them off by default.
//!
//! What an event says is compared in `fingerprint`, whether it is sent is decided in `gate`, and many events become one
//! message in `digest`. Time is an argument, and what is remembered of an object is a value that somebody else keeps.

pub mod digest;
pub mod fingerprint;
pub mod gate;

use std::time::Duration;

use jiff::SignedDuration;

use crate::formatter::Purpose;

/// Begins the names of all annotations that are Herald's own.
pub const PREFIX: &str = "herald.dev/";

const SUPPRESS_REPEATS: &str = "herald.dev/suppress-repeats";
const ONLY_CHANGES: &str = "herald.dev/only-changes";
const AFTER_FAILURES: &str = "herald.dev/after-failures";
const RECOVERY_NOTICE: &str = "herald.dev/recovery-notice";
/// Asks for digests.
pub const DIGEST: &str = "herald.dev/digest";

/// The annotations of an Alert.
pub const ANNOTATIONS: [&str; 5] =
    [SUPPRESS_REPEATS, ONLY_CHANGES, AFTER_FAILURES, RECOVERY_NOTICE, DIGEST];

/// A digest shorter than this is no digest, and a longer one no news.
const DIGEST_WINDOW: (Duration, Duration) =
    (Duration::from_secs(1), Duration::from_secs(24 * 60 * 60));

/// What is suppressed must be found in the journal, which keeps a week.
const REPEATS_WINDOW: (Duration, Duration) =
    (Duration::from_secs(1), Duration::from_secs(7 * 24 * 60 * 60));

/// Whoever waits for more failures than this is told of none.
const MAX_FAILURES: u32 = 1000;

/// What an Alert asks for against floods.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Floods {
    /// What says the same about the same object as a message sent less than this ago is not sent.
    pub suppress_repeats: Option<Duration>,
    /// An object's event is sent when the object fails or is well, and did not before.
    pub only_changes: bool,
    /// So many failures in a row make the first message about an object; none is as good as one.
    pub after_failures: Option<u32>,
    /// That an object is well again is sent after a failure that was sent, whatever else the Alert wants.
    pub recovery_notice: bool,
    /// Events are gathered for so long and make one message.
    pub digest: Option<Duration>,
}

impl Floods {
    /// Whether the history of an object has to be known to decide about its next event.
    #[must_use]
    pub fn needs_history(&self) -> bool {
        self.suppress_repeats.is_some()
            || self.only_changes
            || self.after_failures.is_some()
            || self.recovery_notice
    }

    /// What of it makes no sense for a Provider whose module has this purpose: the annotation's name and why.
    #[must_use]
    pub fn problems(&self, purpose: Purpose) -> Vec<(&'static str, &'static str)> {
        let of_each = match purpose {
            Purpose::Message => return Vec::new(),
            Purpose::Forward => {
                "does not apply: its Provider passes every event on; remove it, or name a Provider that sends messages"
            }
            Purpose::CommitStatus => {
                "does not apply: its Provider sets the status of every commit; remove it, or name a Provider that sends messages"
            }
            Purpose::ChangeRequest => {
                "does not apply: its Provider writes on every change request; remove it, or name a Provider that sends messages"
            }
        };
        // Whoever is passed events may well want fewer of them, but the status of a commit says nothing about the next.
        let is_of_commits = matches!(purpose, Purpose::CommitStatus | Purpose::ChangeRequest);
        [
            (DIGEST, self.digest.is_some()),
            (ONLY_CHANGES, self.only_changes && is_of_commits),
            (AFTER_FAILURES, self.after_failures.is_some() && is_of_commits),
        ]
        .into_iter()
        .filter(|(_, is_wrong)| *is_wrong)
        .map(|(name, _)| (name, of_each))
        .collect()
    }

    /// The same without what makes no sense for this purpose.
    #[must_use]
    pub fn applicable(&self, purpose: Purpose) -> Self {
        let mut floods = self.clone();
        for (name, _) in self.problems(purpose) {
            match name {
                DIGEST => floods.digest = None,
                ONLY_CHANGES => floods.only_changes = false,
                _ => floods.after_failures = None,
            }
        }
        floods
    }

    /// Takes over one annotation of an Alert; `name` is one of [`ANNOTATIONS`], others are passed over.
    ///
    /// # Errors
    /// When the value is not of the annotation's form; the others still count.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), ParseFloodsError> {
        match name {
            SUPPRESS_REPEATS => self.suppress_repeats = Some(window(value, REPEATS_WINDOW)?),
            DIGEST => self.digest = Some(window(value, DIGEST_WINDOW)?),
            ONLY_CHANGES => self.only_changes = flag(value)?,
            RECOVERY_NOTICE => self.recovery_notice = flag(value)?,
            AFTER_FAILURES => {
                let failures = value.parse().ok().filter(|n| (1..=MAX_FAILURES).contains(n));
                self.after_failures = Some(failures.ok_or(ParseFloodsError::Count)?);
            }
            _ => {}
        }
        Ok(())
    }
}

/// Why the value of an annotation is none. The texts quote no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseFloodsError {
    /// It is neither of two words.
    #[error("must be \"true\" or \"false\", in quotes")]
    Flag,
    /// It is no count.
    #[error("must be a whole number from 1 to {MAX_FAILURES}, in quotes")]
    Count,
    /// It is no duration, or none that makes sense.
    #[error("must be a time from {} to {}, such as 30s, 10m or 1h30m", shown(*.min), shown(*.max))]
    Window {
        /// The shortest.
        min: Duration,
        /// The longest.
        max: Duration,
    },
}

fn flag(value: &str) -> Result<bool, ParseFloodsError> {
    match value {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(ParseFloodsError::Flag),
    }
}

fn window(value: &str, (min, max): (Duration, Duration)) -> Result<Duration, ParseFloodsError> {
    let parsed: Option<SignedDuration> = value.parse().ok();
    parsed
        .and_then(|window| Duration::try_from(window).ok())
        .filter(|window| (min..=max).contains(window))
        .ok_or(ParseFloodsError::Window { min, max })
}

/// A duration as people write it: `10m`, `1h30m`.
#[must_use]
pub fn shown(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let parts = [(seconds / 3600, 'h'), (seconds / 60 % 60, 'm'), (seconds % 60, 's')];
    let text: String = parts
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, unit)| format!("{number}{unit}"))
        .collect();
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(annotations: &[(&str, &str)]) -> Floods {
        let mut floods = Floods::default();
        for (name, value) in annotations {
            floods.set(name, value).expect("the case is right");
        }
        floods
    }

    #[test]
    fn every_annotation_is_off_by_default() {
        let off = Floods::default();
        assert!(!off.needs_history() && off.digest.is_none());
        assert_eq!(read(&[(ONLY_CHANGES, "false"), (RECOVERY_NOTICE, "false")]), off);
        assert_eq!(read(&[("herald.dev/other", "?"), ("team", "a")]), off);
    }

    #[test]
    fn annotations_are_read() {
        let minutes = |n: u64| Duration::from_secs(60 * n);
        for (name, value, expected) in [
            (
                SUPPRESS_REPEATS,
                "1h30m",
                Floods { suppress_repeats: Some(minutes(90)), ..Floods::default() },
            ),
            (
                SUPPRESS_REPEATS,
                "168h",
                Floods { suppress_repeats: Some(minutes(168 * 60)), ..Floods::default() },
            ),
            (ONLY_CHANGES, "true", Floods { only_changes: true, ..Floods::default() }),
            (AFTER_FAILURES, "3", Floods { after_failures: Some(3), ..Floods::default() }),
            (RECOVERY_NOTICE, "true", Floods { recovery_notice: true, ..Floods::default() }),
        ] {
            assert_eq!(read(&[(name, value)]), expected, "{name}");
            assert!(expected.needs_history(), "{name}");
        }
        let digest = read(&[(DIGEST, "10m")]);
        assert_eq!(digest.digest, Some(minutes(10)));
        assert!(!digest.needs_history(), "a digest gathers what is sent in any case");
    }

    #[test]
    fn a_wrong_value_says_what_is_right_and_leaves_the_others() {
        for (name, value, message) in [
            (ONLY_CHANGES, "yes", "must be \"true\" or \"false\", in quotes"),
            (RECOVERY_NOTICE, "", "must be \"true\" or \"false\", in quotes"),
            (AFTER_FAILURES, "0", "must be a whole number from 1 to 1000, in quotes"),
            (AFTER_FAILURES, "-1", "must be a whole number from 1 to 1000, in quotes"),
            (AFTER_FAILURES, "three", "must be a whole number from 1 to 1000, in quotes"),
            (SUPPRESS_REPEATS, "10", "must be a time from 1s to 168h, such as 30s, 10m or 1h30m"),
            (SUPPRESS_REPEATS, "169h", "must be a time from 1s to 168h, such as 30s, 10m or 1h30m"),
            (DIGEST, "-5m", "must be a time from 1s to 24h, such as 30s, 10m or 1h30m"),
            (DIGEST, "25h", "must be a time from 1s to 24h, such as 30s, 10m or 1h30m"),
            (DIGEST, "500ms", "must be a time from 1s to 24h, such as 30s, 10m or 1h30m"),
        ] {
            let mut floods = read(&[("herald.dev/after-failures", "2")]);
            let before = floods.clone();
            let error = floods.set(name, value).expect_err(value);
            assert_eq!(error.to_string(), message, "{name}: {value}");
            assert_eq!(floods, before);
        }
    }

    #[test]
    fn what_makes_no_sense_for_a_purpose_is_told_and_left_out() {
        let all = read(&[
            (SUPPRESS_REPEATS, "1h"),
            (ONLY_CHANGES, "true"),
            (AFTER_FAILURES, "3"),
            (RECOVERY_NOTICE, "true"),
            (DIGEST, "10m"),
        ]);
        for (purpose, expected) in [
            (Purpose::Message, &[][..]),
            (Purpose::Forward, &[DIGEST]),
            (Purpose::CommitStatus, &[DIGEST, ONLY_CHANGES, AFTER_FAILURES]),
            (Purpose::ChangeRequest, &[DIGEST, ONLY_CHANGES, AFTER_FAILURES]),
        ] {
            let problems = all.problems(purpose);
            let names: Vec<&str> = problems.iter().map(|(name, _)| *name).collect();
            assert_eq!(names, expected, "{purpose:?}");
            let rest = all.applicable(purpose);
            assert_eq!(rest.problems(purpose), []);
            assert!(rest.suppress_repeats.is_some() && rest.recovery_notice);
            assert_eq!(Floods::default().problems(purpose), []);
        }
    }

    #[test]
    fn a_duration_is_shown_as_it_is_written() {
        for (seconds, expected) in
            [(0, "0s"), (59, "59s"), (600, "10m"), (5400, "1h30m"), (86_400, "24h")]
        {
            assert_eq!(shown(Duration::from_secs(seconds)), expected);
        }
    }
}
