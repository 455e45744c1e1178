use proptest::prelude::*;

use super::*;
use crate::event::ObjectReference;

/// `error`, `info`, `trace` and so on, with a reason after a slash and a message after a space, each only if need be.
fn event(text: &str) -> Event {
    let (head, message) = text.split_once(' ').unwrap_or((text, "message"));
    let (severity, reason) = head.split_once('/').unwrap_or((head, "Reason"));
    Event {
        involved_object: ObjectReference {
            kind: "Kustomization".to_owned(),
            ..ObjectReference::default()
        },
        severity: severity.to_owned(),
        reason: reason.to_owned(),
        message: message.to_owned(),
        ..Event::default()
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_788_256_800 + second).expect("it is in this century")
}

/// What becomes of events that come a minute apart. One in parentheses is not wanted by the Alert.
fn check(floods: &Floods, steps: &[(&str, &str)]) {
    let mut history = History::default();
    for (number, (text, expected)) in (1..).zip(steps) {
        let unwanted = text.strip_prefix('(').and_then(|text| text.strip_suffix(')'));
        let event = event(unwanted.unwrap_or(text));
        let seen = Seen {
            event: &event,
            id: EventId(number),
            at: at((number - 1) * 60),
            is_wanted: unwanted.is_none(),
        };
        let (decision, next) = history.decide(floods, &seen);
        history = History::parse(&next.to_text()).expect("it was written here");
        assert_eq!(history, next, "a history survives its text");
        let shown = match decision {
            Decision::Unwanted => "unwanted".to_owned(),
            Decision::Hold(hold) => format!("held: {hold}"),
            Decision::Send(Notice { is_change, metadata }) => {
                let notes: Vec<String> =
                    metadata.iter().map(|(key, value)| format!(" {key}: {value}")).collect();
                format!("sent{}{}", if is_change { " as a change" } else { "" }, notes.concat())
            }
        };
        assert_eq!(&shown, expected, "event {number}: {text}, of {steps:?}");
    }
}

fn repeats(minutes: u64) -> Floods {
    Floods { suppress_repeats: Some(Duration::from_secs(60 * minutes)), ..Floods::default() }
}

#[test]
fn without_annotations_all_that_is_wanted_is_sent() {
    check(
        &Floods::default(),
        &[("error", "sent"), ("error", "sent"), ("(info)", "unwanted"), ("trace", "sent")],
    );
}

#[test]
fn the_same_again_with_other_numbers_is_held_within_the_window() {
    let repeat =
        "held: says the same as event 1 did less than 3m before (herald.dev/suppress-repeats)";
    check(
        &repeats(3),
        &[
            ("error failed after 1.2s", "sent"),
            ("error failed after 30s", repeat),
            ("error failed for another reason", "sent"),
            ("error failed after 3s", "sent repeats: 1 since 2026-09-01T10:00:00Z, not sent"),
            (
                "error failed after 4s",
                "held: says the same as event 4 did less than 3m before (herald.dev/suppress-repeats)",
            ),
        ],
    );
}

#[test]
fn a_failure_that_comes_back_is_no_repeat() {
    for well in ["info/ReconciliationSucceeded", "(info/ReconciliationSucceeded)"] {
        let expected = if well.starts_with('(') { "unwanted" } else { "sent" };
        check(&repeats(60), &[("error", "sent"), (well, expected), ("error", "sent")]);
    }
    // What says nothing about the object changes nothing.
    let repeat =
        "held: says the same as event 1 did less than 1h before (herald.dev/suppress-repeats)";
    check(&repeats(60), &[("error", "sent"), ("info/Progressing", "sent"), ("error", repeat)]);
}

#[test]
fn many_different_messages_forget_the_oldest() {
    let texts: Vec<String> = (0..=MAX_RECENT).map(|n| format!("error number {n}")).collect();
    let mut steps: Vec<(&str, &str)> = texts.iter().map(|text| (text.as_str(), "sent")).collect();
    let repeat =
        "held: says the same as event 2 did less than 24h before (herald.dev/suppress-repeats)";
    steps.push(("error number 1", repeat));
    steps.push(("error number 0", "sent"));
    check(&repeats(24 * 60), &steps);
}

#[test]
fn only_changes_are_told() {
    let floods = Floods { only_changes: true, ..Floods::default() };
    let since = |event: u8| {
        format!(
            "held: the object's condition is the one that event {event} told (herald.dev/only-changes)"
        )
    };
    let undecided =
        "held: does not say whether the object fails or is well (herald.dev/only-changes)";
    check(
        &floods,
        &[
            ("info", "sent"),
            ("info other", &since(1)),
            ("info/Progressing", undecided),
            ("trace", undecided),
            ("error", "sent as a change"),
            ("error other", &since(5)),
            ("info/RollbackSucceeded", undecided),
            ("info", "sent as a change"),
            ("error", "sent as a change"),
        ],
    );
    // An Alert for errors alone tells every failure that follows a success, as its readers may have seen that elsewhere.
    check(
        &floods,
        &[("error", "sent"), ("error", &since(1)), ("(info)", "unwanted"), ("error", "sent")],
    );
}

