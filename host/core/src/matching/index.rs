//! Finds the Alerts that could want an event without asking the others. Knows only what an Alert's sources say of kind
//! and namespace.

use std::collections::HashMap;
use std::sync::Arc;

use crate::alert::Alert;
use crate::event::Event;

/// Alerts by the kind and namespace of their sources.
#[derive(Clone, Debug, Default)]
pub struct AlertIndex {
    /// By namespace and name.
    alerts: Vec<Arc<Alert>>,
    /// Kind to namespace to positions in `alerts`, ascending. Two levels, so that a look-up borrows both.
    by_source: HashMap<String, HashMap<String, Vec<usize>>>,
    by_uid: HashMap<String, usize>,
}

impl AlertIndex {
    /// An index of these Alerts.
    #[must_use]
    pub fn new(mut alerts: Vec<Arc<Alert>>) -> Self {
        alerts.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
        let mut by_source: HashMap<String, HashMap<String, Vec<usize>>> = HashMap::new();
        let mut by_uid = HashMap::new();
        for (position, alert) in alerts.iter().enumerate() {
            by_uid.entry(alert.uid.clone()).or_insert(position);
            for source in &alert.sources {
                let by_namespace = by_source.entry(source.kind.clone()).or_default();
                let positions = by_namespace.entry(source.namespace.clone()).or_default();
                // Positions arrive in order, so one that is there already is the last.
                if positions.last() != Some(&position) {
                    positions.push(position);
                }
            }
        }
        Self { alerts, by_source, by_uid }
    }

    /// The Alerts with a source of the event's kind and namespace, each once, by namespace and name.
    pub fn candidates(&self, event: &Event) -> impl Iterator<Item = &Arc<Alert>> {
        let object = &event.involved_object;
        let by_namespace = self.by_source.get(object.kind.as_str());
        let positions =
            by_namespace.and_then(|namespaces| namespaces.get(object.namespace.as_str()));
        positions.into_iter().flatten().filter_map(|position| self.alerts.get(*position))
    }

    /// The Alert with this uid.
    #[must_use]
    pub fn get(&self, uid: &str) -> Option<&Arc<Alert>> {
        self.by_uid.get(uid).and_then(|position| self.alerts.get(*position))
    }

    /// How many Alerts there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.alerts.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.alerts.is_empty()
    }

    /// All Alerts, by namespace and name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Alert>> {
        self.alerts.iter()
    }
}
