//! Decides which statuses are due, and who is told: conditions, Kubernetes events and the peer's finalizers.
//!
//! Only the process that leads writes, and only where the definitions in the cluster have a status. It must not know how a
//! status is written or what is in it.

mod alerts;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::catalog::ProviderKey as Key;
use crate::sources::cluster::connection::Connection;
use crate::sources::cluster::crds::{AlertStatus, ProviderStatus};
use crate::sources::cluster::definitions;
use crate::sources::cluster::deliveries::Deliveries;
use crate::sources::cluster::events::{EventReason, News};
use crate::sources::cluster::finalizer;
use crate::sources::cluster::mirror::Mirror;
use crate::sources::cluster::seen::Meta;
use crate::sources::cluster::status::{NO_NEWS, Tally, Urgency, of_provider, urgency};
use crate::sources::cluster::verdict::{Reason, Verdict};
use crate::sources::cluster::writer::{Desired, Written};
use crate::sources::cluster::{Counts, Judge};

/// How often the journal is asked for what waits and what is dead.
const COUNT: Duration = Duration::from_secs(10);
/// How often to look whether the definitions in the cluster have a status, while they have none.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// How often failures to write are told.
const COMPLAIN: Duration = Duration::from_secs(60);

/// What Herald says of the objects of the cluster.
pub(in crate::sources::cluster) struct Statuses {
    connection: Connection,
    desired: mpsc::UnboundedSender<Desired>,
    news: mpsc::Sender<News>,
    counts: Arc<dyn Counts>,
    judge: Arc<dyn Judge>,
    is_leading: bool,
    /// Whether events are routed by all that is known.
    is_current: bool,
    /// What is ready as soon as they are.
    held: BTreeSet<(&'static str, Key)>,
    /// Whether all Providers were seen: an Alert may come before its Provider.
    is_synced: bool,
    /// Whether the definitions have a status; none when that is not known.
    has_status: Option<bool>,
    looked: Option<Instant>,
    counted: Option<Instant>,
    counted_last: HashMap<Key, (i64, i64)>,
    complained: Option<Instant>,
    verdicts: HashMap<Key, Verdict>,
    /// Providers that are others now than those that the verdict is about.
    unjudged: HashSet<Key>,
    faulty_alerts: HashSet<Key>,
    providers: HashMap<Key, Offered<ProviderStatus>>,
    offered_alerts: HashMap<Key, AlertStatus>,
    /// Providers with news that can wait.
    waiting: BTreeSet<Key>,
    stripped: HashSet<String>,
}

/// A status that was handed to the writer.
struct Offered<S> {
    status: S,
    at: Instant,
}

impl Statuses {
    pub(in crate::sources::cluster) fn new(
        connection: Connection,
        desired: mpsc::UnboundedSender<Desired>,
        news: mpsc::Sender<News>,
        counts: Arc<dyn Counts>,
        judge: Arc<dyn Judge>,
    ) -> Self {
        Self {
            connection,
            desired,
            news,
            counts,
            judge,
            is_leading: false,
            is_current: false,
            held: BTreeSet::new(),
            is_synced: false,
            has_status: None,
            looked: None,
            counted: None,
            counted_last: HashMap::new(),
            complained: None,
            verdicts: HashMap::new(),
            unjudged: HashSet::new(),
            faulty_alerts: HashSet::new(),
            providers: HashMap::new(),
            offered_alerts: HashMap::new(),
            waiting: BTreeSet::new(),
            stripped: HashSet::new(),
        }
    }

    /// How many Providers have a fault that their objects and Secrets do not show.
    pub(super) fn n_faults(&self) -> usize {
        let is_found = |verdict: &&Verdict| {
            matches!(
                verdict.reason,
                Reason::UnknownType
                    | Reason::ValidationFailed
                    | Reason::ServiceAccountNotFound
                    | Reason::ServiceAccountUnreadable
            )
        };
        self.verdicts.values().filter(is_found).count()
    }

    /// Takes note of what was found about a Provider. Whether its Alerts are to be looked at again.
    pub(super) fn judge(
        &mut self,
        mirror: &Mirror,
        deliveries: &Deliveries,
        key: &Key,
        verdict: Verdict,
    ) -> bool {
        let is_new = self.verdicts.get(key) != Some(&verdict);
        if is_new && !verdict.is_ready() && verdict.reason != Reason::Progressing {
            tracing::error!("Provider {key}: {}", verdict.message);
        }
        self.verdicts.insert(key.clone(), verdict);
        // What has changed of an Alert meanwhile has waited for this.
        let was_waited_for = self.unjudged.remove(key);
        self.provider(mirror, deliveries, key);
        is_new || was_waited_for
    }

