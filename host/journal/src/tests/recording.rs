//! Outcomes: what a start finds of them, what rides, and what is removed in the end.

use super::*;
use crate::{Record, RecordError, RememberKey, WaitingRow};

pub(super) fn with_row(row: DeliveryRow) -> Record {
    Record::row(row)
}

fn closing(event: EventId) -> Record {
    Record::closing(event)
}

/// What a start must know of a row; the numbers of events are their times.
pub(super) fn as_waiting(row: &DeliveryRow) -> WaitingRow {
    let DeliveryRow { event, alert, provider, object, attempts, due, at, replayed, plan, .. } =
        row.clone();
    let accepted_at = super::at(event.0);
    WaitingRow { event, alert, provider, object, attempts, due, at, replayed, accepted_at, plan }
}

fn note(object: &str) -> RememberKey {
    RememberKey { owner: "p".to_owned(), module: "slack".to_owned(), object: object.to_owned() }
}

#[tokio::test]
async fn a_start_finds_open_events_and_waiting_deliveries() {
    let bench = Bench::new().await;
    let (open, closed) = (bench.append(1).await, bench.append(2).await);
    let waiting = row(closed, "a", State::Waiting);
    let sooner = DeliveryRow { due: Some(at(10)), alert: "b".into(), ..waiting.clone() };
    let done = row(closed, "c", State::Delivered);
    for record in [
        with_row(waiting.clone()),
        with_row(sooner.clone()),
        with_row(done.clone()),
        closing(closed),
    ] {
        bench.journal.record(record);
    }

    let mut bench = bench.again().await;
    assert_eq!(bench.recovered.n_open, 1);
    let events = &mut bench.recovered.events;
    assert_eq!(events.recv_recovered().await.map(|event| event.id), Some(open));
    assert_eq!(events.recv_recovered().await, None, "there are no more of the last run");
    assert_eq!(bench.recovered.waiting, [&waiting, &sooner].map(as_waiting));
    assert_eq!(bench.journal.rows(closed).await.unwrap(), [waiting, sooner, done]);
    assert_eq!(bench.journal.rows(open).await.unwrap(), []);
    assert_eq!(bench.journal.event(closed).await.unwrap().unwrap().body, body(2));
}

#[tokio::test]
async fn every_state_is_read_as_it_was_written() {
    let bench = Bench::new().await;
    let event = bench.append(1).await;
    let states = State::ALL;
    let rows: Vec<_> = states
        .iter()
        .zip(["a", "b", "c", "d", "e", "f"])
        .map(|(state, alert)| row(event, alert, *state))
        .collect();
    for row in &rows {
        bench.journal.record_now(with_row(row.clone())).await.unwrap();
    }
    assert_eq!(bench.journal.rows(event).await.unwrap(), rows);
}

#[tokio::test]
async fn a_row_written_again_replaces_itself() {
    let bench = Bench::new().await;
    let event = bench.append(1).await;
    let first = row(event, "a", State::Waiting);
    let last = DeliveryRow {
        attempts: 4,
        due: None,
        note: "status 200".to_owned(),
        ..row(event, "a", State::Delivered)
    };
    for row in [&first, &first, &last, &last] {
        bench.journal.record_now(with_row(row.clone())).await.unwrap();
    }
    bench.journal.record_now(closing(event)).await.unwrap();
    bench.journal.record_now(closing(event)).await.unwrap();
    assert_eq!(bench.journal.rows(event).await.unwrap(), [last]);
    let bench = bench.again().await;
    assert_eq!((bench.recovered.waiting.len(), bench.recovered.n_open), (0, 0));
}

#[tokio::test]
async fn what_rides_is_committed_with_the_next_event_or_alone() {
    let bench =
        Bench::with(Settings { ride: Duration::from_secs(3600), ..Settings::default() }).await;
    let event = bench.append(1).await;
    for number in 0..50 {
        bench.journal.record(with_row(row(event, &number.to_string(), State::Dead)));
    }
    assert_eq!(bench.journal.commits(), 1, "nobody waits");
    bench.append(2).await;
    assert_eq!((bench.journal.commits(), bench.count("deliveries")), (2, 50));

    let bench = bench.again().await;
    bench.journal.record(closing(event));
    eventually("it is committed alone", || bench.count("open") == 1).await;
    assert_eq!(bench.journal.commits(), 1);
}

#[tokio::test]
async fn so_many_riding_that_they_fill_a_group_are_committed() {
    let settings =
        Settings { ride: Duration::from_secs(3600), max_group: 10, ..Settings::default() };
    let bench = Bench::with(settings).await;
    for number in 0..25 {
        bench.journal.record(with_row(row(EventId(1), &number.to_string(), State::Dead)));
    }
    eventually("no full group is left", || 25 - bench.count("deliveries") < 10).await;
    assert_eq!(bench.again().await.count("deliveries"), 25, "closing commits what rides");
}

#[tokio::test]
async fn what_is_remembered_is_known_at_once_and_after_opening_again() {
    let bench = Bench::new().await;
    assert_eq!(bench.journal.remembered(&note("x")), None);
    for value in ["1", "2"] {
        bench
            .journal
            .record(Record { remember: vec![(note("x"), value.to_owned())], ..Record::default() });
        assert_eq!(bench.journal.remembered(&note("x")).as_deref(), Some(value));
    }
    let bench = bench.again().await;
    assert_eq!(bench.journal.remembered(&note("x")).as_deref(), Some("2"));
    assert_eq!(bench.journal.remembered(&note("y")), None);
}

#[tokio::test]
async fn finished_events_are_removed_after_the_retention_and_others_never() {
    let retention = Duration::from_millis(1000);
    let bench = Bench::with(Settings { max_history_age: retention, ..Settings::default() }).await;
    let mut ids = Vec::new();
    for number in 0..300 {
        ids.push(bench.append(number).await);
    }
    let (open, waiting) = (ids[3], ids[7]);
    for id in ids {
        bench.journal.record(with_row(row(
            id,
            "a",
            if id == waiting { State::Waiting } else { State::Delivered },
        )));
        if id != open {
            bench.journal.record(closing(id));
        }
    }
    bench.journal.record_now(Record::default()).await.unwrap();
    assert_eq!(bench.count("events"), 300, "nothing is old");

    let newest = bench.append(2000).await;
    eventually("the old ones are removed", || bench.count("events") == 3).await;
    assert_eq!(bench.count("deliveries"), 2);
    for id in [open, waiting, newest] {
        assert!(bench.journal.event(id).await.unwrap().is_some(), "{id}");
    }
    bench.journal.record_now(closing(newest)).await.unwrap();
    let bench =
        bench.again_with(Settings { max_history_age: Duration::ZERO, ..Settings::default() }).await;
    assert_eq!(bench.append(3000).await, EventId(newest.0 + 1), "ids go on");
}

#[tokio::test]
async fn a_closed_journal_takes_nothing() {
    let bench = Bench::new().await;
    let journal = bench.journal.clone();
    let _dir = bench.close().await;
    assert!(matches!(append(&journal, 1).await, Err(AppendError::Closed)));
    assert!(matches!(journal.record_now(Record::default()).await, Err(RecordError::Closed)));
    assert!(matches!(journal.event(EventId(1)).await, Err(crate::ReadError::Closed)));
    journal.record(Record::default());
    assert_eq!(journal.health(), Health::Failing { reason: "the journal is closed".to_owned() });
    journal.close().await;
}
