//! What the source for a cluster asks of the modules and the journal, and how its state is shown.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use herald_core::alert::Alert;
use herald_core::provider::Provider;
use herald_journal::Journal;
use tokio::sync::watch;

use crate::catalog::ProviderKey;
use crate::modules::Modules;
use crate::server::Readiness;
use crate::sources::cluster::{Counts, Judge, Judgement, State};
use crate::telemetry::{Metrics, report};

/// Asks the modules.
pub(super) struct ModulesJudge(pub(super) Arc<Modules>);

impl Judge for ModulesJudge {
    fn prepare(&self, kinds: BTreeSet<String>) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            if let Err(err) = self.0.load(kinds.iter().map(String::as_str)).await {
                tracing::error!("{}", report(&err));
            }
        })
    }

    fn check<'a>(&'a self, provider: &'a Arc<Provider>) -> BoxFuture<'a, Judgement> {
        Box::pin(async move {
            let problems = self.0.check(provider).await;
            if problems.is_empty() {
                Judgement::Good
            } else if self.0.types().contains(&provider.kind) {
                Judgement::Faulty(problems)
            } else {
                Judgement::UnknownType(problems.join("; "))
            }
        })
    }

    fn revision(&self, kind: &str) -> Option<String> {
        self.0.get(kind).map(|loaded| loaded.module.digest().to_owned())
    }

    fn misfits(&self, alert: &Alert, kind: &str) -> Vec<String> {
        let Some(loaded) = self.0.get(kind) else { return Vec::new() };
        let problems = alert.floods.problems(loaded.module.description().purpose);
        let shown = problems
            .into_iter()
            .map(|(name, problem)| format!("metadata.annotations[{name}]: {problem}"));
        shown.collect()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.0.subscribe()
    }
}

/// Asks the journal.
pub(super) struct JournalCounts(pub(super) Journal);

impl Counts for JournalCounts {
    fn counts(&self) -> BoxFuture<'_, HashMap<ProviderKey, (i64, i64)>> {
        Box::pin(async move {
            match self.0.tally().await {
                Ok(tally) => tally
                    .into_iter()
                    .filter_map(|row| Some((row.provider.parse().ok()?, (row.waiting, row.dead))))
                    .collect(),
                Err(err) => {
                    tracing::warn!("deliveries cannot be counted: {}", report(&err));
                    HashMap::new()
                }
            }
        })
    }
}

/// Shows how the cluster is followed, in readiness and metrics, until it no longer is.
pub(super) async fn show(
    mut state: watch::Receiver<State>,
    readiness: Readiness,
    metrics: Metrics,
) {
    loop {
        let current = state.borrow_and_update().clone();
        if current.is_synced {
            readiness.set("catalog", true);
            metrics.catalog(current.n_providers, current.n_alerts, current.n_faults);
        } else {
            readiness.fail("catalog", "the Providers and Alerts of the cluster were not seen yet");
        }
        match &current.lost {
            None => readiness.set("cluster", true),
            Some(reason) => readiness.fail("cluster", reason.as_str()),
        }
        metrics.cluster(current.lost.is_none(), current.is_leading);
        if state.changed().await.is_err() {
            return;
        }
    }
}