    /// What was found about a Provider is of what it was before.
    pub(super) fn outdated(&mut self, key: &Key) {
        self.unjudged.insert(key.clone());
    }

    /// What was found about a Provider as it is.
    fn verdict_of(&self, key: &Key) -> Option<&Verdict> {
        self.verdicts.get(key).filter(|_| !self.unjudged.contains(key))
    }

    /// The Providers that lack the identity of a ServiceAccount.
    pub(super) fn without_account(&self) -> Vec<Key> {
        let lacks = |verdict: &Verdict| {
            matches!(
                verdict.reason,
                Reason::ServiceAccountNotFound | Reason::ServiceAccountUnreadable
            )
        };
        let lacking = self.verdicts.iter().filter(|(_, verdict)| lacks(verdict));
        lacking.map(|(key, _)| key.clone()).collect()
    }

    /// Something is known that events are not routed by yet.
    pub(super) fn catalog_is_old(&mut self) {
        self.is_current = false;
    }

    /// Events are routed by all that is known, so what was ready but for that is ready.
    pub(super) fn catalog_is_current(&mut self, mirror: &Mirror, deliveries: &Deliveries) {
        self.is_current = true;
        for (kind, key) in std::mem::take(&mut self.held) {
            match kind {
                "Provider" => self.provider(mirror, deliveries, &key),
                _ => self.alert(mirror, &key),
            }
        }
    }

    /// Another process led until now, or leads from now on.
    pub(super) fn lead(&mut self, is_leading: bool, mirror: &Mirror) {
        self.is_leading = is_leading;
        // Somebody else wrote meanwhile.
        self.providers.clear();
        self.offered_alerts.clear();
        if is_leading {
            self.offer_all(mirror);
        }
    }

    /// Takes note of what became of a status.
    pub(super) fn take_written(&mut self, written: Written) {
        match written {
            Written::NoSubresource => {
                self.has_status = None;
                self.looked = None;
                self.providers.clear();
                self.offered_alerts.clear();
            }
            Written::Failed(reason) => {
                let now = Instant::now();
                let is_told = self.complained.is_some_and(|at| now - at < COMPLAIN);
                if !is_told {
                    self.complained = Some(now);
                    tracing::warn!("a status cannot be written: {reason}");
                }
            }
        }
    }

    /// Offers the status of a Provider if it says something new.
    fn provider(&mut self, mirror: &Mirror, deliveries: &Deliveries, key: &Key) {
        let Some(entry) = mirror.providers.get(key) else { return };
        let Some(verdict) = self.verdict_of(key).cloned() else { return };
        let is_suspended = entry.provider.as_ref().is_some_and(|provider| provider.suspend);
        // What was not looked at in full has no status yet, and one of an object that rests is left as it is.
        if verdict.reason == Reason::Progressing || is_suspended || !self.may_write() {
            return;
        }
        if self.is_held("Provider", key, verdict.is_ready()) {
            return;
        }
        let counts = self.counted.map(|_| self.counted_last.get(key).copied().unwrap_or_default());
        let tally = Tally {
            last: deliveries.last(key),
            waiting: counts.map(|(waiting, _)| waiting),
            dead: counts.map(|(_, dead)| dead),
        };
        let status = of_provider(&entry.status, &entry.meta, &verdict, &tally, Timestamp::now());
        let offered = self.providers.get(key);
        let now = Instant::now();
        let is_urgent = match urgency(&entry.status, &status) {
            Urgency::Never => {
                self.waiting.remove(key);
                return;
            }
            Urgency::Now => true,
            Urgency::Later => {
                if offered.is_some_and(|offered| now - offered.at < NO_NEWS) {
                    self.waiting.insert(key.clone());
                    return;
                }
                false
            }
        };
        self.waiting.remove(key);
        if offered.is_some_and(|offered| urgency(&offered.status, &status) == Urgency::Never) {
            return;
        }
        self.offer("Provider", key, json!(status), is_urgent);
        self.providers.insert(key.clone(), Offered { status, at: now });
    }

    pub(super) fn forget_provider(&mut self, key: &Key) {
        self.verdicts.remove(key);
        self.unjudged.remove(key);
        self.providers.remove(key);
        self.waiting.remove(key);
        self.held.remove(&("Provider", key.clone()));
    }

