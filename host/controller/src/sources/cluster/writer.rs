//! Writes statuses: the latest of each object, the urgent ones first, and never more than a few a second.
//!
//! It must not know what a status says or who decides that.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::budget::Budget;
use super::connection::Connection;
use super::seen::type_meta;
use crate::catalog::ProviderKey as Key;
use crate::telemetry::report;

/// The name under which fields of a status are owned.
const FIELD_MANAGER: &str = "herald";
/// How long one request may take.
const REQUEST: Duration = Duration::from_secs(10);
/// How long to wait after a failure.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// A status that is to be written.
#[derive(Clone, Debug)]
pub(super) struct Desired {
    /// `Provider` or `Alert`.
    pub(super) kind: &'static str,
    pub(super) key: Key,
    pub(super) status: Value,
    pub(super) is_urgent: bool,
}

/// What a write came to, where somebody else has to know.
#[derive(Debug)]
pub(super) enum Written {
    /// The definitions in the cluster have no status.
    NoSubresource,
    /// It was not written, and why.
    Failed(String),
}

/// The statuses that wait: of each object the latest.
#[derive(Default)]
struct Queue {
    latest: HashMap<(&'static str, Key), Value>,
    urgent: VecDeque<(&'static str, Key)>,
    later: VecDeque<(&'static str, Key)>,
    /// Whether the last urgent one was the newest.
    was_newest: bool,
}

impl Queue {
    fn put(&mut self, desired: Desired) {
        let target = (desired.kind, desired.key);
        let was_there = self.latest.insert(target.clone(), desired.status).is_some();
        if desired.is_urgent {
            // One that waits among the later ones already is found gone there.
            self.urgent.push_back(target);
        } else if !was_there {
            self.later.push_back(target);
        }
    }

    /// By turns the newest and the oldest of the urgent ones: who changes an object looks at it, also while thousands wait
    /// since the start, and none of those waits for ever.
    fn pop(&mut self) -> Option<((&'static str, Key), Value)> {
        loop {
            let urgent =
                if self.was_newest { self.urgent.pop_front() } else { self.urgent.pop_back() };
            let target = urgent.or_else(|| self.later.pop_front())?;
            if let Some(status) = self.latest.remove(&target) {
                self.was_newest = !self.was_newest;
                return Some((target, status));
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.latest.is_empty()
    }
}

/// Writes what comes until nothing can come any more.
pub(super) async fn write(
    connection: Connection,
    budget: Arc<Budget>,
    mut desired: mpsc::UnboundedReceiver<Desired>,
    written: mpsc::UnboundedSender<Written>,
) {
    let mut queue = Queue::default();
    loop {
        if queue.is_empty() {
            match desired.recv().await {
                Some(next) => queue.put(next),
                None => return,
            }
        }
        budget.take().await;
        // What came while the budget was waited for may be more urgent, or newer.
        while let Ok(next) = desired.try_recv() {
            queue.put(next);
        }
        let Some(((kind, key), status)) = queue.pop() else { continue };
        match patch(&connection, kind, &key, &status).await {
            Ok(()) => {}
            Err(Written::NoSubresource) => {
                queue = Queue::default();
                drop(written.send(Written::NoSubresource));
            }
            Err(failed @ Written::Failed(_)) => {
                drop(written.send(failed));
                // A newer status of the object may have come meanwhile.
                queue.latest.entry((kind, key.clone())).or_insert(status);
                queue.later.push_back((kind, key));
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        }
    }
}

/// Writes one status by server-side apply.
async fn patch(
    connection: &Connection,
    kind: &'static str,
    key: &Key,
    status: &Value,
) -> Result<(), Written> {
    let types = type_meta(kind);
    let object = json!({
        "apiVersion": types.api_version,
        "kind": types.kind,
        "metadata": { "name": key.name, "namespace": key.namespace },
        "status": status,
    });
    let api = connection.ours_in(kind, &key.namespace);
    let params = PatchParams::apply(FIELD_MANAGER).force();
    let patch = Patch::Apply(&object);
    match timeout(REQUEST, api.patch_status(&key.name, &params, &patch)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(kube::Error::Api(answer))) if answer.code == 404 => {
            let names_object =
                answer.details.as_ref().is_some_and(|details| !details.name.is_empty());
            // An object that is gone needs no status.
            if names_object { Ok(()) } else { Err(Written::NoSubresource) }
        }
        Ok(Err(err)) => Err(Written::Failed(report(&err))),
        Err(_) => Err(Written::Failed(format!("no answer within {REQUEST:?}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn desired(name: &str, status: u64, is_urgent: bool) -> Desired {
        let key = Key::new("n", name);
        Desired { kind: "Provider", key, status: status.into(), is_urgent }
    }

    /// What is written from now on.
    fn rest(queue: &mut Queue) -> Vec<String> {
        std::iter::from_fn(|| queue.pop())
            .map(|((_, key), status)| format!("{} {status}", key.name))
            .collect()
    }

    #[test]
    fn urgent_ones_come_first_and_only_the_latest_is_written() {
        let mut queue = Queue::default();
        queue.put(desired("a", 1, false));
        queue.put(desired("b", 2, false));
        queue.put(desired("c", 3, true));
        queue.put(desired("b", 4, true));
        queue.put(desired("a", 5, false));
        assert_eq!(rest(&mut queue), ["b 4", "c 3", "a 5"]);
        assert!(queue.is_empty());
    }

    #[test]
    fn what_was_just_changed_does_not_wait_for_what_all_began_with() {
        let mut queue = Queue::default();
        for number in 0..5_000 {
            queue.put(desired(&format!("old-{number}"), 1, true));
        }
        queue.pop();
        queue.put(desired("changed", 2, true));
        let order = rest(&mut queue);
        assert!(order[..2].contains(&"changed 2".to_owned()), "{:?}", &order[..3]);
        assert_eq!(order.len(), 5_000);
        assert!(order[..4].contains(&"old-1 1".to_owned()), "{:?}", &order[..4]);
    }
}
