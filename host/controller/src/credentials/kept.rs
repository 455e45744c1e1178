//! Credentials while they last: each is obtained once for all who wait for it, renewed shortly before it ends, and dropped
//! when a receiver refuses it.
//!
//! It knows times and who waits. It must not know what a credential is or where it comes from; time is an argument.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use herald_core::provider::Provider;
use herald_core::secret::SecretText;
use jiff::{SignedDuration, Timestamp};
use reqwest::header::HeaderValue;
use tokio::time::Instant;

use super::{Credential, ObtainError};

/// How long before its end a credential is renewed; one of a short life has a quarter of it left.
const MARGIN: SignedDuration = SignedDuration::from_mins(5);
/// After a renewal that failed, the wait before the next try while the old one still lasts.
const RENEW_AGAIN: SignedDuration = SignedDuration::from_secs(30);
/// A receiver that refuses a younger one refuses it for a reason that a new one would not change.
const MIN_AGE: SignedDuration = SignedDuration::from_secs(60);
/// How long one is taken to be what its owner still wants: as long as a change of a ServiceAccount may take to have an
/// effect.
const CONFIRMED_FOR: SignedDuration = SignedDuration::from_secs(10);
/// The most that are kept at a time.
const MAX_KEPT: usize = 4096;

/// A credential as it was obtained.
pub(super) struct Minted {
    /// What the header `authorization` holds.
    pub(super) header: HeaderValue,
    /// Every text of it that nobody may see.
    pub(super) secrets: Vec<SecretText>,
    /// When it ends.
    pub(super) ends: Timestamp,
    /// What stood on the ServiceAccount that it was obtained for; none if no ServiceAccount was asked.
    pub(super) annotations: Option<BTreeMap<String, String>>,
}

/// Whose it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    namespace: String,
    name: String,
    credential: Credential,
}

impl Key {
    pub(super) fn new(provider: &Provider, credential: Credential) -> Self {
        let (namespace, name) = (provider.namespace.clone(), provider.name.clone());
        Self { namespace, name, credential }
    }
}

/// All that are kept.
#[derive(Default)]
pub(super) struct Kept {
    slots: Mutex<HashMap<Key, Arc<Slot>>>,
    /// How many had to go for others since somebody asked.
    evicted: AtomicU64,
}

/// One credential of one Provider.
struct Slot {
    /// The Provider with its Secrets that it was obtained for.
    generation: u64,
    /// How often it was tried to obtain it.
    tries: AtomicU64,
    /// Whoever holds it obtains the credential; the others wait for the lock.
    state: tokio::sync::Mutex<State>,
}

#[derive(Default)]
struct State {
    held: Option<Held>,
    /// What became of the last try.
    failure: Option<Arc<ObtainError>>,
}

#[derive(Clone)]
struct Held {
    minted: Arc<Minted>,
    obtained: Timestamp,
    renewed: Timestamp,
    /// When it was last seen to be what its owner wants.
    confirmed: Timestamp,
}

