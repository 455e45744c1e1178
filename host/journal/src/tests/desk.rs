//! What people ask for: lists, repairs and figures.

use super::recording::with_row;
use super::*;
use crate::{DeliveryKey, Filter, Happened, ReadError, RecordError, Repair, Repaired};

fn key_of(event: EventId, alert: &str) -> DeliveryKey {
    DeliveryKey { event, alert: alert.into() }
}

/// Three events with two deliveries each, of which those to `b` are dead.
async fn filled() -> Bench {
    let bench = Bench::new().await;
    for number in 1..=3 {
        let event = bench.append(number).await;
        let delivered = DeliveryRow {
            object: format!("Kustomization/apps/app-{number}").into(),
            ..row(event, "a", State::Delivered)
        };
        let dead = DeliveryRow { provider: "ops/pager".into(), ..row(event, "b", State::Dead) };
        for row in [delivered, dead] {
            bench.journal.record_now(with_row(row)).await.unwrap();
        }
    }
    bench
}

async fn check(bench: &Bench, filter: Filter, expected: &[(i64, &str)]) {
    let found = bench.journal.deliveries(&filter, None, 100).await.unwrap();
    let keys: Vec<_> = found.iter().map(|found| (found.row.event.0, &*found.row.alert)).collect();
    assert_eq!(keys, expected, "{filter:?}");
    let count = bench.journal.count_deliveries(&filter).await.unwrap();
    assert_eq!(count, expected.len() as u64, "{filter:?}");
}

#[tokio::test]
async fn deliveries_are_found_by_everything_that_is_known_of_them() {
    let bench = filled().await;
    let all = [(3, "a"), (3, "b"), (2, "a"), (2, "b"), (1, "a"), (1, "b")];
    let none = Filter::default;
    check(&bench, none(), &all).await;
    let dead = Filter { states: vec![State::Dead, State::Waiting], ..none() };
    check(&bench, dead.clone(), &[(3, "b"), (2, "b"), (1, "b")]).await;
    check(
        &bench,
        Filter { provider: Some("ops/*".to_owned()), ..none() },
        &all[1..2].iter().chain(&[all[3], all[5]]).copied().collect::<Vec<_>>(),
    )
    .await;
    check(
        &bench,
        Filter { alert_name: Some("apps/b".to_owned()), ..none() },
        &[(3, "b"), (2, "b"), (1, "b")],
    )
    .await;
    check(
        &bench,
        Filter { object: Some("Kustomization/apps/app-2".to_owned()), ..none() },
        &[(2, "a")],
    )
    .await;
    check(&bench, Filter { accepted_before: Some(at(2)), ..none() }, &all[4..]).await;
    check(&bench, Filter { accepted_from: Some(at(3)), ..none() }, &all[..2]).await;
    check(&bench, Filter { unchanged_since: Some(at(99)), ..none() }, &[]).await;
    check(&bench, Filter { provider: Some("'; drop table events; --".to_owned()), ..none() }, &[])
        .await;

    let mut after = None;
    let mut pages = Vec::new();
    loop {
        let found = bench.journal.deliveries(&none(), after.as_ref(), 4).await.unwrap();
        let Some(last) = found.last() else { break };
        after = Some(last.key());
        pages.push(found.len());
    }
    assert_eq!(pages, [4, 2]);
    let found = bench.journal.deliveries(&dead, None, 1).await.unwrap();
    assert_eq!((found[0].accepted_at, &*found[0].row.alert_name), (at(3), "apps/b"));
    let wanted = |key: &DeliveryKey| key.event == EventId(2);
    let found = bench.journal.find_deliveries(wanted, 10).await.unwrap();
    assert_eq!(found, [key_of(EventId(2), "a"), key_of(EventId(2), "b")]);
}

#[tokio::test]
async fn a_list_reaches_over_gaps_between_events() {
    let bench = filled().await;
    let connection = Connection::open(&bench.place.database).unwrap();
    // As far apart as a part of the search is long, and more.
    connection
        .execute_batch(
            "insert into events select 70000, at, key, body from events where id = 1;
             insert into deliveries select 70000, alert, provider, state, attempts, due, at, note, alert_name, object,
                revision, status, duration, replayed, plan, digest from deliveries where event = 1 and alert = 'a'",
        )
        .unwrap();
    drop(connection);
    let all = [(70_000, "a"), (3, "a"), (3, "b"), (2, "a"), (2, "b"), (1, "a"), (1, "b")];
    check(&bench, Filter::default(), &all).await;
}

