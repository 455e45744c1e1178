//! Receivers that fail for a while: the breaker, what waits for it, and the order when they come back.

use std::collections::BTreeSet;

use herald_core::retry::{Next, RetryPolicy};

use super::*;

const OBJECTS: usize = 7;

/// A receiver on virtual time: each attempt takes a moment, and then it answers or not.
struct World {
    lane: Lane,
    now: Timestamp,
    policy: RetryPolicy,
    /// What is under way: when it ends.
    under_way: BTreeSet<(Timestamp, Key)>,
    attempts: BTreeMap<i64, u32>,
    delivered: Vec<(i64, usize)>,
    overdue: Vec<i64>,
    sent: usize,
}

fn name(object: usize) -> String {
    format!("Kustomization/apps/app-{object}")
}

fn object_of(key: Key) -> usize {
    (0..OBJECTS).find(|object| ObjectId::of(&name(*object)) == key.object).unwrap()
}

/// The events by object, in the order of the list.
fn by_object(events: &[(i64, usize)]) -> BTreeMap<usize, Vec<i64>> {
    let mut objects: BTreeMap<usize, Vec<i64>> = BTreeMap::new();
    for (event, object) in events {
        objects.entry(*object).or_default().push(*event);
    }
    objects
}

impl World {
    fn new() -> Self {
        Self {
            lane: lane(8),
            now: at(0),
            policy: RetryPolicy::default(),
            under_way: BTreeSet::new(),
            attempts: BTreeMap::new(),
            delivered: Vec::new(),
            overdue: Vec::new(),
            sent: 0,
        }
    }

    fn offer(&mut self, event: i64) {
        let object = usize::try_from(event).unwrap() % OBJECTS;
        let entry = Entry::new(0, self.now, LIFE);
        self.lane.insert(key(event, &name(object)), entry, self.now);
    }

    /// Lets everything happen up to a time; `takes` says whether the receiver takes an event then.
    fn run_until(&mut self, end: Timestamp, takes: impl Fn(Timestamp, i64) -> bool) {
        loop {
            while let Some(begun) = self.lane.start(self.now, false) {
                // Failures are slow, as with a receiver that hangs.
                let took = if takes(self.now, begun.key.event) { 1 } else { 15 };
                self.attempts.insert(begun.key.event, begun.attempts);
                self.under_way.insert((self.now + Duration::from_secs(took), begun.key));
                self.sent += 1;
            }
            let ends = self.under_way.first().map(|(time, _)| *time);
            let next = [ends, self.lane.next_wake(self.now)].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            assert!(next > self.now, "time goes on");
            self.now = next;
            while let Some((time, key)) = self.under_way.first().copied()
                && time <= self.now
            {
                self.under_way.pop_first();
                self.finish(key, takes(self.now, key.event));
            }
        }
        self.now = end;
    }

    fn finish(&mut self, key: Key, is_taken: bool) {
        let attempt = self.attempts[&key.event] + 1;
        let (contact, then) = if is_taken {
            self.delivered.push((key.event, object_of(key)));
            (Contact::Answered, Then::Finished)
        } else {
            let jitter = 1.0 - f64::from(attempt % 2) / 2.0;
            match self.policy.next(self.now, at(0), false, attempt, None, jitter) {
                Next::At(due) => (Contact::Failed, Then::Again(due)),
                Next::LifeEnded => (Contact::Failed, Then::Finished),
            }
        };
        let ended = Ended { key, contact, is_success: is_taken, hint: None, then };
        if let Some(Change::Opened(_) | Change::StillOpen(_)) =
            self.lane.finish(ended, self.now, 1.0)
        {
            self.overdue.extend(self.lane.overdue(self.now).iter().map(|gone| gone.key.event));
        }
    }
}

#[test]
fn after_an_hour_of_outage_everything_arrives_in_order_per_object() {
    let mut world = World::new();
    let back = at(3600);
    for event in 0..720 {
        world.run_until(at(event * 5), |now, _| now >= back);
        world.offer(event);
    }
    let sent = world.sent;
    assert!(sent < 150, "a receiver that is down is left in peace: {sent} attempts");
    world.run_until(at(3600 + 300), |now, _| now >= back);
    let mut events: Vec<i64> = world.delivered.iter().map(|(event, _)| *event).collect();
    for (object, events) in by_object(&world.delivered) {
        assert!(events.is_sorted(), "object {object}: {events:?}");
    }
    events.sort_unstable();
    assert_eq!(events, (0..720).collect::<Vec<_>>(), "soon after it is back");
}

