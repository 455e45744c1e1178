//! Annotations of Herald's own, and what is said of those that are wrong.

use herald_core::floods::Floods;

use super::*;

/// An Alert with these annotations, of which the first is in line 6.
fn annotated(annotations: &str) -> String {
    let annotations: String = annotations.lines().map(|line| format!("    {line}\n")).collect();
    let provider = provider("slack", "type: slack");
    format!(
        "apiVersion: notification.toolkit.fluxcd.io/v1beta3\nkind: Alert\nmetadata:\n  name: a\n  annotations:\n{annotations}\
         spec:\n  providerRef: {{name: slack}}\n  eventSources: [{{kind: Kustomization, name: '*'}}]\n---\n{provider}"
    )
}

fn floods_of(loaded: &Loaded) -> Floods {
    loaded.catalog.alerts.iter().next().expect("the Alert is there").floods.clone()
}

#[test]
fn annotations_are_read_and_others_passed_over() {
    let loaded = load(&annotated(
        "herald.dev/suppress-repeats: 1h\nherald.dev/only-changes: 'true'\nherald.dev/after-failures: '3'\n\
         herald.dev/recovery-notice: 'true'\nherald.dev/digest: 10m\nteam: a\nkubectl.kubernetes.io/x: z",
    ));
    assert_eq!(lines(&loaded), [""; 0]);
    let minutes = |n: u64| Some(Duration::from_secs(60 * n));
    let expected = Floods {
        suppress_repeats: minutes(60),
        only_changes: true,
        after_failures: Some(3),
        recovery_notice: true,
        digest: minutes(10),
    };
    assert_eq!(floods_of(&loaded), expected);
    assert_eq!(floods_of(&load(&annotated("team: a"))), Floods::default());
}

#[test]
fn wrong_annotations_are_told_with_line_and_name() {
    let loaded = load(&annotated(
        "herald.dev/digest: ten\nherald.dev/after-failures: 3\nherald.dev/only-changes: 'yes'\n\
         herald.dev/supress-repeats: 1h\nherald.dev/color: red\nherald.dev/recovery-notice: 'true'",
    ));
    assert_eq!(
        lines(&loaded),
        [
            "m.yaml:6: Alert default/a: metadata.annotations[herald.dev/digest]: must be a time from 1s to 24h, such as 30s, 10m or 1h30m",
            "m.yaml:7: Alert default/a: metadata.annotations[herald.dev/after-failures]: must be text; put the value in quotes",
            "m.yaml:8: Alert default/a: metadata.annotations[herald.dev/only-changes]: must be \"true\" or \"false\", in quotes",
            "m.yaml:9: Alert default/a: metadata.annotations[herald.dev/supress-repeats]: unknown annotation; did you mean `herald.dev/suppress-repeats`?",
            "m.yaml:10: Alert default/a: metadata.annotations[herald.dev/color]: unknown annotation; remove it, or use one of herald.dev/suppress-repeats, herald.dev/only-changes, herald.dev/after-failures, herald.dev/recovery-notice, herald.dev/digest",
        ]
    );
    // What is right counts all the same.
    assert_eq!(floods_of(&loaded), Floods { recovery_notice: true, ..Floods::default() });
}

#[test]
fn a_slip_on_a_provider_is_told_as_well() {
    let text = "apiVersion: notification.toolkit.fluxcd.io/v1beta3\nkind: Provider\nmetadata:\n  name: p\n  annotations:\n\
                \x20   herald.dev/digest: 10m\nspec: {type: slack}\n";
    let found = lines(&load(text));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].starts_with("m.yaml:6: Provider default/p: metadata.annotations[herald.dev/digest]: unknown annotation; "),
        "{found:?}"
    );
}

#[test]
fn a_later_check_finds_the_line_of_an_annotation() {
    let loaded = load(&annotated("team: a\nherald.dev/digest: 10m"));
    let alert = loaded.catalog.alerts.iter().next().expect("the Alert is there");
    let mistake = loaded.mistake_in_annotation(alert, "herald.dev/digest", "is wrong");
    assert_eq!(
        mistake.map(|mistake| mistake.to_string()).as_deref(),
        Some("m.yaml:7: Alert default/a: metadata.annotations[herald.dev/digest]: is wrong")
    );
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

#[test]
fn a_provider_says_what_may_stand_in_for_its_modules() {
    use herald_core::provider::Fallback;
    let with = |value: &str| {
        let text = format!(
            "apiVersion: notification.toolkit.fluxcd.io/v1beta3\nkind: Provider\nmetadata:\n  name: p\n  annotations:\n\
             \x20   herald.dev/fallback: {value}\nspec: {{type: slack}}\n"
        );
        let loaded = load(&text);
        let provider = loaded.catalog.providers.values().next().expect("the Provider is there");
        (provider.fallback, lines(&loaded))
    };
    assert_eq!(with("built-in"), (Some(Fallback::BuiltIn), Vec::new()));
    assert_eq!(with("generic"), (Some(Fallback::Generic), Vec::new()));
    assert_eq!(with("none"), (None, Vec::new()));
    let expected = "m.yaml:6: Provider default/p: metadata.annotations[herald.dev/fallback]: must be built-in, generic or none";
    assert_eq!(with("maybe"), (None, vec![expected.to_owned()]));
}
