//! Ends without a close: what was acknowledged is there.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use super::*;

async fn bodies(dir: &Path) -> BTreeSet<Bytes> {
    let (journal, mut recovered) =
        Journal::open(dir, Settings::default()).await.expect("the journal opens");
    let mut bodies = BTreeSet::new();
    for _ in 0..recovered.n_open {
        bodies.insert(next(&mut recovered.events).await.body);
    }
    journal.close().await;
    bodies
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_of_the_files_while_it_runs_holds_all_that_was_acknowledged() {
    // Without a checkpoint the files only grow, so that a copy of one after the other is what a crash leaves.
    let settings =
        Settings { checkpoint_interval: Duration::from_secs(3600), ..Settings::default() };
    let bench = Bench::with(settings).await;
    let kept = Arc::new(Mutex::new(BTreeSet::new()));
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let (journal, kept) = (bench.journal.clone(), Arc::clone(&kept));
            tokio::spawn(async move {
                for number in (task * 10_000).. {
                    if append(&journal, number).await.is_err() {
                        break;
                    }
                    kept.lock().unwrap().insert(body(number));
                }
            })
        })
        .collect();
    for round in 1..=5 {
        eventually("more are acknowledged", || kept.lock().unwrap().len() >= round * 50).await;
        let before = kept.lock().unwrap().clone();
        let copy = bench.dir.path().join(format!("copy {round}"));
        std::fs::create_dir(&copy).unwrap();
        for path in [&bench.place.database, &bench.place.log] {
            std::fs::copy(path, copy.join(path.file_name().unwrap())).unwrap();
        }
        let found = bodies(&copy).await;
        assert!(
            found.is_superset(&before),
            "{} of {} are lost",
            before.difference(&found).count(),
            before.len()
        );
    }
    bench.journal.close().await;
    for task in tasks {
        task.await.unwrap();
    }
}

/// Not a test: what the next one starts and kills.
#[ignore = "needs its parent: it is the process that is killed in a_killed_process_loses_nothing_that_it_acknowledged"]
#[tokio::test]
async fn the_process_that_is_killed() {
    let (journal, _recovered) =
        Journal::open(Path::new("journal"), Settings::default()).await.unwrap();
    for number in 0.. {
        append(&journal, number).await.unwrap();
        writeln!(std::io::stdout(), "kept {number}").unwrap();
    }
}

#[tokio::test]
async fn a_killed_process_loses_nothing_that_it_acknowledged() {
    let dir = TempDir::new().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "tests::crash::the_process_that_is_killed", "--ignored", "--nocapture"])
        .current_dir(dir.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut kept: BTreeSet<Bytes> = BTreeSet::new();
    let number = |line: &str| line.strip_prefix("kept ")?.parse().ok();
    for line in lines.by_ref() {
        kept.extend(number(&line).map(body));
        if kept.len() == 100 {
            let error = Journal::open(&dir.path().join("journal"), Settings::default())
                .await
                .expect_err("it is in use");
            assert!(matches!(error, crate::OpenError::InUse { .. }), "{error}");
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(kept.len() >= 100, "only {} were acknowledged", kept.len());
    let found = bodies(&dir.path().join("journal")).await;
    assert!(found.is_superset(&kept), "{} are lost", kept.difference(&found).count());
}
