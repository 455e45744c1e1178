//! What runs beside the dispatcher, each as a task that reports back: one attempt, or the end of deliveries that outlived
//! their life.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use herald_core::delivery::EventId;
use tokio::sync::mpsc;

use super::content::Missing;
use super::hold::Identity;
use super::lane::{Contact, Ended, Then};
use super::order::{Begun, Key, Overdue};
use super::record::Fate;
use super::{Attempts, Job, Outcome, Recorder, Report};
use crate::catalog::ProviderKey;
use crate::clock::Clock;
use crate::egress::Transport;

/// How long to wait before the journal is asked again for an event that could not be read.
const REREAD: Duration = Duration::from_secs(5);

/// What tasks need.
pub(super) struct Work<T> {
    pub(super) attempts: Arc<Attempts<T>>,
    pub(super) recorder: Arc<Recorder>,
    pub(super) clock: Clock,
    pub(super) done: mpsc::UnboundedSender<Done>,
}

/// What a task reports.
pub(super) struct Done {
    pub(super) provider: Arc<ProviderKey>,
    pub(super) ended: Ended,
    /// It took a place of its lane.
    pub(super) was_attempt: bool,
    /// The provider's type, where it was looked up.
    pub(super) kind: String,
    /// Why the receiver failed.
    pub(super) failure: Option<String>,
    /// Whoever made the attempt, for the next one.
    pub(super) hand: Option<Hand>,
}

/// An attempt that is to be made.
pub(super) struct Errand {
    pub(super) begun: Begun,
    pub(super) provider: Arc<ProviderKey>,
    pub(super) alert: Arc<str>,
}

/// The way to a task that makes one attempt after the other; it ends when nobody has this any more.
pub(super) struct Hand(pub(super) mpsc::Sender<(Errand, Hand)>);

impl Hand {
    /// Has an attempt made; the errand comes back where that cannot be.
    pub(super) fn give(self, errand: Errand) -> Result<(), Errand> {
        let way = self.0.clone();
        way.try_send((errand, self)).map_err(|err| err.into_inner().0)
    }
}

impl<T: Transport> Work<T> {
    /// Makes the attempts that it is given, one after the other, and reports each.
    pub(super) async fn attempt_in_turn(
        self: Arc<Self>,
        mut errands: mpsc::Receiver<(Errand, Hand)>,
    ) {
        while let Some((errand, hand)) = errands.recv().await {
            let done = self.attempt(errand).await;
            self.report(Done { hand: Some(hand), ..done });
        }
    }

    /// Makes one attempt, whatever comes in between.
    async fn attempt(&self, errand: Errand) -> Done {
        let Errand { begun, provider, alert } = errand;
        let Begun { key, attempts, accepted_at, event, open, passes, plan } = begun;
        let content = match event {
            Some(event) => Ok((event, plan.map(|plan| plan.notice.clone()).unwrap_or_default())),
            None => self.content(key.event, &alert, plan.as_deref()).await,
        };
        let (event, notice) = match content {
            Ok(content) => content,
            Err(missing) => {
                let now = self.clock.now();
                let then = match missing {
                    Missing::Now => Then::Back(now + REREAD, open),
                    Missing::Forever(why) => {
                        let delivery = identity(key, &provider, alert, attempts);
                        let kind = self.kind(&provider);
                        self.recorder.end(&delivery, None, open.as_ref(), &kind, why, now);
                        Then::Finished
                    }
                };
                return not_asked(provider, key, then, true);
            }
        };
        let event_id = EventId(key.event);
        let job = Job {
            event,
            event_id,
            accepted_at,
            alert_uid: alert,
            provider,
            attempts,
            open,
            passes,
            notice,
        };
        self.make(key, &job).await
    }

