//! A module asked directly, before anyone masks, fills in or sends what it says: for those who measure it or look for
//! what it must not say.
//!
//! It must not know what is looked for.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use herald_core::formatter::{Action, Conclusion, Delivery, Failure, Outcome, Request, Response};
use herald_core::provider::Provider;
use herald_engine::{CallError, Disclosure, Engine, Module};

use super::examine::modules_of;
use super::{Answer, Case, Scripted, Secrets, stage};
use crate::catalog::Catalog;
use crate::credentials::{Credentials, Environment};
use crate::delivery::{MAX_QUESTIONS, Options};
use crate::egress::{AddressSeen, Mask};
use crate::modules::disclosure;
use crate::telemetry::report;

/// What a module is given first for one delivery of a case.
pub(crate) struct Opening {
    pub(crate) delivery: Delivery,
    pub(crate) provider: Arc<Provider>,
    /// What its receiver answers, by the number of the request from 1.
    answers: BTreeMap<usize, Answer>,
}

/// The deliveries of a case that reach the module; `alter` may change what its manifests say.
pub(crate) async fn openings(
    engine: &Engine,
    module: &Module,
    case: &Case,
    alter: impl FnOnce(&mut Catalog),
) -> Vec<Opening> {
    let modules = modules_of(engine, module, case);
    let transport = Arc::new(Scripted::new(BTreeMap::new(), Arc::clone(&modules), Secrets::Masked));
    let credentials = Credentials::new(Environment::default());
    let staged = stage(case, modules, Options::default(), credentials, transport, alter).await;
    let Ok(staged) = staged else { return Vec::new() };
    let openings = staged.jobs.iter().filter_map(|job| {
        let (_, delivery, provider) = staged.attempts.opening(job, case.now)?;
        Some(Opening { delivery, provider, answers: case.answers.clone() })
    });
    openings.collect()
}

/// One thing that a module said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// What to send.
    Request(Request),
    /// A text for people, and what it is: `skipped`, `failure`, `remember`, `log`, `check`, `panic`.
    Text(&'static str, String),
}

impl Opening {
    /// What the module may see of the Provider.
    pub(crate) fn disclosure(&self) -> Arc<dyn Disclosure> {
        let mask = Arc::new(Mask::new(&self.provider, AddressSeen::Whole));
        disclosure::of(&self.provider, mask)
    }

    /// Everything that the module says in one attempt, its log and its check of the Provider included.
    pub(crate) async fn said(&self, module: &Module) -> Vec<Said> {
        let listener = Arc::new(Listener { shown: self.disclosure(), heard: Mutex::default() });
        let mut said = Vec::new();
        let view = self.provider.view();
        match module.check(&view, Arc::clone(&listener) as Arc<dyn Disclosure>).await {
            Ok(problems) => said.extend(problems.into_iter().map(|text| Said::Text("check", text))),
            Err(err) => said.push(broken(&err)),
        }
        let mut delivery = self.delivery.clone();
        loop {
            let disclosure = Arc::clone(&listener) as Arc<dyn Disclosure>;
            let question = match module.next(&delivery, disclosure).await {
                Err(err) => {
                    said.push(broken(&err));
                    break;
                }
                Ok(Err(failure)) => {
                    said.push(Said::Text("failure", reason(failure)));
                    break;
                }
                Ok(Ok(Action::Done(conclusion))) => {
                    said.extend(texts(conclusion));
                    break;
                }
                Ok(Ok(Action::Finish(request))) => {
                    said.push(Said::Request(request));
                    break;
                }
                Ok(Ok(Action::Ask(question))) => question,
            };
            said.push(Said::Request(question.request));
            let Some(response) = self.answer(delivery.responses.len() + 1) else { break };
            let is_wanted = (200..300).contains(&response.status)
                || question.expects.contains(&response.status);
            if !is_wanted || delivery.responses.len() == MAX_QUESTIONS {
                break;
            }
            delivery.responses.push(response);
        }
        said.extend(listener.heard().into_iter().map(|line| Said::Text("log", line)));
        said
    }

    fn answer(&self, number: usize) -> Option<Response> {
        match self.answers.get(&number).cloned().unwrap_or_default() {
            Answer::Response { response, .. } => Some(response),
            Answer::Abort => None,
        }
    }
}

fn broken(err: &CallError) -> Said {
    Said::Text("panic", report(err))
}

fn reason(failure: Failure) -> String {
    match failure {
        Failure::Misconfigured(text) | Failure::Unsendable(text) | Failure::Rejected(text) => text,
        Failure::Later(postponement) => postponement.reason,
    }
}

fn texts(conclusion: Conclusion) -> Vec<Said> {
    let remembered = conclusion.remember.map(|text| Said::Text("remember", text));
    let skipped = match conclusion.outcome {
        Outcome::Delivered => None,
        Outcome::Skipped(why) => Some(Said::Text("skipped", why)),
    };
    remembered.into_iter().chain(skipped).collect()
}

/// Shows a module what it may see, and keeps what it logs as it is.
struct Listener {
    shown: Arc<dyn Disclosure>,
    heard: Mutex<Vec<String>>,
}

impl Listener {
    fn heard(&self) -> Vec<String> {
        std::mem::take(&mut *self.heard.lock().expect("no holder of this lock panics"))
    }
}

impl Disclosure for Listener {
    fn full_address(&self) -> Option<String> {
        self.shown.full_address()
    }

    fn secret_value(&self, key: &str) -> Option<String> {
        self.shown.secret_value(key)
    }

    fn mask<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.heard.lock().expect("no holder of this lock panics").push(text.to_owned());
        Cow::Borrowed(text)
    }

    fn hears_log(&self) -> bool {
        true
    }
}
