//! What Alerts ask for against floods, from the event's post to the receiver, with crashes in between.

use herald_journal::{DeliveryKey, EventId, Repair, Repaired};
use serde_json::Value;

use super::*;

const MINUTE: i64 = 60;

fn floods(annotations: &[(&str, &str)]) -> Floods {
    let mut floods = Floods::default();
    for (name, value) in annotations {
        floods.set(&format!("herald.dev/{name}"), value).unwrap();
    }
    floods
}

async fn start(dir: &Path, second: i64, severity: AlertSeverity, floods: &Floods) -> World {
    World::start_with(dir, second, "generic", catalog("generic", severity, floods)).await
}

/// Digests are for people, so they are sent by a type that is.
async fn start_digests(dir: &Path, second: i64, window: &str) -> World {
    let floods = floods(&[("digest", window)]);
    World::start_with(dir, second, "rocket", catalog("rocket", AlertSeverity::Info, &floods)).await
}

impl World {
    /// Lets everything happen up to a second, the ends of digests too.
    async fn run(&self, second: i64) {
        while let Some(end) = self.router.digests.next_end()
            && end <= at(second)
        {
            self.run_until(end.as_second() - at(0).as_second()).await;
            self.router.digests.end().await;
        }
        self.run_until(second).await;
    }

    async fn state(&self, event: EventId) -> (State, String) {
        let row = self.row(event).await;
        (row.state, row.note)
    }

    /// The texts that arrived.
    fn texts(&self) -> Vec<String> {
        let text = |body: &Value| body["attachments"][0]["text"].as_str().unwrap().to_owned();
        self.receiver.bodies().iter().map(text).collect()
    }
}

