//! Which of an event's Alerts want it, and what becomes of it for those that ask for something against floods.
//!
//! The decision itself is made in `herald_core::floods`; here is what it depends on: the Provider, its module, and what the
//! journal remembers of the object. It must not know how a decision is kept or carried out.

use std::sync::Arc;

use herald_core::alert::Alert;
use herald_core::delivery::EventId;
use herald_core::event::Event;
use herald_core::floods::Floods;
use herald_core::floods::gate::{Decision, History, Hold, Notice, Seen};
use herald_core::formatter::Purpose;
use herald_core::matching::{self, Labels, Match, matches};
use herald_core::skip::{self, Skip};
use herald_journal::{Journal, RememberKey};
use jiff::Timestamp;

use crate::catalog::Catalog;
use crate::delivery::{ObjectKey, Options};
use crate::modules::Modules;

/// Under this name the history of an object is remembered; no module has one like it.
const MODULE: &str = "herald.dev/floods";

/// An Alert that is told of an event.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate<'a> {
    pub(super) alert: &'a Arc<Alert>,
    /// It wants the event; otherwise it wants others about the object, and what it asks for against floods depends on all.
    pub(super) is_wanted: bool,
}

/// What becomes of an event for an Alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing.
    Ignored,
    /// It is sent, and nothing had to be decided.
    Plain,
    /// It is sent with this.
    Sent(Notice),
    /// It goes into a digest with this.
    Gathered(Notice, std::time::Duration),
    /// It is not sent.
    Held(Hold),
}

/// What is remembered from now on.
pub(super) type Remember = (RememberKey, String);

/// What decisions depend on beside the event.
pub(super) struct Gate<'a> {
    pub(super) journal: &'a Journal,
    pub(super) modules: &'a Modules,
    pub(super) catalog: &'a Catalog,
    pub(super) options: Options,
}

/// The Alerts that are told of this event.
pub(super) fn candidates<'a>(
    event: &Event,
    catalog: &'a Catalog,
    labels: &dyn Labels,
) -> Vec<Candidate<'a>> {
    let mut found = Vec::new();
    for alert in catalog.alerts.candidates(event) {
        let is_wanted = match matches(alert, event, labels) {
            Match::Yes => true,
            Match::No => false,
            Match::UnknownLabels { kind, namespace, name } => {
                tracing::warn!(
                    alert.name = %alert.name,
                    alert.namespace = %alert.namespace,
                    "the Alert selects by matchLabels, and the labels of {kind} {namespace}/{name} are not known: no match"
                );
                continue;
            }
        };
        let is_told = is_wanted
            || (alert.floods.needs_history()
                && matching::is_about_sources(alert, event, labels) == Match::Yes);
        if is_told {
            found.push(Candidate { alert, is_wanted });
        }
    }
    found
}

impl Gate<'_> {
    /// What becomes of an event that was accepted at `at`, and what is to be remembered for the next one.
    pub(super) fn decide(
        &self,
        candidate: Candidate<'_>,
        event: &Event,
        id: EventId,
        at: Timestamp,
    ) -> (Verdict, Option<Remember>) {
        let Candidate { alert, is_wanted } = candidate;
        let plain = if is_wanted { Verdict::Plain } else { Verdict::Ignored };
        let provider = self.catalog.provider_of(alert);
        let purpose = provider
            .and_then(|provider| self.modules.get(&provider.kind))
            .map_or(Purpose::Message, |module| module.module.description().purpose);
        let floods = alert.floods.applicable(purpose);
        // The attempt refuses it and says why; a digest would hide where its events come from.
        let is_forbidden = self.options.no_cross_namespace_refs
            && skip::crosses_namespaces(&alert.namespace, event);
        let skip = skip::skip(event, purpose, provider.is_some_and(|provider| provider.suspend));
        if floods == Floods::default() || is_forbidden || skip == Some(Skip::ProviderSuspended) {
            return (plain, None);
        }
        // What the attempt would not send tells nobody anything, unless the gate says that it is news.
        let is_sendable = is_wanted && skip.is_none();
        let (decision, remember) = if floods.needs_history() {
            let key = key(alert, event);
            let before = self.journal.remembered(&key);
            let history = before.as_deref().and_then(History::parse).unwrap_or_default();
            let seen = Seen { event, id, at, is_wanted: is_sendable };
            let (decision, next) = history.decide(&floods, &seen);
            let remember = (next != history).then(|| (key, next.to_text()));
            (decision, remember)
        } else if is_sendable {
            (Decision::Send(Notice::default()), None)
        } else {
            (Decision::Unwanted, None)
        };
        let verdict = match decision {
            Decision::Unwanted => plain,
            Decision::Hold(hold) => Verdict::Held(hold),
            Decision::Send(notice) => match floods.digest {
                Some(window) => Verdict::Gathered(notice, window),
                None => Verdict::Sent(notice),
            },
        };
        (verdict, remember)
    }
}

fn key(alert: &Alert, event: &Event) -> RememberKey {
    RememberKey {
        owner: alert.uid.clone(),
        module: MODULE.to_owned(),
        object: ObjectKey::of(event).to_string(),
    }
}
