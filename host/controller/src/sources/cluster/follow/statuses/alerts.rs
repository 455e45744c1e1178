//! The statuses of Alerts: each is as ready as its Provider, and says what of it makes no sense for that.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::json;

use super::Statuses;
use crate::catalog::ProviderKey as Key;
use crate::sources::cluster::events::{EventReason, News};
use crate::sources::cluster::mirror::{AlertEntry, Mirror};
use crate::sources::cluster::status::of_alert;
use crate::sources::cluster::verdict::{Reason, Verdict};

impl Statuses {
    /// All Providers and Alerts were seen.
    pub(in crate::sources::cluster::follow) fn synced(&mut self, mirror: &Mirror) {
        self.is_synced = true;
        self.alerts(mirror);
    }

    /// Offers the status of every Alert that says something new.
    pub(in crate::sources::cluster::follow) fn alerts(&mut self, mirror: &Mirror) {
        for key in mirror.alerts.keys().cloned().collect::<Vec<_>>() {
            self.alert(mirror, &key);
        }
    }

    /// Offers the status of an Alert if it says something new.
    pub(in crate::sources::cluster::follow) fn alert(&mut self, mirror: &Mirror, key: &Key) {
        let Some(entry) = mirror.alerts.get(key) else { return };
        let Some(verdict) = self.verdict_of_alert(mirror, key) else { return };
        if verdict.is_ready() {
            self.faulty_alerts.remove(key);
        } else if self.faulty_alerts.insert(key.clone()) {
            tracing::error!("Alert {key}: {}", verdict.message);
        }
        if !self.is_leading || self.is_held("Alert", key, verdict.is_ready()) {
            return;
        }
        for warning in self.warnings(mirror, entry) {
            self.tell(News {
                kind: "Alert",
                key: key.clone(),
                uid: entry.meta.uid.clone(),
                reason: EventReason::InvalidConfig,
                message: warning,
                annotations: BTreeMap::new(),
            });
        }
        let is_suspended = entry.alert.as_ref().is_some_and(|alert| alert.suspend);
        if is_suspended || !self.may_write() {
            return;
        }
        let status = of_alert(&entry.status, &entry.meta, &verdict, Timestamp::now());
        if status == entry.status || self.offered_alerts.get(key) == Some(&status) {
            return;
        }
        self.offer("Alert", key, json!(status), true);
        self.offered_alerts.insert(key.clone(), status);
    }

    /// An Alert is ready when its Provider is; none when that is not known yet.
    fn verdict_of_alert(&self, mirror: &Mirror, key: &Key) -> Option<Verdict> {
        let entry = mirror.alerts.get(key)?;
        if let Some(fault) = &entry.fault {
            return Some(fault.clone());
        }
        let provider = Key::named_by(entry.alert.as_ref()?);
        if !self.is_synced {
            return None;
        }
        if !mirror.providers.contains_key(&provider) {
            let message = format!("there is no Provider {provider}; add it or correct the name");
            return Some(Verdict { reason: Reason::ProviderNotFound, message });
        }
        let verdict = self.verdict_of(&provider)?;
        match verdict.reason {
            Reason::Progressing => None,
            Reason::Succeeded => {
                let warnings = self.warnings(mirror, entry);
                let message = if warnings.is_empty() {
                    "its Provider is ready".to_owned()
                } else {
                    warnings.join("; ")
                };
                Some(Verdict::ready(&message))
            }
            _ => {
                let message = format!("its Provider {provider} is not ready: {}", verdict.message);
                Some(Verdict { reason: Reason::ProviderNotReady, message })
            }
        }
    }

    /// What is wrong with an Alert and does no harm to the rest: in its object, or as it does not fit its Provider's type.
    fn warnings(&self, mirror: &Mirror, entry: &AlertEntry) -> Vec<String> {
        let mut warnings = entry.warnings.clone();
        if let Some(alert) = &entry.alert
            && let Some(provider) = mirror.providers.get(&Key::named_by(alert))
            && let Some(provider) = &provider.provider
        {
            warnings.extend(self.judge.misfits(alert, &provider.kind));
        }
        warnings
    }

    pub(in crate::sources::cluster::follow) fn forget_alert(&mut self, key: &Key) {
        self.offered_alerts.remove(key);
        self.faulty_alerts.remove(key);
        self.held.remove(&("Alert", key.clone()));
    }
}
