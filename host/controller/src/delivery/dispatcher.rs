//! Decides when each delivery is attempted: one task owns all lanes and everything that waits.
//!
//! Attempts run as tasks of their own and report back. What waits is loaded from the journal when it is due, so that an
//! hour-long outage of a receiver costs memory for identities only.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use herald_core::intake;
use herald_journal::{Journal, WaitingRow};
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};

use super::lane::Lane;
use super::record::Fate;
use super::waiting::{Parked, Waiting};
use super::{Attempts, Job, ObjectKey, Outcome, Recorder, Report};
use crate::catalog::ProviderKey;
use crate::egress::Transport;
use crate::telemetry::{Metrics, report};

/// How long to wait before the journal is asked again for an event that could not be read.
const REREAD: Duration = Duration::from_secs(5);

/// How deliveries are paced.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The most attempts under way to one Provider.
    pub concurrency: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { concurrency: 8 }
    }
}

/// The door to the dispatcher's task.
#[derive(Clone)]
pub struct Dispatcher {
    commands: mpsc::UnboundedSender<Command>,
}

enum Command {
    Offer(Job),
    Resume(WaitingRow),
    Finished { provider: ProviderKey, object: ObjectKey, again: Option<(Timestamp, Parked)> },
    Unreadable(Parked),
    Drain(oneshot::Sender<()>),
}

impl Dispatcher {
    /// Starts the dispatcher's task.
    pub fn start<T: Transport + 'static>(
        attempts: Arc<Attempts<T>>,
        recorder: Arc<Recorder>,
        settings: Settings,
    ) -> Self {
        let (commands, inbox) = mpsc::unbounded_channel();
        let catalog = attempts.catalog.subscribe();
        let modules = attempts.modules.subscribe();
        let actor = Actor {
            metrics: recorder.metrics.clone(),
            attempts,
            recorder,
            settings,
            lanes: HashMap::new(),
            waiting: Waiting::default(),
            running: 0,
            draining: None,
            commands: commands.clone(),
        };
        tokio::spawn(actor.run(inbox, catalog, modules));
        Self { commands }
    }

    /// A delivery that may be attempted now.
    pub fn offer(&self, job: Job) {
        self.tell(Command::Offer(job));
    }

    /// A delivery that waited when the process ended.
    pub fn resume(&self, row: WaitingRow) {
        self.tell(Command::Resume(row));
    }

    /// Starts no more attempts and waits for those under way, at most `grace`. Whether all of them ended.
    pub async fn drain(&self, grace: Duration) -> bool {
        let (done, ended) = oneshot::channel();
        self.tell(Command::Drain(done));
        tokio::time::timeout(grace, ended).await.is_ok()
    }

    fn tell(&self, command: Command) {
        // The task ends with the process; what it did not do is in the journal.
        drop(self.commands.send(command));
    }
}

struct Actor<T> {
    attempts: Arc<Attempts<T>>,
    recorder: Arc<Recorder>,
    metrics: Metrics,
    settings: Settings,
    lanes: HashMap<ProviderKey, Lane>,
    waiting: Waiting,
    running: usize,
    draining: Option<oneshot::Sender<()>>,
    commands: mpsc::UnboundedSender<Command>,
}

