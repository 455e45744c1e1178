//! What the status of a Provider and of an Alert should say. Pure: the time is an argument, and nothing is written here.

use std::time::Duration;

use jiff::Timestamp;

use super::crds::{AlertStatus, Condition, LastDelivery, ProviderStatus};
use super::seen::Meta;
use super::verdict::{Reason, Verdict};

/// How long news that change no word wait, such as the time of one more delivery that arrived.
pub(super) const NO_NEWS: Duration = Duration::from_secs(60);

/// What is known of the deliveries of a Provider.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) last: Option<LastDelivery>,
    pub(super) waiting: Option<i64>,
    pub(super) dead: Option<i64>,
}

/// How soon a status should be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Urgency {
    /// It says what is there already.
    Never,
    /// Only times and counts have moved on.
    Later,
    /// A condition, or how the last delivery ended, is another.
    Now,
}

/// The status that a Provider should have.
pub(super) fn of_provider(
    before: &ProviderStatus,
    meta: &Meta,
    verdict: &Verdict,
    tally: &Tally,
    now: Timestamp,
) -> ProviderStatus {
    ProviderStatus {
        conditions: conditions(&before.conditions, verdict, meta.generation, now),
        observed_generation: Some(meta.generation),
        last_handled_reconcile_at: handled(meta, before.last_handled_reconcile_at.as_ref()),
        last_delivery: tally.last.clone().or_else(|| before.last_delivery.clone()),
        waiting: tally.waiting.or(before.waiting),
        dead: tally.dead.or(before.dead),
    }
}

/// The status that an Alert should have.
pub(super) fn of_alert(
    before: &AlertStatus,
    meta: &Meta,
    verdict: &Verdict,
    now: Timestamp,
) -> AlertStatus {
    AlertStatus {
        conditions: conditions(&before.conditions, verdict, meta.generation, now),
        observed_generation: Some(meta.generation),
        last_handled_reconcile_at: handled(meta, before.last_handled_reconcile_at.as_ref()),
    }
}

/// The request to look again that has been obeyed.
fn handled(meta: &Meta, before: Option<&String>) -> Option<String> {
    meta.requested_at.as_ref().or(before).cloned()
}

/// How soon the new status of a Provider is worth a request.
pub(super) fn urgency(before: &ProviderStatus, after: &ProviderStatus) -> Urgency {
    if before == after {
        return Urgency::Never;
    }
    let outcome = |status: &ProviderStatus| {
        status.last_delivery.as_ref().map(|last| (last.outcome.clone(), last.reason.clone()))
    };
    let is_told = before.conditions == after.conditions
        && before.observed_generation == after.observed_generation
        && before.last_handled_reconcile_at == after.last_handled_reconcile_at
        && outcome(before) == outcome(after);
    if is_told { Urgency::Later } else { Urgency::Now }
}

