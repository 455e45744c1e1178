//! Appending: what is kept, what is a duplicate, how commits are shared, and how events come out.

use super::*;

fn duplicate(until_millis: i64) -> Appended {
    Appended::Duplicate { until: at(until_millis) }
}

const WINDOW: i64 = 5 * 60 * 1000;

#[tokio::test]
async fn an_event_is_there_at_once_and_after_opening_again() {
    let mut bench = Bench::new().await;
    let id = bench.append(1).await;
    let event = bench.next().await;
    assert_eq!(event, StoredEvent { id, at: at(1), body: body(1), recovered: false });
    assert_eq!(bench.journal.event(id).await.unwrap(), Some(event.clone()));
    assert_eq!(bench.journal.event(EventId(99)).await.unwrap(), None);

    let mut bench = bench.again().await;
    assert_eq!(bench.recovered.n_open, 1);
    assert_eq!(bench.next().await, StoredEvent { recovered: true, ..event });
    assert!(bench.append(2).await > id);
    assert_eq!(bench.next().await.body, body(2));
}

#[tokio::test]
async fn a_key_is_a_duplicate_for_one_window_also_after_opening_again() {
    let bench = Bench::new().await;
    bench.append(1).await;
    let again = |millis| bench.journal.append(key(1), body(9), at(millis));
    assert_eq!(again(2).await.unwrap(), duplicate(1 + WINDOW));
    assert_eq!(again(WINDOW).await.unwrap(), duplicate(1 + WINDOW));

    let bench = bench.again().await;
    let again = |millis| bench.journal.append(key(1), body(9), at(millis));
    assert_eq!(again(WINDOW).await.unwrap(), duplicate(1 + WINDOW));
    assert_eq!(again(1 + WINDOW).await.unwrap(), Appended::New(EventId(2)));
    assert_eq!(again(2 + WINDOW).await.unwrap(), duplicate(1 + 2 * WINDOW));
    assert_eq!(bench.count("events"), 2);
}

#[tokio::test]
async fn without_a_window_nothing_is_a_duplicate() {
    let bench = Bench::with(Settings { dedup_window: Duration::ZERO, ..Settings::default() }).await;
    assert_ne!(bench.append(1).await, bench.append(1).await);
}

#[tokio::test]
async fn many_at_once_share_few_commits() {
    let mut bench = Bench::new().await;
    let held_up = bench.hold_up();
    let tasks: Vec<_> = (0..200)
        .map(|number| {
            let journal = bench.journal.clone();
            tokio::spawn(async move { append(&journal, number).await })
        })
        .collect();
    // Whatever the writer took first is one group; all others wait in the queue.
    eventually("all are handed in", || bench.journal.inner.waiting.count() == 200).await;
    drop(held_up);
    for task in tasks {
        assert!(matches!(task.await.unwrap(), Ok(Appended::New(_))));
    }
    assert!(bench.journal.commits() <= 2, "{} commits", bench.journal.commits());
    let mut last = EventId(0);
    for _ in 0..200 {
        let id = bench.next().await.id;
        assert!(id > last, "{id} after {last}");
        last = id;
    }
}

#[tokio::test]
async fn a_group_ends_at_its_limits() {
    for settings in [
        Settings { max_group: 10, ..Settings::default() },
        Settings { max_group_bytes: 10 * body(10).len(), ..Settings::default() },
    ] {
        let bench = Bench::with(settings).await;
        let held_up = bench.hold_up();
        let appends: Vec<_> = (10..60)
            .map(|number| {
                let journal = bench.journal.clone();
                tokio::spawn(async move { append(&journal, number).await })
            })
            .collect();
        eventually("all are handed in", || bench.journal.inner.waiting.count() == 50).await;
        drop(held_up);
        for append in appends {
            append.await.unwrap().unwrap();
        }
        assert!((5..=6).contains(&bench.journal.commits()), "{} commits", bench.journal.commits());
    }
}

#[tokio::test]
async fn a_duplicate_in_flight_waits_for_the_first_one() {
    let bench = Bench::new().await;
    let held_up = bench.hold_up();
    let mut first = Box::pin(append(&bench.journal, 1));
    let mut copy = Box::pin(append(&bench.journal, 1));
    let waits = tokio::time::timeout(Duration::from_millis(50), async {
        tokio::select! { biased; done = &mut first => done, done = &mut copy => done }
    });
    assert!(waits.await.is_err(), "nothing is on disk");
    drop(held_up);
    assert_eq!(first.await.unwrap(), Appended::New(EventId(1)));
    assert_eq!(copy.await.unwrap(), duplicate(1 + WINDOW));
}