fn metadata(body: &Value, key: &str) -> String {
    body["metadata"][key].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn failures_are_counted_across_a_crash() {
    let dir = TempDir::new().unwrap();
    let floods = floods(&[("after-failures", "3")]);
    let mut world = start(dir.path(), 0, AlertSeverity::Info, &floods).await;
    let first = world.post("app", "error", "1").await;
    world.run(MINUTE).await;
    let note = "failure 1 in a row, of 3 (herald.dev/after-failures)".to_owned();
    assert_eq!(world.state(first).await, (State::Skipped, note));
    // It is on disk, and nobody decided about it yet.
    world.keep("app", "error", "2").await;
    let held = "herald_deliveries_held_total{type=\"generic\",reason=\"early\"} 1";
    assert!(world.metrics.encode().contains(held), "{}", world.metrics.encode());
    world.crash().await;

    let mut world = start(dir.path(), 2 * MINUTE, AlertSeverity::Info, &floods).await;
    world.run(3 * MINUTE).await;
    assert_eq!(world.receiver.sent(), 0);
    world.post("other", "error", "3").await;
    world.post("app", "error", "4").await;
    world.run(4 * MINUTE).await;
    let bodies = world.receiver.bodies();
    assert_eq!(world.receiver.taken(), [("app".to_owned(), 4)]);
    assert_eq!(metadata(&bodies[0], "failures"), "3 in a row, the first 2 were not sent");
}

/// The recovery of an object whose Alert wants errors alone: no later look at the event would find that it is to be sent.
#[tokio::test]
async fn a_recovery_that_was_decided_is_sent_after_a_crash() {
    let dir = TempDir::new().unwrap();
    let floods = floods(&[("recovery-notice", "true")]);
    let mut world = start(dir.path(), 0, AlertSeverity::Error, &floods).await;
    world.post("app", "info", "1").await;
    world.post("app", "error", "2").await;
    world.run(MINUTE).await;
    assert_eq!(world.receiver.taken(), [("app".to_owned(), 2)]);
    world.receiver.answer(|_, _| Answer::status(503));
    let recovery = world.post("app", "info", "3").await;
    world.run(MINUTE).await;
    assert_eq!(world.row(recovery).await.state, State::Waiting);
    world.crash().await;

    let mut world = start(dir.path(), 20 * MINUTE, AlertSeverity::Error, &floods).await;
    world.post("app", "info", "4").await;
    world.run(40 * MINUTE).await;
    assert_eq!(world.receiver.taken(), [("app".to_owned(), 3)], "and the next one says nothing");
    let recovered = metadata(&world.receiver.bodies()[0], "recovered");
    assert!(recovered.starts_with("after 1 failure since 2027-"), "{recovered}");
}

#[tokio::test]
async fn a_repeat_and_what_is_no_change_are_held_with_their_reasons() {
    let dir = TempDir::new().unwrap();
    let repeats = floods(&[("suppress-repeats", "10m")]);
    let mut world = start(dir.path(), 0, AlertSeverity::Info, &repeats).await;
    let first = world.post("app", "error", "failed after 1s").await;
    let again = world.post("app", "error", "failed after 2.5s").await;
    let other = world.post("app-2", "error", "failed after 1s").await;
    world.run(MINUTE).await;
    let note = format!(
        "says the same as event {first} did less than 10m before (herald.dev/suppress-repeats)"
    );
    assert_eq!(world.state(again).await, (State::Skipped, note));
    assert_eq!(world.row(other).await.state, State::Delivered);
    assert_eq!(world.receiver.bodies().len(), 2);
    world.run(10 * MINUTE).await;
    world.post("app", "error", "failed after 3s").await;
    world.run(11 * MINUTE).await;
    let repeats = metadata(&world.receiver.bodies()[2], "repeats");
    assert!(repeats.starts_with("1 since 2027-"), "{repeats}");
    world.crash().await;

    let dir = TempDir::new().unwrap();
    let changes = floods(&[("only-changes", "true")]);
    let mut world = start(dir.path(), 0, AlertSeverity::Info, &changes).await;
    for (number, severity) in ["info", "info", "error", "error", "trace", "info"].iter().enumerate()
    {
        world.post("app", severity, &number.to_string()).await;
    }
    world.run(MINUTE).await;
    let taken: Vec<u32> = world.receiver.taken().into_iter().map(|(_, number)| number).collect();
    assert_eq!(taken, [0, 2, 5]);
    for reason in ["unchanged\"} 2", "undecided\"} 1"] {
        assert!(world.metrics.encode().contains(reason), "{}", world.metrics.encode());
    }
}

#[tokio::test]
async fn a_digest_names_what_was_gathered_before_and_after_a_crash() {
    let dir = TempDir::new().unwrap();
    let mut world = start_digests(dir.path(), 0, "10m").await;
    let first = world.post("app-1", "info", "one").await;
    world.run(4 * MINUTE).await;
    let second = world.post("app-2", "error", "two").await;
    // Nobody routed this one before the crash.
    world.keep("app-3", "info", "three").await;
    world.run(5 * MINUTE).await;
    assert_eq!(world.receiver.sent(), 0);
    let note = format!("goes into the digest of event {first} (herald.dev/digest)");
    assert_eq!(world.state(second).await, (State::Skipped, note));
    let row = world.row(first).await;
    assert_eq!((row.state, &*row.object), (State::Waiting, "Alert/default/a"));
    assert_eq!(row.due, Some(at(10 * MINUTE)));
    world.crash().await;

    let mut world = start_digests(dir.path(), 6 * MINUTE, "10m").await;
    world.receiver.answer(|now, _| match now.as_second() - at(0).as_second() {
        ..630 => Answer::status(503),
        _ => Answer::status(200),
    });
    world.post("app-1", "info", "four").await;
    world.run(10 * MINUTE - 1).await;
    assert_eq!(world.receiver.sent(), 0, "its window has not ended");
    world.run(10 * MINUTE).await;
    assert_eq!(world.receiver.sent(), 1);
    // What comes while it is tried again belongs to the next one.
    let later = world.post("app-1", "info", "five").await;
    world.run(19 * MINUTE).await;
    let texts = world.texts();
    assert_eq!(texts.len(), 1, "{texts:?}");
    let lines: Vec<&str> = texts[0].lines().collect();
    assert!(
        lines[0].starts_with("4 events about 3 objects: 1 error, 3 info, from 2027-"),
        "{lines:?}"
    );
    assert_eq!(
        lines[1..],
        [
            "error Kustomization/apps/app-2 r: two",
            "info Kustomization/apps/app-1 r: one",
            "info Kustomization/apps/app-3 r: three",
            "info Kustomization/apps/app-1 r: four",
        ]
    );
    assert_eq!(world.row(first).await.state, State::Delivered);
    assert_eq!(world.row(later).await.due, Some(at(20 * MINUTE)));
    world.run(21 * MINUTE).await;
    assert_eq!(world.texts()[1], "five", "one event is sent as it is");
}

#[tokio::test]
async fn a_digest_that_was_tried_is_closed_after_a_crash() {
    let dir = TempDir::new().unwrap();
    let mut world = start_digests(dir.path(), 0, "10m").await;
    world.receiver.answer(|_, _| Answer::status(503));
    world.post("app-1", "info", "one").await;
    world.post("app-2", "info", "two").await;
    world.run(10 * MINUTE).await;
    assert!(world.receiver.sent() > 0);
    world.crash().await;
    let mut world = start_digests(dir.path(), 10 * MINUTE + 1, "10m").await;
    world.post("app-3", "info", "three").await;
    world.run(19 * MINUTE).await;
    let texts = world.texts();
    assert_eq!(texts.len(), 1);
    assert!(texts[0].starts_with("2 events about 2 objects") && !texts[0].contains("three"));
}

/// What a person asks for while a digest gathers decides about what it names, and loses nothing that comes later.
#[tokio::test]
async fn a_digest_that_a_person_sends_or_gives_up_takes_no_more_events() {
    let dir = TempDir::new().unwrap();
    let mut world = start_digests(dir.path(), 0, "10m").await;
    let alert: Arc<str> = "alert-uid".into();
    let mut firsts = Vec::new();
    for repair in [Repair::Replay { force: false }, Repair::Discard { reason: "noise".to_owned() }]
    {
        let first = world.post("app-1", "info", "one").await;
        world.post("app-2", "info", "two").await;
        let keys = vec![DeliveryKey { event: first, alert: Arc::clone(&alert) }];
        let done = world.journal.repair(keys.clone(), repair.clone(), world.now()).await.unwrap();
        let [Repaired::Done(row)] = &done[..] else { panic!("{done:?}") };
        match repair {
            Repair::Replay { .. } => {
                world.router.digests.replayed(std::slice::from_ref(row)).await;
                world.dispatcher.resume(row.clone()).await;
            }
            Repair::Discard { .. } => world.router.digests.discarded(&keys),
        }
        world.run(1).await;
        firsts.push(first);
    }
    assert_eq!(world.texts().len(), 1, "at once, and the other never");
    let third = world.post("app-3", "info", "three").await;
    world.run(11 * MINUTE).await;
    assert_eq!(world.row(firsts[0]).await.state, State::Delivered);
    assert_eq!(world.row(firsts[1]).await.state, State::Discarded);
    assert_eq!(world.row(third).await.state, State::Delivered);
    assert_eq!(world.texts().len(), 2);
    assert_eq!(world.texts()[1], "three");
}

#[tokio::test]
async fn a_digest_lives_from_the_end_of_its_window() {
    let dir = TempDir::new().unwrap();
    let mut world = start_digests(dir.path(), 0, "24h").await;
    world.receiver.answer(|_, _| Answer::status(503));
    let first = world.post("app-1", "info", "one").await;
    world.post("app-2", "info", "two").await;
    let hour = 60 * MINUTE;
    world.run(24 * hour + 5 * hour).await;
    assert_eq!(world.row(first).await.state, State::Waiting, "six hours, after a day of waiting");
    world.run(24 * hour + 7 * hour).await;
    assert_eq!(world.row(first).await.state, State::Dead);
}

/// One event more than fits begins the next digest, and none is lost.
#[tokio::test]
async fn a_digest_that_is_full_is_sent_at_once() {
    let dir = TempDir::new().unwrap();
    let mut world = start_digests(dir.path(), 0, "1h").await;
    for number in 0..=1000 {
        world.post(&format!("app-{number}"), "info", "m").await;
    }
    world.run(1).await;
    let texts = world.texts();
    assert_eq!(texts.len(), 1);
    assert!(texts[0].starts_with("1000 events about 1000 objects"), "{texts:?}");
    world.run(60 * MINUTE).await;
    assert_eq!(world.texts()[1..], ["m"]);
}