    /// Takes the peer's finalizer from an object: from one that is being deleted always, else once. If it comes back, the
    /// peer still runs for the sake of its Receivers, and will have its way until the object is deleted.
    pub(super) fn strip_finalizer(
        &mut self,
        connection: &Connection,
        kind: &'static str,
        key: &Key,
        meta: &Meta,
    ) {
        if !self.is_leading || !meta.has_peer_finalizer {
            return;
        }
        let is_first = self.stripped.insert(meta.uid.clone());
        if is_first || meta.is_deleting {
            self.tell(News {
                kind,
                key: key.clone(),
                uid: meta.uid.clone(),
                reason: EventReason::Migration,
                message: "removed the finalizer of notification-controller".to_owned(),
                annotations: BTreeMap::new(),
            });
            tokio::spawn(finalizer::strip(connection.clone(), kind, key.clone()));
        }
    }

    /// What is due by time.
    pub(super) async fn tick(&mut self, mirror: &Mirror, deliveries: &Deliveries) {
        let now = Instant::now();
        self.look(mirror, now).await;
        let mut due: BTreeSet<Key> = deliveries.take_changed();
        if self.is_leading && self.counted.is_none_or(|at| now - at >= COUNT) {
            self.counted = Some(now);
            let counts = self.counts.counts().await;
            let of = |counts: &HashMap<Key, (i64, i64)>, key: &Key| {
                counts.get(key).copied().unwrap_or_default()
            };
            let keys = counts.keys().chain(self.counted_last.keys());
            due.extend(keys.filter(|key| of(&counts, key) != of(&self.counted_last, key)).cloned());
            self.counted_last = counts;
        }
        let rested =
            |key: &&Key| self.providers.get(*key).is_none_or(|offered| now - offered.at >= NO_NEWS);
        due.extend(self.waiting.iter().filter(rested).cloned());
        for key in due {
            self.provider(mirror, deliveries, &key);
        }
    }

    /// Looks whether the definitions have a status, as long as they are not known to.
    async fn look(&mut self, mirror: &Mirror, now: Instant) {
        let is_due = self.has_status != Some(true)
            && self.looked.is_none_or(|looked| now - looked >= LOOK_AGAIN);
        if !is_due {
            return;
        }
        self.looked = Some(now);
        let Some(has_status) = definitions::have_status(&self.connection).await else { return };
        if self.has_status == Some(has_status) {
            return;
        }
        self.has_status = Some(has_status);
        if has_status {
            self.offer_all(mirror);
        } else {
            tracing::warn!(
                "the cluster has Flux's own definitions of Provider and Alert: no status is written, the API server drops `spec.config` of Providers and refuses types that Flux does not have; `herald crds | kubectl apply --server-side --force-conflicts -f -` installs Herald's"
            );
        }
    }

    fn offer_all(&mut self, mirror: &Mirror) {
        // Deliveries are told about as they end; conditions are due now.
        let none = Deliveries::silent();
        for key in mirror.providers.keys().cloned().collect::<Vec<_>>() {
            self.provider(mirror, &none, &key);
        }
        for key in mirror.alerts.keys().cloned().collect::<Vec<_>>() {
            self.alert(mirror, &key);
        }
        let connection = self.connection.clone();
        for (key, entry) in &mirror.providers {
            self.strip_finalizer(&connection, "Provider", key, &entry.meta);
        }
        for (key, entry) in &mirror.alerts {
            self.strip_finalizer(&connection, "Alert", key, &entry.meta);
        }
    }

    /// Whether an object has to wait with being ready: whoever sees that it is may post an event at once.
    fn is_held(&mut self, kind: &'static str, key: &Key, is_ready: bool) -> bool {
        let is_held = is_ready && !self.is_current;
        if is_held {
            self.held.insert((kind, key.clone()));
        }
        is_held
    }

    fn may_write(&self) -> bool {
        self.is_leading && self.has_status == Some(true)
    }

    fn offer(&self, kind: &'static str, key: &Key, status: serde_json::Value, is_urgent: bool) {
        // The writer ends with the process.
        drop(self.desired.send(Desired { kind, key: key.clone(), status, is_urgent }));
    }

    fn tell(&self, news: News) {
        // Whoever writes events is behind; those that are left out are in the log.
        drop(self.news.try_send(news));
    }
}

#[cfg(test)]
mod tests;
