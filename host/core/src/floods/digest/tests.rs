use proptest::prelude::*;

use super::*;

fn alert() -> AlertRef {
    AlertRef { namespace: "flux-system".to_owned(), name: "chat".to_owned(), uid: "a1".to_owned() }
}

fn member(second: i64, severity: &str, name: &str, message: &str) -> Member {
    let at = Timestamp::from_second(1_788_256_800 + second).expect("it is in this century");
    Member {
        event: Event {
            involved_object: ObjectReference {
                kind: "Kustomization".to_owned(),
                namespace: "apps".to_owned(),
                name: name.to_owned(),
                ..ObjectReference::default()
            },
            severity: severity.to_owned(),
            reason: "Reason".to_owned(),
            message: message.to_owned(),
            timestamp: Some(at),
            ..Event::default()
        },
        at,
        notice: Notice::default(),
    }
}

#[test]
fn errors_come_first_and_every_event_is_named() {
    let mut recovered = member(598, "info", "cart", "Reconciliation finished in 2s");
    recovered.notice.metadata = vec![
        ("recovered".to_owned(), "after 2 failures".to_owned()),
        ("a".to_owned(), "b".to_owned()),
    ];
    let members = [
        member(0, "info", "cart", "Reconciliation finished in 1s"),
        member(3, "error", "storefront", "\n build failed:\nsee below"),
        member(4, "info", "storefront", ""),
        recovered,
    ];
    let event = digest(&alert(), &members);
    assert_eq!(
        event.message,
        "4 events about 2 objects: 1 error, 3 info, from 2026-09-01T10:00:00Z to 2026-09-01T10:09:58Z\n\
         error Kustomization/apps/storefront Reason: build failed:\n\
         info Kustomization/apps/cart Reason: Reconciliation finished in 1s\n\
         info Kustomization/apps/storefront Reason\n\
         info Kustomization/apps/cart Reason: Reconciliation finished in 2s (recovered: after 2 failures; a: b)"
    );
    assert_eq!((event.severity.as_str(), event.reason.as_str()), ("error", "Digest"));
    let object = &event.involved_object;
    let named = [&object.kind, &object.namespace, &object.name, &object.uid];
    assert_eq!(named, ["Alert", "flux-system", "chat", "a1"]);
    assert_eq!(object.group(), "notification.toolkit.fluxcd.io");
    assert_eq!(event.timestamp, members.last().and_then(|member| member.event.timestamp));
}

#[test]
fn a_member_keeps_what_is_said_of_it() {
    let long = format!("\n  {}\nand more", "x".repeat(1000));
    let whole = member(0, "error", "a", &long);
    let mut event = whole.event.clone();
    event.metadata.insert("k".to_owned(), "v".repeat(1000));
    let short = Member::of(event, whole.at, Notice::default());
    assert!(short.event.message.len() < 310 && short.event.metadata.is_empty());
    assert_eq!(digest(&alert(), &[short]), digest(&alert(), &[whole]));
}

#[test]
fn without_an_error_it_is_none() {
    let event = digest(&alert(), &[member(0, "trace", "a", "m")]);
    assert_eq!(event.severity, "info");
    assert!(
        event.message.starts_with("1 event about 1 object: 1 trace, from "),
        "{}",
        event.message
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever emitters write, each event has its own line, and none is longer than what 1000 of them may take.
    #[test]
    fn an_event_is_one_line(texts in proptest::collection::vec((".{0,300}", "(?s).{0,500}", any::<bool>()), 1..6)) {
        let members: Vec<Member> = texts
            .iter()
            .map(|(name, message, is_error)| member(0, if *is_error { "error" } else { name }, name, message))
            .collect();
        let event = digest(&alert(), &members);
        let lines: Vec<&str> = event.message.split(['\n', '\r', '\u{b}', '\u{c}', '\u{85}']).collect();
        prop_assert_eq!(lines.len(), members.len() + 1, "{:?}", event.message);
        for line in &lines[1..] {
            prop_assert!(line.chars().count() < 2000);
        }
        let n_errors = texts.iter().filter(|(_, _, is_error)| *is_error).count();
        prop_assert!(lines[1..=n_errors].iter().all(|line| line.starts_with("error ")));
    }
}
