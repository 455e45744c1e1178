//! Limits: what goes when there is too much, when events are refused, and how that ends.

use super::recording::with_row;
use super::*;
use crate::{Record, RememberKey};

const MIB: u64 = 1 << 20;
/// What the body of a large event takes.
const LARGE: usize = 100 << 10;

/// A small journal that nothing but its own limit keeps from growing.
fn small(max_bytes: u64) -> Settings {
    Settings { max_bytes, min_free_bytes: 0, ..Settings::default() }
}

async fn append_large(bench: &Bench, number: u32) -> Result<EventId, AppendError> {
    let body = Bytes::from(vec![b'x'; LARGE]);
    match bench.journal.append(key(number), body, at(i64::from(number))).await? {
        Appended::New(id) => Ok(id),
        Appended::Duplicate { .. } => panic!("event {number} should be new"),
    }
}

/// Fills the journal with events that are not finished, until one is refused; how many were kept, and why no more.
async fn fill(bench: &Bench, from: u32) -> (Vec<EventId>, AppendError) {
    let mut kept = Vec::new();
    for number in from.. {
        match append_large(bench, number).await {
            Ok(id) => kept.push(id),
            Err(error) => return (kept, error),
        }
        assert!(kept.len() < 10_000, "no limit holds");
    }
    unreachable!("numbers do not end");
}

async fn finish(bench: &Bench, id: EventId, state: State) {
    let rows = vec![row(id, "a", state)];
    bench.journal.record_now(Record { rows, closes: vec![id], ..Record::default() }).await.unwrap();
}

#[tokio::test]
async fn unfinished_events_fill_the_journal_up_to_its_limit_and_no_further() {
    let bench = Bench::with(small(8 * MIB)).await;
    let (kept, error) = fill(&bench, 0).await;
    assert!(matches!(error, AppendError::Limit { .. }), "{error}");
    assert!(kept.len() > 20, "only {} fit", kept.len());
    let size = |path| std::fs::metadata(path).unwrap().len();
    let bytes = size(&bench.place.database) + size(&bench.place.log);
    assert!(bytes <= 8 * MIB, "{bytes} bytes");
    let figures = bench.journal.figures(at(0)).await.unwrap();
    assert!(figures.database_bytes > MIB && figures.log_bytes > 0, "{figures:?}");
    eventually("it says so", || matches!(bench.journal.health(), Health::Full { .. })).await;
    assert!(bench.reason().contains("limit of 8388608 bytes"), "{}", bench.reason());

    // An outcome is written all the same, and makes room, also when nobody posts anything.
    for id in &kept[..10] {
        finish(&bench, *id, State::Delivered).await;
    }
    eventually("it recovers", || bench.journal.health() == Health::Writable).await;
    append_large(&bench, 5000).await.expect("there is room again");
    for id in &kept[10..] {
        assert!(bench.journal.event(*id).await.unwrap().is_some(), "{id} is not finished");
    }
}

