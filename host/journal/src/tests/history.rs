//! What is kept of a delivery's earlier attempts, and journals of the version that kept none of it.

use super::recording::as_waiting;
use super::*;
use crate::{Happened, Mark, Record};

/// The row after attempt number `attempts`.
fn attempted(event: EventId, attempts: u32, state: State) -> DeliveryRow {
    let millis = i64::from(attempts) * 1000;
    let attempt = Attempt {
        revision: format!("module {attempts}"),
        status: Some(500),
        took: Duration::from_millis(u64::from(attempts)),
    };
    let note = format!("reason {attempts}");
    DeliveryRow { attempts, at: at(millis), note, attempt: Some(attempt), ..row(event, "a", state) }
}

fn as_happened(row: &DeliveryRow) -> Happened {
    Happened {
        at: row.at,
        what: "attempt".to_owned(),
        attempt: row.attempt.clone().map(|attempt| (row.attempts, attempt)),
        note: row.note.clone(),
    }
}

#[tokio::test]
async fn a_first_attempt_that_succeeds_costs_one_row() {
    let bench = Bench::new().await;
    let event = bench.append(1).await;
    let row = attempted(event, 1, State::Delivered);
    for _ in 0..2 {
        bench.journal.record_now(Record::row(row.clone())).await.unwrap();
    }
    assert_eq!((bench.count("deliveries"), bench.count("history")), (1, 0));
    assert_eq!(bench.journal.rows(event).await.unwrap(), [row]);
}

#[tokio::test]
async fn every_attempt_and_mark_is_kept_in_order() {
    let bench = Bench::new().await;
    let event = bench.append(1).await;
    let rows = [(1, State::Waiting), (2, State::Waiting), (3, State::Dead)]
        .map(|(number, state)| attempted(event, number, state));
    for row in &rows {
        bench.journal.record_now(Record::row(row.clone())).await.unwrap();
    }
    let mark = Mark {
        event,
        alert: "a".into(),
        at: at(4000),
        what: "replayed",
        note: "by hand".to_owned(),
    };
    // Written without an attempt: the one before becomes history, this one does not.
    let again = DeliveryRow {
        attempt: None,
        replayed: Some(at(4000)),
        alert_name: "".into(),
        ..attempted(event, 3, State::Waiting)
    };
    let record = Record { rows: vec![again.clone()], marks: vec![mark], ..Record::default() };
    bench.journal.record_now(record).await.unwrap();
    let kept = DeliveryRow { alert_name: "apps/a".into(), ..again };
    assert_eq!(bench.journal.rows(event).await.unwrap(), [kept]);
    let last = attempted(event, 4, State::Delivered);
    bench.journal.record_now(Record::row(last.clone())).await.unwrap();

    let bench = bench.again().await;
    let mut expected: Vec<Happened> = rows.iter().map(as_happened).collect();
    expected.push(Happened {
        at: at(4000),
        what: "replayed".to_owned(),
        attempt: None,
        note: "by hand".to_owned(),
    });
    assert_eq!(bench.journal.history(event, "a").await.unwrap(), expected);
    assert_eq!(bench.journal.history(event, "b").await.unwrap(), []);
    let last = DeliveryRow { replayed: Some(at(4000)), ..last };
    assert_eq!(bench.journal.rows(event).await.unwrap(), [last]);
}

#[tokio::test]
async fn an_attempt_under_way_does_not_undo_a_discard() {
    let bench = Bench::new().await;
    let event = bench.append(1).await;
    let first = attempted(event, 1, State::Waiting);
    let discarded = DeliveryRow { attempt: None, ..attempted(event, 1, State::Discarded) };
    let late = attempted(event, 2, State::Waiting);
    for row in [&first, &discarded, &late] {
        bench.journal.record_now(Record::row(row.clone())).await.unwrap();
    }
    assert_eq!(bench.journal.rows(event).await.unwrap(), [discarded]);
    let history = bench.journal.history(event, "a").await.unwrap();
    assert_eq!(history, [as_happened(&first), as_happened(&late)]);
    // What arrived all the same is told as it is.
    let arrived = attempted(event, 3, State::Delivered);
    bench.journal.record_now(Record::row(arrived.clone())).await.unwrap();
    assert_eq!(bench.journal.rows(event).await.unwrap(), [arrived]);
}

