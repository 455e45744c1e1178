//! Annotations of Herald's own, and what is said of those that are wrong.

use super::*;

/// An object of this kind with this annotation in line 6.
fn annotated(kind: &str, annotation: &str, spec: &str) -> String {
    format!(
        "apiVersion: notification.toolkit.fluxcd.io/v1beta3\nkind: {kind}\nmetadata:\n  name: a\n  annotations:\n    {annotation}\nspec: {spec}\n"
    )
}

#[test]
fn a_slip_in_the_name_of_an_annotation_is_told() {
    let alert = "{providerRef: {name: a}, eventSources: [{kind: Kustomization, name: '*'}]}";
    for (kind, spec) in [("Provider", "{type: slack}"), ("Alert", alert)] {
        let found = lines(&load(&annotated(kind, "herald.dev/colour: red", spec)));
        let expected = format!(
            "m.yaml:6: {kind} default/a: metadata.annotations[herald.dev/colour]: unknown annotation; "
        );
        assert!(found.iter().any(|line| line.starts_with(&expected)), "{found:?}");
    }
}

#[test]
fn annotations_of_others_are_passed_over() {
    let found = lines(&load(&annotated("Provider", "team: a", "{type: slack}")));
    assert!(found.iter().all(|line| !line.contains("annotation")), "{found:?}");
}

#[test]
fn a_provider_says_how_many_attempts_may_be_under_way() {
    let with = |value: &str| {
        let text = format!(
            "apiVersion: notification.toolkit.fluxcd.io/v1beta3\nkind: Provider\nmetadata:\n  name: p\n  annotations:\n\
             \x20   herald.dev/concurrency: {value}\nspec: {{type: slack}}\n"
        );
        let loaded = load(&text);
        let provider = loaded.catalog.providers.values().next().expect("the Provider is there");
        (provider.concurrency, lines(&loaded))
    };
    assert_eq!(with("'2'"), (Some(2), Vec::new()));
    assert_eq!(with("'64'"), (Some(64), Vec::new()));
    for value in ["'0'", "'65'", "'many'", "''", "'-1'"] {
        let expected = "m.yaml:6: Provider default/p: metadata.annotations[herald.dev/concurrency]: must be a number from 1 to 64, such as 8";
        assert_eq!(with(value), (None, vec![expected.to_owned()]), "{value}");
    }
}
