//! Deliveries without a journal and a clock: what `herald render` and the fixtures run.
//!
//! The code is that of `serve` (manifests, intake, routing, attempts, egress checks and secrets); only the transport is
//! another, which answers from files, and the time between attempts is not waited for.

mod case;
pub mod cases;
pub mod examine;
pub mod expected;
pub mod leaks;
pub mod odd;
pub(crate) mod opening;
mod scripted;
mod shown;

use std::sync::Arc;
use std::time::Duration;

use herald_core::delivery::{EventId, JournalId};
use herald_core::floods::gate::Notice;
use herald_core::intake;
use herald_core::retry::{Next, RetryPolicy};
use serde_json::Value;

use crate::catalog::{Catalog, CatalogStore};
use crate::credentials::{Credentials, Environment};
use crate::delivery::{Attempts, Forgetful, Job, Options, Outcome};
use crate::egress::Transport;
use crate::modules::Modules;
use crate::router;
use crate::telemetry::report;

pub use case::{Answer, Case, NOW, ReadCaseError};
pub use scripted::Scripted;
pub use shown::{Secrets, shown_request, shown_response};

/// What a case came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Rehearsed {
    /// The requests in the order in which they would be sent.
    pub requests: Vec<Value>,
    /// `delivered`, `accepted`, `skipped: …` or `failed: …`.
    pub outcome: String,
    /// What is wrong with the manifests, a line each.
    pub mistakes: Vec<String>,
}

impl Rehearsed {
    /// What is the module's own fault in the outcome, if anything: it trapped, met a limit, or asked for what the host
    /// refuses. That it refuses an event with a reason is none.
    #[must_use]
    pub fn fault(&self) -> Option<&str> {
        // How traps, limits, and what the host refuses to send begin.
        let is_fault = |why: &&str| {
            ["the module", "what the module", "the header "]
                .iter()
                .any(|start| why.starts_with(start))
        };
        self.outcome.split("; ").find_map(|one| one.strip_prefix("failed: ").filter(is_fault))
    }
}

/// Runs a case against its scripted answers, with what the process's environment says.
pub async fn rehearse(
    case: &Case,
    modules: Arc<Modules>,
    options: Options,
    environment: Environment,
    secrets: Secrets,
) -> Rehearsed {
    let scripted = Arc::new(Scripted::new(case.answers.clone(), Arc::clone(&modules), secrets));
    let mut sent_before = 0;
    let credentials = Credentials::new(environment);
    let transport = Arc::clone(&scripted);
    let (outcome, mistakes) = run(case, modules, options, credentials, transport, |reason| {
        let sent = scripted.sent();
        let sent_nothing = std::mem::replace(&mut sent_before, sent) == sent;
        match scripted.has_next() {
            // An attempt that sends nothing would fail in the same way for ever.
            _ if sent_nothing => Retry::Never(reason.to_owned()),
            true => Retry::Now,
            false => Retry::Never("retry".to_owned()),
        }
    })
    .await;
    Rehearsed { requests: scripted.requests(), outcome, mistakes }
}

/// Whether an attempt that asked for a retry gets one.
pub(crate) enum Retry {
    /// It is made at once, in virtual time.
    Now,
    /// It is not made; the text ends the outcome.
    Never(String),
}

/// Runs a case over a transport. Returns the outcome and the manifests' mistakes.
pub(crate) async fn run<T: Transport>(
    case: &Case,
    modules: Arc<Modules>,
    options: Options,
    credentials: Credentials,
    transport: T,
    mut retry: impl FnMut(&str) -> Retry,
) -> (String, Vec<String>) {
    let staged = match stage(case, modules, options, credentials, transport, |_| {}).await {
        Ok(staged) => staged,
        Err((outcome, mistakes)) => return (outcome, mistakes),
    };
    let mut outcomes = Vec::new();
    for job in staged.jobs {
        outcomes.push(finish(&staged.attempts, job, &mut retry).await);
    }
    outcomes.dedup();
    (outcomes.join("; "), staged.mistakes)
}

/// A case whose deliveries can begin.
pub(crate) struct Staged<T> {
    pub(crate) attempts: Attempts<T>,
    /// One for each Alert that wants the event.
    pub(crate) jobs: Vec<Job>,
    /// The manifests' mistakes.
    mistakes: Vec<String>,
}

/// Gets a case as far as its deliveries; `alter` may change what its manifests say. Else the outcome and the manifests'
/// mistakes.
pub(crate) async fn stage<T: Transport>(
    case: &Case,
    modules: Arc<Modules>,
    options: Options,
    credentials: Credentials,
    transport: T,
    alter: impl FnOnce(&mut Catalog),
) -> Result<Staged<T>, (String, Vec<String>)> {
    if case.event.len() > intake::MAX_BODY_BYTES {
        return Err(("skipped: refused by the intake (413)".to_owned(), Vec::new()));
    }
    let Ok(intake) = intake::accept(&case.event) else {
        return Err(("skipped: refused by the intake (400)".to_owned(), Vec::new()));
    };
    let (mut catalog, mistakes) = case.catalog(&intake.event);
    alter(&mut catalog);
    let wanted: Vec<_> = router::route(&intake.event, &catalog)
        .into_iter()
        .map(|alert| (alert.uid.clone(), router::provider_of(alert)))
        .collect();
    if wanted.is_empty() {
        return Err(("skipped: no alert matched".to_owned(), mistakes));
    }
    let kinds = catalog.providers.values().map(|provider| provider.kind.as_str());
    if let Err(err) = modules.load(kinds).await {
        return Err((format!("failed: {}", report(&err)), mistakes));
    }
    let store = Arc::new(CatalogStore::new(catalog));
    let journal = JournalId::from_bytes([0; 16]);
    let memory = Arc::new(Forgetful);
    let attempts = Attempts::new(store, modules, transport, credentials, memory, journal, options);
    let event = Arc::new(intake.event);
    let jobs = (1..).zip(wanted).map(|(number, (alert_uid, provider))| Job {
        event: Arc::clone(&event),
        event_id: EventId(number),
        accepted_at: case.now,
        alert_uid: alert_uid.into(),
        provider: provider.into(),
        attempts: 0,
        open: None,
        passes: false,
        notice: Notice::default(),
    });
    Ok(Staged { attempts, jobs: jobs.collect(), mistakes })
}

/// Attempts one delivery until it ends.
async fn finish<T: Transport>(
    attempts: &Attempts<T>,
    mut job: Job,
    retry: &mut impl FnMut(&str) -> Retry,
) -> String {
    let policy = RetryPolicy::default();
    let mut now = job.accepted_at;
    loop {
        let report = attempts.run(&job, now).await;
        match report.outcome {
            Outcome::Delivered => return "delivered".to_owned(),
            Outcome::Accepted => return "accepted".to_owned(),
            Outcome::Skipped(reason) => return format!("skipped: {reason}"),
            Outcome::Misconfigured(reason) | Outcome::Dead(reason) => {
                return format!("failed: {reason}");
            }
            Outcome::Retry { after, reason } => {
                if let Retry::Never(text) = retry(&reason) {
                    return format!("failed: {text}");
                }
                job.attempts += 1;
                match policy.next(
                    now,
                    job.accepted_at,
                    job.event.is_error(),
                    job.attempts,
                    after,
                    1.0,
                ) {
                    Next::At(due) => now = due.max(now + Duration::from_millis(1)),
                    Next::LifeEnded => {
                        return format!(
                            "failed: given up after {} attempts: {reason}",
                            job.attempts
                        );
                    }
                }
            }
        }
    }
}