#[tokio::test]
async fn a_long_history_loses_its_middle() {
    let bench = Bench::new().await;
    let event = bench.append(1).await;
    for number in 1..=300 {
        bench.journal.record(Record::row(attempted(event, number, State::Waiting)));
    }
    bench.journal.record_now(Record::default()).await.unwrap();
    let numbers: Vec<u32> = bench
        .journal
        .history(event, "a")
        .await
        .unwrap()
        .iter()
        .map(|happened| happened.attempt.as_ref().unwrap().0)
        .collect();
    let expected: Vec<u32> = (1..=20).chain(120..=299).collect();
    assert_eq!(numbers, expected);
}

/// The tables as the first version made them, written out: what stands in files does not change with the code.
const FIRST: &str = "
pragma page_size=4096;
pragma journal_mode=wal;
begin;
pragma application_id=1213353028;
create table meta (name text primary key, value any) strict, without rowid;
create table events (id integer primary key, at integer not null, key blob not null, body blob not null) strict;
create table open (id integer primary key) strict;
create table deliveries (
    event integer not null, alert text not null, provider text not null, state text not null,
    attempts integer not null, due integer, at integer not null, note text not null,
    primary key (event, alert)
) strict, without rowid;
create index deliveries_due on deliveries (due) where state = 'waiting';
create table remembered (
    provider text not null, module text not null, object text not null, value text not null, at integer not null,
    primary key (provider, module, object)
) strict, without rowid;
insert into meta values ('schema', 1), ('id', x'000102030405060708090a0b0c0d0e0f'), ('closed', 1);
insert into events values (1, 1767225600001, zeroblob(32), cast('event 1' as blob)), (2, 1767225600002, zeroblob(32), cast('event 2' as blob));
insert into open values (2);
insert into deliveries values (1, 'a', 'apps/chat', 'waiting', 3, 1767225605000, 1767225600100, 'status 503');
insert into deliveries values (1, 'b', 'apps/chat', 'dead', 1, null, 1767225600100, 'status 400');
insert into remembered values ('p', 'slack', 'x', '1', 1767225600100);
commit;
";

#[tokio::test]
async fn a_journal_of_the_first_version_goes_on() {
    let dir = TempDir::new().unwrap();
    let place = Place::new(&dir.path().join("journal"));
    std::fs::create_dir(&place.dir).unwrap();
    Connection::open(&place.database).unwrap().execute_batch(FIRST).unwrap();

    let bench = Bench::over(dir, Settings::default()).await;
    let waiting = DeliveryRow {
        alert_name: "".into(),
        object: "".into(),
        attempts: 3,
        attempt: None,
        ..row(EventId(1), "a", State::Waiting)
    };
    assert_eq!(bench.recovered.waiting, [as_waiting(&waiting)]);
    assert_eq!(bench.recovered.n_open, 1);
    let rows = bench.journal.rows(EventId(1)).await.unwrap();
    assert_eq!((rows.len(), &rows[0], rows[1].state), (2, &waiting, State::Dead));
    assert_eq!(bench.journal.id(), std::array::from_fn(|n| u8::try_from(n).unwrap()));

    let next = attempted(EventId(1), 4, State::Delivered);
    bench.journal.record_now(Record::row(next.clone())).await.unwrap();
    let mut bench = bench.again().await;
    assert_eq!(bench.journal.rows(EventId(1)).await.unwrap()[0], next);
    assert_eq!(bench.next().await.id, EventId(2));
    assert_eq!(bench.append(3).await, EventId(3));
}
