//! The whole way of deliveries on virtual time: a real journal and a real module, and a receiver that is played.

mod floods;
mod receiver;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use herald_core::alert::{Alert, AlertSeverity, EventSource};
use herald_core::delivery::JournalId;
use herald_core::floods::Floods;
use herald_core::matching::AlertIndex;
use herald_core::patterns::Patterns;
use herald_core::retry::RetryPolicy;
use herald_journal::{Appended, DeliveryRow, Events, Journal, State};
use jiff::Timestamp;
use tempfile::TempDir;

use super::*;
use crate::catalog::{Catalog, CatalogStore};
use crate::clock::manual::Manual;
use crate::credentials::Credentials;
use crate::delivery::{Forgetful, Options};
use crate::egress::fixture;
use crate::modules::{self, Modules};
use crate::router::{Digests, Router};
use crate::telemetry::Metrics;
use receiver::{Answer, Receiver};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

/// Herald from the journal to the way out.
struct World {
    hand: Arc<Manual>,
    journal: Journal,
    events: Events,
    dispatcher: Dispatcher,
    router: Router,
    receiver: Arc<Receiver>,
    metrics: Metrics,
    posted: u32,
}

/// One Provider of this type, and an Alert that wants these events about Kustomizations.
fn catalog(kind: &str, severity: AlertSeverity, floods: &Floods) -> Catalog {
    let mut provider = fixture::provider("http://receiver.example/hook", &[]);
    kind.clone_into(&mut provider.kind);
    let source = EventSource {
        kind: "Kustomization".to_owned(),
        name: "*".to_owned(),
        namespace: "apps".to_owned(),
        match_labels: None,
    };
    let alert = Alert {
        namespace: provider.namespace.clone(),
        name: "a".to_owned(),
        uid: "alert-uid".to_owned(),
        provider: provider.name.clone(),
        severity,
        sources: vec![source],
        inclusions: Patterns::default(),
        exclusions: Patterns::default(),
        event_metadata: std::collections::BTreeMap::new(),
        summary: String::new(),
        suspend: false,
        floods: floods.clone(),
        json: herald_core::object_json::ObjectJson::default(),
    };
    let mut catalog =
        Catalog { alerts: Arc::new(AlertIndex::new(vec![Arc::new(alert)])), ..Default::default() };
    catalog.providers.insert(ProviderKey::of(&provider), Arc::new(provider));
    catalog
}

impl World {
    /// A start over this folder at that second.
    async fn start(dir: &Path, second: i64) -> Self {
        Self::start_with(
            dir,
            second,
            "generic",
            catalog("generic", AlertSeverity::Info, &Floods::default()),
        )
        .await
    }

    /// The same with this catalog, whose Providers are of one type.
    async fn start_with(dir: &Path, second: i64, kind: &str, catalog: Catalog) -> Self {
        let (clock, hand) = Manual::at(at(second));
        let (journal, recovered) =
            Journal::open(dir, herald_journal::Settings::default()).await.unwrap();
        let modules = Arc::new(Modules::new(modules::engine().unwrap()));
        modules.load([kind]).await.unwrap();
        let catalog = Arc::new(CatalogStore::new(catalog));
        let receiver = Arc::new(Receiver::new(clock.clone()));
        let attempts = Arc::new(Attempts::new(
            Arc::clone(&catalog),
            Arc::clone(&modules),
            Arc::clone(&receiver),
            Credentials::default(),
            Arc::new(Forgetful),
            JournalId::from_bytes(journal.id()),
            Options::default(),
        ));
        let metrics = Metrics::new("0");
        let recorder = Arc::new(Recorder {
            journal: journal.clone(),
            policy: RetryPolicy::default(),
            metrics: metrics.clone(),
            observer: None,
        });
        let dispatcher = Dispatcher::start(attempts, recorder, Settings::default(), clock.clone());
        let digests = Digests::new(journal.clone(), dispatcher.clone(), clock.clone());
        let recovered = digests.adopt(recovered).await;
        let router = Router {
            journal: journal.clone(),
            catalog,
            modules,
            dispatcher: dispatcher.clone(),
            digests: Arc::new(digests),
            metrics: metrics.clone(),
            clock,
            options: Options::default(),
            labels: None,
            observer: None,
        };
        let events = router.resume(recovered).await;
        Self { hand, journal, events, dispatcher, router, receiver, metrics, posted: 0 }
    }

