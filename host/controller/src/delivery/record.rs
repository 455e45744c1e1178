//! What becomes of a delivery after an attempt, and its row in the journal.

use std::sync::Arc;
use std::time::Duration;

use herald_core::retry::{Next, RetryPolicy};
use herald_journal::{Attempt, DeliveryRow, Journal, Record, State};
use jiff::Timestamp;

use super::{Job, Memory, Outcome, Report};
use crate::notices::{Attempted, Observer};
use crate::telemetry::Metrics;

/// Writes outcomes down.
pub struct Recorder {
    /// Where rows are kept.
    pub journal: Journal,
    /// How long to wait and when to give up.
    pub policy: RetryPolicy,
    /// Counts what happens.
    pub metrics: Metrics,
    /// Hears of it, if somebody wants to.
    pub observer: Option<Arc<dyn Observer>>,
}

/// What a delivery does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is finished.
    Finished,
    /// It is tried again then.
    Later(Timestamp),
    /// It is tried again when its Provider changes, and for the last time then.
    OnChange(Timestamp),
}

impl Recorder {
    /// Decides and records what becomes of a delivery after an attempt that took so long.
    pub(super) async fn record(
        &self,
        job: &Job,
        report: Report,
        took: Duration,
        now: Timestamp,
    ) -> Fate {
        let (state, due, fate, mut note) = self.decide(job, &report.outcome, now);
        let ends = match state {
            State::Waiting => None,
            State::Delivered => Some("delivered"),
            State::Accepted => Some("accepted"),
            State::Skipped => Some("skipped"),
            State::Dead | State::Discarded => Some("dead"),
        };
        if let Some(ends) = ends {
            self.metrics.delivery(&report.kind, ends);
        }
        log(job, &report, state, due, &note);
        if let Some(observer) = &self.observer {
            let outcome = if state == State::Dead { "dead" } else { report.outcome.kind() };
            observer.attempted(&Attempted {
                provider: &job.provider,
                alert_uid: &job.alert_uid,
                object: &job.event.involved_object,
                outcome,
                reason: &note,
                attempts: job.attempts + 1,
                was_answered: report.status.is_some(),
                at: now,
            });
        }
        if let Some(failure) = report.module_failure.filter(|failure| !failure.backtrace.is_empty())
        {
            // Whoever looks into the journal or the dead letters later finds where the module was.
            note.push('\n');
            note.push_str(&failure.backtrace);
        }
        let hinted = matches!(&report.outcome, Outcome::Retry { after: Some(_), .. });
        let urgent = hinted || report.remember.is_some();
        let record = Record {
            rows: vec![DeliveryRow {
                event: herald_journal::EventId(job.event_id.0),
                alert: Arc::clone(&job.alert_uid),
                alert_name: report.alert.into(),
                provider: job.provider.to_string().into(),
                object: job.object().to_string().into(),
                state,
                attempts: job.attempts + 1,
                due,
                at: now,
                note,
                attempt: Some(Attempt { revision: report.revision, status: report.status, took }),
                replayed: None,
                plan: None,
                digest: None,
            }],
            marks: self.passed(job, now),
            remember: report.remember.into_iter().collect(),
            ..Record::default()
        };
        // A hint of the receiver must not be forgotten by a crash, nor what avoids a second post. The rest rides along
        // with the next commit: if it is lost, the delivery is made once more.
        if urgent {
            if let Err(err) = self.journal.record_now(record).await {
                tracing::error!(
                    event.id = job.event_id.0,
                    "an outcome was not kept: {}",
                    crate::telemetry::report(&err)
                );
            }
        } else {
            self.journal.record(record);
        }
        self.settle(job.open.as_ref());
        fate
    }

