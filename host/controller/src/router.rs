//! From an event to its deliveries: every Alert that matches gets one, unless it asks for something else against floods.
//!
//! The router reads what the journal hands over: first the events that were open when the process ended, then each event
//! as it is committed. An event stays open in the journal until each of its deliveries has a row.
//!
//! Where an Alert selects by labels that the catalog does not have, they are asked for. An event for which they cannot be
//! had now is taken again later; the others do not wait for it.

mod digests;
mod gate;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use herald_core::alert::Alert;
use herald_core::delivery::EventId;
use herald_core::event::Event;
use herald_core::floods::gate::Notice;
use herald_core::intake;
use herald_core::matching::{Labels, Match, matches};
use herald_journal::{
    DeliveryRow, Events, Journal, Record, Recovered, State, StoredEvent, WaitingRow,
};

use crate::catalog::{Catalog, CatalogStore, LabelReader, ProviderKey};
use crate::clock::Clock;
use crate::delivery::{Dispatcher, Job, ObjectKey, OpenEvent, Options, Plan};
use crate::modules::Modules;
use crate::notices::Observer;
use crate::telemetry::{Metrics, report};
pub use digests::Digests;
use digests::Gathered;
use gate::{Gate, Verdict, candidates};

/// The Alerts that want this event.
pub fn route<'a>(event: &Event, catalog: &'a Catalog) -> Vec<&'a Arc<Alert>> {
    let candidates = candidates(event, catalog, &catalog.objects);
    let wanted = candidates.into_iter().filter(|candidate| candidate.is_wanted);
    wanted.map(|candidate| candidate.alert).collect()
}

/// The Provider that an Alert names.
#[must_use]
pub fn provider_of(alert: &Alert) -> ProviderKey {
    ProviderKey { namespace: alert.namespace.clone(), name: alert.provider.clone() }
}

/// How long to wait before labels are asked for again that were not to be had.
const LABELS_AGAIN: Duration = Duration::from_secs(5);

/// The labels of the one object that an event is about.
struct ObjectLabels(Arc<BTreeMap<String, String>>);

impl Labels for ObjectLabels {
    fn labels(&self, _: &str, _: &str, _: &str) -> Option<&BTreeMap<String, String>> {
        Some(&self.0)
    }
}

/// Whether the labels that matter are known.
enum Labelled {
    /// As far as they can be.
    Known,
    /// They were read.
    Read(Arc<BTreeMap<String, String>>),
    /// They cannot be read now.
    Later,
}

/// Takes events from the journal and offers their deliveries.
#[derive(Clone)]
pub struct Router {
    /// Where the events come from.
    pub journal: Journal,
    /// What there is to deliver to.
    pub catalog: Arc<CatalogStore>,
    /// What Providers are for.
    pub modules: Arc<Modules>,
    /// Who makes the deliveries.
    pub dispatcher: Dispatcher,
    /// The digests that still gather events.
    pub digests: Arc<Digests>,
    /// Counts what is held.
    pub metrics: Metrics,
    /// The time.
    pub clock: Clock,
    /// What the operator decided.
    pub options: Options,
    /// Who knows the labels that the catalog does not have.
    pub labels: Option<Arc<dyn LabelReader>>,
    /// Hears of what is odd, if somebody wants to.
    pub observer: Option<Arc<dyn Observer>>,
}

/// What becomes of one event.
#[derive(Default)]
struct Routed {
    /// Deliveries whose row is written when they are attempted.
    plain: Vec<Job>,
    /// Deliveries that have their row.
    planned: Vec<Job>,
    /// What was decided, in one transaction: who finds one part of it after a crash finds all.
    record: Record,
    /// Digests that take no more events.
    ended: Vec<WaitingRow>,
}

impl Router {
    /// Goes on with what the last run left, then routes each event as it is accepted, until the journal closes.
    pub async fn run(&self, recovered: Recovered) {
        let mut events = self.resume(recovered).await;
        loop {
            let end = self.digests.next_end();
            tokio::select! {
                stored = events.recv() => match stored {
                    Some(stored) => self.take(stored).await,
                    None => return,
                },
                () = self.clock.sleep_until(end.unwrap_or_default()), if end.is_some() => {
                    self.digests.end().await;
                }
            }
        }
    }