#[tokio::test]
async fn a_replay_makes_a_dead_delivery_wait_again() {
    let bench = filled().await;
    let event = EventId(2);
    let keys = vec![key_of(event, "b"), key_of(event, "a"), key_of(event, "c")];
    let replay = Repair::Replay { force: false };
    let done = bench.journal.repair(keys.clone(), replay, at(500)).await.unwrap();
    let [Repaired::Done(again), Repaired::Refused(State::Delivered), Repaired::Unknown] = &done[..]
    else {
        panic!("{done:?}");
    };
    assert_eq!((again.due, again.replayed, again.attempts), (Some(at(500)), Some(at(500)), 1));
    assert_eq!(again.accepted_at, at(2));
    let rows = bench.journal.rows(event).await.unwrap();
    assert_eq!((rows[1].state, &rows[1].attempt), (State::Waiting, &None));
    let history: Vec<Happened> = bench.journal.history(event, "b").await.unwrap();
    let told: Vec<_> = history.iter().map(|line| (&*line.what, &*line.note)).collect();
    assert_eq!(told, [("attempt", "status 503"), ("replayed", "it was dead")]);

    let forced = Repair::Replay { force: true };
    let done = bench.journal.repair(keys[1..2].to_vec(), forced, at(600)).await.unwrap();
    assert!(matches!(done[..], [Repaired::Done(_)]), "{done:?}");
    let bench = bench.again().await;
    let waiting: Vec<_> =
        bench.recovered.waiting.iter().map(|row| (row.event, &*row.alert)).collect();
    assert_eq!(waiting, [(event, "a"), (event, "b")]);
}

#[tokio::test]
async fn a_discard_keeps_the_delivery_with_its_reason() {
    let bench = filled().await;
    let event = EventId(1);
    let keys = vec![key_of(event, "b"), key_of(event, "a")];
    let discard = Repair::Discard { reason: "not worth it".to_owned() };
    let done = bench.journal.repair(keys.clone(), discard.clone(), at(500)).await.unwrap();
    assert!(
        matches!(done[..], [Repaired::Done(_), Repaired::Refused(State::Delivered)]),
        "{done:?}"
    );
    let done = bench.journal.repair(keys, discard, at(600)).await.unwrap();
    assert!(matches!(done[0], Repaired::Refused(State::Discarded)), "{done:?}");
    let row = bench.journal.rows(event).await.unwrap().remove(1);
    assert_eq!((row.state, &*row.note), (State::Discarded, "discarded: not worth it"));
    let history = bench.journal.history(event, "b").await.unwrap();
    assert_eq!(history[1].note, "not worth it");
}

#[tokio::test]
async fn a_repair_that_the_disk_refuses_is_not_done_later() {
    let bench = filled().await;
    bench.place.faults.is_read_only.store(true, Ordering::SeqCst);
    let keys = vec![key_of(EventId(1), "b")];
    let error = bench
        .journal
        .repair(keys, Repair::Replay { force: false }, at(500))
        .await
        .expect_err("the disk refuses");
    assert!(matches!(error, RecordError::Undone { .. }), "{error:?}");
    bench.place.faults.is_read_only.store(false, Ordering::SeqCst);
    bench.becomes_writable().await;
    bench.append(9).await;
    assert_eq!(bench.journal.rows(EventId(1)).await.unwrap()[1].state, State::Dead);
}

#[tokio::test]
async fn figures_tell_what_waits_and_what_is_dead() {
    let bench = filled().await;
    let figures = bench.journal.figures(at(0)).await.unwrap();
    assert_eq!((figures.dead, figures.waiting, figures.oldest_waiting), (3, 0, None));
    assert!(figures.database_bytes > 0 && figures.volume_bytes.is_some(), "{figures:?}");
    bench.journal.record_now(with_row(row(EventId(2), "c", State::Waiting))).await.unwrap();
    let figures = bench.journal.figures(at(0)).await.unwrap();
    assert_eq!((figures.waiting, figures.oldest_waiting), (1, Some(at(2))));
}

#[tokio::test]
async fn what_is_not_to_be_tried_yet_is_not_late() {
    let bench = filled().await;
    let gathering =
        DeliveryRow { attempts: 0, attempt: None, ..row(EventId(1), "c", State::Waiting) };
    let tried = row(EventId(2), "c", State::Waiting);
    for row in [gathering, tried] {
        bench.journal.record_now(with_row(row)).await.unwrap();
    }
    let before = bench.journal.figures(at(4999)).await.unwrap();
    assert_eq!((before.waiting, before.oldest_waiting), (2, Some(at(2))));
    let after = bench.journal.figures(at(5000)).await.unwrap();
    assert_eq!((after.waiting, after.oldest_waiting), (2, Some(at(1))));
}

#[tokio::test]
async fn a_journal_that_is_not_there_is_not_made_for_a_look() {
    let dir = TempDir::new().unwrap();
    let missing = dir.path().join("missing");
    let error = Journal::open_existing(&missing, Settings::at_rest()).await.unwrap_err();
    assert_eq!(error.kind(), "absent");
    assert!(error.to_string().contains("missing") && !missing.exists(), "{error}");

    let bench = filled().await;
    let place = bench.place.clone();
    let _dir = bench.close().await;
    let (journal, _) = Journal::open_existing(&place.dir, Settings::at_rest()).await.unwrap();
    assert_eq!(journal.count_deliveries(&Filter::default()).await.unwrap(), 6);
    journal.clone().close().await;
    let closed = journal.figures(at(0)).await;
    assert!(matches!(closed, Err(ReadError::Closed)), "{closed:?}");
}