    fn decide(
        &self,
        job: &Job,
        outcome: &Outcome,
        now: Timestamp,
    ) -> (State, Option<Timestamp>, Fate, String) {
        let attempts = job.attempts + 1;
        match outcome {
            Outcome::Delivered => (State::Delivered, None, Fate::Finished, String::new()),
            Outcome::Accepted => (State::Accepted, None, Fate::Finished, String::new()),
            Outcome::Skipped(reason) => (State::Skipped, None, Fate::Finished, reason.clone()),
            Outcome::Dead(reason) => (State::Dead, None, Fate::Finished, reason.clone()),
            Outcome::Retry { after, reason } => {
                let jitter = fastrand::f64();
                let is_error = job.event.is_error();
                match self.policy.next(now, job.accepted_at, is_error, attempts, *after, jitter) {
                    Next::At(due) => (State::Waiting, Some(due), Fate::Later(due), reason.clone()),
                    Next::LifeEnded => given_up(attempts, reason),
                }
            }
            Outcome::Misconfigured(reason) => {
                let life = self.policy.life(job.event.is_error());
                let end = job.accepted_at.checked_add(life).unwrap_or(Timestamp::MAX);
                if now >= end {
                    given_up(attempts, reason)
                } else {
                    // No due time in the row: after a restart it is tried at once, for the change may have come meanwhile.
                    (State::Waiting, None, Fate::OnChange(end), reason.clone())
                }
            }
        }
    }
}

fn given_up(attempts: u32, reason: &str) -> (State, Option<Timestamp>, Fate, String) {
    let times = if attempts == 1 { "attempt" } else { "attempts" };
    (State::Dead, None, Fate::Finished, format!("given up after {attempts} {times}: {reason}"))
}

fn log(job: &Job, report: &Report, state: State, due: Option<Timestamp>, note: &str) {
    let object = job.object();
    let (event, attempt, status) = (job.event_id.0, job.attempts + 1, report.status);
    let provider = &job.provider;
    match state {
        State::Delivered | State::Accepted | State::Skipped => tracing::info!(
            event.id = event, %provider, %object, attempt, http.status = status, outcome = report.outcome.kind(), reason = note,
            "delivery finished"
        ),
        State::Waiting => tracing::warn!(
            event.id = event, %provider, %object, attempt, http.status = status, outcome = report.outcome.kind(), reason = note,
            due = due.map(tracing::field::display), "delivery waits"
        ),
        State::Dead | State::Discarded => tracing::error!(
            event.id = event, %provider, %object, attempt, http.status = status, outcome = report.outcome.kind(), reason = note,
            "delivery is dead"
        ),
    }
}

impl Memory for Journal {
    fn recall(&self, key: &herald_journal::RememberKey) -> Option<String> {
        self.remembered(key)
    }
}

/// A memory that keeps nothing, for rehearsals.
pub(crate) struct Forgetful;

impl Memory for Forgetful {
    fn recall(&self, _: &herald_journal::RememberKey) -> Option<String> {
        None
    }
}

