//! A lane alone, with a time that moves by hand: no receiver, no journal, no thread.

use std::collections::BTreeMap;

use herald_core::delivery::EventId;
use herald_core::event::Event;

use super::*;
use crate::delivery::room::Room;

mod outage;

const PATIENCE: Duration = Duration::from_secs(600);
const LIFE: Duration = Duration::from_secs(6 * 3600);
/// No event starts.
const NOTHING: [i64; 0] = [];

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn key(event: i64, object: &str) -> Key {
    Key { object: ObjectId::of(object), event, alert: 0 }
}

fn lane(places: usize) -> Lane {
    Lane::new(places, PATIENCE)
}

fn offer(lane: &mut Lane, event: i64, object: &str, second: i64) {
    lane.insert(key(event, object), Entry::new(0, at(second), LIFE), at(second));
}

/// The events that start now.
fn started(lane: &mut Lane, second: i64) -> Vec<i64> {
    std::iter::from_fn(|| lane.start(at(second), false)).map(|begun| begun.key.event).collect()
}

fn end(lane: &mut Lane, key: Key, contact: Contact, then: Then, second: i64) -> Option<Change> {
    let is_success = contact == Contact::Answered && matches!(then, Then::Finished);
    lane.finish(Ended { key, contact, is_success, hint: None, then }, at(second), 1.0)
}

fn deliver(lane: &mut Lane, event: i64, object: &str, second: i64) {
    end(lane, key(event, object), Contact::Answered, Then::Finished, second);
}

/// It fails and is due again then.
fn fail(lane: &mut Lane, event: i64, object: &str, second: i64, due: i64) -> Option<Change> {
    end(lane, key(event, object), Contact::Failed, Then::Again(at(due)), second)
}

#[test]
fn no_more_run_than_there_are_places() {
    let mut lane = lane(2);
    for (event, object) in [(1, "a"), (2, "b"), (3, "c")] {
        offer(&mut lane, event, object, 0);
    }
    assert_eq!(started(&mut lane, 0), [1, 2]);
    deliver(&mut lane, 1, "a", 0);
    assert_eq!(started(&mut lane, 0), [3]);
    lane.set_places(1);
    offer(&mut lane, 4, "d", 0);
    deliver(&mut lane, 2, "b", 0);
    assert_eq!(started(&mut lane, 0), NOTHING, "one is still under way");
}

#[test]
fn a_crowded_process_leaves_one_place_to_each() {
    let mut lane = lane(8);
    offer(&mut lane, 1, "a", 0);
    offer(&mut lane, 2, "b", 0);
    let begun = lane.start(at(0), true);
    assert_eq!(begun.map(|begun| begun.key.event), Some(1));
    assert!(lane.start(at(0), true).is_none());
    assert!(lane.start(at(0), false).is_some());
}

/// Rule R6.
#[test]
fn deliveries_of_one_object_keep_their_order() {
    let mut lane = lane(8);
    for (event, object) in [(1, "a"), (2, "a"), (3, "b"), (4, "a")] {
        offer(&mut lane, event, object, 0);
    }
    assert_eq!(started(&mut lane, 0), [1, 3], "2 and 4 wait for 1");
    deliver(&mut lane, 1, "a", 0);
    assert_eq!(started(&mut lane, 0), [2]);
    offer(&mut lane, 5, "a", 0);
    deliver(&mut lane, 2, "a", 0);
    assert_eq!(started(&mut lane, 0), [4], "5 came after 4");
    deliver(&mut lane, 4, "a", 0);
    assert_eq!(started(&mut lane, 0), [5]);
}

#[test]
fn what_is_tried_again_holds_up_its_object_and_no_other() {
    let mut lane = lane(8);
    offer(&mut lane, 1, "a", 0);
    offer(&mut lane, 2, "a", 0);
    assert_eq!(started(&mut lane, 0), [1]);
    fail(&mut lane, 1, "a", 0, 30);
    assert_eq!(lane.obstacle(ObjectId::of("a"), at(1)), Some(Obstacle::Earlier));
    assert_eq!(lane.obstacle(ObjectId::of("b"), at(1)), None);
    offer(&mut lane, 3, "b", 1);
    assert_eq!(started(&mut lane, 1), [3]);
    deliver(&mut lane, 3, "b", 1);
    assert_eq!(lane.next_wake(at(1)), Some(at(30)));
    assert_eq!(started(&mut lane, 29), NOTHING);
    assert_eq!(started(&mut lane, 30), [1], "the earlier one first");
    deliver(&mut lane, 1, "a", 30);
    assert_eq!(started(&mut lane, 30), [2]);
}

