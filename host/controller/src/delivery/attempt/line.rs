//! Whom an attempt asks: the revisions of its type one after the other, then what its Provider allows in their place.
//!
//! Another is asked only while nothing was sent: a receiver never gets two forms of one event in one attempt.

use std::sync::Arc;

use herald_core::alert::Alert;
use herald_core::delivery::DeliveryId;
use herald_core::formatter::Delivery;
use jiff::Timestamp;

use super::{Attempt, Attempts};
use crate::delivery::{Job, Outcome};
use crate::egress::Transport;
use crate::modules::{Loaded, Said, Verdict, disclosure};

/// What all modules of one attempt are asked about.
pub(super) struct Asked<'a> {
    pub(super) job: &'a Job,
    pub(super) alert: &'a Alert,
    pub(super) now: Timestamp,
}

impl<T: Transport> Attempts<T> {
    /// Asks until one gives an answer. What breaks is counted and passed over.
    pub(super) async fn ask_in_turn(
        &self,
        attempt: &mut Attempt<'_>,
        asked: &Asked<'_>,
    ) -> Outcome {
        let provider = attempt.provider;
        if let Some(problem) = self.modules.forbids(&provider.kind, &provider.namespace) {
            return Outcome::Misconfigured(problem);
        }
        let line = self.modules.line(&provider.kind, || {
            lot(&DeliveryId::new(&self.journal, asked.job.event_id, &asked.job.alert_uid))
        });
        let mut first = None;
        for loaded in &line {
            let outcome = self.ask(attempt, loaded, asked).await;
            if attempt.is_answered() {
                self.look_on(attempt);
                return outcome;
            }
            let failure = attempt.module_failure.take();
            attempt.passed_over.extend(failure.as_ref().map(|failure| failure.kind));
            first.get_or_insert((outcome, failure, Arc::clone(loaded)));
        }
        let Some((broken, failure, loaded)) = first else {
            return Outcome::Misconfigured(format!(
                "there is no module for the type {}; there are: {}",
                provider.kind,
                self.modules.types().join(", ")
            ));
        };
        if let Some(spare) = self.modules.fallback(provider).await {
            let outcome = self.ask(attempt, &spare, asked).await;
            // What a stand-in cannot say, the type's own module may still say one day.
            let gives_up = matches!(outcome, Outcome::Misconfigured(_) | Outcome::Dead(_));
            if attempt.sent || (attempt.is_answered() && !gives_up) {
                tracing::warn!(
                    provider.kind = %provider.kind,
                    provider.name = %provider.name,
                    "no module of the type could format an event, so {} did, as the Provider allows",
                    spare.kind
                );
                return outcome;
            }
        }
        (attempt.loaded, attempt.module_failure) = (Some(loaded), failure);
        // This one is told of as the attempt's own.
        attempt.passed_over.remove(0);
        broken
    }

    /// Asks one module, and counts how it went.
    async fn ask(
        &self,
        attempt: &mut Attempt<'_>,
        loaded: &Arc<Loaded>,
        asked: &Asked<'_>,
    ) -> Outcome {
        (attempt.module_failure, attempt.is_the_modules) = (None, false);
        let Asked { job, alert, now } = *asked;
        let delivery = match self.begin(job, alert, attempt.provider, loaded, now) {
            Ok(delivery) => delivery,
            Err(ended) => return ended,
        };
        attempt.loaded = Some(Arc::clone(loaded));
        // The module relies on it.
        let problems = loaded.module.config_schema().problems(&attempt.provider.config);
        let outcome = if problems.is_empty() {
            self.converse(attempt, loaded, delivery).await
        } else {
            Outcome::Misconfigured(problems.join("; "))
        };
        let verdict = match (&outcome, &attempt.module_failure) {
            (_, Some(_)) => attempt.is_the_modules.then_some(Verdict::Broken),
            (Outcome::Delivered | Outcome::Accepted | Outcome::Skipped(_), None) => {
                Some(Verdict::Taken)
            }
            (Outcome::Misconfigured(_) | Outcome::Dead(_), None) => Some(Verdict::Refused),
            (Outcome::Retry { .. }, None) => None,
        };
        if let Some(verdict) = verdict {
            self.modules.tell(loaded, verdict);
        }
        outcome
    }

    /// Lets the revision on trial see what was sent. It holds up nobody: where too many look on already, this one does
    /// not.
    fn look_on(&self, attempt: &mut Attempt<'_>) {
        let Some((delivery, said)) = attempt.first.take() else { return };
        let Some(shadow) = self.modules.shadow(&attempt.provider.kind) else { return };
        let Ok(turn) = Arc::clone(&self.onlookers).try_acquire_owned() else { return };
        let (modules, mask) = (Arc::clone(&self.modules), Arc::clone(&attempt.mask));
        let disclosed = disclosure::of(attempt.provider, Arc::clone(&mask));
        tokio::spawn(async move {
            shadow.look_on(&delivery, &said, disclosed, &mask).await;
            modules.look_at(&shadow);
            drop(turn);
        });
    }
}

impl Attempt<'_> {
    /// Whether the module gave an answer, or another must not be asked as something was sent.
    fn is_answered(&self) -> bool {
        self.module_failure.is_none() || self.sent
    }

    /// Keeps what the module said first, if a revision on trial is to be compared with it.
    pub(super) fn keep_first(&mut self, delivery: &Delivery, said: &Said, is_wanted: bool) {
        if is_wanted && self.first.is_none() && delivery.responses.is_empty() {
            self.first = Some((delivery.clone(), said.clone()));
        }
    }
}

/// A delivery's number in the draw for a canary: the same for each of its attempts.
fn lot(id: &DeliveryId) -> u64 {
    let digits = id.as_str().get(..12).unwrap_or_default();
    u64::from_str_radix(digits, 16).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use herald_core::delivery::{EventId, JournalId};

    use super::*;

    #[test]
    fn deliveries_are_drawn_evenly_and_always_alike() {
        let lot_of =
            |event| lot(&DeliveryId::new(&JournalId::from_bytes([7; 16]), EventId(event), "a"));
        let drawn = (0..10_000).filter(|event| lot_of(*event) % 100 < 10).count();
        assert!((900..1_100).contains(&drawn), "{drawn}");
        assert_eq!(lot_of(1), lot_of(1));
    }
}