/// The memory of a journal.
pub(crate) fn memory(journal: &Journal) -> Arc<dyn Memory> {
    Arc::new(journal.clone())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures_util::FutureExt as _;
    use herald_core::delivery::EventId;
    use herald_core::event::Event;
    use herald_core::floods::gate::Notice;
    use herald_journal::Settings;

    use super::*;
    use crate::catalog::ProviderKey;
    use crate::delivery::{ModuleFailure, OpenEvent};

    const LIFE: Duration = Duration::from_secs(6 * 60 * 60);

    fn job(id: herald_journal::EventId, alert: &str, open: &Arc<OpenEvent>) -> Job {
        Job {
            event: Arc::new(Event::default()),
            event_id: EventId(id.0),
            accepted_at: Timestamp::UNIX_EPOCH,
            alert_uid: alert.into(),
            provider: ProviderKey::new("n", "p").into(),
            attempts: 0,
            open: Some(Arc::clone(open)),
            passes: false,
            notice: Notice::default(),
        }
    }

    fn recorder(journal: &Journal) -> Recorder {
        Recorder {
            journal: journal.clone(),
            policy: RetryPolicy::default(),
            metrics: Metrics::new("0"),
            observer: None,
        }
    }

    /// Records the end of an attempt at an event of this age; what becomes of it, and its row.
    async fn recorded(outcome: Outcome, age: Duration) -> (Fate, DeliveryRow) {
        let dir = tempfile::tempdir().unwrap();
        let (journal, _recovered) = Journal::open(dir.path(), Settings::default()).await.unwrap();
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let body = Bytes::from_static(b"{}");
        let Ok(herald_journal::Appended::New(id)) = journal.append([1; 32], body, now - age).await
        else {
            panic!("the event is new")
        };
        let open = OpenEvent::new(EventId(id.0), 1);
        let job = Job { attempts: 3, accepted_at: now - age, ..job(id, "alert", &open) };
        let failure =
            ModuleFailure { kind: "trap", backtrace: "0: guest!next\n1: guest!panic".to_owned() };
        let report = Report {
            alert: "n/a".to_owned(),
            revision: "0123456789ab".to_owned(),
            kind: "t".to_owned(),
            status: Some(502),
            module_failure: Some(failure),
            ..Report::of(outcome)
        };
        let recorder = recorder(&journal);
        let fate = recorder.record(&job, report, Duration::from_millis(20), now).await;
        // What is urgent takes with it what rides.
        journal.record_now(Record::default()).await.unwrap();
        let rows = journal.rows(id).await.unwrap();
        (fate, rows.into_iter().next().unwrap())
    }

    fn trapped() -> Outcome {
        Outcome::Retry { after: None, reason: "the module panicked: boom".to_owned() }
    }

    #[tokio::test]
    async fn a_trap_is_tried_again_while_the_event_lives() {
        let (fate, row) = recorded(trapped(), Duration::from_secs(60)).await;
        assert!(matches!(fate, Fate::Later(_)), "{fate:?}");
        assert_eq!((row.state, row.attempts), (State::Waiting, 4));
        assert!(row.due.is_some() && row.note.contains("boom"), "{row:?}");
    }

    #[tokio::test]
    async fn a_trap_at_the_end_of_life_is_dead_with_its_backtrace() {
        let (fate, row) = recorded(trapped(), LIFE).await;
        assert_eq!(fate, Fate::Finished);
        assert_eq!(row.state, State::Dead);
        let note =
            "given up after 4 attempts: the module panicked: boom\n0: guest!next\n1: guest!panic";
        assert_eq!(row.note, note);
    }

    #[tokio::test]
    async fn a_misconfigured_delivery_waits_for_a_change_until_its_life_ends() {
        let wrong = || Outcome::Misconfigured("no token".to_owned());
        let (fate, row) = recorded(wrong(), Duration::ZERO).await;
        assert!(matches!(fate, Fate::OnChange(_)), "{fate:?}");
        assert_eq!((row.state, row.due), (State::Waiting, None));
        let (fate, row) = recorded(wrong(), LIFE).await;
        assert_eq!((fate, row.state), (Fate::Finished, State::Dead));
    }

    #[tokio::test]
    async fn what_can_never_be_sent_is_dead_at_once() {
        let (fate, row) = recorded(Outcome::Dead("too old".to_owned()), Duration::ZERO).await;
        assert_eq!((fate, row.state), (Fate::Finished, State::Dead));
        assert!(row.note.starts_with("too old\n"), "{}", row.note);
    }

    /// Otherwise a crash in between would lose a delivery whose row was not written.
    #[tokio::test]
    async fn an_event_closes_only_after_every_row_of_it_was_kept_or_handed_in() {
        // The disk may be faster than this; then it is tried again.
        for _ in 0..20 {
            let dir = tempfile::tempdir().unwrap();
            let (journal, _recovered) =
                Journal::open(dir.path(), Settings::default()).await.unwrap();
            let now = Timestamp::from_second(1_800_000_000).unwrap();
            let body = Bytes::from_static(b"{}");
            let Ok(herald_journal::Appended::New(id)) = journal.append([1; 32], body, now).await
            else {
                panic!("the event is new")
            };
            let recorder = recorder(&journal);
            let open = OpenEvent::new(EventId(id.0), 2);
            let (slow, fast) = (job(id, "slow", &open), job(id, "fast", &open));
            // The receiver's own time is kept at once, and that is waited for.
            let hint =
                Outcome::Retry { after: Some(Duration::from_secs(60)), reason: String::new() };
            let mut first = Box::pin(recorder.record(&slow, Report::of(hint), Duration::ZERO, now));
            if (&mut first).now_or_never().is_some() {
                continue;
            }
            let second =
                recorder.record(&fast, Report::of(Outcome::Delivered), Duration::ZERO, now).await;
            assert_eq!(second, Fate::Finished);
            drop(first);
            drop(recorder);
            journal.close().await;
            let (_journal, recovered) =
                Journal::open(dir.path(), Settings::default()).await.unwrap();
            assert_eq!(recovered.n_open, 1, "nobody has said that the first is kept");
            return;
        }
        panic!("no row was ever waited for");
    }
}