#[tokio::test]
async fn a_duplicate_of_what_could_not_be_kept_is_refused_and_the_next_one_is_new() {
    let bench = Bench::new().await;
    bench.append(1).await;
    bench.place.faults.is_read_only.store(true, Ordering::SeqCst);
    let (first, copy) = tokio::join!(append(&bench.journal, 2), append(&bench.journal, 2));
    for answer in [first, copy] {
        assert!(matches!(answer, Err(AppendError::ReadOnly { .. })), "{answer:?}");
    }
    assert_eq!(
        append(&bench.journal, 1).await.unwrap(),
        duplicate(1 + WINDOW),
        "what is kept needs no disk"
    );
    bench.place.faults.is_read_only.store(false, Ordering::SeqCst);
    bench.becomes_writable().await;
    bench.append(2).await;
}

#[tokio::test]
async fn too_many_waiting_are_refused_at_once() {
    let settings = Settings { max_queue: 3, max_queue_bytes: 100, ..Settings::default() };
    let bench = Bench::with(settings).await;
    let held_up = bench.hold_up();
    let waiting: Vec<_> = (0..3)
        .map(|number| {
            let journal = bench.journal.clone();
            tokio::spawn(async move { append(&journal, number).await })
        })
        .collect();
    eventually("all are handed in", || bench.journal.inner.waiting.count() == 3).await;
    assert!(matches!(bench.refused(4).await, AppendError::Busy));
    drop(held_up);
    for append in waiting {
        append.await.unwrap().unwrap();
    }
    bench.append(4).await;
    let large = Bytes::from(vec![0; 200]);
    bench.journal.append(key(5), large, at(5)).await.expect("a large one alone is taken");
}

#[tokio::test]
async fn an_event_comes_out_when_nobody_waits_for_the_answer() {
    let mut bench = Bench::new().await;
    let held_up = bench.hold_up();
    let mut abandoned = Box::pin(append(&bench.journal, 1));
    let started = tokio::time::timeout(Duration::ZERO, &mut abandoned).await;
    assert!(started.is_err());
    drop(abandoned);
    drop(held_up);
    assert_eq!(bench.next().await.body, body(1));
}

#[tokio::test]
async fn a_slow_reader_gets_all_events_in_order() {
    let settings = Settings { max_ahead_bytes: 20, ..Settings::default() };
    let mut bench = Bench::with(settings.clone()).await;
    for number in 0..100 {
        bench.append(number).await;
    }
    for number in 0..50 {
        assert_eq!(bench.next().await.body, body(number));
    }
    bench.append(100).await;
    for number in 50..=100 {
        assert_eq!(bench.next().await.body, body(number));
    }

    let mut bench = bench.again_with(settings).await;
    bench.append(101).await;
    assert_eq!(bench.recovered.n_open, 101);
    for number in 0..=101 {
        let event = bench.next().await;
        assert_eq!((event.body, event.recovered), (body(number), number <= 100));
    }
}

#[tokio::test]
async fn a_cancelled_read_loses_nothing() {
    let bench = Bench::new().await;
    for number in 0..10 {
        bench.append(number).await;
    }
    let mut bench = bench.again().await;
    for number in 0..10 {
        // Without any time it is dropped after its first step, when the read has just begun.
        let event = match tokio::time::timeout(Duration::ZERO, bench.recovered.events.recv()).await
        {
            Ok(event) => event.expect("the journal is open"),
            Err(_) => bench.next().await,
        };
        assert_eq!(event.body, body(number));
    }
}

#[tokio::test]
async fn the_log_stays_small_under_load() {
    let settings = Settings {
        checkpoint_interval: Duration::from_millis(5),
        checkpoint_bytes: 64 << 10,
        max_log_bytes: 256 << 10,
        ..Settings::default()
    };
    let bench = Bench::with(settings).await;
    let mut largest = 0;
    for round in 0..40_u32 {
        let appends: Vec<_> = (0..25)
            .map(|number| {
                let journal = bench.journal.clone();
                let number = round * 100 + number;
                tokio::spawn(async move {
                    journal.append(key(number), Bytes::from(vec![1; 4000]), at(0)).await.unwrap();
                })
            })
            .collect();
        for append in appends {
            append.await.unwrap();
        }
        largest = largest.max(std::fs::metadata(&bench.place.log).unwrap().len());
    }
    assert!(std::fs::metadata(&bench.place.database).unwrap().len() > 3 << 20, "most is copied");
    assert!(largest < 1 << 20, "the log grew to {largest} bytes");
}
