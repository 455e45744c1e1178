//! Any event at all, to each type: what is sent is well formed, within the vendor's definition and its limits; or the type
//! says why it sends nothing. No module traps, and none asks the host for what it refuses.
//!
//! The types are those that there are, so a new one is held from its first case on.

use std::path::Path;
use std::sync::{Arc, Mutex};

use herald_controller::credentials::Environment;
use herald_controller::delivery::Options;
use herald_controller::modules::Modules;
use herald_controller::rehearsal::odd::{MARKUP, TIMES};
use herald_controller::rehearsal::{Case, NOW, Rehearsed, Secrets, rehearse};
use herald_tests::definitions;
use herald_tests::examples::Example;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;

/// How many events each form of each type gets.
const CASES: u32 = 40;

/// How much of an event is shown when it breaks something.
const SHOWN: usize = 4000;

/// A text of a reasonable length.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        1 => Just(String::new()),
        3 => "[ -~]{1,60}",
        3 => prop::collection::vec(any::<char>(), 0..40).prop_map(String::from_iter),
        1 => prop::collection::vec(prop::char::range('\0', '\u{9f}'), 1..20)
            .prop_map(String::from_iter),
        3 => prop::sample::select(MARKUP).prop_map(str::to_owned),
    ]
}

/// The same, and sometimes about 100 KB of it.
fn any_text() -> impl Strategy<Value = String> {
    let long = (text(), 1_000_usize..100_000).prop_map(|(unit, bytes)| {
        let unit = if unit.is_empty() { "x".to_owned() } else { unit };
        unit.repeat(bytes.div_ceil(unit.len()))
    });
    prop_oneof![8 => text(), 1 => long]
}

/// The key of an entry of the metadata: with the prefix that a controller writes and that Herald takes off, or another.
fn key() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "revision",
        "originRevision",
        "summary",
        "commit",
        "change_request",
        "app-version",
        "oci-digest",
        "token",
        "kind",
        "severity",
        "alertname",
    ]);
    let name = prop_oneof![2 => known.prop_map(str::to_owned), 3 => any_text()];
    let prefix = prop::sample::select(vec![
        "kustomize.toolkit.fluxcd.io/",
        "event.toolkit.fluxcd.io/",
        "helm.toolkit.fluxcd.io/",
        "",
    ]);
    (prefix, name).prop_map(|(prefix, name)| [prefix, &name].concat())
}

fn metadata() -> impl Strategy<Value = Map<String, Value>> {
    let entries = |strategy| prop::collection::vec((key(), strategy), 0..12);
    let few = entries(any_text().boxed());
    let many = (300_usize..600, text()).prop_map(|(count, value)| {
        let name = |number: usize| format!("kustomize.toolkit.fluxcd.io/key-{number}");
        (0..count).map(|number| (name(number), value.clone())).collect::<Vec<_>>()
    });
    prop_oneof![8 => few, 1 => many].prop_map(|entries| {
        entries.into_iter().map(|(key, value)| (key, Value::String(value))).collect()
    })
}

/// The time of an event, which may be missing.
fn timestamp() -> impl Strategy<Value = Value> {
    let times = TIMES.iter().map(|time| json!(time)).chain([Value::Null]);
    prop::sample::select(times.collect::<Vec<_>>())
}

