use std::collections::HashMap;
use std::sync::Arc;

use super::*;
use crate::alert::tests::{alert, source};
use crate::event::ObjectReference;
use crate::patterns::Patterns;

/// Labels by name; every object is in `apps` and a Kustomization.
#[derive(Default)]
struct Known(HashMap<&'static str, BTreeMap<String, String>>);

impl Labels for Known {
    fn labels(&self, kind: &str, namespace: &str, name: &str) -> Option<&BTreeMap<String, String>> {
        assert_eq!((kind, namespace), ("Kustomization", "apps"));
        self.0.get(name)
    }
}

fn map(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
    entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn event() -> Event {
    Event {
        involved_object: ObjectReference {
            api_version: "kustomize.toolkit.fluxcd.io/v1".to_owned(),
            kind: "Kustomization".to_owned(),
            namespace: "apps".to_owned(),
            name: "storefront".to_owned(),
            ..ObjectReference::default()
        },
        severity: "info".to_owned(),
        message: "Reconciliation finished".to_owned(),
        ..Event::default()
    }
}

fn labeled(name: &str, labels: &[(&str, &str)]) -> EventSource {
    EventSource { match_labels: Some(map(labels)), ..source("Kustomization", name, "apps") }
}

fn check_sources(sources: &[EventSource], expected: bool) {
    let alert = Alert { sources: sources.to_vec(), ..alert() };
    let expected = if expected { Match::Yes } else { Match::No };
    assert_eq!(matches(&alert, &event(), &Known::default()), expected, "{sources:?}");
}

fn patterns(list: &[&str]) -> Patterns {
    Patterns::compile(&list.iter().map(|pattern| (*pattern).to_owned()).collect::<Vec<_>>()).0
}

fn check_patterns(inclusions: &[&str], exclusions: &[&str], expected: bool) {
    let alert =
        Alert { inclusions: patterns(inclusions), exclusions: patterns(exclusions), ..alert() };
    let expected = if expected { Match::Yes } else { Match::No };
    assert_eq!(
        matches(&alert, &event(), &Known::default()),
        expected,
        "{inclusions:?} {exclusions:?}"
    );
}

#[test]
fn a_source_names_kind_namespace_and_name_exactly() {
    check_sources(&[], false);
    check_sources(&[source("Kustomization", "*", "apps")], true);
    check_sources(&[source("Kustomization", "storefront", "apps")], true);
    check_sources(&[source("Kustomization", "store*", "apps")], false);
    check_sources(&[source("Kustomization", "", "apps")], false);
    check_sources(&[source("kustomization", "*", "apps")], false);
    check_sources(&[source("*", "*", "apps")], false);
    check_sources(&[source("Kustomization", "*", "*")], false);
    check_sources(&[source("Kustomization", "*", "other")], false);
    check_sources(
        &[source("HelmRelease", "*", "apps"), source("Kustomization", "storefront", "apps")],
        true,
    );
}

#[test]
fn info_takes_every_severity_and_error_only_its_own() {
    let check = |wanted: AlertSeverity, severity: &str, expected: Match| {
        let event = Event { severity: severity.to_owned(), ..event() };
        let alert = Alert { severity: wanted, ..alert() };
        assert_eq!(matches(&alert, &event, &Known::default()), expected, "{wanted:?} {severity}");
    };
    for severity in ["trace", "info", "error", "other", ""] {
        check(AlertSeverity::Info, severity, Match::Yes);
    }
    for severity in ["trace", "info", "Error", ""] {
        check(AlertSeverity::Error, severity, Match::No);
    }
    check(AlertSeverity::Error, "error", Match::Yes);
}

#[test]
fn a_suspended_alert_wants_nothing() {
    let alert = Alert { suspend: true, ..alert() };
    assert_eq!(matches(&alert, &event(), &Known::default()), Match::No);
}

#[test]
fn lists_let_in_and_keep_out() {
    check_patterns(&[], &[], true);
    check_patterns(&["finished"], &[], true);
    check_patterns(&["nothing", "finished"], &[], true);
    check_patterns(&["nothing"], &[], false);
    check_patterns(&[], &["finished"], false);
    check_patterns(&[], &["nothing"], true);
    check_patterns(&["finished"], &["Reconciliation"], false);
}

#[test]
fn a_list_of_bad_entries_alone_lets_nothing_in_and_keeps_nothing_out() {
    check_patterns(&["(unclosed"], &[], false);
    check_patterns(&["(unclosed", "finished"], &[], true);
    check_patterns(&[], &["(unclosed"], true);
}

#[test]
fn labels_and_name_must_both_hold() {
    let known = Known(HashMap::from([("storefront", map(&[("team", "a"), ("tier", "gold")]))]));
    let check = |sources: &[EventSource], expected: Match| {
        let alert = Alert { sources: sources.to_vec(), ..alert() };
        assert_eq!(matches(&alert, &event(), &known), expected, "{sources:?}");
    };
    check(&[labeled("*", &[("team", "a")])], Match::Yes);
    check(&[labeled("storefront", &[("team", "a"), ("tier", "gold")])], Match::Yes);
    check(&[labeled("*", &[])], Match::Yes);
    check(&[labeled("other", &[("team", "a")])], Match::No);
    check(&[labeled("*", &[("team", "b")])], Match::No);
    check(&[labeled("*", &[("team", "a"), ("more", "")])], Match::No);
    check(&[labeled("*", &[("team", "b")]), labeled("*", &[("tier", "gold")])], Match::Yes);
}

#[test]
fn labels_that_are_not_known_match_nothing_and_are_told() {
    let check = |alert: Alert, expected: Match| {
        assert_eq!(matches(&alert, &event(), &Known::default()), expected)
    };
    let unknown = Match::UnknownLabels {
        kind: "Kustomization".to_owned(),
        namespace: "apps".to_owned(),
        name: "storefront".to_owned(),
    };
    let wants_labels = || vec![labeled("*", &[("team", "a")])];
    check(Alert { sources: wants_labels(), ..alert() }, unknown);
    // Nothing hangs on the labels here.
    check(Alert { sources: vec![labeled("other", &[("team", "a")])], ..alert() }, Match::No);
    check(Alert { sources: wants_labels(), suspend: true, ..alert() }, Match::No);
    check(Alert { sources: wants_labels(), severity: AlertSeverity::Error, ..alert() }, Match::No);
    let also_by_name = [wants_labels(), vec![source("Kustomization", "*", "apps")]].concat();
    check(Alert { sources: also_by_name, ..alert() }, Match::Yes);
}

fn named(namespace: &str, name: &str, sources: &[EventSource]) -> Arc<Alert> {
    Arc::new(Alert {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        uid: format!("{namespace}-{name}"),
        sources: sources.to_vec(),
        ..alert()
    })
}

#[test]
fn candidates_are_found_by_kind_and_namespace_once_and_in_order() {
    let wanted = source("Kustomization", "*", "apps");
    let index = AlertIndex::new(vec![
        named("b", "a", std::slice::from_ref(&wanted)),
        named(
            "a",
            "z",
            &[source("Kustomization", "x", "apps"), source("Bucket", "*", "apps"), wanted.clone()],
        ),
        named("a", "b", &[source("Bucket", "*", "apps")]),
        named("a", "a", &[source("Kustomization", "*", "other")]),
        named("a", "c", &[]),
    ]);
    let found: Vec<&str> = index.candidates(&event()).map(|alert| alert.uid.as_str()).collect();
    assert_eq!(found, ["a-z", "b-a"]);
    assert_eq!(index.candidates(&Event::default()).count(), 0);

    let all: Vec<&str> = index.iter().map(|alert| alert.uid.as_str()).collect();
    assert_eq!(all, ["a-a", "a-b", "a-c", "a-z", "b-a"]);
    assert_eq!((index.len(), index.is_empty()), (5, false));
    assert_eq!(index.get("a-b").map(|alert| alert.name.as_str()), Some("b"));
    assert!(index.get("none").is_none());
    assert!(AlertIndex::default().is_empty());
}

#[test]
fn every_alert_that_matches_is_a_candidate() {
    let sources = [
        source("Kustomization", "*", "apps"),
        source("Kustomization", "storefront", "apps"),
        source("Kustomization", "*", "other"),
        source("Bucket", "*", "apps"),
    ];
    // Each subset of the sources is an Alert.
    let alerts: Vec<Arc<Alert>> = (0..16_usize)
        .map(|subset| {
            let picked = sources.iter().enumerate().filter(|(bit, _)| subset & (1 << bit) != 0);
            named(
                "n",
                &format!("{subset:02}"),
                &picked.map(|(_, source)| source.clone()).collect::<Vec<_>>(),
            )
        })
        .collect();
    let index = AlertIndex::new(alerts);
    let wants = |alert: &&Arc<Alert>| matches(alert, &event(), &Known::default()) == Match::Yes;
    let by_index: Vec<&str> =
        index.candidates(&event()).filter(wants).map(|alert| alert.name.as_str()).collect();
    let by_asking_all: Vec<&str> =
        index.iter().filter(wants).map(|alert| alert.name.as_str()).collect();
    assert_eq!(by_index, by_asking_all);
    assert_eq!(by_index.len(), 12);
}
