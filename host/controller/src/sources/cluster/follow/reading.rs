//! Which Secrets are read next: first those that a delivery or a change waits for, then the others.
//!
//! It must not know what a Secret is for.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, timeout};

use crate::catalog::ProviderKey as Key;
use crate::sources::cluster::budget::Budget;
use crate::sources::cluster::connection::Connection;
use crate::sources::cluster::mirror::{Mirror, SecretState};
use crate::sources::cluster::secrets::{self, ReadSecret};

/// Requests for Secrets under way at the same time; some places are kept for those that are waited for.
const MAX_READS: usize = 16;
const MAX_READS_IN_ADVANCE: usize = 8;
const REQUEST: Duration = Duration::from_secs(5);
/// How long to wait before a Secret is asked for again that was not to be had.
const AGAIN: Duration = Duration::from_secs(2);
/// How long to wait before one is asked for again that is not allowed.
const FORBIDDEN_AGAIN: Duration = Duration::from_secs(30);

/// The reading of Secrets.
pub(super) struct Reading {
    /// What was read.
    pub(super) done: FuturesUnordered<BoxFuture<'static, (Key, ReadSecret)>>,
    connection: Connection,
    /// For what somebody waits for, and for what is read in advance: the one must not stand behind the other.
    budget: Arc<Budget>,
    budget_in_advance: Arc<Budget>,
    first: VecDeque<Key>,
    later: VecDeque<Key>,
    under_way: HashSet<Key>,
    /// Asked for again while they were read: what comes may be old already.
    once_more: HashSet<Key>,
    again: Vec<(Instant, Key)>,
    forbidden_at: Instant,
}

impl Reading {
    pub(super) fn new(connection: Connection, budget: Arc<Budget>) -> Self {
        Self {
            done: FuturesUnordered::new(),
            connection,
            budget_in_advance: Arc::new(budget.half()),
            budget,
            first: VecDeque::new(),
            later: VecDeque::new(),
            under_way: HashSet::new(),
            once_more: HashSet::new(),
            again: Vec::new(),
            forbidden_at: Instant::now(),
        }
    }

    /// Reads these as soon as possible, again if need be.
    pub(super) fn ask_first(&mut self, keys: Vec<Key>) {
        self.first.extend(keys);
    }

    /// Reads these when nothing is more urgent.
    pub(super) fn ask_later(&mut self, keys: Vec<Key>) {
        self.later.extend(keys);
    }

    /// Sends as many requests as may be under way.
    pub(super) fn start(&mut self, mirror: &Mirror) {
        loop {
            let n_under_way = self.under_way.len();
            let next = if n_under_way < MAX_READS { self.first.pop_front() } else { None };
            let is_urgent = next.is_some();
            let next = next.or_else(|| {
                if n_under_way < MAX_READS_IN_ADVANCE { self.later.pop_front() } else { None }
            });
            let Some(key) = next else { return };
            if !is_urgent && !mirror.is_wanted(&key) {
                continue;
            }
            if !self.under_way.insert(key.clone()) {
                self.once_more.insert(key);
                continue;
            }
            let budget = if is_urgent { &self.budget } else { &self.budget_in_advance };
            let (connection, budget) = (self.connection.clone(), Arc::clone(budget));
            self.done.push(Box::pin(async move {
                budget.take().await;
                let read = timeout(REQUEST, secrets::read(&connection, &key)).await;
                let read = read.unwrap_or_else(|_| {
                    ReadSecret::Later("the API server does not answer".to_owned())
                });
                (key, read)
            }));
        }
    }

    /// Takes note of what was read, and hands on what is known now.
    pub(super) fn finish(&mut self, key: Key, read: ReadSecret) -> Option<SecretState> {
        self.under_way.remove(&key);
        if self.once_more.remove(&key) {
            self.first.push_front(key.clone());
        }
        match read {
            ReadSecret::Read(state) => Some(state),
            ReadSecret::Later(reason) => {
                tracing::debug!("Secret {key} cannot be read now: {reason}");
                self.again.push((Instant::now() + AGAIN, key));
                None
            }
        }
    }

    /// Asks again for what was not to be had.
    pub(super) fn tick(&mut self, mirror: &Mirror) {
        let now = Instant::now();
        let (due, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.again).into_iter().partition(|(at, _)| *at <= now);
        self.again = rest;
        self.first.extend(due.into_iter().map(|(_, key)| key));
        if now.saturating_duration_since(self.forbidden_at) >= FORBIDDEN_AGAIN {
            self.forbidden_at = now;
            self.later.extend(mirror.unreadable());
        }
    }
}