/// The second waits until the patience ends, if the receiver took something of another object since the first began to fail.
#[test]
fn a_delivery_passes_one_that_alone_keeps_failing() {
    let mut lane = lane(8);
    offer(&mut lane, 1, "a", 0);
    offer(&mut lane, 2, "a", 0);
    assert_eq!(started(&mut lane, 0), [1]);
    fail(&mut lane, 1, "a", 0, 500);
    assert_eq!(started(&mut lane, 500), [1]);
    fail(&mut lane, 1, "a", 500, 5000);
    offer(&mut lane, 3, "b", 550);
    assert_eq!(started(&mut lane, 550), [3]);
    deliver(&mut lane, 3, "b", 550);
    assert_eq!(lane.next_wake(at(551)), Some(at(600)));
    assert_eq!(started(&mut lane, 599), NOTHING);
    let begun = lane.start(at(600), false).unwrap();
    assert_eq!((begun.key.event, begun.passes), (2, true));
    deliver(&mut lane, 2, "a", 601);
    offer(&mut lane, 4, "a", 700);
    let begun = lane.start(at(700), false).unwrap();
    assert_eq!((begun.key.event, begun.passes), (4, true), "it need not wait again");
    assert_eq!(started(&mut lane, 5000), NOTHING, "one of the object at a time");
    deliver(&mut lane, 4, "a", 5000);
    let begun = lane.start(at(5000), false).unwrap();
    assert_eq!((begun.key.event, begun.passes), (1, false));
}

#[test]
fn order_holds_without_end_while_the_receiver_takes_nothing() {
    let mut lane = lane(8);
    offer(&mut lane, 3, "b", 0);
    assert_eq!(started(&mut lane, 0), [3]);
    deliver(&mut lane, 3, "b", 0);
    offer(&mut lane, 1, "a", 1);
    offer(&mut lane, 2, "a", 1);
    assert_eq!(started(&mut lane, 1), [1]);
    fail(&mut lane, 1, "a", 1, 20_000);
    assert_eq!(started(&mut lane, 10_000), NOTHING, "what it took before says nothing");
    offer(&mut lane, 4, "b", 10_000);
    assert_eq!(started(&mut lane, 10_000), [4]);
    fail(&mut lane, 4, "b", 10_000, 10_100);
    assert_eq!(started(&mut lane, 10_000), NOTHING);
    assert_eq!(started(&mut lane, 10_100), [4]);
    deliver(&mut lane, 4, "b", 10_100);
    assert_eq!(started(&mut lane, 10_100), [2], "now it takes something");
}

/// What fails before the receiver is asked, or is refused by it, says that the receiver is not to blame.
#[test]
fn a_misconfigured_delivery_is_passed_after_the_patience_and_wakes_in_order() {
    let mut lane = lane(8);
    for event in [1, 2, 3] {
        offer(&mut lane, event, "a", 0);
    }
    assert_eq!(started(&mut lane, 0), [1]);
    end(&mut lane, key(1, "a"), Contact::Answered, Then::OnChange(at(20_000), 7), 0);
    assert_eq!(started(&mut lane, 599), NOTHING);
    assert_eq!(started(&mut lane, 600), [2]);
    end(&mut lane, key(2, "a"), Contact::Answered, Then::OnChange(at(20_000), 7), 600);
    assert_eq!(started(&mut lane, 1199), NOTHING, "3 waits for 2");
    lane.change(7, at(1199));
    assert_eq!(started(&mut lane, 1199), NOTHING, "nothing changed");
    lane.change(8, at(1199));
    for event in [1, 2, 3] {
        assert_eq!(started(&mut lane, 1199), [event]);
        deliver(&mut lane, event, "a", 1199);
    }
    assert!(lane.is_idle(at(1199)));
}

#[test]
fn order_is_that_of_events_however_they_come() {
    let mut lane = lane(1);
    offer(&mut lane, 9, "x", 0);
    assert_eq!(started(&mut lane, 0), [9]);
    for event in [5, 3, 4] {
        offer(&mut lane, event, "a", 0);
    }
    deliver(&mut lane, 9, "x", 0);
    for event in [3, 4, 5] {
        assert_eq!(started(&mut lane, 0), [event]);
        deliver(&mut lane, event, "a", 0);
    }
}

/// Half of the places go to each while there is work of both kinds; a quarter is never taken by what is tried again.
#[test]
fn neither_new_work_nor_what_is_tried_again_starves() {
    let mut lane = lane(8);
    for event in 0..20 {
        lane.insert(key(event, &event.to_string()), Entry::new(1, at(0), LIFE), at(0));
    }
    assert_eq!(started(&mut lane, 0), [0, 1, 2, 3, 4, 5], "a quarter stays free");
    for event in 100..120 {
        offer(&mut lane, event, &event.to_string(), 0);
    }
    assert_eq!(started(&mut lane, 0), [100, 101]);
    for event in [0, 1, 2] {
        deliver(&mut lane, event, &event.to_string(), 0);
    }
    assert_eq!(started(&mut lane, 0), [102, 6, 103], "even shares");
    for (event, next) in [(100, 104), (101, 105), (3, 7), (102, 106), (4, 8)] {
        deliver(&mut lane, event, &event.to_string(), 0);
        assert_eq!(started(&mut lane, 0), [next], "a place goes to the kind that left it");
    }
}