#[tokio::test]
async fn the_oldest_history_makes_room_and_dead_letters_only_at_the_end() {
    let bench = Bench::with(small(8 * MIB)).await;
    let dead = append_large(&bench, 0).await.unwrap();
    finish(&bench, dead, State::Dead).await;
    let waiting = append_large(&bench, 1).await.unwrap();
    finish(&bench, waiting, State::Waiting).await;
    // Many times what there is room for; each is finished at once.
    for number in 2..300 {
        let id = append_large(&bench, number).await.unwrap();
        finish(&bench, id, State::Delivered).await;
        // A receiver takes its time.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    eventually("old history is gone", || bench.count("events") < 80).await;
    for id in [dead, waiting] {
        assert!(bench.journal.event(id).await.unwrap().is_some(), "{id}");
    }
    let again = bench.journal.append(key(5), body(5), at(6)).await.unwrap();
    assert!(matches!(again, Appended::Duplicate { .. }), "its key still counts: {again:?}");
    let bench = bench.again_with(small(8 * MIB)).await;
    let again = bench.journal.append(key(6), body(6), at(7)).await.unwrap();
    assert!(matches!(again, Appended::Duplicate { .. }), "also after a start: {again:?}");

    // What is not finished takes the place of all history, and then of the dead letter.
    let mut number = 1000;
    while bench.count("deliveries where state = 'dead'") > 0 {
        fill(&bench, number).await;
        number += 1000;
        assert!(number < 100_000, "the dead letter stays");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(bench.count("deliveries where state = 'delivered'"), 0);
    assert!(bench.journal.event(waiting).await.unwrap().is_some());
}

#[tokio::test]
async fn a_volume_that_is_nearly_full_takes_no_events() {
    let settings = Settings { min_free_bytes: 10 * MIB, ..Settings::default() };
    let bench = Bench::with(settings).await;
    bench.append(1).await;
    *bench.place.faults.volume.lock().unwrap() = Some(10 * MIB - 1);
    // Measured after a commit at the latest.
    let mut number = 2;
    let error = loop {
        number += 1;
        match append(&bench.journal, number).await {
            Ok(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, AppendError::VolumeFull { .. }), "{error}");
    assert!(bench.reason().contains("less than 10485760 bytes are free"), "{}", bench.reason());
    *bench.place.faults.volume.lock().unwrap() = Some(11 * MIB);
    bench.becomes_writable().await;
    bench.append(10_000).await;
}

#[tokio::test]
async fn freed_pages_are_used_again() {
    const LEFT: u32 = 60;
    let settings = Settings { max_history_age: Duration::from_millis(20), ..Settings::default() };
    let bench = Bench::with(settings).await;
    let mut sizes = Vec::new();
    for number in 0..400 {
        let id = append_large(&bench, number).await.unwrap();
        finish(&bench, id, State::Delivered).await;
        if number % 100 == 99 {
            eventually("what is old is gone", || bench.count("events") < i64::from(LEFT)).await;
            sizes.push(bench.journal.figures(at(0)).await.unwrap().database_bytes);
        }
    }
    // How many are there at a time hangs on when it is swept, but these are the most.
    let most = u64::from(100 + LEFT) * LARGE as u64;
    assert!(sizes[3] <= most + 2 * MIB, "it grows: {sizes:?}");
}

#[tokio::test]
async fn dead_letters_have_an_age_of_their_own() {
    let settings = Settings {
        max_history_age: Duration::from_millis(1000),
        max_dead_age: Duration::from_millis(100_000),
        ..Settings::default()
    };
    let bench = Bench::with(settings.clone()).await;
    let (dead, done) = (bench.append(1).await, bench.append(2).await);
    finish(&bench, dead, State::Dead).await;
    finish(&bench, done, State::Delivered).await;
    bench.append(5000).await;
    eventually("the delivered one is gone", || bench.count("events") == 2).await;
    assert!(bench.journal.event(dead).await.unwrap().is_some());
    bench.append(200_000).await;
    // The dead letters that were passed over are looked at again later, or by the next run.
    let bench = bench.again_with(settings).await;
    bench.append(200_001).await;
    eventually("the dead one is gone", || bench.count("deliveries") == 0).await;
}

#[tokio::test]
async fn a_journal_at_rest_loses_nothing() {
    let bench = Bench::new().await;
    let id = bench.append(1).await;
    finish(&bench, id, State::Delivered).await;
    bench.append(2_000_000_000).await;
    let bench = bench.again_with(Settings::at_rest()).await;
    bench.append(2_000_000_001).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(bench.journal.event(id).await.unwrap().is_some());
}

#[tokio::test]
async fn old_notes_are_superfluous_and_so_are_the_oldest_of_too_many() {
    let bench = Bench::new().await;
    let id = bench.append(1).await;
    let note = |object: &str| RememberKey {
        owner: "p".to_owned(),
        module: "slack".to_owned(),
        object: object.to_owned(),
    };
    let remember = |object: &str, millis: i64, value: String| {
        let row = DeliveryRow { at: at(millis), ..row(id, object, State::Delivered) };
        let remember = vec![(note(object), value)];
        bench.journal.record(Record { remember, ..with_row(row) });
    };
    let day = 24 * 60 * 60 * 1000;
    remember("old", 0, "1".to_owned());
    remember("large", 90 * day, "x".repeat(17 << 20));
    remember("new", 91 * day, "2".to_owned());
    bench.journal.record_now(Record::default()).await.unwrap();
    let connection = Connection::open(&bench.place.database).unwrap();
    let now = at(91 * day).as_millisecond();
    let superfluous = crate::notes::superfluous(&connection, now).unwrap();
    let objects: Vec<_> = superfluous.iter().map(|note| note.key.object.as_str()).collect();
    assert_eq!(objects, ["large", "old"]);
    crate::notes::remove(&connection, &superfluous).unwrap();
    drop(connection);
    let bench = bench.again().await;
    assert_eq!(bench.journal.remembered(&note("new")).as_deref(), Some("2"));
    assert_eq!(bench.journal.remembered(&note("old")), None);
}

/// The start that a service makes after an outage of a receiver.
#[tokio::test]
async fn a_hundred_thousand_waiting_deliveries_are_read_within_seconds() {
    let bench = Bench::new().await;
    let mut connection = Connection::open(&bench.place.database).unwrap();
    let transaction = connection.transaction().unwrap();
    for number in 1..=100_000 {
        transaction
            .prepare_cached("insert into events values (?1, ?2, zeroblob(32), zeroblob(600))")
            .unwrap()
            .execute((number, at(number).as_millisecond()))
            .unwrap();
        let row = DeliveryRow {
            object: format!("Kustomization/apps/app-{}", number % 1000).into(),
            ..row(EventId(number), "a", State::Waiting)
        };
        crate::deliveries::write_row(&transaction, &row).unwrap();
    }
    transaction.commit().unwrap();
    drop(connection);
    let dir = bench.close().await;
    let began = Instant::now();
    let bench = Bench::over(dir, Settings::default()).await;
    let took = began.elapsed();
    let waiting = &bench.recovered.waiting;
    assert_eq!(waiting.len(), 100_000);
    assert!(waiting.is_sorted_by_key(|row| row.event));
    let texts: std::collections::HashSet<_> =
        waiting.iter().map(|row| std::sync::Arc::as_ptr(&row.object)).collect();
    assert_eq!(texts.len(), 1000, "equal texts are one");
    assert!(took < Duration::from_secs(20), "{took:?}");
}
