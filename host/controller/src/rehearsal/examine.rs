//! A module and its cases: whether what it sends is what they say.
//!
//! It needs no network, no clock and no journal, and looks at no environment, so a case comes to the same in an author's
//! test and where the module is about to serve. It must not know why somebody asks.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use herald_core::rollout::Rollout;
use herald_engine::{Engine, Module};

use super::cases::Cases;
use super::{Case, Rehearsed, Secrets, leaks, rehearse};
use crate::credentials::Environment;
use crate::delivery::Options;
use crate::modules::{Examine, Loaded, Modules, RefuseModuleError, Source};
use crate::telemetry::report;

/// After so many failures no further case is run: one that loops takes its time in each.
const MAX_FAILURES: usize = 16;

/// A case that did not come to what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Its name.
    pub case: String,
    /// What was expected and what came, over several lines.
    pub text: String,
}

/// Runs the cases against a module; the failures, 16 at most. Every type that a case's Providers have is this module's,
/// as it may be installed under another name.
pub async fn examine(engine: &Engine, module: &Module, cases: &Cases) -> Vec<Failure> {
    let mut failures = Vec::new();
    for (name, case, expected) in cases.iter() {
        let rehearsed = run(engine, module, &case).await;
        let differences = expected.differences(&rehearsed);
        if !differences.is_empty() {
            failures.push(Failure { case: name.to_owned(), text: differences.join("\n") });
        }
        if failures.len() == MAX_FAILURES {
            break;
        }
    }
    failures
}

/// Runs one case against a module, with secrets as they would be sent: those of a case are made up.
pub async fn run(engine: &Engine, module: &Module, case: &Case) -> Rehearsed {
    let modules = modules_of(engine, module, case);
    rehearse(case, modules, Options::default(), Environment::default(), Secrets::Revealed).await
}

/// Modules in which every type of a case's Providers is this one.
#[must_use]
pub fn modules_of(engine: &Engine, module: &Module, case: &Case) -> Arc<Modules> {
    let modules = Modules::new(engine.clone());
    for kind in case.types() {
        // Nobody asks here where it came from.
        modules.offer(Loaded::new(kind, module.clone(), Source::BuiltIn), Rollout::default());
    }
    Arc::new(modules)
}

/// Has a module that asks to be taken in run the cases that it carries.
pub struct Examiner {
    engine: Engine,
}

impl Examiner {
    /// One that runs cases on this engine.
    #[must_use]
    pub fn new(engine: Engine) -> Arc<Self> {
        Arc::new(Self { engine })
    }

    async fn judge(&self, candidate: &Loaded, wasm: &[u8]) -> Result<(), RefuseModuleError> {
        let cases = Cases::of_wasm(wasm).map_err(|err| RefuseModuleError::Cases(report(&err)))?;
        let Some(cases) = cases else { return Ok(()) };
        let mut failures = examine(&self.engine, &candidate.module, &cases).await.into_iter();
        let Some(first) = failures.next() else {
            let leaks = leaks::leaks(&self.engine, &candidate.module, &cases).await;
            return match leaks.into_iter().next() {
                Some(leak) => {
                    let text = format!("in its case {}: {}", leak.case, leak.text);
                    Err(RefuseModuleError::Leaks(text))
                }
                None => Ok(()),
            };
        };
        let more = match failures.len() {
            0 => String::new(),
            more => format!("\n(and {more} more)"),
        };
        let text = format!("its case {} fails\n{}{more}", first.case, first.text);
        Err(RefuseModuleError::Cases(text))
    }
}

impl Examine for Examiner {
    fn examine<'a>(
        &'a self,
        candidate: &'a Loaded,
        wasm: &'a [u8],
    ) -> Pin<Box<dyn Future<Output = Result<(), RefuseModuleError>> + Send + 'a>> {
        Box::pin(self.judge(candidate, wasm))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::modules;

    const PROVIDER: &str = "apiVersion: notification.toolkit.fluxcd.io/v1beta3\nkind: Provider\n\
        metadata: {name: hook, namespace: apps}\nspec: {type: of-another-name, address: https://hook.example/x}\n";
    const EVENT: &str = r#"{"involvedObject": {"kind": "Kustomization", "namespace": "apps", "name": "web"},
        "severity": "info", "timestamp": "2026-03-14T09:26:53Z", "message": "done", "reason": "Done",
        "reportingController": "kustomize-controller", "metadata": {}}"#;

    /// A set of one case, by way of the section.
    fn cases(outcome: &str, sends: bool) -> Cases {
        let mut files = BTreeMap::from([
            ("provider.yaml", PROVIDER.to_owned()),
            ("event.json", EVENT.to_owned()),
            ("outcome.txt", outcome.to_owned()),
        ]);
        if sends {
            let request = r#"{"method": "PUT", "url": "https://hook.example/x", "headers": [], "body": null}"#;
            files.insert("1.request.json", request.to_owned());
        }
        let cases = BTreeMap::from([("one", files)]);
        let mut wasm = b"\0asm\x0d\0\x01\0".to_vec();
        wasm_encoder::ComponentSection::append_to_component(
            &wasm_encoder::CustomSection {
                name: super::super::cases::SECTION.into(),
                data: serde_json::to_vec(&cases).unwrap().into(),
            },
            &mut wasm,
        );
        Cases::of_wasm(&wasm).unwrap().unwrap()
    }

    #[tokio::test]
    async fn a_case_is_held_against_what_the_module_sends() {
        let engine = modules::engine().unwrap();
        let module =
            engine.load(modules::built_in("generic").unwrap().to_vec(), &[]).await.unwrap();
        let failures = examine(&engine, &module, &cases("delivered\n", true)).await;
        assert_eq!(failures.len(), 1);
        assert_eq!(failures[0].case, "one");
        let text = &failures[0].text;
        assert!(text.contains("  method\n    expected  \"PUT\"\n    sent      \"POST\""), "{text}");
        assert!(!text.contains("outcome.txt"), "{text}");

        let failures = examine(&engine, &module, &cases("skipped: no\n", false)).await;
        let text = &failures[0].text;
        assert!(text.contains("  expected  skipped: no\n  came out  delivered"), "{text}");
        assert!(
            text.contains("expected  nothing\n  sent      POST https://hook.example/x"),
            "{text}"
        );
    }
}
