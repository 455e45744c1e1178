//! Whether an event is sent that an Alert wants, by what the Alert asks for and what was sent about the object before.
//!
//! A decision depends on nothing but the Alert, the [`History`] and the event with its time of acceptance, so that an
//! event which is routed again after a crash meets the same decision: either its history was kept together with its
//! delivery's row, and then the row says it, or neither was, and then it is decided anew from the same history.
//!
//! An object *fails* when an event of severity `error` says so that the Alert wants. It is *well* when an event of severity
//! `info` says so, also one that the Alert does not want, such as every one for an Alert with `eventSeverity: error`.
//! Other events say neither: those of severity `trace`, and reasons of `info` that controllers give while they are at
//! work, wait for something else, or went back to an older release.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::fingerprint::Fingerprint;
use super::{Floods, shown};
use crate::delivery::EventId;
use crate::event::{Event, rfc3339_seconds};

/// So many different messages are remembered about one object; beyond that the oldest is forgotten, and may be repeated.
const MAX_RECENT: usize = 32;

/// Reasons of `info` that do not say that the object is well. After a rollback or the removal of a failed release Flux
/// holds the object for not ready.
const UNDECIDED: [&str; 7] = [
    "Progressing",
    "ProgressingWithRetry",
    "DependencyNotReady",
    "HealthCheckCanceled",
    "PendingRelease",
    "RollbackSucceeded",
    "UninstallSucceeded",
];

/// What an event says of its object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Condition {
    Failing,
    Well,
}

impl Condition {
    fn of(event: &Event) -> Option<Self> {
        match event.severity.as_str() {
            "error" => Some(Self::Failing),
            "info" if !UNDECIDED.contains(&event.reason.as_str()) => Some(Self::Well),
            _ => None,
        }
    }
}

/// What is remembered of one object for one Alert.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct History {
    /// Events up to this one are in it.
    event: i64,
    /// What the last event said that said anything.
    condition: Option<Condition>,
    /// How many failures there were since the object was last well.
    failures: u32,
    /// When the first of them was accepted, in milliseconds since 1970.
    failing_since: Option<i64>,
    /// What the Alert's readers believe.
    told: Option<Told>,
    /// What was sent since the condition last changed, oldest first.
    recent: Vec<Recent>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Told {
    condition: Condition,
    event: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Recent {
    fingerprint: Fingerprint,
    event: i64,
    /// When it was accepted, in milliseconds since 1970.
    at: i64,
    /// How often it was said again and not sent.
    repeats: u32,
}

/// An event that an Alert may want.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// The event, not yet merged with the Alert's metadata.
    pub event: &'a Event,
    /// Its place in the journal.
    pub id: EventId,
    /// When it was accepted.
    pub at: Timestamp,
    /// Whether the Alert wants it by its severity and lists.
    pub is_wanted: bool,
}

/// What becomes of an event for one Alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The Alert does not want it.
    Unwanted,
    /// It is sent.
    Send(Notice),
    /// It is not sent, and the delivery is recorded as skipped.
    Hold(Hold),
}

/// What goes with an event that is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Notice {
    /// It tells that the object's condition is another one than the Alert's readers believe.
    ///
    /// Such a message goes out where an event for commit statuses alone would not: kustomize-controller says only in such
    /// events that a Kustomization is well again.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_change: bool,
    /// To be added to its metadata.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub metadata: Vec<(String, String)>,
}

/// Why an event is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// The same was said about the object within the window.
    Repeat {
        /// The event with which it was sent.
        of: EventId,
        /// How long it counts.
        within: Duration,
    },
    /// The readers know that the object fails, or that it is well.
    Unchanged {
        /// The event with which they were told.
        since: EventId,
    },
    /// It does not say whether the object fails or is well.
    Undecided,
    /// There are not enough failures yet.
    Early {
        /// How many there are.
        failures: u32,
        /// How many there must be.
        of: u32,
    },
}

impl Hold {
    /// A word for metrics.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Hold::Repeat { .. } => "repeat",
            Hold::Unchanged { .. } => "unchanged",
            Hold::Undecided => "undecided",
            Hold::Early { .. } => "early",
        }
    }

    /// The event whose delivery says what this one would.
    #[must_use]
    pub fn refers_to(self) -> Option<EventId> {
        match self {
            Hold::Repeat { of, .. } => Some(of),
            Hold::Unchanged { since } => Some(since),
            Hold::Undecided | Hold::Early { .. } => None,
        }
    }
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Hold::Repeat { of, within } => write!(
                f,
                "says the same as event {of} did less than {} before ({})",
                shown(*within),
                super::SUPPRESS_REPEATS
            ),
            Hold::Unchanged { since } => write!(
                f,
                "the object's condition is the one that event {since} told ({})",
                super::ONLY_CHANGES
            ),
            Hold::Undecided => write!(
                f,
                "does not say whether the object fails or is well ({})",
                super::ONLY_CHANGES
            ),
            Hold::Early { failures, of } => {
                write!(f, "failure {failures} in a row, of {of} ({})", super::AFTER_FAILURES)
            }
        }
    }
}