#[test]
fn the_nth_failure_in_a_row_is_the_first_that_is_told() {
    let floods = |n| Floods { after_failures: Some(n), ..Floods::default() };
    let early = |n: u8| format!("held: failure {n} in a row, of 3 (herald.dev/after-failures)");
    check(
        &floods(3),
        &[
            ("error", &early(1)),
            ("error", &early(2)),
            ("info/Progressing", "sent"),
            ("error", "sent failures: 3 in a row, the first 2 were not sent"),
            ("error", "sent"),
            ("(info)", "unwanted"),
            ("error", &early(1)),
            ("(error)", "unwanted"),
            ("error", &early(2)),
            ("info", "sent"),
            ("error", &early(1)),
        ],
    );
    check(&floods(1), &[("error", "sent"), ("error", "sent")]);
    check(
        &floods(2),
        &[
            ("error", "held: failure 1 in a row, of 2 (herald.dev/after-failures)"),
            ("error", "sent failures: 2 in a row, the first was not sent"),
        ],
    );
}

#[test]
fn a_recovery_is_told_after_a_failure_that_was() {
    let floods = Floods { recovery_notice: true, ..Floods::default() };
    check(
        &floods,
        &[
            ("(info)", "unwanted"),
            ("error", "sent"),
            ("error", "sent"),
            ("(info/Progressing)", "unwanted"),
            ("(info/DependencyNotReady)", "unwanted"),
            ("(info)", "sent as a change recovered: after 2 failures since 2026-09-01T10:01:00Z"),
            ("(info)", "unwanted"),
            ("(error)", "unwanted"),
            ("(info)", "unwanted"),
            ("error", "sent"),
            ("info", "sent as a change recovered: after 1 failure since 2026-09-01T10:09:00Z"),
            ("info", "sent"),
        ],
    );
}

#[test]
fn a_recovery_from_what_was_never_told_is_none() {
    let floods = Floods {
        recovery_notice: true,
        after_failures: Some(2),
        only_changes: true,
        ..repeats(60)
    };
    check(
        &floods,
        &[
            ("error", "held: failure 1 in a row, of 2 (herald.dev/after-failures)"),
            ("(info)", "unwanted"),
            ("error", "held: failure 1 in a row, of 2 (herald.dev/after-failures)"),
            ("error", "sent failures: 2 in a row, the first was not sent"),
            (
                "error",
                "held: the object's condition is the one that event 4 told (herald.dev/only-changes)",
            ),
            ("(info)", "sent as a change recovered: after 3 failures since 2026-09-01T10:02:00Z"),
            (
                "info",
                "held: the object's condition is the one that event 6 told (herald.dev/only-changes)",
            ),
        ],
    );
}

#[test]
fn what_teaches_nothing_changes_no_history() {
    let history = History::default();
    for text in ["error", "trace", "info/Progressing"] {
        let event = event(text);
        let seen = Seen { event: &event, id: EventId(1), at: at(0), is_wanted: false };
        assert_eq!(history.decide(&repeats(5), &seen), (Decision::Unwanted, history.clone()));
    }
}

