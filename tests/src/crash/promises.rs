//! The oracle: posts events as emitters that never give up, and remembers what Herald promised to keep.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use fastrand::Rng;
use tokio::sync::watch;

use super::events::{self, OBJECTS};

/// How many emitters there are; each has objects of its own, so that the events of one object have an order.
pub(super) const EMITTERS: u32 = 16;
/// The longest wait for an answer, longer than any pause of Herald.
const PATIENCE: Duration = Duration::from_secs(10);

/// What was posted, and what became of it.
#[derive(Debug, Default)]
pub(super) struct Promises {
    state: Mutex<State>,
    /// Answers 202, and 429 where an answer had been lost before.
    acknowledged: AtomicU64,
    /// Posts without an answer.
    pub(super) unanswered: AtomicU64,
    /// Answers 503.
    pub(super) refused: AtomicU64,
    /// The emitters end after the event that they are at.
    ending: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    posted: HashSet<u32>,
    kept: Vec<u32>,
    /// Given up after an answer was lost: they may be kept or not.
    open: Vec<u32>,
    wrong: Vec<String>,
}

impl Promises {
    /// Whether this event was ever posted.
    #[must_use]
    pub(super) fn is_posted(&self, number: u32) -> bool {
        self.state().posted.contains(&number)
    }

    /// How many events were acknowledged so far.
    #[must_use]
    pub(super) fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// The events that were acknowledged.
    #[must_use]
    pub(super) fn kept(&self) -> Vec<u32> {
        self.state().kept.clone()
    }

    /// How many events may be kept or not.
    #[must_use]
    pub(super) fn n_open(&self) -> usize {
        self.state().open.len()
    }

    /// Answers that no event of ours should get.
    #[must_use]
    pub(super) fn wrong(&self) -> Vec<String> {
        self.state().wrong.clone()
    }

    /// Lets the emitters end after the event that they are at.
    pub(super) fn end(&self) {
        self.ending.store(true, Ordering::Relaxed);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

/// Posts the events of one emitter's objects in turn, until the emitters shall end.
pub(super) async fn emit(
    emitter: u32,
    seed: u64,
    promises: Arc<Promises>,
    address: watch::Receiver<String>,
) {
    let client = client();
    let mut chance = Rng::with_seed(seed ^ u64::from(emitter));
    for round in 0.. {
        for object in (emitter..OBJECTS).step_by(EMITTERS as usize) {
            if promises.ending.load(Ordering::Relaxed) {
                return;
            }
            let number = round * OBJECTS + object;
            promises.state().posted.insert(number);
            post(&client, number, &events::posted(seed, number), &promises, &address, &mut chance)
                .await;
            tokio::time::sleep(Duration::from_millis(chance.u64(..10))).await;
        }
    }
}

async fn post(
    client: &reqwest::Client,
    number: u32,
    body: &str,
    promises: &Promises,
    address: &watch::Receiver<String>,
    chance: &mut Rng,
) {
    let mut may_be_kept = false;
    loop {
        let url = address.borrow().clone();
        let posted = client.post(url).timeout(PATIENCE).body(body.to_owned()).send().await;
        match posted.map(|response| response.status().as_u16()) {
            Ok(202) => break,
            // An earlier post of it was kept, and its answer lost.
            Ok(429) if may_be_kept => break,
            // A disk that fails in the middle may have kept it all the same, as the next start finds.
            Ok(503) => {
                may_be_kept = true;
                promises.refused.fetch_add(1, Ordering::Relaxed);
            }
            // Nobody was there: it was not posted.
            Err(error) if error.is_connect() => {}
            Err(_) => {
                may_be_kept = true;
                promises.unanswered.fetch_add(1, Ordering::Relaxed);
                // Some emitters do give up. Herald may have the event or not, and owes nothing.
                if chance.u8(..16) == 0 {
                    promises.state().open.push(number);
                    return;
                }
            }
            Ok(status) => {
                promises.state().wrong.push(format!("event {number} was answered {status}"));
                return;
            }
        }
        tokio::time::sleep(Duration::from_millis(chance.u64(5..30))).await;
    }
    promises.state().kept.push(number);
    promises.acknowledged.fetch_add(1, Ordering::Relaxed);
}

#[expect(clippy::disallowed_methods, reason = "the harness is the emitter, not Herald")]
fn client() -> reqwest::Client {
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder().no_proxy().build().unwrap()
}
