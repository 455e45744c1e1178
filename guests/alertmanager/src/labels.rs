//! The labels of an event's alert, with names that every Alertmanager takes.

use std::borrow::Cow;
use std::collections::BTreeSet;

use herald_provider::Event;

use crate::title::title;

/// The metadata that is an annotation and no label.
pub(crate) const SUMMARY: &str = "summary";

/// Names and values, sorted by name.
pub(crate) type Labels<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// Where two come to have the same name, the event's own label wins, as in Flux; then the metadata whose name needed no
/// change, which is the one that rules were written for; then the first.
pub(crate) fn of(event: &Event) -> Labels<'_> {
    let object = &event.involved_object;
    let alert_name = ["Flux", &object.kind, &title(&event.reason)].concat();
    let mut labels: Labels<'_> = vec![(Cow::Borrowed("alertname"), Cow::Owned(alert_name))];
    for (name, value) in [
        ("severity", &event.severity),
        ("reason", &event.reason),
        ("kind", &object.kind),
        ("name", &object.name),
        ("namespace", &object.namespace),
        ("reportingcontroller", &event.reporting_controller),
    ] {
        labels.push((Cow::Borrowed(name), Cow::Borrowed(value)));
    }
    // Thousands of them would take too long to look through for each.
    let mut names: BTreeSet<Cow<'_, str>> = labels.iter().map(|(name, _)| name.clone()).collect();
    let metadata = || event.metadata.iter().filter(|(key, _)| key != SUMMARY);
    for needs_change in [false, true] {
        for (key, value) in metadata() {
            let name = valid(key);
            let is_changed = matches!(name, Cow::Owned(_));
            if is_changed == needs_change && names.insert(name.clone()) {
                labels.push((name, Cow::Borrowed(value)));
            }
        }
    }
    labels.sort();
    labels
}

/// The key as a label's name: `_` instead of what is no ASCII letter or digit, and before a digit at the beginning.
///
/// Alertmanager before 0.27, and any in its classic mode, refuses all other names, and with one name the whole alert
/// (<https://prometheus.io/docs/concepts/data_model/#metric-names-and-labels>).
fn valid(key: &str) -> Cow<'_, str> {
    let is_valid = |char: char| char.is_ascii_alphanumeric() || char == '_';
    let needs_start = key.is_empty() || key.starts_with(|char: char| char.is_ascii_digit());
    if !needs_start && key.chars().all(is_valid) {
        return Cow::Borrowed(key);
    }
    let mut name = String::with_capacity(key.len() + 1);
    if needs_start {
        name.push('_');
    }
    name.extend(key.chars().map(|char| if is_valid(char) { char } else { '_' }));
    Cow::Owned(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use herald_provider::testing;

    #[test]
    fn names_are_made_valid() {
        for (key, expected) in [
            ("revision", "revision"),
            ("app-version", "app_version"),
            ("app.kubernetes.io/part-of", "app_kubernetes_io_part_of"),
            ("Upper Case", "Upper_Case"),
            ("2nd", "_2nd"),
            ("größe", "gr__e"),
            ("_x9", "_x9"),
            ("", "_"),
        ] {
            assert_eq!(valid(key), expected, "{key:?}");
        }
    }

    #[test]
    fn of_two_with_one_name_the_better_known_wins() {
        let mut event = testing::event();
        let pairs = [
            ("a b", "second"),
            ("a-b", "third"),
            ("app-version", "changed"),
            ("app_version", "exact"),
            ("kind", "mine"),
            ("summary", "an annotation"),
        ];
        event.metadata = pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec();
        let labels: Vec<String> =
            of(&event).iter().map(|(name, value)| [name, "=", value].concat()).collect();
        assert_eq!(
            labels,
            [
                "a_b=second",
                "alertname=FluxGitRepositoryReason",
                "app_version=exact",
                "kind=GitRepository",
                "name=webapp",
                "namespace=gitops-system",
                "reason=reason",
                "reportingcontroller=source-controller",
                "severity=info",
            ]
        );
    }
}
