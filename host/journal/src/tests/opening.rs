//! Which folders are opened, which are refused, and that a refusal changes nothing.

use super::*;
use crate::OpenError;
use crate::error::report;

async fn open(place: &Place) -> Result<(Journal, Recovered), OpenError> {
    Journal::open(&place.dir, Settings::default()).await
}

/// A closed journal with enough events for several pages.
async fn closed() -> (TempDir, Place) {
    let bench = Bench::new().await;
    for number in 0..500 {
        let row = row(EventId(1), &number.to_string(), State::Dead);
        bench.journal.record(crate::Record::row(row));
    }
    for number in 0..20 {
        bench.append(number).await;
    }
    let place = bench.place.clone();
    (bench.close().await, place)
}

/// Opening fails with this kind, says all of this, and leaves the database as it was.
async fn check_refused(place: &Place, kind: &str, says: &[&str]) {
    let before = std::fs::read(&place.database).ok();
    let error = open(place).await.expect_err("the journal should be refused");
    let text = report(&error);
    assert_eq!(error.kind(), kind, "{text}");
    for part in says {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
    assert!(std::fs::read(&place.database).ok() == before, "the file was changed");
}

#[tokio::test]
async fn a_new_folder_gets_an_empty_journal_with_an_id_of_its_own() {
    let bench = Bench::new().await;
    let id = bench.journal.id();
    assert_eq!((bench.recovered.n_open, bench.journal.health()), (0, Health::Writable));
    let bench = bench.again().await;
    assert_eq!(bench.journal.id(), id);
    assert_ne!(Bench::new().await.journal.id(), id);
    for (pragma, value) in [("page_size", "4096"), ("journal_mode", "wal")] {
        let connection = Connection::open(&bench.place.database).unwrap();
        let found: String = connection
            .query_row(&format!("select cast({pragma} as text) from pragma_{pragma}"), [], |row| {
                row.get(0)
            })
            .unwrap();
        assert_eq!(found, value, "{pragma}");
    }
}

#[tokio::test]
async fn a_closed_journal_is_one_file_and_its_lock() {
    let (dir, place) = closed().await;
    let mut names: Vec<_> = std::fs::read_dir(&place.dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["journal.db", "lock"]);
    drop(dir);
}

#[tokio::test]
async fn a_folder_in_use_is_refused_until_it_is_closed() {
    let bench = Bench::new().await;
    let error = open(&bench.place).await.expect_err("it is in use");
    assert!(matches!(&error, OpenError::InUse { dir } if *dir == bench.place.dir), "{error}");
    bench.append(1).await;
    bench.again().await.append(2).await;
}

#[tokio::test]
async fn a_journal_without_handles_closes_by_itself() {
    let Bench { dir, place, journal, mut recovered } = Bench::new().await;
    append(&journal, 1).await.unwrap();
    drop(journal);
    assert_eq!(next(&mut recovered.events).await.body, body(1));
    assert_eq!(within("the events end", recovered.events.recv()).await, None);
    let deadline = Instant::now() + Duration::from_secs(20);
    while let Err(error) = open(&place).await {
        assert!(matches!(error, OpenError::InUse { .. }) && Instant::now() < deadline, "{error}");
    }
    drop(dir);
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let (_dir, place) = closed().await;
    let connection = Connection::open(&place.database).unwrap();
    connection.execute_batch("update meta set value = 9 where name = 'schema'").unwrap();
    drop(connection);
    check_refused(&place, "newer-schema", &["journal.db", "newer Herald", "schema 9", "up to 3"])
        .await;
}

#[tokio::test]
async fn a_database_of_something_else_is_refused() {
    let (_dir, place) = closed().await;
    std::fs::remove_file(&place.database).unwrap();
    Connection::open(&place.database).unwrap().execute_batch("create table t (a)").unwrap();
    check_refused(&place, "foreign", &["journal.db", "not a journal of Herald"]).await;
}

#[tokio::test]
async fn a_damaged_file_is_refused_and_never_replaced() {
    let says = ["journal.db", "damaged", "restore it", "move it"];
    // The header, the first page, and some in the middle.
    for (offset, bytes) in [(0, 100), (0, 4096), (4 * 4096, 3 * 4096)] {
        let (_dir, place) = closed().await;
        scribble(&place.database, offset, bytes);
        check_refused(&place, "damaged", &says).await;
    }
    let (_dir, place) = closed().await;
    let length = std::fs::metadata(&place.database).unwrap().len();
    for length in [length / 2, 0] {
        std::fs::File::options()
            .write(true)
            .open(&place.database)
            .unwrap()
            .set_len(length)
            .unwrap();
        check_refused(&place, "damaged", &says).await;
    }
}

#[tokio::test]
async fn a_log_without_its_file_is_refused() {
    let (_dir, place) = closed().await;
    std::fs::remove_file(&place.database).unwrap();
    std::fs::write(&place.log, "frames").unwrap();
    check_refused(
        &place,
        "missing",
        &["journal.db is missing", "journal.db-wal", "put the file back"],
    )
    .await;
    assert!(!place.database.exists() && place.log.exists());
}

#[tokio::test]
async fn a_log_that_cannot_be_opened_is_refused() {
    let (_dir, place) = closed().await;
    std::fs::create_dir(&place.log).unwrap();
    check_refused(&place, "io", &["journal.db cannot be opened", "unable to open database file"])
        .await;
    std::fs::remove_dir(&place.log).unwrap();
    open(&place).await.expect("nothing is wrong any more");
}

#[tokio::test]
async fn a_file_in_place_of_the_folder_is_refused() {
    let dir = TempDir::new().unwrap();
    let place = Place::new(&dir.path().join("journal"));
    std::fs::write(&place.dir, "").unwrap();
    check_refused(&place, "create-folder", &["journal's folder", "cannot be made"]).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_folder_that_must_not_be_written_is_refused() {
    check_refused(
        &Place::new(Path::new("/sys/herald")),
        "read-only",
        &["/sys/herald cannot be written"],
    )
    .await;
}

#[tokio::test]
async fn what_is_left_of_a_start_that_ended_early_is_removed() {
    let (_dir, place) = closed().await;
    std::fs::write(place.draft(), "half").unwrap();
    open(&place).await.expect("the draft is nothing").0.close().await;
    assert!(!place.draft().exists());
    std::fs::write(place.draft(), "half").unwrap();
    std::fs::remove_file(&place.database).unwrap();
    open(&place).await.expect("the draft is made again").0.close().await;
    assert!(!place.draft().exists());
}