    fn now(&self) -> Timestamp {
        self.hand.now()
    }

    /// Keeps an event, as the door does.
    async fn keep(
        &mut self,
        object: &str,
        severity: &str,
        message: &str,
    ) -> herald_journal::EventId {
        let body = serde_json::json!({
            "involvedObject": {"kind": "Kustomization", "namespace": "apps", "name": object},
            "severity": severity, "message": message, "reason": "r", "timestamp": "2027-01-15T08:00:00Z",
            "reportingController": "kustomize-controller",
        });
        self.posted += 1;
        let key = herald_journal_key(self.now(), self.posted);
        let body = Bytes::from(body.to_string());
        match self.journal.append(key, body, self.now()).await.unwrap() {
            Appended::New(id) => id,
            Appended::Duplicate { .. } => panic!("the event is new"),
        }
    }

    /// Keeps an event and routes it.
    async fn post(
        &mut self,
        object: &str,
        severity: &str,
        message: &str,
    ) -> herald_journal::EventId {
        let id = self.keep(object, severity, message).await;
        let stored = self.events.recv().await.unwrap();
        self.router.take(stored).await;
        id
    }

    /// Lets everything happen up to a second.
    async fn run_until(&self, second: i64) {
        loop {
            self.settle().await;
            match self.hand.next(at(second)) {
                Some(next) => self.hand.move_to(next),
                None => break,
            }
        }
        self.hand.move_to(at(second));
        self.settle().await;
    }

    /// Waits until nothing moves but by the clock: every attempt under way is at the receiver.
    async fn settle(&self) {
        let mut quiet = 0;
        while quiet < 2 {
            let busy = self.dispatcher.count().await;
            if busy == self.receiver.inside() {
                quiet += 1;
            } else {
                quiet = 0;
                tokio::time::sleep(Duration::from_micros(200)).await;
            }
        }
    }

    async fn row(&self, event: herald_journal::EventId) -> DeliveryRow {
        // What is urgent takes with it what rides.
        self.journal.record_now(herald_journal::Record::default()).await.unwrap();
        self.journal.rows(event).await.unwrap().pop().expect("it has a row")
    }

    /// Ends the run without waiting for anything, as a crash does once what was recorded is on disk.
    async fn crash(self) {
        self.journal.close().await;
    }
}

fn herald_journal_key(now: Timestamp, number: u32) -> [u8; 32] {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&now.as_millisecond().to_be_bytes());
    key[8..12].copy_from_slice(&number.to_be_bytes());
    key
}

/// A receiver that is down for an hour, in every way there is, gets every event, in order for each object.
#[tokio::test]
async fn after_an_hour_of_outage_every_event_arrives_in_order_per_object() {
    let dir = TempDir::new().unwrap();
    let mut world = World::start(dir.path(), 0).await;
    world.receiver.answer(|now, _| match now.as_second() - at(0).as_second() {
        ..1200 => Answer::Hang,
        1200..2400 => Answer::Refuse,
        2400..3600 => Answer::status(503),
        _ => Answer::status(200),
    });
    for number in 0..180 {
        world.run_until(number * 20).await;
        world.post(&format!("app-{}", number % 7), "info", &format!("{number}")).await;
    }
    world.run_until(3599).await;
    assert_eq!(world.receiver.taken(), Vec::<(String, u32)>::new());
    let sent = world.receiver.sent();
    assert!(sent < 200, "it was left in peace meanwhile: {sent} attempts");
    let shown =
        |world: &World| world.metrics.encode().contains("herald_provider_breaker{provider=");
    assert!(shown(&world), "the breaker of this Provider is seen to be open");
    world.run_until(3600 + 120).await;
    assert!(!shown(&world));
    let taken = world.receiver.taken();
    let mut all: Vec<u32> = taken.iter().map(|(_, number)| *number).collect();
    for object in 0..7 {
        let name = format!("app-{object}");
        let of: Vec<u32> =
            taken.iter().filter(|(at, _)| *at == name).map(|(_, number)| *number).collect();
        assert!(of.is_sorted(), "{name}: {of:?}");
    }
    all.sort_unstable();
    assert_eq!(all, (0..180).collect::<Vec<_>>(), "two minutes after it is back, and none twice");
    assert!(world.metrics.encode().contains("herald_deliveries_waiting 0"));
}

