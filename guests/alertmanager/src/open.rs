//! The alerts of an object that fire as far as is known, as they are remembered between deliveries.

use herald_provider::json::Value;
use herald_provider::{REMEMBER_LIMIT, json};

use crate::alert::Firing;

/// An alert that was sent and not yet resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OpenAlert {
    pub(crate) starts_at: String,
    /// Exactly as they were sent: another value would be another alert.
    pub(crate) labels: Vec<(String, String)>,
}

/// The alerts of one object, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Open {
    pub(crate) alerts: Vec<OpenAlert>,
}

impl Open {
    /// Reads what [`to_json`](Self::to_json) wrote; anything else is no alert.
    pub(crate) fn read(remembered: Option<&str>) -> Self {
        let value: Value = remembered.unwrap_or_default().parse().unwrap_or_default();
        let alerts = value.as_array().into_iter().flatten().filter_map(read).collect();
        Self { alerts }
    }

    /// Adds an alert that fires now. One that fires already keeps its beginning.
    pub(crate) fn add(&mut self, firing: &Firing<'_>) {
        let labels = firing
            .labels
            .iter()
            .map(|(name, value)| (name.as_ref().to_owned(), value.as_ref().to_owned()))
            .collect();
        let mut alert = OpenAlert { starts_at: firing.starts_at().to_owned(), labels };
        if let Some(at) = self.alerts.iter().position(|other| other.labels == alert.labels) {
            alert = self.alerts.remove(at);
        }
        self.alerts.push(alert);
    }

    /// The newest ones that can be remembered together. Those left out end after Alertmanager's `resolve_timeout`.
    pub(crate) fn to_json(&self) -> String {
        let mut kept: Vec<String> = Vec::new();
        let mut length = "[]".len();
        for alert in self.alerts.iter().rev() {
            let json = write(alert);
            if length + json.len() < REMEMBER_LIMIT {
                length += json.len() + ",".len();
                kept.push(json);
            }
        }
        kept.reverse();
        ["[", &kept.join(","), "]"].concat()
    }
}

fn read(alert: &Value) -> Option<OpenAlert> {
    let mut labels = Vec::new();
    for (name, value) in alert["labels"].as_object()? {
        labels.push((name.clone(), value.as_str()?.to_owned()));
    }
    Some(OpenAlert { starts_at: alert["startsAt"].as_str()?.to_owned(), labels })
}

fn write(alert: &OpenAlert) -> String {
    json::object(256, |o| {
        o.text("startsAt", &alert.starts_at);
        o.object("labels", |o| {
            for (name, value) in &alert.labels {
                o.text(name, value);
            }
        });
    })
}