#[test]
fn with_one_place_both_kinds_take_turns() {
    let mut lane = lane(1);
    for event in 0..3 {
        lane.insert(key(event, &event.to_string()), Entry::new(1, at(0), LIFE), at(0));
        offer(&mut lane, event + 10, &(event + 10).to_string(), 0);
    }
    let mut order = Vec::new();
    while let [event] = started(&mut lane, 0)[..] {
        order.push(event);
        deliver(&mut lane, event, &event.to_string(), 0);
    }
    assert_eq!(order, [0, 10, 1, 11, 2, 12]);
}

#[test]
fn a_limit_pauses_the_lane_and_not_only_its_delivery() {
    let mut lane = lane(8);
    offer(&mut lane, 1, "a", 0);
    assert_eq!(started(&mut lane, 0), [1]);
    let hint = Some(Duration::from_secs(120));
    let (key, then) = (key(1, "a"), Then::Again(at(120)));
    lane.finish(
        Ended { key, contact: Contact::Limited, is_success: false, hint, then },
        at(0),
        1.0,
    );
    assert_eq!(lane.obstacle(ObjectId::of("b"), at(1)), Some(Obstacle::Pace));
    offer(&mut lane, 2, "b", 1);
    assert_eq!(started(&mut lane, 119), NOTHING);
    assert_eq!(lane.next_wake(at(119)), Some(at(120)));
    assert_eq!(lane.paused_until(at(119)), Some(at(120)));
    assert_eq!(started(&mut lane, 120), [1], "then one, as the rate is lowered as well");
    let next = lane.next_wake(at(120)).unwrap();
    assert!(next > at(120), "{next}");
    assert_eq!(lane.start(next, false).map(|begun| begun.key.event), Some(2));
}

#[test]
fn an_empty_lane_is_dropped_once_nothing_is_remembered() {
    let mut lane = lane(8);
    assert!(lane.is_idle(at(0)));
    offer(&mut lane, 1, "a", 0);
    assert!(!lane.is_idle(at(0)));
    assert_eq!(started(&mut lane, 0), [1]);
    assert!(!lane.is_idle(at(0)));
    end(&mut lane, key(1, "a"), Contact::Limited, Then::Finished, 0);
    assert!(!lane.is_idle(at(0)), "the rate is remembered");
    assert_eq!(lane.next_wake(at(0)), Some(at(600)));
    assert!(lane.is_idle(at(600)));
}

#[test]
fn what_could_not_be_read_comes_back_as_it_was() {
    let mut lane = lane(8);
    offer(&mut lane, 1, "a", 0);
    offer(&mut lane, 2, "a", 0);
    assert_eq!(started(&mut lane, 0), [1]);
    end(&mut lane, key(1, "a"), Contact::None, Then::Back(at(5), None), 0);
    assert_eq!(started(&mut lane, 4), NOTHING);
    let begun = lane.start(at(5), false).unwrap();
    assert_eq!((begun.key.event, begun.attempts), (1, 0));
}

#[test]
fn a_discarded_delivery_makes_way_for_the_next() {
    let mut lane = lane(8);
    for event in [1, 2, 3] {
        offer(&mut lane, event, "a", 0);
    }
    assert_eq!(started(&mut lane, 0), [1]);
    lane.discard(key(1, "a"), at(0));
    lane.discard(key(2, "a"), at(0));
    assert_eq!(started(&mut lane, 0), NOTHING, "it is still under way");
    fail(&mut lane, 1, "a", 0, 30);
    assert_eq!(started(&mut lane, 0), [3]);
}

/// It has its event and no row.
fn rowless(event: i64, second: i64) -> Entry {
    let kept = Room::of_bytes(1 << 20).keep(Arc::new(Event::default()));
    let open = Some(OpenEvent::new(EventId(event), 1));
    Entry { event: kept, open, ..Entry::new(0, at(second), LIFE) }
}

#[test]
fn a_delivery_that_waits_for_long_gets_its_row_once() {
    let mut lane = lane(1);
    for (event, object, second) in [(1, "a", 0), (2, "b", 0), (3, "c", 5)] {
        lane.insert(key(event, object), rowless(event, second), at(second));
    }
    assert_eq!(started(&mut lane, 5), [1]);
    let shown = |lane: &mut Lane, second| {
        lane.take_rowless(at(second)).iter().map(|rowless| rowless.key.event).collect::<Vec<_>>()
    };
    assert_eq!(shown(&mut lane, 10), NOTHING);
    assert_eq!(lane.next_wake(at(10)), Some(at(11)));
    assert_eq!(shown(&mut lane, 11), [2], "1 is under way");
    assert_eq!(lane.next_wake(at(11)), Some(at(16)));
    deliver(&mut lane, 1, "a", 12);
    let begun = lane.start(at(12), false).unwrap();
    assert_eq!((begun.key.event, begun.event, begun.open.is_some()), (2, None, false));
    assert_eq!(shown(&mut lane, 16), [3]);
    assert_eq!((shown(&mut lane, 60), lane.next_wake(at(60))), (vec![], None));
}
