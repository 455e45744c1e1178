//! How the deliveries of each Provider went lately, and the Kubernetes events about those that failed.
//!
//! It is told on the way of every delivery, so it only takes note. It must not know how a status or an event is written.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use herald_core::alert::Alert;
use herald_core::event::ObjectReference;
use herald_core::metadata::Conflict;
use tokio::sync::mpsc;

use super::Judge;
use super::crds::LastDelivery;
use super::events::{EventReason, News};
use super::status::rfc3339;
use crate::catalog::{CatalogStore, ProviderKey as Key};
use crate::notices::{Attempted, Observer};

/// As often may an attempt fail before it is told: the peer tries about as often before it tells.
const QUIET_ATTEMPTS: u32 = 3;
/// The longest reason in a status, in characters.
const MAX_REASON_CHARS: usize = 500;

/// What was heard of deliveries.
#[derive(Default)]
pub(super) struct Deliveries {
    heard: Mutex<Heard>,
    ears: Option<Ears>,
}

#[derive(Default)]
struct Heard {
    last: HashMap<Key, LastDelivery>,
    changed: BTreeSet<Key>,
}

/// What is needed to tell somebody.
struct Ears {
    catalog: Arc<CatalogStore>,
    judge: Arc<dyn Judge>,
    news: mpsc::Sender<News>,
}

impl Deliveries {
    pub(super) fn new(
        catalog: Arc<CatalogStore>,
        judge: Arc<dyn Judge>,
        news: mpsc::Sender<News>,
    ) -> Self {
        Self { heard: Mutex::default(), ears: Some(Ears { catalog, judge, news }) }
    }

    /// One that has heard of nothing.
    pub(super) fn silent() -> Self {
        Self::default()
    }

    /// The latest delivery of a Provider.
    pub(super) fn last(&self, provider: &Key) -> Option<LastDelivery> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).last.get(provider).cloned()
    }

    /// The Providers that something was heard of since this was asked last.
    pub(super) fn take_changed(&self) -> BTreeSet<Key> {
        std::mem::take(&mut self.heard.lock().unwrap_or_else(PoisonError::into_inner).changed)
    }

    fn tell(
        &self,
        alert: &Alert,
        reason: EventReason,
        message: String,
        annotations: BTreeMap<String, String>,
    ) {
        let Some(ears) = &self.ears else { return };
        let news = News {
            kind: "Alert",
            key: Key::new(alert.namespace.as_str(), alert.name.as_str()),
            uid: alert.uid.clone(),
            reason,
            message,
            annotations,
        };
        // Whoever writes events is behind; the log has what is left out.
        drop(ears.news.try_send(news));
    }
}

impl Observer for Deliveries {
    fn attempted(&self, attempted: &Attempted<'_>) {
        let Some(ears) = &self.ears else { return };
        // Nothing was to be sent, which says nothing of the receiver.
        if attempted.outcome == "skipped" {
            return;
        }
        let catalog = ears.catalog.load();
        let kind = catalog.provider(attempted.provider).map(|provider| provider.kind.clone());
        let last = LastDelivery {
            time: rfc3339(attempted.at),
            outcome: attempted.outcome.to_owned(),
            reason: attempted.reason.chars().take(MAX_REASON_CHARS).collect(),
            module_revision: kind.and_then(|kind| ears.judge.revision(&kind)).unwrap_or_default(),
        };
        {
            let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
            heard.last.insert(attempted.provider.clone(), last);
            heard.changed.insert(attempted.provider.clone());
        }
        let is_told = match attempted.outcome {
            "dead" | "misconfigured" => true,
            "retry" => attempted.attempts >= QUIET_ATTEMPTS,
            _ => false,
        };
        if is_told && let Some(alert) = catalog.alerts.get(attempted.alert_uid) {
            let did = if attempted.was_answered { "send" } else { "dispatch" };
            let message = format!(
                "failed to {did} notification for {}: {}",
                shown(attempted.object),
                attempted.reason
            );
            self.tell(alert, EventReason::NotificationDispatchFailed, message, BTreeMap::new());
        }
    }

    fn conflicting_metadata(&self, alert: &Alert, _: &ObjectReference, conflicts: &[Conflict]) {
        let message = "metadata key conflicts detected (please refer to the Alert API docs and Flux RFC 0008 for more information)";
        let annotations = conflicts
            .iter()
            .filter(|conflict| is_annotation_name(&conflict.key))
            .map(|conflict| (conflict.key.clone(), conflict.sources.join(", ")))
            .collect();
        self.tell(alert, EventReason::MetadataAppendFailed, message.to_owned(), annotations);
    }

    fn unknown_labels(&self, alert: &Alert, object: &ObjectReference, reason: &str) {
        let message = format!("error getting source object {}: {reason}", shown(object));
        self.tell(alert, EventReason::SourceFetchFailed, message, BTreeMap::new());
    }
}

fn shown(object: &ObjectReference) -> String {
    format!("{}/{}/{}", object.kind, object.namespace, object.name)
}

/// The API server would refuse the whole event for one name that it does not take.
fn is_annotation_name(key: &str) -> bool {
    let name = key.rsplit_once('/').map_or(key, |(_, name)| name);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let is_end = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let prefix = key.rsplit_once('/').map(|(prefix, _)| prefix);
    !name.is_empty()
        && name.len() <= 63
        && name.chars().all(is_plain)
        && is_end(name.chars().next())
        && is_end(name.chars().next_back())
        && prefix.is_none_or(|prefix| {
            !prefix.is_empty()
                && prefix.len() <= 253
                && prefix
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c))
        })
}