/// What waits for the lane burns no attempts and does not wait longer each time.
#[test]
fn while_the_breaker_is_open_only_probes_are_sent() {
    let mut world = World::new();
    for event in 0..200 {
        world.offer(event);
    }
    world.run_until(at(3600), |_, _| false);
    assert!(world.sent < 100, "{} attempts", world.sent);
    let most = world.attempts.values().max();
    assert!(most < Some(&20), "{most:?} attempts of one delivery");
    assert_eq!(world.lane.n_waiting() + world.lane.n_running(), 200);
}

/// One event that the receiver never takes does not keep the others away for long.
#[test]
fn one_bad_event_stops_nothing_but_its_object_for_a_while() {
    let mut world = World::new();
    for event in 0..600 {
        world.offer(event);
        world.run_until(at(event), |_, event| event != 3);
    }
    world.run_until(at(1300), |_, event| event != 3);
    assert_eq!(world.delivered.len(), 599, "all but the bad one");
    let of_the_bad_one = &by_object(&world.delivered)[&3];
    assert!(of_the_bad_one.is_sorted(), "those that passed it keep their order among themselves");
}

#[test]
fn deliveries_end_with_their_life_while_the_receiver_is_down() {
    let mut world = World::new();
    for event in 0..50 {
        world.offer(event);
    }
    let life = i64::try_from(LIFE.as_secs()).unwrap();
    world.run_until(at(life - 60), |_, _| false);
    assert_eq!(world.overdue, NOTHING);
    world.run_until(at(life + 1200), |_, _| false);
    let ended = world.overdue.len() + (50 - world.lane.n_waiting() - world.lane.n_running());
    assert!(ended >= 50, "{ended} of 50 have ended");
}

#[test]
fn a_probe_at_a_time_tries_different_deliveries() {
    let mut lane = lane(8);
    for event in 0..8 {
        offer(&mut lane, event, &event.to_string(), 0);
    }
    assert_eq!(started(&mut lane, 0).len(), 8);
    let changes: Vec<_> =
        (0..8).filter_map(|event| fail(&mut lane, event, &event.to_string(), 15, 17)).collect();
    assert_eq!(changes, [Change::Opened(at(16))]);
    assert_eq!(lane.obstacle(ObjectId::of("new"), at(15)), Some(Obstacle::Breaker));
    assert_eq!(started(&mut lane, 15), NOTHING);
    let first = started(&mut lane, 16);
    assert_eq!(first.len(), 1, "one alone, before its time");
    assert_eq!(
        fail(&mut lane, first[0], &first[0].to_string(), 16, 300),
        Some(Change::StillOpen(at(18)))
    );
    assert_eq!(lane.next_wake(at(16)), Some(at(17)));
    assert_eq!(started(&mut lane, 17), NOTHING);
    assert_eq!(lane.next_wake(at(17)), Some(at(18)));
    let second = started(&mut lane, 18);
    assert!(second.len() == 1 && second != first, "another one: {second:?}");
    deliver(&mut lane, second[0], &second[0].to_string(), 20);
    let all = started(&mut lane, 20);
    assert_eq!(all.len(), 6, "what it failed is due now, a quarter of the places aside: {all:?}");
}

/// The waits of single deliveries are longer than the breaker's: it finds out for them that the receiver is back.
#[test]
fn what_waits_long_is_tried_as_soon_as_a_probe_may_be_made() {
    let mut lane = lane(8);
    for event in 0..6 {
        offer(&mut lane, event, &event.to_string(), 0);
    }
    assert_eq!(started(&mut lane, 0).len(), 6);
    for event in 0..6 {
        fail(&mut lane, event, &event.to_string(), 0, 600 + event);
    }
    assert_eq!(lane.next_wake(at(0)), Some(at(1)));
    assert_eq!(started(&mut lane, 1), [0], "that which is due first");
    deliver(&mut lane, 0, "0", 1);
    assert_eq!(started(&mut lane, 1).len(), 5, "and then the others");
}

/// The receiver said when it will work again: nothing comes earlier, whatever else is due.
#[test]
fn an_open_breaker_obeys_what_the_receiver_asks_for() {
    let mut lane = lane(8);
    for event in 0..5 {
        offer(&mut lane, event, &event.to_string(), 0);
    }
    assert_eq!(started(&mut lane, 0).len(), 5);
    let hint = Some(Duration::from_secs(900));
    for event in 0..5 {
        let (key, then) = (key(event, &event.to_string()), Then::Again(at(900)));
        lane.finish(
            Ended { key, contact: Contact::Failed, is_success: false, hint, then },
            at(0),
            1.0,
        );
    }
    offer(&mut lane, 9, "new", 1);
    assert_eq!(started(&mut lane, 899), NOTHING);
    assert_eq!(started(&mut lane, 900).len(), 1);
}
