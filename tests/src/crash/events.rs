//! The events of a run, each made from its number and the seed: what is posted, where it goes, and what must arrive there.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use fastrand::Rng;
use serde_json::{Value, json};

/// How many objects the events are about.
pub(super) const OBJECTS: u32 = 128;
/// How many Providers there are.
pub(super) const PROVIDERS: usize = 3;
/// The `spec.timeout` of each.
pub(super) const TIMEOUT_SECONDS: u64 = 2;

/// The object of an event; the events of one object are numbered `OBJECTS` apart.
#[must_use]
pub(super) fn object(number: u32) -> u32 {
    number % OBJECTS
}

/// Whether the events of an object go to this Provider: to the first those of one kind, to the second those of the other,
/// and to the third half of the first's as well.
#[must_use]
pub(super) fn goes_to(object: u32, provider: usize) -> bool {
    match provider {
        0 => kind(object) == "Kustomization",
        1 => kind(object) == "HelmRelease",
        _ => kind(object) == "Kustomization" && namespace(object) == "alpha",
    }
}

fn kind(object: u32) -> &'static str {
    if object.is_multiple_of(2) { "Kustomization" } else { "HelmRelease" }
}

fn group(object: u32) -> &'static str {
    if kind(object) == "Kustomization" { "kustomize" } else { "helm" }
}

fn namespace(object: u32) -> &'static str {
    if (object / 2).is_multiple_of(2) { "alpha" } else { "beta" }
}

/// Writes the manifests for a receiver at this address; the path is the Provider's number.
///
/// # Errors
/// The folder cannot be written.
pub(super) fn write_manifests(dir: &Path, address: &str) -> std::io::Result<()> {
    fs::create_dir_all(dir)?;
    let mut text = String::new();
    for provider in 0..PROVIDERS {
        let spec = json!({
            "type": "generic",
            "address": format!("http://{address}/{provider}"),
            "timeout": format!("{TIMEOUT_SECONDS}s"),
        });
        let sources = match provider {
            0 => json!([
                {"kind": "Kustomization", "name": "*", "namespace": "alpha"},
                {"kind": "Kustomization", "name": "*", "namespace": "beta"},
            ]),
            1 => json!([
                {"kind": "HelmRelease", "name": "*", "namespace": "alpha"},
                {"kind": "HelmRelease", "name": "*", "namespace": "beta"},
            ]),
            _ => json!([{"kind": "Kustomization", "name": "*", "namespace": "alpha"}]),
        };
        let name = format!("p{provider}");
        for (kind, spec) in [
            ("Provider", spec),
            ("Alert", json!({"providerRef": {"name": name}, "eventSources": sources})),
        ] {
            let manifest = json!({
                "apiVersion": "notification.toolkit.fluxcd.io/v1beta3",
                "kind": kind,
                "metadata": {"name": name, "namespace": "alpha"},
                "spec": spec,
            });
            writeln!(text, "{manifest}\n---").expect("a String takes everything");
        }
    }
    fs::write(dir.join("all.yaml"), text)
}

/// The body that is posted.
#[must_use]
pub(super) fn posted(seed: u64, number: u32) -> String {
    event(seed, number, &format!("{}.toolkit.fluxcd.io/revision", group(object(number))))
        .to_string()
}

/// The body that must arrive.
#[must_use]
pub(super) fn expected(seed: u64, number: u32) -> Value {
    event(seed, number, "revision")
}

/// The number of the event in a body that arrived.
#[must_use]
pub(super) fn number(body: &Value) -> Option<u32> {
    let message = body["message"].as_str()?.strip_prefix("event ")?;
    message.split(':').next()?.parse().ok()
}

fn event(seed: u64, number: u32, revision: &str) -> Value {
    let mut chance = Rng::with_seed(seed ^ (u64::from(number) << 20));
    let object = object(number);
    let group = group(object);
    let severity = if chance.u8(..10) == 0 { "error" } else { "info" };
    json!({
        "involvedObject": {
            "kind": kind(object),
            "namespace": namespace(object),
            "name": format!("object-{object}"),
            "uid": format!("3b6b1f0e-1111-4a4a-9a9a-{object:012}"),
            "apiVersion": format!("{group}.toolkit.fluxcd.io/v1"),
        },
        "severity": severity,
        "timestamp": "2026-03-14T09:26:53Z",
        "message": format!("event {number}: {}", filler(&mut chance)),
        "reason": "ReconciliationSucceeded",
        "metadata": {revision: format!("main@sha1:{:040x}", chance.u128(..))},
        "reportingController": format!("{group}-controller"),
        "reportingInstance": format!("{group}-controller-7c9f-abcde"),
    })
}

/// Mostly a sentence or two, at times pages, with what JSON and chats have trouble with.
fn filler(chance: &mut Rng) -> String {
    const PIECES: [&str; 8] = [
        "configured",
        "Deployment/app",
        "\"quoted\"",
        "<b>&amp;</b>",
        "größer",
        "🦀",
        "\u{2028}",
        "a\nb\t",
    ];
    let pieces = match chance.u8(..100) {
        0 => chance.usize(2000..4000),
        1..20 => chance.usize(40..400),
        _ => chance.usize(..40),
    };
    let mut text = String::new();
    for _ in 0..pieces {
        text.push_str(PIECES[chance.usize(..PIECES.len())]);
        text.push(' ');
    }
    text + "end"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_made_from_its_number_again() {
        for of in [0, 1, 12_345] {
            let body: Value = serde_json::from_str(&posted(7, of)).unwrap();
            assert_eq!(number(&body), Some(of));
            assert_eq!(number(&expected(7, of)), Some(of));
            assert_eq!(expected(7, of), expected(7, of));
            assert_ne!(expected(7, of), expected(8, of));
        }
    }

    #[test]
    fn every_object_has_a_receiver_and_some_have_two() {
        let providers = |of| (0..PROVIDERS).filter(|&provider| goes_to(of, provider)).count();
        let counts: Vec<usize> = (0..4).map(providers).collect();
        assert_eq!(counts, [2, 1, 1, 1]);
    }
}
