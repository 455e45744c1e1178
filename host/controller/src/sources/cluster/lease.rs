//! Which of several processes writes statuses: the one that holds a Lease.
//!
//! The way of Kubernetes' own controllers: a holder that has not renewed for as long as the Lease says, by the clock of
//! whoever watches, has lost it. Every write carries the version that was read, so that of two who write at once one is
//! refused. (The crates for this write without that version, or do much more.)

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::Api;
use kube::api::{ObjectMeta, PostParams};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::connection::Connection;
use crate::telemetry::report;

/// The name of the Lease. It is not the peer's, which may go on running for Receivers.
const NAME: &str = "herald-leader-election";

/// How the Lease is kept; the flags of the peer.
#[derive(Clone, Copy, Debug)]
pub struct LeaseSettings {
    /// How long others wait for a holder that is silent.
    pub duration: Duration,
    /// How long a holder tries to renew before it gives up.
    pub renew_deadline: Duration,
    /// How long to wait between two tries.
    pub retry_period: Duration,
    /// Whether the Lease is given back at the end.
    pub release: bool,
}

/// What is known of whoever holds the Lease.
#[derive(Default)]
struct Observed {
    /// Its spec when it last changed, and when that was seen.
    record: Option<(LeaseSpec, Instant)>,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Create,
    Take,
    Renew,
    Wait,
}

impl Observed {
    /// Looks at the Lease as it is now.
    fn step(&mut self, lease: Option<&LeaseSpec>, me: &str, now: Instant) -> Step {
        let Some(lease) = lease else { return Step::Create };
        if self.record.as_ref().is_none_or(|(known, _)| known != lease) {
            self.record = Some((lease.clone(), now));
        }
        let holder = lease.holder_identity.as_deref().unwrap_or_default();
        if holder == me {
            return Step::Renew;
        }
        let seconds = u64::try_from(lease.lease_duration_seconds.unwrap_or_default()).unwrap_or(0);
        let since = self.record.as_ref().map_or(now, |(_, since)| *since);
        let is_silent = now.saturating_duration_since(since) > Duration::from_secs(seconds);
        if holder.is_empty() || is_silent { Step::Take } else { Step::Wait }
    }
}

/// Tries to get and keep the Lease until the end; `leading` says whether it is held.
pub(super) async fn campaign(
    connection: Connection,
    settings: LeaseSettings,
    leading: watch::Sender<bool>,
    ending: CancellationToken,
) {
    let api: Api<Lease> = Api::namespaced(connection.client.clone(), &connection.namespace);
    let me = identity();
    let mut observed = Observed::default();
    let mut renewed = Instant::now();
    loop {
        match timeout(settings.renew_deadline, turn(&api, &mut observed, &me, settings)).await {
            Ok(Ok(is_held)) => {
                if is_held {
                    renewed = Instant::now();
                }
                tell(&leading, is_held);
            }
            Ok(Err(err)) => tracing::warn!("the Lease cannot be kept: {}", report(&err)),
            Err(_) => tracing::warn!("the Lease cannot be kept: the API server does not answer"),
        }
        if *leading.borrow() && renewed.elapsed() > settings.renew_deadline {
            tell(&leading, false);
        }
        tokio::select! {
            () = ending.cancelled() => break,
            () = tokio::time::sleep(settings.retry_period) => {}
        }
    }
    if settings.release && leading.send_replace(false) {
        let given_back = timeout(settings.retry_period, release(&api, &me)).await;
        if !matches!(given_back, Ok(Ok(()))) {
            tracing::warn!("the Lease was not given back; another process waits until it is over");
        }
    }
}

fn tell(leading: &watch::Sender<bool>, is_held: bool) {
    let has_changed =
        leading.send_if_modified(|known| std::mem::replace(known, is_held) != is_held);
    if has_changed {
        tracing::info!(leading = is_held, "the Lease has another holder");
    }
}

/// One look and one step. Whether the Lease is held afterwards.
async fn turn(
    api: &Api<Lease>,
    observed: &mut Observed,
    me: &str,
    settings: LeaseSettings,
) -> kube::Result<bool> {
    let lease = api.get_opt(NAME).await?;
    let spec = lease.as_ref().map(|lease| lease.spec.clone().unwrap_or_default());
    let step = observed.step(spec.as_ref(), me, Instant::now());
    let now = MicroTime(Timestamp::now());
    let mut spec = spec.unwrap_or_default();
    spec.lease_duration_seconds =
        Some(i32::try_from(settings.duration.as_secs().max(1)).unwrap_or(i32::MAX));
    spec.renew_time = Some(now.clone());
    if matches!(step, Step::Create | Step::Take) {
        spec.holder_identity = Some(me.to_owned());
        spec.acquire_time = Some(now);
        let taken_before = spec.lease_transitions.unwrap_or_default();
        spec.lease_transitions = Some(taken_before + i32::from(step == Step::Take));
    }
    let written = match (step, lease) {
        (Step::Wait, _) => return Ok(false),
        (Step::Create, _) | (_, None) => {
            let metadata = ObjectMeta { name: Some(NAME.to_owned()), ..ObjectMeta::default() };
            let lease = Lease { metadata, spec: Some(spec) };
            api.create(&PostParams::default(), &lease).await
        }
        (Step::Take | Step::Renew, Some(lease)) => {
            // The version that was read goes along with the metadata.
            let lease = Lease { spec: Some(spec), ..lease };
            api.replace(NAME, &PostParams::default(), &lease).await
        }
    };
    match written {
        Ok(_) => Ok(true),
        // Somebody was faster.
        Err(kube::Error::Api(answer)) if answer.code == 409 => Ok(false),
        Err(err) => Err(err),
    }
}

async fn release(api: &Api<Lease>, me: &str) -> kube::Result<()> {
    let mut lease = api.get(NAME).await?;
    let mut spec = lease.spec.take().unwrap_or_default();
    if spec.holder_identity.as_deref() == Some(me) {
        spec.holder_identity = Some(String::new());
        spec.lease_duration_seconds = Some(1);
        spec.renew_time = Some(MicroTime(Timestamp::now()));
        lease.spec = Some(spec);
        api.replace(NAME, &PostParams::default(), &lease).await?;
    }
    Ok(())
}

/// Another for each process, also on one machine.
fn identity() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}_{}", host.trim(), uuid::Uuid::new_v4())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(holder: &str, renewed: i64) -> LeaseSpec {
        LeaseSpec {
            holder_identity: Some(holder.to_owned()),
            lease_duration_seconds: Some(15),
            renew_time: Some(MicroTime(Timestamp::from_second(renewed).unwrap())),
            ..LeaseSpec::default()
        }
    }

    #[test]
    fn a_lease_is_taken_when_it_is_free_or_its_holder_is_silent() {
        let mut observed = Observed::default();
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut check = |lease: Option<&LeaseSpec>, now, expected| {
            assert_eq!(observed.step(lease, "me", now), expected, "{lease:?}");
        };
        check(None, start, Step::Create);
        check(Some(&lease("me", 0)), start, Step::Renew);
        check(Some(&lease("other", 1)), start, Step::Wait);
        check(Some(&lease("other", 1)), after(14), Step::Wait);
        // It renewed, so it is waited for anew; what its clock says does not count.
        check(Some(&lease("other", 2)), after(15), Step::Wait);
        check(Some(&lease("other", 2)), after(29), Step::Wait);
        check(Some(&lease("other", 2)), after(31), Step::Take);
        check(Some(&lease("", 3)), after(32), Step::Take);
    }
}
