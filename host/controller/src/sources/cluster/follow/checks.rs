//! Which Providers are looked at now, and what was found: a few at a time, and of each what it was last.
//!
//! It must not know what follows from a verdict.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::stream::FuturesUnordered;
use herald_core::provider::Provider;
use tokio::task::JoinHandle;

use crate::catalog::ProviderKey as Key;
use crate::sources::cluster::accounts::Accounts;
use crate::sources::cluster::mirror::Mirror;
use crate::sources::cluster::verdict::{Reason, Verdict};
use crate::sources::cluster::{Judge, Judgement};

/// How many modules are asked at the same time.
const MAX_CHECKS: usize = 4;

/// A Provider as it was when it was looked at, and what was found.
pub(super) type Checked = (Key, Arc<Provider>, Verdict);

/// The checks that are under way, and those that are to be made.
pub(super) struct Checks {
    /// What was found. Tasks of their own: a check holds what making a catalog may wait for, so it must go on meanwhile.
    pub(super) done: FuturesUnordered<JoinHandle<Checked>>,
    judge: Arc<dyn Judge>,
    accounts: Option<Accounts>,
    wanted: BTreeSet<Key>,
}

impl Checks {
    pub(super) fn new(judge: Arc<dyn Judge>, accounts: Option<Accounts>) -> Self {
        Self { done: FuturesUnordered::new(), judge, accounts, wanted: BTreeSet::new() }
    }

    /// Has these looked at, as they are when their turn comes.
    pub(super) fn want(&mut self, keys: impl IntoIterator<Item = Key>) {
        self.wanted.extend(keys);
    }

    /// Nobody wants to know it any more.
    pub(super) fn forget(&mut self, key: &Key) {
        self.wanted.remove(key);
    }

    /// Starts as many as may be under way. Of a Provider whose own fault shows already, that is returned.
    pub(super) fn start(&mut self, mirror: &Mirror) -> Vec<(Key, Verdict)> {
        let mut faulty = Vec::new();
        while self.done.len() < MAX_CHECKS
            && let Some(key) = self.wanted.pop_first()
        {
            let Some(entry) = mirror.providers.get(&key) else { continue };
            match (&entry.provider, &entry.fault) {
                (Some(provider), None) => {
                    let check = check(
                        Arc::clone(&self.judge),
                        self.accounts.clone(),
                        key,
                        Arc::clone(provider),
                    );
                    self.done.push(tokio::spawn(check));
                }
                (_, Some(fault)) => faulty.push((key, fault.clone())),
                (None, None) => {}
            }
        }
        faulty
    }
}

async fn check(
    judge: Arc<dyn Judge>,
    accounts: Option<Accounts>,
    key: Key,
    provider: Arc<Provider>,
) -> Checked {
    let fault = match (&accounts, &provider.service_account) {
        (Some(accounts), Some(name)) => accounts.fault(&provider.namespace, name).await,
        _ => None,
    };
    let verdict = match fault {
        Some(fault) => fault,
        None => match judge.check(&provider).await {
            Judgement::Good => Verdict::ready("ready to send"),
            Judgement::UnknownType(problem) => {
                Verdict::of_problems(Reason::UnknownType, &[problem])
            }
            Judgement::Faulty(problems) => {
                Verdict::of_problems(Reason::ValidationFailed, &problems)
            }
        },
    };
    (key, provider, verdict)
}
