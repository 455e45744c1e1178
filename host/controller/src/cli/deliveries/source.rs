//! Where `herald deliveries` gets its answers: from the instance that runs, or from the file when none does.

use std::path::Path;

use herald_journal::{Journal, OpenError, Settings};
use serde_json::Value;

use super::super::Failed;
use super::super::instance::Instance;
use crate::desk::{
    Answer, Desk, DeskError, HistoryView, IdPrefix, Nobody, Order, Page, Query, Wanted,
};
use crate::server::SOCKET;

/// An instance, or the journal itself.
pub(super) enum Source {
    Running(Instance),
    /// While it is open, no instance can start.
    File(Journal, Desk<Nobody>),
}

impl Source {
    /// The source for this data folder.
    pub(super) async fn of(data_dir: &Path) -> Result<Self, Failed> {
        if let Some(instance) = Instance::of(data_dir).await? {
            return Ok(Source::Running(instance));
        }
        match Journal::open_existing(data_dir, Settings::at_rest()).await {
            Ok((journal, _recovered)) => {
                let desk = Desk::new(journal.clone(), Nobody);
                Ok(Source::File(journal, desk))
            }
            Err(err @ OpenError::Absent { .. }) => Err(Failed::usage(&err)),
            Err(OpenError::InUse { .. }) => Err(Failed::Run(format!(
                "a process uses the journal in {}, but nobody answers at {}: it may be starting or stopping, or be \
                 another `herald deliveries`; try again",
                data_dir.display(),
                data_dir.join(SOCKET).display()
            ))),
            Err(err) => Err(Failed::run(&err)),
        }
    }

    pub(super) fn is_running(&self) -> bool {
        matches!(self, Source::Running(_))
    }

    pub(super) async fn list(
        &mut self,
        query: &Query,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page, Failed> {
        match self {
            Source::Running(instance) => {
                let limit = ("limit", limit.to_string());
                let after = after.map(|after| ("after", after.to_owned()));
                let more = [Some(limit), after].into_iter().flatten();
                instance.get(&target("/v1/deliveries", query, more)).await
            }
            Source::File(_, desk) => desk.list(query, after, limit).await.map_err(failed),
        }
    }

    pub(super) async fn count(&mut self, query: &Query) -> Result<u64, Failed> {
        match self {
            Source::Running(instance) => {
                let counted: Value =
                    instance.get(&target("/v1/deliveries/count", query, [])).await?;
                counted["count"]
                    .as_u64()
                    .ok_or_else(|| Failed::Run("the instance counts nothing".to_owned()))
            }
            Source::File(_, desk) => desk.count(query).await.map_err(failed),
        }
    }

    pub(super) async fn show(&mut self, id: &IdPrefix) -> Result<HistoryView, Failed> {
        match self {
            Source::Running(instance) => instance.get(&format!("/v1/deliveries/{id}")).await,
            Source::File(_, desk) => desk.show(id).await.map_err(failed),
        }
    }

    pub(super) async fn replay(&mut self, wanted: &Wanted, force: bool) -> Result<Answer, Failed> {
        match self {
            Source::Running(instance) => {
                let order = Order { force, ..wanted.order() };
                instance.post("/v1/deliveries/replay", &order).await
            }
            Source::File(_, desk) => desk.replay(wanted, force).await.map_err(failed),
        }
    }

    pub(super) async fn discard(
        &mut self,
        wanted: &Wanted,
        reason: &str,
    ) -> Result<Answer, Failed> {
        match self {
            Source::Running(instance) => {
                let order = Order { reason: reason.to_owned(), ..wanted.order() };
                instance.post("/v1/deliveries/discard", &order).await
            }
            Source::File(_, desk) => desk.discard(wanted, reason).await.map_err(failed),
        }
    }

    /// Lets the next one have the journal.
    pub(super) async fn close(self) {
        if let Source::File(journal, desk) = self {
            drop(desk);
            journal.close().await;
        }
    }
}

fn target(
    path: &str,
    query: &Query,
    more: impl IntoIterator<Item = (&'static str, String)>,
) -> String {
    let pairs = query.pairs().into_iter().chain(more);
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    format!("{path}?{query}")
}

fn failed(err: DeskError) -> Failed {
    Failed::run(&err)
}
