//! Why a matched event is still not sent. Knows what a module is for, not which types there are; must not know the
//! module, the receiver or the network.

use std::fmt;

use crate::event::Event;
use crate::formatter::Purpose;
use crate::intake::ANNOTATION_PREFIX;

/// Why a delivery ends before it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Skip {
    /// The Provider rests.
    ProviderSuspended,
    /// The event exists for commit statuses alone, and this provider makes none.
    CommitStatusUpdate,
    /// The event names no commit to set a status on.
    NoCommitKey,
    /// The event names no change request to comment on.
    NoChangeRequestKey,
}

impl Skip {
    /// A word for logs and metrics.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Skip::ProviderSuspended => "provider-suspended",
            Skip::CommitStatusUpdate => "commit-status-update",
            Skip::NoCommitKey => "no-commit-key",
            Skip::NoChangeRequestKey => "no-change-request-key",
        }
    }
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Skip::ProviderSuspended => "provider suspended",
            Skip::CommitStatusUpdate => {
                "commit-status update event and not a commit-status or generic provider"
            }
            Skip::NoCommitKey => {
                "commit-status provider and no commit key in the metadata of an info event"
            }
            Skip::NoChangeRequestKey => {
                "comment provider and no change_request key in the metadata"
            }
        })
    }
}

/// Whether this event, cleaned and not yet merged with an Alert, is sent to a provider of this purpose.
#[must_use]
pub fn skip(event: &Event, purpose: Purpose, provider_suspended: bool) -> Option<Skip> {
    if provider_suspended {
        return Some(Skip::ProviderSuspended);
    }
    let is_update = || is_commit_status_update(event);
    match purpose {
        Purpose::Forward => None,
        Purpose::Message => is_update().then_some(Skip::CommitStatusUpdate),
        Purpose::ChangeRequest if is_update() => Some(Skip::CommitStatusUpdate),
        Purpose::ChangeRequest => {
            (!has_annotation(event, "change_request")).then_some(Skip::NoChangeRequestKey)
        }
        // A failure must reach the commit even where success would not.
        Purpose::CommitStatus => {
            (!is_update() && !event.is_error() && !has_annotation(event, "commit"))
                .then_some(Skip::NoCommitKey)
        }
    }
}

/// Whether the event's object and the Alert are in different namespaces.
#[must_use]
pub fn crosses_namespaces(alert_namespace: &str, event: &Event) -> bool {
    alert_namespace != event.involved_object.namespace
}

fn is_commit_status_update(event: &Event) -> bool {
    let group = event.involved_object.group();
    let is_it = |key: &str| key.strip_prefix(group) == Some("/commit_status");
    event.metadata.iter().any(|(key, value)| value == "update" && is_it(key))
}

fn has_annotation(event: &Event, name: &str) -> bool {
    event.metadata.contains_key(&format!("{ANNOTATION_PREFIX}{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::ObjectReference;

    const ALL: [Purpose; 4] =
        [Purpose::Message, Purpose::Forward, Purpose::CommitStatus, Purpose::ChangeRequest];
    const UPDATE: (&str, &str) = ("kustomize.toolkit.fluxcd.io/commit_status", "update");
    const COMMIT: (&str, &str) = ("event.toolkit.fluxcd.io/commit", "");
    const CHANGE_REQUEST: (&str, &str) = ("event.toolkit.fluxcd.io/change_request", "7");

    fn event(severity: &str, metadata: &[(&str, &str)]) -> Event {
        Event {
            involved_object: ObjectReference {
                api_version: "kustomize.toolkit.fluxcd.io/v1".to_owned(),
                namespace: "apps".to_owned(),
                ..ObjectReference::default()
            },
            severity: severity.to_owned(),
            metadata: metadata
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
            ..Event::default()
        }
    }

    /// `expected` is in the order of [`ALL`].
    fn check(severity: &str, metadata: &[(&str, &str)], expected: [Option<Skip>; 4]) {
        let event = event(severity, metadata);
        assert_eq!(
            ALL.map(|purpose| skip(&event, purpose, false)),
            expected,
            "{severity} {metadata:?}"
        );
    }

    #[test]
    fn the_rules_depend_on_purpose_severity_and_keys() {
        let (update, commit, change) = (
            Some(Skip::CommitStatusUpdate),
            Some(Skip::NoCommitKey),
            Some(Skip::NoChangeRequestKey),
        );
        check("info", &[], [None, None, commit, change]);
        check("trace", &[], [None, None, commit, change]);
        check("error", &[], [None, None, None, change]);
        check("info", &[COMMIT], [None, None, None, change]);
        check("info", &[CHANGE_REQUEST], [None, None, commit, None]);
        check("info", &[UPDATE], [update, None, None, update]);
        check("info", &[UPDATE, CHANGE_REQUEST], [update, None, None, update]);
        check("error", &[UPDATE], [update, None, None, update]);
    }

    #[test]
    fn only_the_exact_key_of_the_own_group_marks_an_update() {
        for other in [
            ("kustomize.toolkit.fluxcd.io/commit_status", "Update"),
            ("source.toolkit.fluxcd.io/commit_status", "update"),
            ("event.toolkit.fluxcd.io/commit_status", "update"),
            ("commit_status", "update"),
        ] {
            check(
                "info",
                &[other],
                [None, None, Some(Skip::NoCommitKey), Some(Skip::NoChangeRequestKey)],
            );
        }
    }

    #[test]
    fn a_suspended_provider_gets_nothing() {
        for purpose in ALL {
            assert_eq!(
                skip(&event("error", &[UPDATE]), purpose, true),
                Some(Skip::ProviderSuspended)
            );
        }
    }

    #[test]
    fn namespaces_are_crossed_when_they_differ() {
        assert!(!crosses_namespaces("apps", &event("info", &[])));
        assert!(crosses_namespaces("notify", &event("info", &[])));
    }
}