impl History {
    /// Reads what [`History::to_text`] wrote; none when it is of another form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// The form in which it is kept.
    #[must_use]
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).expect("it holds texts and numbers")
    }

    /// Decides about the next event of the object, and tells what is to be remembered then.
    ///
    /// An event that is in the history already was decided before a crash. Whatever was held then has a row that says so,
    /// and with it the history was kept; so what comes here without one is sent if the Alert wants it.
    #[must_use]
    pub fn decide(&self, floods: &Floods, seen: &Seen<'_>) -> (Decision, History) {
        if seen.id.0 <= self.event {
            let decision =
                if seen.is_wanted { Decision::Send(Notice::default()) } else { Decision::Unwanted };
            return (decision, self.clone());
        }
        let mut next = self.clone();
        let decision = next.take(floods, seen);
        if decision == Decision::Unwanted && !next.differs_from(self) {
            // Most events that an Alert does not want teach nothing, and need not be written down.
            return (decision, self.clone());
        }
        next.event = seen.id.0;
        (decision, next)
    }

    fn take(&mut self, floods: &Floods, seen: &Seen<'_>) -> Decision {
        let condition = Condition::of(seen.event);
        if !seen.is_wanted && condition != Some(Condition::Well) {
            return Decision::Unwanted;
        }
        let failed = (self.failures, self.failing_since);
        if let Some(condition) = condition {
            self.see(condition, seen.at.as_millisecond());
        }
        let told = self.told;
        let is_recovery = condition == Some(Condition::Well)
            && told.is_some_and(|told| told.condition == Condition::Failing);
        if is_recovery && floods.recovery_notice {
            if let Some(window) = floods.suppress_repeats {
                // What was said before the object failed is forgotten, so this only notes what is said now.
                drop(self.repeat(seen, window));
            }
            let metadata = vec![("recovered".to_owned(), recovered(failed))];
            return self.send(seen, Notice { is_change: true, metadata });
        }
        if !seen.is_wanted {
            // The readers are not told, so what they believe is not so any more, and the next failure is news again.
            self.told = told.filter(|_| !is_recovery);
            return Decision::Unwanted;
        }
        let mut notice = Notice::default();
        if let (Some(Condition::Failing), Some(wanted)) = (condition, floods.after_failures) {
            if self.failures < wanted {
                return Decision::Hold(Hold::Early { failures: self.failures, of: wanted });
            }
            if self.failures == wanted && wanted > 1 {
                notice.metadata.push(("failures".to_owned(), unsent(wanted)));
            }
        }
        if floods.only_changes {
            match (condition, told) {
                (None, _) => return Decision::Hold(Hold::Undecided),
                (Some(condition), Some(told)) if condition == told.condition => {
                    return Decision::Hold(Hold::Unchanged { since: EventId(told.event) });
                }
                (Some(_), Some(_)) => notice.is_change = true,
                (Some(_), None) => {}
            }
        }
        if let Some(window) = floods.suppress_repeats {
            match self.repeat(seen, window) {
                Ok(of) => return Decision::Hold(Hold::Repeat { of, within: window }),
                Err(Some(repeats)) => notice.metadata.push(("repeats".to_owned(), repeats)),
                Err(None) => {}
            }
        }
        self.send(seen, notice)
    }

    /// Notes what an event says of the object.
    fn see(&mut self, condition: Condition, at: i64) {
        if self.condition.replace(condition) != Some(condition) {
            // A failure that comes back is news.
            self.recent.clear();
        }
        match condition {
            Condition::Failing => {
                self.failures = self.failures.saturating_add(1);
                self.failing_since.get_or_insert(at);
            }
            Condition::Well => {
                self.failures = 0;
                self.failing_since = None;
            }
        }
    }

    fn send(&mut self, seen: &Seen<'_>, notice: Notice) -> Decision {
        if let Some(condition) = Condition::of(seen.event) {
            self.told = Some(Told { condition, event: seen.id.0 });
        }
        Decision::Send(notice)
    }

    /// The event that this one repeats; otherwise what there is to say of repeats of an earlier one that were not sent.
    ///
    /// A window begins with what is sent and ends by itself, however often it is said again: a failure that goes on is
    /// told once in every window.
    fn repeat(&mut self, seen: &Seen<'_>, window: Duration) -> Result<EventId, Option<String>> {
        let fingerprint = Fingerprint::of(seen.event);
        let at = seen.at.as_millisecond();
        let mut unsent = None;
        if let Some(place) = self.recent.iter().position(|recent| recent.fingerprint == fingerprint)
        {
            let recent = &mut self.recent[place];
            // A clock that was set back must not make a window longer.
            if u128::from(recent.at.abs_diff(at)) < window.as_millis() {
                recent.repeats = recent.repeats.saturating_add(1);
                return Ok(EventId(recent.event));
            }
            let recent = self.recent.remove(place);
            unsent = (recent.repeats > 0)
                .then(|| format!("{}{}, not sent", recent.repeats, since(Some(recent.at))));
        }
        if self.recent.len() >= MAX_RECENT {
            self.recent.remove(0);
        }
        self.recent.push(Recent { fingerprint, event: seen.id.0, at, repeats: 0 });
        Err(unsent)
    }

    /// Whether there is more to it than that an event was seen.
    fn differs_from(&self, other: &Self) -> bool {
        let without_event = |history: &Self| History { event: 0, ..history.clone() };
        without_event(self) != without_event(other)
    }
}

fn recovered((failures, first_at): (u32, Option<i64>)) -> String {
    let times = if failures == 1 { "failure" } else { "failures" };
    format!("after {failures} {times}{}", since(first_at))
}

fn since(millis: Option<i64>) -> String {
    let at = millis.and_then(|millis| Timestamp::from_millisecond(millis).ok());
    at.map_or_else(String::new, |at| format!(" since {}", rfc3339_seconds(at)))
}

fn unsent(failures: u32) -> String {
    match failures - 1 {
        1 => format!("{failures} in a row, the first was not sent"),
        before => format!("{failures} in a row, the first {before} were not sent"),
    }
}

#[cfg(test)]
mod tests;
