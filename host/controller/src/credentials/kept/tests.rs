use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use super::*;

const START: i64 = 1_800_000_000;
const TIME: Duration = Duration::from_secs(8);

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(START + second).unwrap()
}

fn soon() -> Instant {
    Instant::now() + TIME
}

fn key() -> Key {
    Key { namespace: "n".to_owned(), name: "p".to_owned(), credential: Credential::GithubApp }
}

fn lasting(seconds: i64) -> Result<Minted, ObtainError> {
    Ok(Minted {
        header: HeaderValue::from_static("Bearer fake"),
        secrets: Vec::new(),
        ends: at(seconds),
        annotations: None,
    })
}

fn down() -> Result<Minted, ObtainError> {
    Err(ObtainError::Later { reason: "down".to_owned(), after: None })
}

async fn wanted(_: &Minted) -> bool {
    true
}

/// Asks at this second; `minted` is what obtaining it would come to. Whether it was obtained, kept, or failed.
async fn ask(
    kept: &Kept,
    generation: u64,
    second: i64,
    minted: Result<Minted, ObtainError>,
) -> &'static str {
    match kept.get(&key(), generation, at(second), soon(), |_| async { minted }, wanted).await {
        Ok((_, true)) => "obtained",
        Ok((_, false)) => "kept",
        Err(_) => "failed",
    }
}

#[tokio::test]
async fn it_is_kept_until_shortly_before_its_end() {
    for (life, last_kept, first_renewed) in [(3600, 3299, 3300), (600, 449, 450), (40, 29, 30)] {
        let kept = Kept::default();
        assert_eq!(ask(&kept, 1, 0, lasting(life)).await, "obtained");
        assert_eq!(ask(&kept, 1, last_kept, down()).await, "kept", "{life}");
        assert_eq!(ask(&kept, 1, first_renewed, lasting(9999)).await, "obtained", "{life}");
    }
}

#[tokio::test]
async fn one_that_has_ended_already_is_used_for_no_other_request() {
    let kept = Kept::default();
    assert_eq!(ask(&kept, 1, 10, lasting(5)).await, "obtained");
    assert_eq!(ask(&kept, 1, 10, lasting(5)).await, "obtained");
}

#[tokio::test]
async fn a_renewal_that_fails_leaves_the_old_one_while_it_lasts() {
    let kept = Kept::default();
    assert_eq!(ask(&kept, 1, 0, lasting(3600)).await, "obtained");
    assert_eq!(ask(&kept, 1, 3400, down()).await, "kept");
    assert_eq!(ask(&kept, 1, 3429, lasting(7200)).await, "kept", "no try for half a minute");
    assert_eq!(ask(&kept, 1, 3430, down()).await, "kept");
    assert_eq!(ask(&kept, 1, 3600, down()).await, "failed", "it has ended");
    assert_eq!(ask(&kept, 1, 3601, lasting(7200)).await, "obtained");
}

#[tokio::test]
async fn a_renewal_leaves_half_of_the_time_to_the_delivery() {
    let kept = Kept::default();
    let deadline = soon();
    for (second, at_most) in [(0, TIME), (3500, TIME / 2)] {
        let mint = |given: Instant| async move {
            let left = given - Instant::now();
            assert!(left <= at_most && left > at_most - TIME / 4, "{left:?}");
            assert!(given <= deadline);
            lasting(3600)
        };
        assert!(kept.get(&key(), 1, at(second), deadline, mint, wanted).await.is_ok());
    }
}

#[tokio::test]
async fn who_waits_for_another_one_waits_no_longer_than_its_own_time() {
    let kept = Arc::new(Kept::default());
    let holder = Arc::clone(&kept);
    let never = tokio::spawn(async move {
        let forever = |_| std::future::pending();
        holder.get(&key(), 1, at(0), soon(), forever, wanted).await.map(|(_, is_new)| is_new)
    });
    tokio::task::yield_now().await;
    let late = Instant::now() + Duration::from_millis(20);
    let waited = kept.get(&key(), 1, at(0), late, |_| async { lasting(3600) }, wanted).await;
    assert!(waited.err().is_some_and(|failure| failure.to_string().contains("another delivery")));
    never.abort();
    assert!(never.await.is_err());
    assert_eq!(ask(&kept, 1, 0, lasting(3600)).await, "obtained", "the place is free again");
}

