//! Places for calls: how many calls run at once, and how modules share them, so that bad ones take none from the others.
//!
//! It must not know what a call does in its place.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time;

use crate::error::CallError;
use crate::settings::Settings;

/// The part of its further places that a module keeps, whatever its calls do: a fifth.
const KEPT_SHARE: usize = 5;

/// The places of an engine.
pub(crate) struct Common {
    /// Those for which all modules wait.
    shared: Arc<Semaphore>,
    /// Those that a module takes for itself when it is loaded.
    reserved: Arc<Semaphore>,
}

impl Common {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            shared: Arc::new(Semaphore::new(settings.concurrent as usize)),
            reserved: Arc::new(Semaphore::new(settings.reserved as usize)),
        }
    }
}

/// The places of one module.
///
/// The first of them is reserved for it, so that it can be called whatever the others do. The rest come out of the
/// shared ones, and each call that ends at a limit costs the module one of them until a later call ends well. It keeps
/// some, so that a Provider with which it fails does not hold up all others of its type.
pub(crate) struct Places {
    shared: Arc<Semaphore>,
    /// Gone when all of them were given away; then the first place is one of the shared as well.
    reserved: Option<OwnedSemaphorePermit>,
    first: Arc<Semaphore>,
    further: Arc<Semaphore>,
    /// How many of the further ones it has lost, and how many it may lose.
    lost: AtomicUsize,
    most_lost: usize,
}

impl Places {
    pub(crate) fn new(common: &Common, settings: &Settings) -> Self {
        let further = settings.concurrent_per_module.saturating_sub(1) as usize;
        Self {
            shared: Arc::clone(&common.shared),
            reserved: Arc::clone(&common.reserved).try_acquire_owned().ok(),
            first: Arc::new(Semaphore::new(1)),
            further: Arc::new(Semaphore::new(further)),
            lost: AtomicUsize::new(0),
            most_lost: further - further / KEPT_SHARE,
        }
    }

    /// Waits for a place.
    pub(crate) async fn wait(&self, settings: &Settings) -> Result<Held, CallError> {
        if let Some(held) = self.at_once() {
            return Ok(held);
        }
        let first = async {
            let own = take(&self.first).await;
            let shared = if self.reserved.is_some() { None } else { take(&self.shared).await };
            Held { first: own, further: None, shared }
        };
        let further = async {
            // The module's own come first, so that calls which wait for those take none from other modules.
            let own = take(&self.further).await;
            Held { first: None, further: own, shared: take(&self.shared).await }
        };
        let either = async {
            tokio::select! {
                biased;
                held = first => held,
                held = further => held,
            }
        };
        let waited = settings.wait;
        time::timeout(waited, either).await.map_err(|_| CallError::Busy { waited })
    }

    /// The usual case, without a clock.
    fn at_once(&self) -> Option<Held> {
        self.reserved.as_ref()?;
        let first = Arc::clone(&self.first).try_acquire_owned().ok()?;
        Some(Held { first: Some(first), further: None, shared: None })
    }

    /// Takes note that the call in this place ended at a limit.
    pub(crate) fn lose_one(&self, held: &mut Held) {
        let one_more = |lost: usize| (lost < self.most_lost).then_some(lost + 1);
        if self.lost.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_err() {
            return;
        }
        match held.further.take() {
            // Given back it would go to a call that waits, and to the next, and never be lost.
            Some(place) => place.forget(),
            // The first place stays, so it is one that nobody uses, if there is any.
            None if self.further.forget_permits(1) == 1 => {}
            None => {
                self.lost.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }

    /// Takes note that a call ended well.
    pub(crate) fn regain_one(&self) {
        let one_less = |lost: usize| lost.checked_sub(1);
        if self.lost.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok() {
            self.further.add_permits(1);
        }
    }
}

/// The semaphores are never closed; without a place a call would go on all the same.
async fn take(places: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
    Arc::clone(places).acquire_owned().await.ok()
}

/// A place that is held until this is dropped.
pub(crate) struct Held {
    #[expect(dead_code, reason = "held for as long as the call lives")]
    first: Option<OwnedSemaphorePermit>,
    further: Option<OwnedSemaphorePermit>,
    #[expect(dead_code, reason = "held for as long as the call lives")]
    shared: Option<OwnedSemaphorePermit>,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn settings() -> Settings {
        Settings {
            concurrent: 8,
            reserved: 3,
            concurrent_per_module: 5,
            wait: Duration::from_millis(20),
            ..Settings::default()
        }
    }

    /// As many places as there are at once.
    async fn all(places: &Places) -> Vec<Held> {
        let mut held = Vec::new();
        while let Ok(place) = places.wait(&settings()).await {
            held.push(place);
        }
        held
    }

    #[tokio::test]
    async fn every_module_keeps_a_place_that_others_cannot_take() {
        let common = Common::new(&settings());
        let modules: Vec<Places> = (0..3).map(|_| Places::new(&common, &settings())).collect();
        let greedy = (all(&modules[0]).await, all(&modules[1]).await);
        assert_eq!((greedy.0.len(), greedy.1.len()), (5, 5));
        assert_eq!(all(&modules[2]).await.len(), 1, "all that is shared is taken");
        drop(greedy);
        assert_eq!(all(&modules[2]).await.len(), 5);
    }

    #[tokio::test]
    async fn with_more_modules_than_reserved_places_the_others_share() {
        let common = Common::new(&settings());
        let first: Vec<Places> = (0..3).map(|_| Places::new(&common, &settings())).collect();
        let late = Places::new(&common, &settings());
        assert_eq!(all(&late).await.len(), 5);
        drop(first);
        assert!(Places::new(&common, &settings()).reserved.is_some(), "it is given back");
    }

    #[tokio::test]
    async fn who_meets_limits_loses_places_until_calls_end_well() {
        let settings = Settings { concurrent_per_module: 6, ..settings() };
        let common = Common::new(&settings);
        let places = Places::new(&common, &settings);
        let check = async |expected: usize| assert_eq!(all(&places).await.len(), expected);
        check(6).await;
        for left in [5, 4, 3, 2, 2] {
            let mut held = all(&places).await;
            let last = held.last_mut().unwrap();
            places.lose_one(last);
            drop(held);
            check(left).await;
        }
        // The call in the first place gives up a place that is free, and its own never.
        places.regain_one();
        let mut first = places.wait(&settings).await.unwrap();
        let others = all(&places).await;
        places.lose_one(&mut first);
        drop((first, others));
        check(3).await;
        let mut first = places.wait(&settings).await.unwrap();
        places.lose_one(&mut first);
        drop(first);
        check(2).await;
        for left in [3, 4, 5, 6, 6] {
            places.regain_one();
            check(left).await;
        }
    }

    #[tokio::test]
    async fn a_wait_without_end_says_what_it_was_for() {
        let common = Common::new(&settings());
        let places = Places::new(&common, &settings());
        let _held = all(&places).await;
        let error = places.wait(&settings()).await.err().unwrap();
        assert_eq!(error.kind(), "busy");
        assert!(error.to_string().contains("within 20 ms"), "{error}");
    }
}