/// The conditions of kstatus: Ready, and why not yet (Reconciling) or not by itself (Stalled).
fn conditions(
    before: &[Condition],
    verdict: &Verdict,
    generation: i64,
    now: Timestamp,
) -> Vec<Condition> {
    let condition = |r#type: &str, status: &str, reason: &str| {
        let unchanged =
            before.iter().find(|known| known.r#type == r#type && known.status == status);
        Condition {
            r#type: r#type.to_owned(),
            status: status.to_owned(),
            reason: reason.to_owned(),
            message: verdict.message.clone(),
            last_transition_time: unchanged
                .map_or_else(|| rfc3339(now), |known| known.last_transition_time.clone()),
            observed_generation: Some(generation),
        }
    };
    let reason = verdict.reason;
    let ready = match reason {
        Reason::Succeeded => "True",
        Reason::Progressing => "Unknown",
        Reason::InvalidSpec
        | Reason::UnknownType
        | Reason::SecretNotFound
        | Reason::SecretUnreadable
        | Reason::ServiceAccountNotFound
        | Reason::ServiceAccountUnreadable
        | Reason::InvalidSecret
        | Reason::ValidationFailed
        | Reason::ProviderNotFound
        | Reason::ProviderNotReady => "False",
    };
    let mut conditions = vec![condition("Ready", ready, reason.name())];
    if reason.is_stalled() {
        conditions.push(condition("Stalled", "True", reason.name()));
    } else if !verdict.is_ready() {
        let reason = match reason {
            Reason::Progressing => reason.name(),
            _ => "ProgressingWithRetry",
        };
        conditions.push(condition("Reconciling", "True", reason));
    }
    // As the API server sorts nothing, an order of our own keeps equal lists equal.
    conditions.sort_by(|a, b| a.r#type.cmp(&b.r#type));
    conditions
}

/// Whole seconds, as Kubernetes writes times.
pub(super) fn rfc3339(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn meta(generation: i64) -> Meta {
        Meta { generation, ..Meta::default() }
    }

    fn verdict(reason: Reason) -> Verdict {
        Verdict { reason, message: "why".to_owned() }
    }

    fn shown(status: &ProviderStatus) -> Vec<String> {
        let show = |c: &Condition| format!("{}={} {}", c.r#type, c.status, c.reason);
        status.conditions.iter().map(show).collect()
    }

    #[test]
    fn each_reason_has_its_conditions() {
        for (reason, expected) in [
            (Reason::Succeeded, vec!["Ready=True Succeeded"]),
            (
                Reason::Progressing,
                vec!["Ready=Unknown Progressing", "Reconciling=True Progressing"],
            ),
            (Reason::InvalidSpec, vec!["Ready=False InvalidSpec", "Stalled=True InvalidSpec"]),
            (
                Reason::SecretNotFound,
                vec!["Ready=False SecretNotFound", "Reconciling=True ProgressingWithRetry"],
            ),
            (
                Reason::ValidationFailed,
                vec!["Ready=False ValidationFailed", "Stalled=True ValidationFailed"],
            ),
        ] {
            let before = ProviderStatus::default();
            let status = of_provider(&before, &meta(2), &verdict(reason), &Tally::default(), at(0));
            assert_eq!(shown(&status), expected);
            assert_eq!(status.observed_generation, Some(2));
        }
    }

    #[test]
    fn a_status_is_written_again_only_when_it_says_something_else() {
        let none = Tally::default();
        let first = of_provider(
            &ProviderStatus::default(),
            &meta(1),
            &verdict(Reason::Succeeded),
            &none,
            at(1),
        );
        assert_eq!(urgency(&ProviderStatus::default(), &first), Urgency::Now);
        // Later, with nothing new: the same, its times included.
        let second = of_provider(&first, &meta(1), &verdict(Reason::Succeeded), &none, at(100));
        assert_eq!(urgency(&first, &second), Urgency::Never);
        // A new generation keeps the time of the transition.
        let third = of_provider(&first, &meta(2), &verdict(Reason::Succeeded), &none, at(200));
        assert_eq!(urgency(&first, &third), Urgency::Now);
        assert_eq!(third.conditions[0].last_transition_time, "1970-01-01T00:00:01Z");
        let fourth = of_provider(&third, &meta(2), &verdict(Reason::InvalidSpec), &none, at(300));
        assert_eq!(fourth.conditions[0].last_transition_time, "1970-01-01T00:05:00Z");
    }

    #[test]
    fn one_more_delivery_that_arrived_is_no_news() {
        let last = |time: i64, outcome: &str| Tally {
            last: Some(LastDelivery {
                time: rfc3339(at(time)),
                outcome: outcome.to_owned(),
                reason: String::new(),
                module_revision: "sha256:0".to_owned(),
            }),
            waiting: Some(0),
            dead: Some(0),
        };
        let ready = verdict(Reason::Succeeded);
        let first =
            of_provider(&ProviderStatus::default(), &meta(1), &ready, &last(1, "delivered"), at(1));
        let second = of_provider(&first, &meta(1), &ready, &last(2, "delivered"), at(2));
        assert_eq!(urgency(&first, &second), Urgency::Later);
        let third = of_provider(&first, &meta(1), &ready, &last(3, "dead"), at(3));
        assert_eq!(urgency(&first, &third), Urgency::Now);
        // What was known before a restart stays.
        let fourth = of_provider(&third, &meta(1), &ready, &Tally::default(), at(4));
        assert_eq!(urgency(&third, &fourth), Urgency::Never);
    }

    #[test]
    fn a_request_to_look_again_is_answered() {
        let asked = Meta { requested_at: Some("now".to_owned()), ..meta(1) };
        let ready = verdict(Reason::Succeeded);
        let status =
            of_provider(&ProviderStatus::default(), &asked, &ready, &Tally::default(), at(1));
        assert_eq!(status.last_handled_reconcile_at.as_deref(), Some("now"));
        // Without the annotation the answer to the last request stays.
        let later = of_provider(&status, &meta(1), &ready, &Tally::default(), at(2));
        assert_eq!(later.last_handled_reconcile_at.as_deref(), Some("now"));
        let alert = of_alert(&AlertStatus::default(), &asked, &ready, at(1));
        assert_eq!(alert.last_handled_reconcile_at.as_deref(), Some("now"));
    }
}