#[tokio::test]
async fn a_changed_provider_has_one_of_its_own() {
    let kept = Kept::default();
    assert_eq!(ask(&kept, 1, 0, lasting(3600)).await, "obtained");
    assert_eq!(ask(&kept, 2, 1, lasting(3600)).await, "obtained");
    assert_eq!(ask(&kept, 2, 2, down()).await, "kept");
}

/// Rule S5.
#[tokio::test]
async fn one_that_was_refused_is_dropped_unless_it_is_new() {
    let kept = Kept::default();
    let held = async |second| {
        kept.get(&key(), 1, at(second), soon(), |_| async { lasting(3600) }, wanted)
            .await
            .unwrap()
            .0
    };
    let first = held(0).await;
    assert!(!kept.forget(&key(), &first, at(59)).await);
    assert_eq!(ask(&kept, 1, 59, down()).await, "kept");
    assert!(kept.forget(&key(), &first, at(60)).await);
    let second = held(60).await;
    assert!(!Arc::ptr_eq(&first, &second));
    // Many saw the first one refused; the second was not.
    assert!(kept.forget(&key(), &first, at(300)).await);
    assert_eq!(ask(&kept, 1, 300, down()).await, "kept");
}

#[tokio::test]
async fn all_who_wait_share_one_try() {
    for (fails, expected) in [(false, "kept"), (true, "failed")] {
        let (kept, tries) = (Arc::new(Kept::default()), Arc::new(AtomicUsize::new(0)));
        let begin = Arc::new(tokio::sync::Semaphore::new(0));
        let asked: Vec<_> = (0..50)
            .map(|_| {
                let (kept, tries, begin) =
                    (Arc::clone(&kept), Arc::clone(&tries), Arc::clone(&begin));
                tokio::spawn(async move {
                    let mint = |_| async {
                        tries.fetch_add(1, Ordering::SeqCst);
                        drop(begin.acquire().await);
                        if fails { down() } else { lasting(3600) }
                    };
                    match kept.get(&key(), 1, at(0), soon(), mint, wanted).await {
                        Ok((_, true)) => "obtained",
                        Ok((_, false)) => "kept",
                        Err(_) => "failed",
                    }
                })
            })
            .collect();
        // On one thread, all have asked once this task gets its turn again.
        tokio::task::yield_now().await;
        begin.add_permits(1);
        let mut answers = Vec::new();
        for asked in asked {
            answers.push(asked.await.unwrap());
        }
        assert_eq!(tries.load(Ordering::SeqCst), 1);
        assert_eq!(
            answers.iter().filter(|answer| **answer == expected).count(),
            49 + usize::from(fails)
        );
    }
}

#[tokio::test]
async fn one_whose_reason_has_changed_is_obtained_anew_and_is_not_asked_about_all_the_time() {
    let (kept, n_asked) = (Kept::default(), AtomicUsize::new(0));
    let ask = async |second, is_wanted, minted| {
        let stands = async |_: &Minted| {
            n_asked.fetch_add(1, Ordering::Relaxed);
            is_wanted
        };
        let got = kept.get(&key(), 1, at(second), soon(), |_| async { minted }, stands).await;
        got.map(|(_, is_new)| is_new).map_err(|_| "failed")
    };
    assert_eq!(ask(0, false, lasting(3600)).await, Ok(true));
    assert_eq!(ask(9, false, down()).await, Ok(false), "asked about too soon");
    assert_eq!(ask(10, true, down()).await, Ok(false));
    assert_eq!(ask(19, false, down()).await, Ok(false), "asked about twice");
    assert_eq!(n_asked.load(Ordering::Relaxed), 1);
    assert_eq!(ask(20, false, lasting(3600)).await, Ok(true));
    // What is not wanted any more is not used, even if no other one is to be had.
    assert_eq!(ask(30, false, down()).await, Err("failed"));
}