    /// Goes on with what the last run left; the events that come after that.
    ///
    /// It comes back in the order in which it was accepted, so that the deliveries about one object keep it: a delivery that
    /// waits may be younger than an event that was not routed yet.
    pub(crate) async fn resume(&self, recovered: Recovered) -> Events {
        let Recovered { mut events, waiting, n_open } = recovered;
        if n_open > 0 || !waiting.is_empty() {
            tracing::info!(
                events = n_open,
                deliveries = waiting.len(),
                "going on with what was not finished"
            );
        }
        let mut waiting = waiting.into_iter().peekable();
        while let Some(stored) = events.recv_recovered().await {
            while let Some(earlier) = waiting.next_if(|row| row.event <= stored.id) {
                self.dispatcher.resume(earlier).await;
            }
            self.take(stored).await;
        }
        for left in waiting {
            self.dispatcher.resume(left).await;
        }
        events
    }

    /// Routes one event.
    pub async fn take(&self, stored: StoredEvent) {
        let id = EventId(stored.id.0);
        let event = match intake::accept(&stored.body) {
            Ok(intake) => Arc::new(intake.event),
            Err(err) => {
                // It was read before it was accepted, so this is a journal of another version: keep it for one that can.
                tracing::error!(
                    event.id = id.0,
                    "an accepted event cannot be read: {}",
                    report(&err)
                );
                return;
            }
        };
        let settled = if stored.recovered { self.settled(stored.id).await } else { HashSet::new() };
        let catalog = self.catalog.load();
        let labels = match self.labels_of(&event, &catalog).await {
            Labelled::Known => None,
            Labelled::Read(labels) => Some(ObjectLabels(labels)),
            Labelled::Later => {
                let router = self.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(LABELS_AGAIN).await;
                    router.take_boxed(stored).await;
                });
                return;
            }
        };
        let Routed { plain, planned, record, ended } =
            self.decide(&event, &stored, &settled, &catalog, labels.as_ref());
        if plain.is_empty() && planned.is_empty() && record.rows.is_empty() {
            let object = &event.involved_object;
            tracing::debug!(
                event.id = id.0,
                object = %format!("{}/{}/{}", object.kind, object.namespace, object.name),
                "no Alert wants the event"
            );
        }
        let open = OpenEvent::new(id, plain.len());
        for job in plain {
            self.dispatcher.offer(Job { open: Some(Arc::clone(&open)), ..job }).await;
        }
        for job in planned {
            self.dispatcher.offer(job).await;
        }
        self.digests.hand_over(ended).await;
    }

    /// Decides what becomes of an event for each of its Alerts, and has that recorded.
    fn decide(
        &self,
        event: &Arc<Event>,
        stored: &StoredEvent,
        settled: &HashSet<String>,
        catalog: &Catalog,
        labels: Option<&ObjectLabels>,
    ) -> Routed {
        let labels: &dyn Labels = match labels {
            Some(labels) => labels,
            None => &catalog.objects,
        };
        let gate =
            Gate { journal: &self.journal, modules: &self.modules, catalog, options: self.options };
        let mut routed = Routed::default();
        // Held until the record is on its way: who ends a digest meanwhile must find all that it names.
        let mut digests = self.digests.lock();
        for candidate in candidates(event, catalog, labels) {
            let alert = candidate.alert;
            if settled.contains(&alert.uid) {
                continue;
            }
            let id = EventId(stored.id.0);
            let (verdict, remember) = gate.decide(candidate, event, id, stored.at);
            routed.record.remember.extend(remember);
            match verdict {
                Verdict::Ignored => {}
                Verdict::Plain => {
                    routed.plain.push(job(event, stored, alert, Notice::default()));
                }
                Verdict::Sent(notice) => {
                    let plan = Plan::of(notice.clone()).text().map(Into::into);
                    let row = self.row(event, stored, alert);
                    routed.record.rows.push(DeliveryRow { plan, ..row });
                    routed.planned.push(job(event, stored, alert, notice));
                }
                Verdict::Gathered(notice, window) => {
                    let row = self.row(event, stored, alert);
                    let (row, ended) = digests.gather(Gathered {
                        accepted_at: stored.at,
                        row,
                        alert,
                        notice,
                        window,
                    });
                    if row.state == State::Skipped {
                        self.tell_held(catalog, alert, &row, "digest");
                    }
                    routed.record.rows.push(row);
                    routed.ended.extend(ended);
                }
                Verdict::Held(hold) => {
                    let row = self.row(event, stored, alert);
                    let row = DeliveryRow { state: State::Skipped, note: hold.to_string(), ..row };
                    self.tell_held(catalog, alert, &row, hold.kind());
                    routed.record.rows.push(row);
                }
            }
        }
        if routed.plain.is_empty() {
            routed.record.closes.push(stored.id);
        }
        if routed.record != Record::default() {
            self.journal.record(std::mem::take(&mut routed.record));
        }
        routed
    }

    /// A delivery that is to be made, as its row says it.
    fn row(&self, event: &Event, stored: &StoredEvent, alert: &Alert) -> DeliveryRow {
        DeliveryRow {
            event: stored.id,
            alert: alert.uid.as_str().into(),
            alert_name: format!("{}/{}", alert.namespace, alert.name).into(),
            provider: provider_of(alert).to_string().into(),
            object: ObjectKey::of(event).to_string().into(),
            state: State::Waiting,
            attempts: 0,
            due: None,
            at: self.clock.now(),
            note: String::new(),
            attempt: None,
            replayed: None,
            plan: None,
            digest: None,
        }
    }

    fn tell_held(&self, catalog: &Catalog, alert: &Alert, row: &DeliveryRow, reason: &'static str) {
        let kind = catalog.provider_of(alert).map_or("", |provider| provider.kind.as_str());
        self.metrics.delivery(kind, "skipped");
        self.metrics.held(kind, reason);
        tracing::info!(
            event.id = row.event.0,
            alert = %row.alert_name,
            object = %row.object,
            reason = row.note,
            "delivery held"
        );
    }

    /// The same, for whoever is part of it.
    fn take_boxed(&self, stored: StoredEvent) -> BoxFuture<'_, ()> {
        Box::pin(self.take(stored))
    }

    /// Reads the labels of the object if an Alert depends on them and the catalog does not have them.
    async fn labels_of(&self, event: &Event, catalog: &Catalog) -> Labelled {
        let Some(reader) = &self.labels else { return Labelled::Known };
        let object = &event.involved_object;
        let undecided: Vec<&Arc<Alert>> = catalog
            .alerts
            .candidates(event)
            .filter(|alert| {
                matches!(matches(alert, event, &catalog.objects), Match::UnknownLabels { .. })
            })
            .collect();
        if undecided.is_empty() {
            return Labelled::Known;
        }
        match reader.read(object).await {
            Ok(labels) => Labelled::Read(labels),
            Err(err) => {
                if let Some(observer) = &self.observer {
                    for alert in undecided {
                        observer.unknown_labels(alert, object, &err.reason);
                    }
                }
                if err.is_final { Labelled::Known } else { Labelled::Later }
            }
        }
    }

    /// The Alerts whose delivery of this event has a row already.
    async fn settled(&self, event: herald_journal::EventId) -> HashSet<String> {
        match self.journal.rows(event).await {
            Ok(rows) => rows.into_iter().map(|row| row.alert.to_string()).collect(),
            Err(err) => {
                tracing::error!(
                    event.id = event.0,
                    "the journal cannot be read, so a delivery may repeat: {}",
                    report(&err)
                );
                HashSet::new()
            }
        }
    }
}

fn job(event: &Arc<Event>, stored: &StoredEvent, alert: &Alert, notice: Notice) -> Job {
    Job {
        event: Arc::clone(event),
        event_id: EventId(stored.id.0),
        accepted_at: stored.at,
        alert_uid: alert.uid.as_str().into(),
        provider: provider_of(alert).into(),
        attempts: 0,
        open: None,
        passes: false,
        notice,
    }
}