    /// One attempt; a panic in it is a failed attempt and never a lost delivery.
    async fn make(&self, key: Key, job: &Job) -> Done {
        let Self { attempts, recorder, clock, .. } = self;
        let started = std::time::Instant::now();
        let condition = attempts.condition(&job.provider);
        let result = AssertUnwindSafe(attempts.run(job, clock.now())).catch_unwind().await;
        let report = result.unwrap_or_else(|_| {
            let reason = "a mistake in Herald ended the attempt; the log has its place".to_owned();
            Report::of(Outcome::Retry { after: None, reason })
        });
        let took = started.elapsed();
        recorder.metrics.attempt(&report.kind, report.outcome.kind(), took);
        let ended_it = report.module_failure.iter().map(|failure| failure.kind);
        for failure in ended_it.chain(report.passed_over.iter().copied()) {
            recorder.metrics.module_failure(&report.kind, failure);
        }
        let (contact, kind) = (report.contact, report.kind.clone());
        let (mut hint, mut failure) = (None, None);
        if let Outcome::Retry { after, reason } = &report.outcome {
            let most = recorder.policy.hint_max;
            hint = after.filter(|after| !after.is_zero()).map(|after| after.min(most));
            failure = (contact == Contact::Failed).then(|| reason.clone());
        }
        let is_success = matches!(report.outcome, Outcome::Delivered | Outcome::Accepted);
        let then = match recorder.record(job, report, took, clock.now()).await {
            Fate::Finished => Then::Finished,
            Fate::Later(due) => Then::Again(due),
            // The change that it waits for may have come while the attempt was under way.
            Fate::OnChange(_) if attempts.condition(&job.provider) != condition => {
                Then::Again(clock.now())
            }
            Fate::OnChange(end) => Then::OnChange(end, condition),
        };
        let ended = Ended { key, contact, is_success, hint, then };
        let provider = Arc::clone(&job.provider);
        Done { provider, ended, was_attempt: true, kind, failure, hand: None }
    }

    /// Ends deliveries whose life is over, unless their events say that they live longer.
    pub(super) async fn end(
        self: Arc<Self>,
        provider: Arc<ProviderKey>,
        overdue: Vec<(Overdue, Arc<str>)>,
        failure: Arc<str>,
    ) {
        for (overdue, alert) in overdue {
            let Overdue { key, attempts, accepted_at, open, plan } = overdue;
            let content = self.content(key.event, &alert, plan.as_deref()).await;
            let event = content.map(|(event, _)| event);
            let now = self.clock.now();
            let life = event.as_ref().ok().map(|event| self.recorder.policy.life(event.is_error()));
            let then = match (&event, life) {
                (Err(Missing::Now), _) => Then::Back(now + REREAD, open),
                (Ok(_), Some(life)) if accepted_at.checked_add(life).is_ok_and(|end| end > now) => {
                    Then::Lives(life, open)
                }
                _ => {
                    let delivery = identity(key, &provider, alert, attempts);
                    let note = match event {
                        Err(Missing::Forever(why)) => why.to_owned(),
                        _ => given_up(attempts, &failure),
                    };
                    let (event, kind) = (event.ok(), self.kind(&provider));
                    self.recorder.end(
                        &delivery,
                        event.as_deref(),
                        open.as_ref(),
                        &kind,
                        &note,
                        now,
                    );
                    Then::Finished
                }
            };
            self.report(not_asked(Arc::clone(&provider), key, then, false));
        }
    }

    fn kind(&self, provider: &ProviderKey) -> String {
        let catalog = self.attempts.catalog.load();
        catalog.provider(provider).map(|provider| provider.kind.clone()).unwrap_or_default()
    }

    fn report(&self, done: Done) {
        // The task that hears it ends with the process.
        self.done.send(done).ok();
    }
}

fn identity(key: Key, provider: &Arc<ProviderKey>, alert: Arc<str>, attempts: u32) -> Identity {
    Identity {
        event_id: EventId(key.event),
        alert_uid: alert,
        provider: Arc::clone(provider),
        attempts,
    }
}

fn not_asked(provider: Arc<ProviderKey>, key: Key, then: Then, was_attempt: bool) -> Done {
    let ended = Ended { key, contact: Contact::None, is_success: false, hint: None, then };
    Done { provider, ended, was_attempt, kind: String::new(), failure: None, hand: None }
}

fn given_up(attempts: u32, failure: &str) -> String {
    let times = if attempts == 1 { "attempt" } else { "attempts" };
    format!(
        "given up after {attempts} {times}: its time ended while the receiver failed: {failure}"
    )
}
