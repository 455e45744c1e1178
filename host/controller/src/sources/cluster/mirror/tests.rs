use serde_json::{Value, json};

use super::*;

fn seen<S: serde::de::DeserializeOwned + Default>(
    kind: &str,
    name: &str,
    generation: i64,
    spec: Value,
) -> Seen<S> {
    let object = json!({
        "metadata": {
            "name": name, "namespace": "apps", "uid": format!("uid-of-{name}"), "generation": generation,
        },
        "spec": spec,
    });
    Seen::of(kind, serde_json::from_value(object).unwrap()).unwrap()
}

fn put(mirror: &mut Mirror, name: &str, spec: Value) -> bool {
    mirror.put_provider(seen("Provider", name, 1, spec))
}

fn put_alert(mirror: &mut Mirror, name: &str, provider: &str) -> bool {
    let sources = json!([{"kind": "Kustomization", "name": "*"}]);
    let spec = json!({"providerRef": {"name": provider}, "eventSources": sources});
    mirror.put_alert(seen("Alert", name, 1, spec))
}

fn key(name: &str) -> Key {
    Key::new("apps", name)
}

/// A Secret with these values in the form of the API server.
fn secret(name: &str, version: &str, values: &[(&str, &str)]) -> SecretState {
    use base64::Engine as _;
    let data: serde_json::Map<String, Value> = values
        .iter()
        .map(|(key, value)| {
            ((*key).to_owned(), base64::prelude::BASE64_STANDARD.encode(value).into())
        })
        .collect();
    let object = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "apps"}, "data": data,
    });
    let object = Box::new(read_secret(&object).unwrap());
    SecretState::Known { object, version: version.to_owned() }
}

fn fault(mirror: &Mirror, name: &str) -> Option<(&'static str, String)> {
    let fault = mirror.providers[&key(name)].fault.as_ref()?;
    Some((fault.reason.name(), fault.message.clone()))
}

fn with_secret() -> Value {
    json!({"type": "slack", "address": "https://hooks.example/x", "secretRef": {"name": "token"}})
}

#[test]
fn a_provider_is_incomplete_until_its_secret_was_read() {
    let mut mirror = Mirror::default();
    assert!(put(&mut mirror, "slack", with_secret()));
    let catalog = mirror.changed_catalog().unwrap();
    assert!(catalog.incomplete.contains(&key("slack")));
    assert_eq!(fault(&mirror, "slack").unwrap().0, "Progressing");
    assert_eq!(mirror.unread_of(&key("slack")), [key("token")]);

    assert_eq!(
        mirror.put_secret(&key("token"), secret("token", "1", &[("token", "t")])),
        [key("slack")]
    );
    assert_eq!(fault(&mirror, "slack"), None);
    let catalog = mirror.changed_catalog().unwrap();
    assert!(catalog.incomplete.is_empty());
    let first = catalog.providers[&key("slack")].clone();
    assert_eq!(first.secret.get("token").map(|value| value.expose()), Some("t"));
    assert!(mirror.changed_catalog().is_none());

    // Another version of the Secret is another generation of the Provider; the same one is nothing.
    assert!(mirror.put_secret(&key("token"), secret("token", "1", &[("token", "t")])).is_empty());
    mirror.put_secret(&key("token"), secret("token", "2", &[("token", "u")]));
    let second = mirror.changed_catalog().unwrap().providers[&key("slack")].clone();
    assert_ne!(first.generation, second.generation);
}

#[test]
fn every_fault_of_a_secret_has_its_reason() {
    let mut mirror = Mirror::default();
    put(&mut mirror, "slack", with_secret());
    mirror.put_secret(&key("token"), SecretState::Absent);
    let (reason, message) = fault(&mirror, "slack").unwrap();
    assert_eq!(reason, "SecretNotFound");
    assert_eq!(message, "there is no Secret apps/token; add it or correct the name");

    mirror.put_secret(&key("token"), SecretState::Unreadable("forbidden".to_owned()));
    assert_eq!(fault(&mirror, "slack").unwrap().0, "SecretUnreadable");

    let wrong = [("token", "t"), ("address", "hooks example"), ("headers", "- hunter2")];
    mirror.put_secret(&key("token"), secret("token", "1", &wrong));
    let (reason, message) = fault(&mirror, "slack").unwrap();
    assert_eq!(reason, "InvalidSecret");
    assert!(message.starts_with("Secret apps/token: data."), "{message}");
    assert!(!message.contains("hunter2"), "{message}");

    // What was once read is better than a refusal.
    mirror.put_secret(&key("token"), secret("token", "2", &[("token", "t")]));
    assert!(mirror.put_secret(&key("token"), SecretState::Unreadable("x".to_owned())).is_empty());
    assert_eq!(fault(&mirror, "slack"), None);

    put(
        &mut mirror,
        "slack",
        json!({"type": "slack", "timeout": "soon", "secretRef": {"name": "token"}}),
    );
    assert_eq!(fault(&mirror, "slack").unwrap().0, "InvalidSpec");
}

