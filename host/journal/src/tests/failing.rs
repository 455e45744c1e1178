//! Disks that fail while the journal runs, and how it comes back.

use super::*;
use crate::{Record, RecordError};

fn dead(event: EventId, alert: &str) -> Record {
    Record::row(row(event, alert, State::Dead))
}

#[tokio::test]
async fn a_full_disk_refuses_events_and_loses_no_outcome() {
    let bench = Bench::new().await;
    let kept = bench.append(1).await;
    let large = |number| bench.journal.append(key(number), Bytes::from(vec![0; 100_000]), at(0));
    bench.place.faults.is_full.store(true, Ordering::SeqCst);
    bench.journal.record(dead(kept, "rode along"));
    let error = large(2).await.expect_err("the disk is full");
    assert!(matches!(error, AppendError::Full { .. }), "{error}");
    assert!(bench.reason().contains("no space is left"), "{}", bench.reason());
    // One page may still fit: a commit without anything large can work while the disk is full.
    bench.journal.record(dead(kept, "came after"));
    bench.place.faults.is_full.store(false, Ordering::SeqCst);
    bench.becomes_writable().await;
    assert!(matches!(large(2).await, Ok(Appended::New(_))), "the key was set free");
    let alerts: Vec<_> =
        bench.journal.rows(kept).await.unwrap().into_iter().map(|row| row.alert).collect();
    assert_eq!(alerts, ["came after".into(), "rode along".into()]);
    assert_eq!(bench.count("events"), 2);
}

#[tokio::test]
async fn a_disk_that_may_not_be_written_refuses_events_until_it_may() {
    let bench = Bench::new().await;
    let kept = bench.append(1).await;
    bench.place.faults.is_read_only.store(true, Ordering::SeqCst);
    assert!(matches!(bench.refused(2).await, AppendError::ReadOnly { .. }));
    assert!(bench.reason().contains("journal.db cannot be written"), "{}", bench.reason());
    let error =
        bench.journal.record_now(dead(kept, "urgent")).await.expect_err("it is not on disk");
    assert!(
        matches!(error, RecordError::Unwritten { source: AppendError::ReadOnly { .. } }),
        "{error:?}"
    );
    bench.tries_again().await;
    assert!(matches!(bench.refused(2).await, AppendError::ReadOnly { .. }));
    bench.place.faults.is_read_only.store(false, Ordering::SeqCst);
    bench.becomes_writable().await;
    assert!(bench.append(2).await > kept);
    eventually("the outcome is written", || bench.count("deliveries") == 1).await;
}

#[tokio::test]
async fn a_refused_event_never_comes_out() {
    let mut bench = Bench::new().await;
    bench.place.faults.is_read_only.store(true, Ordering::SeqCst);
    bench.refused(1).await;
    bench.place.faults.is_read_only.store(false, Ordering::SeqCst);
    bench.becomes_writable().await;
    bench.append(2).await;
    assert_eq!(bench.next().await.body, body(2));
    let mut bench = bench.again().await;
    assert_eq!((bench.recovered.n_open, bench.next().await.body), (1, body(2)));
}

#[tokio::test]
async fn files_that_vanish_refuse_events_until_they_are_back() {
    let mut bench = Bench::new().await;
    let id = bench.append(1).await;
    bench.next().await;
    let elsewhere = bench.dir.path().join("elsewhere");
    std::fs::rename(&bench.place.dir, &elsewhere).unwrap();
    assert!(matches!(bench.refused(2).await, AppendError::Missing { .. }));
    assert!(bench.reason().contains("was removed or replaced"), "{}", bench.reason());
    assert!(matches!(bench.refused(3).await, AppendError::Missing { .. }));
    assert!(!bench.place.database.exists(), "no new one is made");
    std::fs::rename(&elsewhere, &bench.place.dir).unwrap();
    bench.becomes_writable().await;
    assert_eq!(bench.count("events"), 1, "what was refused is not there");
    bench.append(2).await;
    assert_eq!(bench.next().await.body, body(2));
    assert!(bench.journal.event(id).await.unwrap().is_some());
}

#[tokio::test]
async fn a_deleted_database_refuses_events() {
    let bench = Bench::new().await;
    bench.append(1).await;
    std::fs::remove_file(&bench.place.database).unwrap();
    assert!(matches!(bench.refused(2).await, AppendError::Missing { .. }));
    assert!(bench.reason().contains("was removed or replaced"), "{}", bench.reason());
    bench.tries_again().await;
    assert!(!bench.place.database.exists(), "no new one is made");
}

#[tokio::test]
async fn a_deleted_log_refuses_events_once_and_loses_none() {
    let mut bench = Bench::new().await;
    for number in 0..20 {
        bench.append(number).await;
    }
    std::fs::remove_file(&bench.place.log).unwrap();
    assert!(matches!(bench.refused(20).await, AppendError::Missing { .. }));
    bench.becomes_writable().await;
    bench.append(20).await;
    for number in 0..=20 {
        assert_eq!(bench.next().await.body, body(number));
    }
    let mut bench = bench.again().await;
    for number in 0..=20 {
        assert_eq!(bench.next().await.body, body(number));
    }
}

#[tokio::test]
async fn another_journal_in_its_place_is_not_written() {
    let other = Bench::new().await;
    let from = other.place.clone();
    let _dir = other.close().await;

    let bench = Bench::new().await;
    bench.append(1).await;
    std::fs::remove_file(&bench.place.database).unwrap();
    std::fs::copy(&from.database, &bench.place.database).unwrap();
    assert!(matches!(bench.refused(2).await, AppendError::Missing { .. }));
    let files =
        || [&bench.place.database, &bench.place.log].map(|path| std::fs::read(path).unwrap());
    let before = files();
    bench.tries_again().await;
    assert!(matches!(bench.refused(2).await, AppendError::Missing { .. }));
    assert!(files() == before, "neither the file nor the log of the old one may change");
}

#[tokio::test]
async fn closing_while_the_disk_fails_ends() {
    let bench = Bench::new().await;
    let id = bench.append(1).await;
    bench.place.faults.is_read_only.store(true, Ordering::SeqCst);
    bench.refused(2).await;
    bench.journal.record(dead(id, "a"));
    let bench = within("the journal closes", bench.again()).await;
    assert_eq!(bench.recovered.n_open, 1);
}