#[test]
fn another_form_of_a_history_is_none() {
    assert_eq!(History::parse("{}"), Some(History::default()));
    assert_eq!(History::parse(r#"{"later": 1}"#), Some(History::default()));
    assert_eq!(History::parse(""), None);
    assert_eq!(History::parse(r#"{"failures": "many"}"#), None);
}

/// Events of one object: what they are, whether they are wanted, and the seconds since the one before.
fn events() -> impl Strategy<Value = Vec<(Event, bool, i64)>> {
    let kinds = prop::sample::select(vec![
        "error a after 1s",
        "error a after 2s",
        "error b",
        "info well",
        "info/Progressing p",
        "trace t",
    ]);
    let step = (kinds.prop_map(event), any::<bool>(), 0_i64..400);
    // An Alert without exclusions wants errors, whatever it thinks of the rest.
    let step = step.prop_map(|(event, wanted, seconds)| {
        let wanted = wanted || event.is_error();
        (event, wanted, seconds)
    });
    proptest::collection::vec(step, 0..60)
}

fn floods() -> impl Strategy<Value = Floods> {
    let window = prop::option::of((1_u64..1000).prop_map(Duration::from_secs));
    let failures = prop::option::of(1_u32..4);
    (window, any::<bool>(), failures, any::<bool>()).prop_map(
        |(suppress_repeats, only_changes, after_failures, recovery_notice)| Floods {
            suppress_repeats,
            only_changes,
            after_failures,
            recovery_notice,
            digest: None,
        },
    )
}

/// The events with their ids, times and decisions, beginning with a history.
fn run(
    floods: &Floods,
    history: &mut History,
    events: &[(Event, bool, i64)],
    first: usize,
) -> Vec<(EventId, Timestamp, Decision)> {
    let mut second: i64 = events.iter().take(first).map(|(_, _, seconds)| seconds).sum();
    let mut decisions = Vec::new();
    for (id, (event, is_wanted, seconds)) in (1..).zip(events).skip(first) {
        second += seconds;
        let seen = Seen { event, id: EventId(id), at: at(second), is_wanted: *is_wanted };
        let (decision, next) = history.decide(floods, &seen);
        *history = next;
        decisions.push((seen.id, seen.at, decision));
    }
    decisions
}

proptest! {
    /// What readers believe is never better than it is, beyond the failures that they asked not to hear of.
    #[test]
    fn readers_never_believe_that_a_failing_object_is_well(floods in floods(), events in events()) {
        let decisions = run(&floods, &mut History::default(), &events, 0);
        let (mut failures, mut told_failing) = (0, false);
        for ((event, ..), (id, _, decision)) in events.iter().zip(decisions) {
            let is_sent = matches!(decision, Decision::Send(_));
            match Condition::of(event) {
                Some(Condition::Failing) => {
                    failures += 1;
                    told_failing |= is_sent;
                    let is_early = failures < floods.after_failures.unwrap_or(1);
                    prop_assert!(told_failing != is_early, "{id} of {events:?}");
                }
                Some(Condition::Well) => {
                    prop_assert!(is_sent || !(told_failing && floods.recovery_notice), "{id} of {events:?}");
                    (failures, told_failing) = (0, false);
                }
                None => {}
            }
        }
    }

    /// What is held points at a message that was sent, says the same, and is young enough.
    #[test]
    fn what_is_held_was_said_before(floods in floods(), events in events()) {
        let decisions = run(&floods, &mut History::default(), &events, 0);
        let find = |id: EventId| decisions.iter().position(|(other, ..)| *other == id).expect("it came before");
        for (place, (id, at, decision)) in decisions.iter().enumerate() {
            let Decision::Hold(hold) = decision else { continue };
            prop_assert!(events[place].1, "only what is wanted is held");
            let Some(of) = hold.refers_to() else { continue };
            let earlier = find(of);
            prop_assert!(of < *id && matches!(decisions[earlier].2, Decision::Send(_)));
            let (event, before) = (&events[place].0, &events[earlier].0);
            match hold {
                Hold::Repeat { within, .. } => {
                    prop_assert_eq!(Fingerprint::of(event), Fingerprint::of(before));
                    prop_assert!(at.duration_since(decisions[earlier].1).unsigned_abs() < *within);
                    let between = &events[earlier..place];
                    let changed = between.iter().any(|(between, ..)| {
                        let (now, then) = (Condition::of(event), Condition::of(between));
                        now.is_some() && then.is_some() && now != then
                    });
                    prop_assert!(!changed, "{events:?}");
                }
                Hold::Unchanged { .. } => prop_assert_eq!(Condition::of(event), Condition::of(before)),
                Hold::Undecided | Hold::Early { .. } => {}
            }
        }
    }

    /// A crash: events up to one point are written with their histories, later ones were decided and all of it is lost.
    #[test]
    fn an_event_that_is_routed_again_meets_the_same_decision(floods in floods(), events in events(), at in any::<prop::sample::Index>()) {
        let whole = run(&floods, &mut History::default(), &events, 0);
        let kept = at.index(events.len() + 1);
        let mut history = History::default();
        let before = run(&floods, &mut history, events.get(..kept).expect("it is within"), 0);
        let mut after_crash = History::parse(&history.to_text()).expect("it was written here");
        let after = run(&floods, &mut after_crash, &events, kept);
        prop_assert_eq!(before.into_iter().chain(after).collect::<Vec<_>>(), whole);
        // What is in the history and has no row all the same is sent rather than lost.
        let last = History { event: i64::MAX, ..history };
        for (event, is_wanted, _) in &events {
            let seen = Seen { event, id: EventId(1), at: self::at(0), is_wanted: *is_wanted };
            let (decision, same) = last.decide(&floods, &seen);
            prop_assert_eq!(matches!(decision, Decision::Send(_)), *is_wanted);
            prop_assert_eq!(&same, &last);
        }
    }
}