/// Waiting deliveries and events that were not routed come back in one order.
#[tokio::test]
async fn order_per_object_holds_across_a_restart() {
    let dir = TempDir::new().unwrap();
    let mut world = World::start(dir.path(), 0).await;
    world.receiver.answer(|_, _| Answer::status(500));
    for number in 0..10 {
        world.post(&format!("app-{}", number % 2), "info", &format!("{number}")).await;
        world.run_until(number + 1).await;
    }
    for number in 10..14 {
        world.keep(&format!("app-{}", number % 2), "info", &format!("{number}")).await;
    }
    world.crash().await;

    let mut world = World::start(dir.path(), 3600).await;
    world.receiver.answer(|_, _| Answer::status(200));
    for number in 14..18 {
        world.post(&format!("app-{}", number % 2), "info", &format!("{number}")).await;
    }
    world.run_until(3605).await;
    let taken = world.receiver.taken();
    for (object, expected) in [("app-0", 0..18), ("app-1", 1..18)] {
        let of: Vec<u32> =
            taken.iter().filter(|(at, _)| at == object).map(|(_, number)| *number).collect();
        assert_eq!(of, expected.step_by(2).collect::<Vec<_>>(), "{object}");
    }
}

/// Where the receiver keeps up no row is written before the attempt; who waits for long is seen, and so is one whose event is
/// too large to be kept in memory beside the others.
#[tokio::test]
async fn what_waits_for_a_place_is_seen_once_it_waits_for_long() {
    let dir = TempDir::new().unwrap();
    let mut world = World::start(dir.path(), 0).await;
    world.receiver.answer(|_, _| Answer::Hang);
    for number in 0..8 {
        world.post(&format!("app-{number}"), "info", &format!("{number}")).await;
    }
    world.run_until(0).await;
    let waits = world.post("app-8", "info", "8").await;
    let large = "x".repeat(3_000_000);
    let mut last = waits;
    for number in 9..12 {
        last = world.post(&format!("app-{number}"), "info", &large).await;
    }
    world.run_until(10).await;
    let row = world.row(last).await;
    assert_eq!((row.state, row.note.as_str()), (State::Waiting, "waits for those before it"));
    assert_eq!(world.journal.rows(waits).await.unwrap(), []);
    world.run_until(11).await;
    let row = world.row(waits).await;
    assert_eq!((row.state, row.attempts), (State::Waiting, 0));
    assert_eq!((&*row.alert_name, &*row.object), ("default/a", "Kustomization/apps/app-8"));
}

/// An event that was accepted first, and routed by nobody, goes before one whose delivery waits already.
#[tokio::test]
async fn an_event_that_was_not_routed_goes_before_a_younger_one_that_waits() {
    let dir = TempDir::new().unwrap();
    let mut world = World::start(dir.path(), 0).await;
    world.receiver.answer(|_, _| Answer::status(500));
    let first = world.keep("app", "info", "1").await;
    let skipped = world.events.recv().await.unwrap();
    assert_eq!(skipped.id, first);
    world.post("app", "info", "2").await;
    world.run_until(1).await;
    world.crash().await;

    let world = World::start(dir.path(), 100).await;
    world.run_until(110).await;
    let taken: Vec<u32> = world.receiver.taken().into_iter().map(|(_, number)| number).collect();
    assert_eq!(taken, [1, 2]);
}

#[tokio::test]
async fn a_hint_is_obeyed_to_the_second_and_by_all_of_the_provider() {
    let dir = TempDir::new().unwrap();
    let mut world = World::start(dir.path(), 0).await;
    world.receiver.answer(|now, _| match now.as_second() - at(0).as_second() {
        ..100 => Answer::Status(429, vec![("retry-after", "100".to_owned())]),
        _ => Answer::status(200),
    });
    world.post("app-1", "info", "1").await;
    world.run_until(0).await;
    let second = world.post("app-2", "info", "2").await;
    world.run_until(99).await;
    assert_eq!(world.receiver.sent(), 1, "the other waits as well");
    let row = world.row(second).await;
    assert_eq!((row.state, row.attempts), (State::Waiting, 0));
    assert_eq!(row.note, "waits because the receiver asked for less");
    world.run_until(100).await;
    assert_eq!(world.receiver.taken(), [("app-1".to_owned(), 1)], "exactly then");
    world.run_until(103).await;
    assert_eq!(world.receiver.taken().len(), 2);
}