#[test]
fn only_secrets_that_are_named_and_were_asked_for_are_read_again() {
    let mut mirror = Mirror::default();
    put(&mut mirror, "slack", with_secret());
    assert!(!mirror.is_outdated(&key("token"), Some("1")), "nobody has asked for it");
    assert!(!mirror.is_outdated(&key("other"), Some("1")), "nobody names it");
    mirror.put_secret(&key("token"), SecretState::Absent);
    assert!(mirror.is_outdated(&key("token"), Some("1")));
    assert!(!mirror.is_outdated(&key("token"), None));
    mirror.put_secret(&key("token"), secret("token", "1", &[]));
    assert!(!mirror.is_outdated(&key("token"), Some("1")));
    assert!(mirror.is_outdated(&key("token"), Some("2")));
    assert!(mirror.is_outdated(&key("token"), None));
    assert_eq!(mirror.gone_from(&BTreeSet::new()), [key("token")]);
    assert!(mirror.gone_from(&[key("token")].into()).is_empty());

    // A Provider that names another lets go of it, and one that is gone of that.
    put(&mut mirror, "slack", json!({"type": "slack", "secretRef": {"name": "new"}}));
    assert!(!mirror.is_outdated(&key("token"), Some("9")));
    assert_eq!(mirror.unread(), [key("new")]);
    mirror.remove_provider(&key("slack"));
    assert!(mirror.unread().is_empty() && mirror.changed_catalog().unwrap().providers.is_empty());
}

#[test]
fn a_change_of_the_status_alone_changes_nothing_else() {
    let mut mirror = Mirror::default();
    put(&mut mirror, "slack", json!({"type": "slack"}));
    put_alert(&mut mirror, "alert", "slack");
    mirror.changed_catalog();
    let before = Arc::clone(mirror.providers[&key("slack")].provider.as_ref().unwrap());
    let mut again: Seen<ProviderStatus> = seen("Provider", "slack", 1, json!({"type": "slack"}));
    again.status.observed_generation = Some(1);
    assert!(!mirror.put_provider(again));
    assert!(!put_alert(&mut mirror, "alert", "slack"));
    let entry = &mirror.providers[&key("slack")];
    assert_eq!(entry.status.observed_generation, Some(1));
    assert!(Arc::ptr_eq(&before, entry.provider.as_ref().unwrap()));
    assert!(mirror.changed_catalog().is_none());
}

#[test]
fn alerts_are_found_by_the_provider_that_they_name() {
    let mut mirror = Mirror::default();
    put_alert(&mut mirror, "a", "slack");
    put_alert(&mut mirror, "b", "slack");
    assert_eq!(mirror.alerts_of(&key("slack")), [key("a"), key("b")]);
    put_alert(&mut mirror, "a", "other");
    assert_eq!(mirror.alerts_of(&key("slack")), [key("b")]);
    mirror.remove_alert(&key("b"));
    assert!(mirror.alerts_of(&key("slack")).is_empty());
    assert_eq!(mirror.changed_catalog().unwrap().alerts.len(), 1);
}

#[test]
fn objects_without_a_spec_are_faults_and_do_no_harm() {
    let mut mirror = Mirror::default();
    put(&mut mirror, "empty", Value::Null);
    mirror.put_alert(seen("Alert", "empty", 1, json!({"eventSources": []})));
    assert_eq!(fault(&mirror, "empty").unwrap().0, "InvalidSpec");
    let alert = &mirror.alerts[&key("empty")];
    assert_eq!(alert.fault.as_ref().unwrap().reason, Reason::InvalidSpec);
    assert!(mirror.changed_catalog().unwrap().providers.is_empty());
    assert_eq!(mirror.n_faults(), 2);
}

#[test]
fn a_pattern_that_does_not_compile_is_a_warning() {
    let mut mirror = Mirror::default();
    let spec = json!({
        "providerRef": {"name": "slack"},
        "eventSources": [{"kind": "Kustomization", "name": "*"}],
        "inclusionList": ["fine", "(open"],
    });
    mirror.put_alert(seen("Alert", "a", 1, spec));
    let alert = &mirror.alerts[&key("a")];
    assert_eq!(alert.fault, None);
    assert!(
        alert.warnings[0].starts_with("spec.inclusionList[1]: is ignored"),
        "{:?}",
        alert.warnings
    );
}
