//! Finds the Alerts that could want an event without asking the others. Knows only what an Alert's sources say of kind,
//! namespace and name.

use std::collections::HashMap;
use std::sync::Arc;

use crate::alert::Alert;
use crate::event::Event;

/// Alerts by the kind, namespace and name of their sources.
#[derive(Clone, Debug, Default)]
pub struct AlertIndex {
    /// By namespace and name.
    alerts: Vec<Arc<Alert>>,
    /// Kind to namespace to Alerts. Two levels, so that a look-up borrows both.
    by_source: HashMap<String, HashMap<String, Places>>,
    by_uid: HashMap<String, usize>,
}

/// Positions in `alerts`, each list ascending: of those that name every object, and of those that name one.
#[derive(Clone, Debug, Default)]
struct Places {
    of_every: Vec<usize>,
    by_name: HashMap<String, Vec<usize>>,
}

impl AlertIndex {
    /// An index of these Alerts.
    #[must_use]
    pub fn new(mut alerts: Vec<Arc<Alert>>) -> Self {
        alerts.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
        let mut by_source: HashMap<String, HashMap<String, Places>> = HashMap::new();
        let mut by_uid = HashMap::new();
        for (position, alert) in alerts.iter().enumerate() {
            by_uid.entry(alert.uid.clone()).or_insert(position);
            for source in &alert.sources {
                let by_namespace = by_source.entry(source.kind.clone()).or_default();
                let places = by_namespace.entry(source.namespace.clone()).or_default();
                let positions = match source.name.as_str() {
                    "*" => &mut places.of_every,
                    name => places.by_name.entry(name.to_owned()).or_default(),
                };
                // Positions arrive in order, so one that is there already is the last.
                if positions.last() != Some(&position) {
                    positions.push(position);
                }
            }
        }
        Self { alerts, by_source, by_uid }
    }

    /// The Alerts with a source that names the event's object, each once, by namespace and name.
    pub fn candidates(&self, event: &Event) -> impl Iterator<Item = &Arc<Alert>> {
        let object = &event.involved_object;
        let by_namespace = self.by_source.get(object.kind.as_str());
        let places = by_namespace.and_then(|namespaces| namespaces.get(object.namespace.as_str()));
        let of_every = places.map(|places| places.of_every.as_slice()).unwrap_or_default();
        let named = places.and_then(|places| places.by_name.get(object.name.as_str()));
        merged(of_every, named.map(Vec::as_slice).unwrap_or_default())
            .filter_map(|position| self.alerts.get(position))
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

/// Two ascending lists as one, what is in both once.
fn merged<'a>(mut a: &'a [usize], mut b: &'a [usize]) -> impl Iterator<Item = usize> + use<'a> {
    std::iter::from_fn(move || {
        let next = match (a.first(), b.first()) {
            (Some(first), Some(second)) => *first.min(second),
            (Some(only), None) | (None, Some(only)) => *only,
            (None, None) => return None,
        };
        for list in [&mut a, &mut b] {
            if let Some((first, rest)) = list.split_first()
                && *first == next
            {
                *list = rest;
            }
        }
        Some(next)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_lists_become_one_in_order() {
        let check = |a: &[usize], b: &[usize], expected: &[usize]| {
            assert_eq!(merged(a, b).collect::<Vec<_>>(), expected, "{a:?} {b:?}");
        };
        check(&[], &[], &[]);
        check(&[1, 3], &[], &[1, 3]);
        check(&[], &[2], &[2]);
        check(&[1, 3, 5], &[2, 3, 6], &[1, 2, 3, 5, 6]);
    }
}
