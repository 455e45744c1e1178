//! Deliveries that name other events: what is kept of them, and for how long.

use super::*;
use crate::{DeliveryKey, Member, Record, Repair};

const AGE: Duration = Duration::from_millis(1000);

/// A finished row of an event that the delivery of `digest` names.
fn named(event: EventId, digest: EventId, plan: Option<&str>) -> DeliveryRow {
    let plan = plan.map(Into::into);
    DeliveryRow { plan, digest: Some(digest), attempt: None, ..row(event, "a", State::Skipped) }
}

/// Three events of which the first one's delivery, in this state, names the second; the third is another Alert's.
async fn filled(state: State) -> (Bench, [EventId; 3]) {
    let bench = Bench::with(Settings { max_history_age: AGE, ..Settings::default() }).await;
    let ids = [bench.append(1).await, bench.append(2).await, bench.append(3).await];
    let [first, second, other] = ids;
    let begun = DeliveryRow { plan: Some("plan".into()), ..row(first, "a", state) };
    let rows = vec![begun, named(second, first, None), row(other, "b", State::Skipped)];
    let record = Record { rows, closes: ids.to_vec(), ..Record::default() };
    bench.journal.record_now(record).await.unwrap();
    (bench, ids)
}

#[tokio::test]
async fn a_plan_and_what_a_delivery_names_outlive_attempts_repairs_and_a_restart() {
    let bench = Bench::new().await;
    let mut ids = Vec::new();
    for number in 1..=4 {
        ids.push(bench.append(number).await);
    }
    let [first, second, third, fourth] = ids[..] else { unreachable!() };
    let begun = DeliveryRow { plan: Some("begun".into()), ..row(first, "a", State::Waiting) };
    bench.journal.record(Record {
        rows: vec![
            begun.clone(),
            named(third, first, Some("of the third")),
            named(second, first, None),
            DeliveryRow { alert: "b".into(), ..named(fourth, first, None) },
        ],
        ..Record::default()
    });
    // An attempt knows nothing of plans, and a person asks for one more.
    let attempted = DeliveryRow { attempts: 2, plan: None, ..begun.clone() };
    bench.journal.record_now(Record::row(attempted)).await.unwrap();
    let key = DeliveryKey { event: first, alert: "a".into() };
    let replay = Repair::Replay { force: false };
    bench.journal.repair(vec![key], replay, at(200)).await.unwrap();

    let bench = bench.again().await;
    let members = [
        Member { event: second, plan: None },
        Member { event: third, plan: Some("of the third".into()) },
    ];
    assert_eq!(bench.journal.members(first, "a").await.unwrap(), members);
    assert_eq!(bench.journal.members(second, "a").await.unwrap(), []);
    assert_eq!(bench.recovered.waiting.len(), 1);
    assert_eq!(bench.recovered.waiting[0].plan.as_deref(), Some("begun"));
    assert_eq!(bench.journal.rows(third).await.unwrap()[0].digest, Some(first));
    let texts: Vec<_> = bench.journal.events(vec![third, EventId(99)]).await.unwrap();
    let texts: Vec<_> = texts.into_iter().map(|event| event.map(|event| event.body)).collect();
    assert_eq!(texts, [Some(body(3)), None]);
}

#[tokio::test]
async fn what_an_unfinished_or_dead_delivery_names_is_kept() {
    for state in [State::Waiting, State::Dead] {
        let (bench, [first, second, other]) = filled(state).await;
        bench.append(5000).await;
        eventually("what nobody needs is removed", || bench.count("events") == 3).await;
        assert!(bench.journal.event(other).await.unwrap().is_none(), "{state:?}");
        for id in [first, second] {
            assert!(bench.journal.event(id).await.unwrap().is_some(), "{id} {state:?}");
        }
    }
}

#[tokio::test]
async fn what_a_finished_delivery_names_is_removed_with_its_age() {
    let (bench, _) = filled(State::Delivered).await;
    bench.append(5000).await;
    eventually("all of it is removed", || bench.count("events") == 1).await;
    assert_eq!(bench.count("deliveries"), 0);
}

#[tokio::test]
async fn one_record_remembers_many_things() {
    let bench = Bench::new().await;
    let key = |object: &str| crate::RememberKey {
        owner: "alert".to_owned(),
        module: "floods".to_owned(),
        object: object.to_owned(),
    };
    let remember = vec![(key("x"), "1".to_owned()), (key("y"), "2".to_owned())];
    bench.journal.record(Record { remember, ..Record::default() });
    assert_eq!(bench.journal.remembered(&key("y")).as_deref(), Some("2"));
    let bench = bench.again().await;
    for (object, value) in [("x", "1"), ("y", "2")] {
        assert_eq!(bench.journal.remembered(&key(object)).as_deref(), Some(value));
    }
}
