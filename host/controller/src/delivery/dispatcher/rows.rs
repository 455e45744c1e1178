//! The first row of a delivery that waits: why it does, for those who look.

use std::sync::Arc;

use herald_core::delivery::EventId;
use jiff::Timestamp;

use super::Actor;
use crate::catalog::ProviderKey;
use crate::delivery::Job;
use crate::delivery::hold::{Identity, New};
use crate::delivery::lane::Obstacle;
use crate::delivery::order::Rowless;
use crate::delivery::work::Work;
use crate::egress::Transport;

impl<T: Transport> Actor<T> {
    /// Writes down that a new delivery waits, and why; `due` is what the receiver asked for.
    pub(super) fn hold(&self, job: &Job, obstacle: Obstacle, due: Option<Timestamp>) {
        let delivery = Identity {
            event_id: job.event_id,
            alert_uid: Arc::clone(&job.alert_uid),
            provider: Arc::clone(&job.provider),
            attempts: job.attempts,
        };
        let alert_name = self.alert_name(&delivery.alert_uid);
        let new = New { delivery, event: &job.event, open: job.open.as_ref(), alert_name };
        self.work.recorder.hold(&new, obstacle, due, self.work.clock.now());
    }

    /// Writes down one that has waited for long.
    pub(super) fn show(&self, rowless: &Rowless, provider: &Arc<ProviderKey>) {
        let delivery = Identity {
            event_id: EventId(rowless.key.event),
            alert_uid: self.alerts.name(rowless.key.alert),
            provider: Arc::clone(provider),
            attempts: 0,
        };
        let alert_name = self.alert_name(&delivery.alert_uid);
        let new = New { delivery, event: &rowless.event, open: Some(&rowless.open), alert_name };
        self.work.recorder.hold(&new, Obstacle::Backlog, None, self.work.clock.now());
    }

    fn alert_name(&self, uid: &str) -> String {
        let Work { attempts, .. } = &*self.work;
        let catalog = attempts.catalog.load();
        let alert = catalog.alerts.get(uid);
        alert.map(|alert| format!("{}/{}", alert.namespace, alert.name)).unwrap_or_default()
    }
}
