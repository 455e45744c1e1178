//! The order and concurrency of one Provider's deliveries; pure, so that it is tested without a clock or a receiver.
//!
//! Deliveries about one object run one after the other, in the order of their events. A delivery that is to be tried
//! again leaves the lane and comes back when it is due: it does not hold back what came after it.

use std::collections::{HashMap, HashSet, VecDeque};

use super::{Job, ObjectKey};

/// The deliveries of one Provider that could run now, and how many do.
#[derive(Default)]
pub(super) struct Lane {
    ready: VecDeque<Job>,
    /// Objects with a delivery under way.
    busy: HashSet<ObjectKey>,
    /// Deliveries that wait for the one before them about the same object.
    blocked: HashMap<ObjectKey, VecDeque<Job>>,
}

impl Lane {
    /// A delivery that may run now.
    pub(super) fn offer(&mut self, job: Job) {
        self.ready.push_back(job);
    }

    /// The next delivery to run, if fewer than `limit` are under way.
    pub(super) fn start(&mut self, limit: usize) -> Option<Job> {
        while self.busy.len() < limit {
            let job = self.ready.pop_front()?;
            let object = job.object();
            if self.busy.insert(object.clone()) {
                return Some(job);
            }
            self.blocked.entry(object).or_default().push_back(job);
        }
        None
    }

    /// The delivery about this object is no longer under way.
    pub(super) fn finish(&mut self, object: &ObjectKey) {
        self.busy.remove(object);
        if let Some(queue) = self.blocked.get_mut(object) {
            // It has waited longer than anything that is ready.
            if let Some(next) = queue.pop_front() {
                self.ready.push_front(next);
            }
            if queue.is_empty() {
                self.blocked.remove(object);
            }
        }
    }

    /// Whether nothing is left of it, so that it can be dropped.
    pub(super) fn is_idle(&self) -> bool {
        self.ready.is_empty() && self.busy.is_empty() && self.blocked.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use herald_core::delivery::EventId;
    use herald_core::event::Event;
    use jiff::Timestamp;

    use super::*;
    use crate::catalog::ProviderKey;

    fn job(id: i64, name: &str) -> Job {
        let mut event = Event::default();
        name.clone_into(&mut event.involved_object.name);
        Job {
            event: Arc::new(event),
            event_id: EventId(id),
            accepted_at: Timestamp::UNIX_EPOCH,
            alert_uid: "a".into(),
            provider: ProviderKey { namespace: "n".to_owned(), name: "p".to_owned() },
            attempts: 0,
            open: None,
        }
    }

    fn started(lane: &mut Lane, limit: usize) -> Vec<i64> {
        std::iter::from_fn(|| lane.start(limit)).map(|job| job.event_id.0).collect()
    }

    #[test]
    fn no_more_run_than_the_limit() {
        let mut lane = Lane::default();
        for (id, name) in [(1, "a"), (2, "b"), (3, "c")] {
            lane.offer(job(id, name));
        }
        assert_eq!(started(&mut lane, 2), [1, 2]);
        lane.finish(&job(1, "a").object());
        assert_eq!(started(&mut lane, 2), [3]);
    }

    /// Rule R6.
    #[test]
    fn deliveries_of_one_object_keep_their_order() {
        let mut lane = Lane::default();
        for (id, name) in [(1, "a"), (2, "a"), (3, "b"), (4, "a")] {
            lane.offer(job(id, name));
        }
        assert_eq!(started(&mut lane, 8), [1, 3], "2 and 4 wait for 1");
        lane.finish(&job(1, "a").object());
        assert_eq!(started(&mut lane, 8), [2]);
        lane.offer(job(5, "a"));
        lane.finish(&job(2, "a").object());
        assert_eq!(started(&mut lane, 8), [4], "5 came after 4");
        lane.finish(&job(4, "a").object());
        assert_eq!(started(&mut lane, 8), [5]);
    }

    #[test]
    fn an_empty_lane_is_idle() {
        let mut lane = Lane::default();
        assert!(lane.is_idle());
        lane.offer(job(1, "a"));
        assert!(!lane.is_idle());
        let job = lane.start(1).expect("one is ready");
        assert!(!lane.is_idle());
        lane.finish(&job.object());
        assert!(lane.is_idle());
    }
}