impl<T: Transport + 'static> Actor<T> {
    async fn run(
        mut self,
        mut inbox: mpsc::UnboundedReceiver<Command>,
        mut catalog: watch::Receiver<u64>,
        mut modules: watch::Receiver<u64>,
    ) {
        loop {
            let next_due = self.waiting.next_due();
            tokio::select! {
                command = inbox.recv() => match command {
                    Some(command) => self.handle(command),
                    None => return,
                },
                () = sleep_until(next_due), if next_due.is_some() => self.wake_due(),
                Ok(()) = catalog.changed() => self.wake_changed(),
                Ok(()) = modules.changed() => self.wake_changed(),
            }
            self.metrics.waiting(self.waiting.len());
            if self.running == 0
                && let Some(drained) = self.draining.take()
            {
                // Whoever waits for it may have given up.
                drained.send(()).ok();
                return;
            }
        }
    }

    fn handle(&mut self, command: Command) {
        match command {
            Command::Offer(job) => {
                let provider = job.provider.clone();
                self.lanes.entry(provider.clone()).or_default().offer(job);
                self.advance(&provider);
            }
            Command::Resume(row) => self.resume(row),
            Command::Finished { provider, object, again } => {
                self.running -= 1;
                if let Some((due, parked)) = again {
                    // The change that it waits for may have come while the attempt was under way.
                    match &parked.failed_with {
                        Some(then) if *then != self.attempts.condition(&parked.provider) => {
                            self.wake(parked)
                        }
                        _ => self.waiting.park(due, parked),
                    }
                }
                if let Some(lane) = self.lanes.get_mut(&provider) {
                    lane.finish(&object);
                }
                self.advance(&provider);
            }
            Command::Unreadable(parked) => self.waiting.park(Timestamp::now() + REREAD, parked),
            Command::Drain(done) => self.draining = Some(done),
        }
    }

    /// A row without a due time waited for a change, which may have come while the process was away.
    fn resume(&mut self, row: WaitingRow) {
        let Ok(provider) = row.provider.parse() else {
            tracing::error!(
                event.id = row.event.0,
                "a delivery in the journal names no Provider: {:?}",
                row.provider
            );
            return;
        };
        let parked = Parked {
            event_id: herald_core::delivery::EventId(row.event.0),
            alert_uid: row.alert,
            provider,
            attempts: row.attempts,
            failed_with: None,
        };
        self.waiting.park(row.due.unwrap_or_else(Timestamp::now), parked);
    }

    /// Starts what may run for this Provider.
    fn advance(&mut self, provider: &ProviderKey) {
        let Some(lane) = self.lanes.get_mut(provider) else { return };
        if self.draining.is_none() {
            while let Some(job) = lane.start(self.settings.concurrency) {
                self.running += 1;
                let (attempts, recorder) = (Arc::clone(&self.attempts), Arc::clone(&self.recorder));
                tokio::spawn(attempt(attempts, recorder, job, self.commands.clone()));
            }
        }
        if lane.is_idle() {
            self.lanes.remove(provider);
        }
    }

    fn wake_due(&mut self) {
        let now = Timestamp::now();
        while let Some(parked) = self.waiting.pop_due(now) {
            self.wake(parked);
        }
    }

    fn wake_changed(&mut self) {
        for parked in self.waiting.pop_changed(|provider| self.attempts.condition(provider)) {
            self.wake(parked);
        }
    }

    fn wake(&self, parked: Parked) {
        tokio::spawn(load(self.recorder.journal.clone(), parked, self.commands.clone()));
    }
}

/// Reads the event of a delivery that is due, and offers it.
async fn load(journal: Journal, parked: Parked, commands: mpsc::UnboundedSender<Command>) {
    let stored = match journal.event(herald_journal::EventId(parked.event_id.0)).await {
        Ok(Some(stored)) => stored,
        Ok(None) => {
            tracing::error!(
                event.id = parked.event_id.0,
                "the journal no longer has the event of a waiting delivery"
            );
            return;
        }
        Err(err) => {
            tracing::error!(
                event.id = parked.event_id.0,
                "the journal cannot be read: {}",
                report(&err)
            );
            drop(commands.send(Command::Unreadable(parked)));
            return;
        }
    };
    match intake::accept(&stored.body) {
        Ok(intake) => {
            let job = Job {
                event: Arc::new(intake.event),
                event_id: parked.event_id,
                accepted_at: stored.at,
                alert_uid: parked.alert_uid,
                provider: parked.provider,
                attempts: parked.attempts,
                open: None,
            };
            drop(commands.send(Command::Offer(job)));
        }
        Err(err) => {
            tracing::error!(
                event.id = parked.event_id.0,
                "an event in the journal cannot be read: {}",
                report(&err)
            );
        }
    }
}

/// One attempt as a task; a panic in it is a failed attempt and never a lost delivery.
async fn attempt<T: Transport>(
    attempts: Arc<Attempts<T>>,
    recorder: Arc<Recorder>,
    job: Job,
    commands: mpsc::UnboundedSender<Command>,
) {
    let started = std::time::Instant::now();
    let condition = attempts.condition(&job.provider);
    let result = AssertUnwindSafe(attempts.run(&job, Timestamp::now())).catch_unwind().await;
    let report = result.unwrap_or_else(|_| {
        let reason = "a mistake in Herald ended the attempt; the log has its place".to_owned();
        Report::of(Outcome::Retry { after: None, reason })
    });
    let took = started.elapsed();
    recorder.metrics.attempt(&report.kind, report.outcome.kind(), took);
    if let Some(failure) = &report.module_failure {
        recorder.metrics.module_failure(&report.kind, failure.kind);
    }
    let fate = recorder.record(&job, report, took, Timestamp::now()).await;
    let parked = |failed_with| Parked {
        event_id: job.event_id,
        alert_uid: Arc::clone(&job.alert_uid),
        provider: job.provider.clone(),
        attempts: job.attempts + 1,
        failed_with,
    };
    let again = match fate {
        Fate::Finished => None,
        Fate::Later(due) => Some((due, parked(None))),
        Fate::OnChange(end) => Some((end, parked(Some(condition)))),
    };
    let object = job.object();
    drop(commands.send(Command::Finished { provider: job.provider, object, again }));
}

async fn sleep_until(due: Option<Timestamp>) {
    let Some(due) = due else { return std::future::pending().await };
    let wait = due.duration_since(Timestamp::now());
    tokio::time::sleep(Duration::try_from(wait).unwrap_or(Duration::ZERO)).await;
}