/// What is put in place of parts of an event that a type's own case has.
#[derive(Clone, Debug)]
struct Changes {
    fields: Vec<(&'static str, String)>,
    timestamp: Option<Value>,
    metadata: Map<String, Value>,
    keeps_metadata: bool,
}

fn changes() -> impl Strategy<Value = Changes> {
    let severity = prop_oneof![
        3 => Just("error".to_owned()), 3 => Just("info".to_owned()), 1 => Just("trace".to_owned()), 1 => text()
    ];
    let field = prop_oneof![
        6 => any_text().prop_map(|text| ("/message", text)),
        2 => any_text().prop_map(|text| ("/reason", text)),
        2 => severity.prop_map(|text| ("/severity", text)),
        1 => any_text().prop_map(|text| ("/reportingController", text)),
        1 => any_text().prop_map(|text| ("/reportingInstance", text)),
        1 => any_text().prop_map(|text| ("/involvedObject/kind", text)),
        2 => any_text().prop_map(|text| ("/involvedObject/name", text)),
        1 => text().prop_map(|text| ("/involvedObject/namespace", text)),
        1 => any_text().prop_map(|text| ("/involvedObject/uid", text)),
        1 => any_text().prop_map(|text| ("/involvedObject/apiVersion", text)),
    ];
    let timestamp = prop::option::weighted(0.3, timestamp());
    (prop::collection::vec(field, 1..6), timestamp, metadata(), prop::bool::weighted(0.8)).prop_map(
        |(fields, timestamp, metadata, keeps_metadata)| Changes {
            fields,
            timestamp,
            metadata,
            keeps_metadata,
        },
    )
}

impl Changes {
    fn made_to(&self, event: &Value) -> Value {
        let mut event = event.clone();
        for (pointer, text) in &self.fields {
            let (parent, field) = pointer.rsplit_once('/').unwrap();
            event.pointer_mut(parent).unwrap()[field] = json!(text);
        }
        match &self.timestamp {
            Some(Value::Null) => drop(event.as_object_mut().unwrap().remove("timestamp")),
            Some(timestamp) => event["timestamp"] = timestamp.clone(),
            None => {}
        }
        let mut metadata = self.metadata.clone();
        if self.keeps_metadata {
            metadata.extend(event["metadata"].as_object().cloned().unwrap_or_default());
        }
        event["metadata"] = Value::Object(metadata);
        event
    }
}

/// What is wrong with what became of an event, if anything.
fn problem(kind: &str, rehearsed: &Rehearsed) -> Option<String> {
    let outcome = rehearsed.outcome.as_str();
    let is_said = ["delivered", "accepted"].contains(&outcome)
        || ["skipped: ", "failed: "].iter().any(|start| outcome.starts_with(start));
    if !is_said || rehearsed.fault().is_some() {
        return Some(format!("it ended so: {outcome}"));
    }
    let refused = |request: &Value| {
        let problems = definitions::problems(kind, request);
        (!problems.is_empty()).then(|| {
            let request: String = request.to_string().chars().take(SHOWN).collect();
            format!("{}\nin {request}", problems.join("\n"))
        })
    };
    rehearsed.requests.iter().find_map(refused)
}

/// Holds one form of a type, that of this case; says what is wrong and the smallest event with which it is.
fn hold(kind: &str, form: &Path, modules: &Arc<Modules>, runtime: &Runtime) -> Result<(), String> {
    let mut case = Case::read(form).unwrap();
    case.now = NOW;
    let base: Value = serde_json::from_slice(&case.event).unwrap();
    let n_requests = Mutex::new(0);
    // The same events in each run: what breaks here breaks everywhere.
    let config = Config {
        cases: CASES,
        max_shrink_iters: 300,
        failure_persistence: None,
        ..Config::default()
    };
    let mut runner =
        TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let held = runner.run(&changes(), |changes| {
        let mut case = case.clone();
        case.event = changes.made_to(&base).to_string().into_bytes();
        let environment = Environment::default();
        let rehearsal = rehearse(
            &case,
            Arc::clone(modules),
            Options::default(),
            environment,
            Secrets::Revealed,
        );
        let rehearsed = runtime.block_on(rehearsal);
        *n_requests.lock().unwrap() += rehearsed.requests.len();
        match problem(kind, &rehearsed) {
            Some(problem) => Err(TestCaseError::fail(problem)),
            None => Ok(()),
        }
    });
    held.map_err(|error| error.to_string().chars().take(SHOWN).collect::<String>())?;
    // Many of the events have to get through, or nothing was looked at.
    let n_requests = n_requests.into_inner().unwrap();
    if n_requests < CASES as usize / 2 {
        return Err(format!("only {n_requests} requests came of {CASES} events"));
    }
    Ok(())
}

#[test]
fn whatever_the_event_what_is_sent_is_taken_or_refused_with_a_reason() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let runtime = Runtime::new().unwrap();
    let modules = Arc::new(Modules::new(herald_controller::modules::engine().unwrap()));
    let forms = modules
        .types()
        .into_iter()
        .flat_map(|kind| Example::forms(&kind).into_iter().map(move |form| (kind.clone(), form)));
    let left = Mutex::new(forms.collect::<Vec<_>>());
    let found = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((kind, form)) = { left.lock().unwrap().pop() } {
                    if let Err(why) = hold(&kind, &form, &modules, &runtime) {
                        found.lock().unwrap().push(format!("{}: {why}", form.display()));
                    }
                }
            });
        }
    });
    let mut found = found.into_inner().unwrap();
    found.sort();
    assert!(found.is_empty(), "{}", found.join("\n\n"));
}