impl Kept {
    /// The credential, and whether it was obtained just now. `mint` obtains it, and is told when it has to be done;
    /// `is_wanted` is asked from time to time whether what it was obtained for is as it was.
    pub(super) async fn get<F>(
        &self,
        key: &Key,
        generation: u64,
        now: Timestamp,
        deadline: Instant,
        mint: impl FnOnce(Instant) -> F,
        is_wanted: impl AsyncFnOnce(&Minted) -> bool,
    ) -> Result<(Arc<Minted>, bool), Arc<ObtainError>>
    where
        F: Future<Output = Result<Minted, ObtainError>>,
    {
        let slot = self.slot(key, generation);
        let tries = slot.tries.load(Ordering::Acquire);
        let locked = tokio::time::timeout_at(deadline, slot.state.lock()).await;
        let mut state = locked.map_err(|_| Arc::new(out_of_time()))?;
        if let Some(held) = state.held.as_mut().filter(|held| now < held.renewed) {
            if now.duration_since(held.confirmed) < CONFIRMED_FOR {
                return Ok((Arc::clone(&held.minted), false));
            }
            if is_wanted(&held.minted).await {
                held.confirmed = now;
                return Ok((Arc::clone(&held.minted), false));
            }
            state.held = None;
        }
        // Who waited while another one failed shares the failure: the next would most likely end in the same way.
        if slot.tries.load(Ordering::Acquire) != tries
            && let Some(failure) = &state.failure
        {
            return Err(Arc::clone(failure));
        }
        let lasting = state.held.clone().filter(|held| now < held.minted.ends);
        // A renewal must leave time for the delivery, which can go on with what there is.
        let left = deadline.saturating_duration_since(Instant::now());
        let deadline = if lasting.is_some() { deadline - left / 2 } else { deadline };
        let result = mint(deadline).await;
        slot.tries.fetch_add(1, Ordering::AcqRel);
        match result {
            Ok(minted) => {
                let minted = Arc::new(minted);
                state.failure = None;
                state.held = Some(Held {
                    minted: Arc::clone(&minted),
                    obtained: now,
                    renewed: renewal(now, minted.ends),
                    confirmed: now,
                });
                Ok((minted, true))
            }
            Err(failure) => {
                let failure = Arc::new(failure);
                state.failure = Some(Arc::clone(&failure));
                state.held = None;
                let Some(mut held) = lasting else { return Err(failure) };
                tracing::warn!(
                    provider.namespace = %key.namespace,
                    provider.name = %key.name,
                    credential = key.credential.name(),
                    "a credential could not be renewed yet; the old one is used while it lasts"
                );
                held.renewed = now.saturating_add(RENEW_AGAIN).unwrap_or(now);
                let minted = Arc::clone(&held.minted);
                state.held = Some(held);
                Ok((minted, false))
            }
        }
    }

    /// Drops it, unless it is too young for that or another one has taken its place. Whether the next may be better.
    pub(super) async fn forget(&self, key: &Key, refused: &Arc<Minted>, now: Timestamp) -> bool {
        let slot = self.slots.lock().expect("no holder of this lock panics").get(key).cloned();
        let Some(slot) = slot else { return true };
        let mut state = slot.state.lock().await;
        match &state.held {
            Some(held) if Arc::ptr_eq(&held.minted, refused) => {
                if now.duration_since(held.obtained) < MIN_AGE {
                    return false;
                }
                state.held = None;
                true
            }
            Some(_) | None => true,
        }
    }

    /// How many there are, and how many had to go for others since this was asked last.
    pub(super) fn numbers(&self) -> (usize, u64) {
        let n_kept = self.slots.lock().expect("no holder of this lock panics").len();
        (n_kept, self.evicted.swap(0, Ordering::AcqRel))
    }

    fn slot(&self, key: &Key, generation: u64) -> Arc<Slot> {
        let mut slots = self.slots.lock().expect("no holder of this lock panics");
        if let Some(slot) = slots.get(key).filter(|slot| slot.generation == generation) {
            return Arc::clone(slot);
        }
        if slots.len() >= MAX_KEPT {
            self.evicted.fetch_add(slots.len() as u64, Ordering::AcqRel);
            slots.clear();
        }
        let slot = Arc::new(Slot {
            generation,
            tries: AtomicU64::new(0),
            state: tokio::sync::Mutex::default(),
        });
        slots.insert(key.clone(), Arc::clone(&slot));
        slot
    }
}

fn out_of_time() -> ObtainError {
    ObtainError::Later {
        reason: "another delivery was still obtaining it when the time was up".to_owned(),
        after: None,
    }
}

/// When a credential that is obtained now and ends then is renewed.
fn renewal(now: Timestamp, ends: Timestamp) -> Timestamp {
    let margin = MARGIN.min(ends.duration_since(now) / 4);
    ends.checked_sub(margin).unwrap_or(ends)
}

#[cfg(test)]
mod tests;