#[tokio::test]
async fn a_life_ends_by_severity_while_the_receiver_is_down() {
    let dir = TempDir::new().unwrap();
    let mut world = World::start(dir.path(), 0).await;
    world.receiver.answer(|_, _| Answer::Refuse);
    let mut info = Vec::new();
    let mut errors = Vec::new();
    for number in 0..20 {
        info.push(world.post(&format!("app-{number}"), "info", &format!("{number}")).await);
        errors.push(world.post(&format!("app-{number}"), "error", &format!("1{number}")).await);
    }
    let hour = 3600;
    world.run_until(6 * hour - 1).await;
    let mut dead = 0;
    for event in &info {
        dead += usize::from(world.row(*event).await.state == State::Dead);
    }
    assert!(dead < 20, "most live until the end: {dead} are dead");
    world.run_until(6 * hour + 700).await;
    for event in &info {
        let row = world.row(*event).await;
        assert_eq!(row.state, State::Dead, "{row:?}");
        assert!(row.note.starts_with("given up after "), "{}", row.note);
    }
    for event in &errors {
        assert_eq!(world.row(*event).await.state, State::Waiting);
    }
    world.receiver.answer(|_, _| Answer::status(200));
    world.run_until(6 * hour + 1400).await;
    assert_eq!(world.receiver.taken().len(), 20, "the errors");
}

/// The history of a delivery that went before an earlier one says so.
#[tokio::test]
async fn what_passes_an_earlier_delivery_says_so_in_its_history() {
    let dir = TempDir::new().unwrap();
    let mut world = World::start(dir.path(), 0).await;
    world.receiver.answer(|_, message| match message {
        "1" => Answer::status(500),
        _ => Answer::status(200),
    });
    world.post("app", "info", "1").await;
    world.run_until(0).await;
    let second = world.post("app", "info", "2").await;
    world.run_until(0).await;
    assert_eq!(world.row(second).await.note, "waits for an earlier delivery about its object");
    world.post("other", "info", "3").await;
    world.run_until(599).await;
    world.post("other", "info", "4").await;
    world.run_until(599).await;
    assert!(!world.receiver.taken().contains(&("app".to_owned(), 2)), "it waits for ten minutes");
    world.run_until(601).await;
    assert_eq!(world.receiver.taken().last(), Some(&("app".to_owned(), 2)));
    assert_eq!(world.row(second).await.state, State::Delivered);
    let history = world.journal.history(second, "alert-uid").await.unwrap();
    let told: Vec<&str> = history.iter().map(|line| line.what.as_str()).collect();
    // The attempt that delivered it stands in its row.
    assert_eq!(told, ["passed"]);
}

#[tokio::test]
async fn an_attempt_that_a_stop_cut_off_is_made_again() {
    let dir = TempDir::new().unwrap();
    let mut world = World::start(dir.path(), 0).await;
    world.receiver.answer(|_, _| Answer::Hang);
    world.post("app", "info", "1").await;
    world.run_until(1).await;
    assert!(!world.dispatcher.drain(Duration::ZERO).await, "it is still under way");
    world.crash().await;

    let world = World::start(dir.path(), 2).await;
    world.run_until(3).await;
    assert_eq!(world.receiver.taken(), [("app".to_owned(), 1)]);
}

#[tokio::test]
async fn a_drain_ends_what_is_under_way_and_starts_nothing() {
    let dir = TempDir::new().unwrap();
    let mut world = World::start(dir.path(), 0).await;
    world.receiver.answer(|_, _| Answer::Hang);
    world.post("app", "info", "1").await;
    world.post("app", "info", "2").await;
    world.run_until(1).await;
    let dispatcher = world.dispatcher.clone();
    let drained = tokio::spawn(async move { dispatcher.drain(Duration::from_secs(60)).await });
    while world.hand.next(at(100)).is_none() {
        tokio::task::yield_now().await;
    }
    world.hand.move_to(at(15));
    assert!(drained.await.unwrap());
    assert_eq!(world.receiver.sent(), 1);
}
