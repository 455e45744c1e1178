//! One attempt: the module says what to send, egress sends it, and the answer is judged.

mod line;

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use herald_core::alert::Alert;
use herald_core::delivery::{DeliveryId, JournalId};
use herald_core::event::Event;
use herald_core::formatter::{
    Action, Conclusion, Delivery, Outcome as Ends, Purpose, Request, Response,
};
use herald_core::provider::Provider;
use herald_core::skip::{self, Skip};
use herald_core::{commit_status, metadata};
use herald_engine::CallError;
use herald_journal::RememberKey;
use jiff::Timestamp;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use self::line::Asked;
use super::failure::{Unanswered, judged, not_prepared, refusal, retry};
use super::{Contact, Job, Memory, ModuleFailure, Outcome, Report};
use crate::catalog::{CatalogStore, ProviderKey};
use crate::credentials::{Asking, Credentials};
use crate::egress::{Draft, Mask, Transport, Unauthorized, prepare};
use crate::modules::{Loaded, Modules, Said, disclosure, is_its_own};
use crate::notices::Observer;
use crate::telemetry::report;

/// The most questions of one attempt.
pub(crate) const MAX_QUESTIONS: usize = 8;
/// The longest text that a module may ask to remember, in bytes.
const MAX_REMEMBER_BYTES: usize = 4096;
/// How many deliveries at a time are shown to revisions on trial.
const ONLOOKERS: usize = 4;

/// What the operator decided about all deliveries.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Events reach only Alerts of their own namespace.
    pub no_cross_namespace_refs: bool,
}

/// Makes attempts.
pub struct Attempts<T> {
    /// What there is to deliver to.
    pub catalog: Arc<CatalogStore>,
    /// What decides the payloads.
    pub modules: Arc<Modules>,
    /// The way out.
    pub transport: T,
    /// What requests may carry that no Secret holds.
    pub credentials: Credentials,
    /// What modules asked to remember.
    pub memory: Arc<dyn Memory>,
    /// Delivery ids are made with it.
    pub journal: JournalId,
    /// What the operator decided.
    pub options: Options,
    /// Hears of what is odd about an event, if somebody wants to.
    pub observer: Option<Arc<dyn Observer>>,
    /// Bounds what revisions on trial take from those that serve.
    onlookers: Arc<Semaphore>,
}

/// How an attempt ends before its module is called, or in the middle.
type Ended = Outcome;

impl<T: Transport> Attempts<T> {
    /// Attempts over this transport.
    pub fn new(
        catalog: Arc<CatalogStore>,
        modules: Arc<Modules>,
        transport: T,
        credentials: Credentials,
        memory: Arc<dyn Memory>,
        journal: JournalId,
        options: Options,
    ) -> Self {
        let onlookers = Arc::new(Semaphore::new(ONLOOKERS));
        let observer = None;
        Self {
            catalog,
            modules,
            transport,
            credentials,
            memory,
            journal,
            options,
            observer,
            onlookers,
        }
    }

    /// The same, and `observer` hears of it.
    #[must_use]
    pub fn observed_by(self, observer: Option<Arc<dyn Observer>>) -> Self {
        Self { observer, ..self }
    }

    /// What an attempt for this Provider would depend on now, as a number that differs after a change of it: the Provider
    /// with its Secrets, and the module for its type.
    pub(super) fn condition(&self, key: &ProviderKey) -> u64 {
        let catalog = self.catalog.load();
        let provider = catalog.provider(key);
        let module = provider.and_then(|provider| self.modules.get(&provider.kind));
        let mut hasher = DefaultHasher::new();
        provider.map(|provider| provider.generation).hash(&mut hasher);
        module.as_ref().map(|loaded| loaded.module.digest()).hash(&mut hasher);
        hasher.finish()
    }

    /// Makes one attempt. It never fails: whatever goes wrong is an outcome.
    pub async fn run(&self, job: &Job, now: Timestamp) -> Report {
        let catalog = self.catalog.load_complete(&job.provider).await;
        let mut result = Report::of(Outcome::Delivered);
        let Some(alert) = catalog.alerts.get(&job.alert_uid) else {
            result.outcome =
                Outcome::Dead("the Alert that asked for it no longer exists".to_owned());
            return result;
        };
        result.alert = format!("{}/{}", alert.namespace, alert.name);
        let Some(provider) = catalog.provider(&job.provider) else {
            result.outcome =
                Outcome::Misconfigured(format!("the Provider {} does not exist", job.provider));
            return result;
        };
        result.kind.clone_from(&provider.kind);
        let mask = self.modules.mask(provider);
        let mut attempt = Attempt {
            provider,
            mask,
            contact: Contact::None,
            status: None,
            remember: None,
            loaded: None,
            sent: false,
            first: None,
            module_failure: None,
            is_the_modules: false,
            passed_over: Vec::new(),
        };
        let outcome = self.ask_in_turn(&mut attempt, &Asked { job, alert, now }).await;
        result.outcome = attempt.masked(outcome);
        if let Some(loaded) = &attempt.loaded {
            loaded.module.revision().clone_into(&mut result.revision);
        }
        result.contact = attempt.contact;
        result.status = attempt.status;
        result.remember = attempt.remember;
        result.module_failure = attempt.module_failure;
        result.passed_over = attempt.passed_over;
        result
    }

    /// What the module of a job would be given first, and the Provider; none where it would not be called.
    pub(crate) fn opening(
        &self,
        job: &Job,
        now: Timestamp,
    ) -> Option<(Arc<Loaded>, Delivery, Arc<Provider>)> {
        let catalog = self.catalog.load();
        let alert = catalog.alerts.get(&job.alert_uid)?;
        let provider = catalog.providers.get(&*job.provider)?;
        let module = self.modules.get(&provider.kind)?;
        if !module.module.config_schema().problems(&provider.config).is_empty() {
            return None;
        }
        let delivery = self.begin(job, alert, provider, &module, now).ok()?;
        Some((module, delivery, Arc::clone(provider)))
    }

    /// Everything that can be decided before the module is called.
    fn begin(
        &self,
        job: &Job,
        alert: &Alert,
        provider: &Provider,
        loaded: &Loaded,
        now: Timestamp,
    ) -> Result<Delivery, Ended> {
        if self.options.no_cross_namespace_refs
            && skip::crosses_namespaces(&alert.namespace, &job.event)
        {
            return Err(Outcome::Dead(format!(
                "the event's object is not in the namespace of the Alert {}/{}, and --no-cross-namespace-refs is set",
                alert.namespace, alert.name
            )));
        }
        let purpose = loaded.module.description().purpose;
        match skip::skip(&job.event, purpose, provider.suspend) {
            // Some controllers say only in such an event that an object is well again.
            Some(Skip::CommitStatusUpdate) if job.notice.is_change => {}
            Some(skip) => return Err(Outcome::Skipped(skip.to_string())),
            None => {}
        }
        if !provider.problems.is_empty() {
            return Err(Outcome::Misconfigured(provider.problems.join("; ")));
        }
        let (mut event, conflicts) = metadata::merge(&job.event, alert);
        event.metadata.extend(job.notice.metadata.iter().cloned());
        if job.attempts == 0 && !conflicts.is_empty() {
            if let Some(observer) = &self.observer {
                observer.conflicting_metadata(alert, &job.event.involved_object, &conflicts);
            }
            for conflict in conflicts {
                tracing::warn!(
                    alert.name = %alert.name,
                    alert.namespace = %alert.namespace,
                    key = %conflict.key,
                    sources = %conflict.sources.join(", "),
                    "a metadata key comes from several sources; the last one wins"
                );
            }
        }
        let commit_status = match purpose {
            Purpose::CommitStatus => Some(commit_status(&event, alert, provider)?),
            Purpose::Message | Purpose::Forward | Purpose::ChangeRequest => None,
        };
        let remembered = self.memory.recall(&remember_key(provider, &event));
        let mut facts = vec![("attempt".to_owned(), (job.attempts + 1).to_string())];
        facts.extend(self.credentials.facts());
        let delivery = Delivery {
            id: DeliveryId::new(&self.journal, job.event_id, &job.alert_uid),
            now,
            event,
            alert: alert.reference(),
            provider: provider.view(),
            commit_status,
            remembered,
            responses: Vec::new(),
            facts,
        };
        Ok(delivery)
    }

    /// Calls the module and sends what it asks for, until it has nothing more to ask.
    async fn converse(
        &self,
        attempt: &mut Attempt<'_>,
        module: &Loaded,
        mut delivery: Delivery,
    ) -> Outcome {
        let mut deadline = Instant::now() + attempt.provider.timeout;
        let now = delivery.now;
        let disclosed = disclosure::of(attempt.provider, Arc::clone(&attempt.mask));
        let has_onlooker = self.modules.shadow(&attempt.provider.kind).is_some();
        loop {
            // The time is the receiver's, so neither the wait for other calls of the module nor its own call counts: both
            // have limits of their own, and a request with no time left would be sent in vain.
            let asked = Instant::now();
            let place = match module.module.place().await {
                Ok(place) => place,
                Err(err) => return attempt.broken(&err),
            };
            let said: Said = match place.next(&delivery, Arc::clone(&disclosed)).await {
                Ok(said) => said,
                Err(err) => return attempt.broken(&err),
            };
            deadline += asked.elapsed();
            attempt.keep_first(&delivery, &said, has_onlooker);
            let action = match said {
                Ok(action) => action,
                Err(failure) => return refusal(failure, &delivery),
            };
            match action {
                Action::Done(conclusion) => return attempt.conclude(conclusion, &delivery),
                Action::Finish(request) => {
                    return match self.exchange(attempt, module, &request, deadline, now).await {
                        Ok(response) => judged(&response, delivery.now),
                        Err(outcome) => outcome,
                    };
                }
                Action::Ask(question) => {
                    if delivery.responses.len() >= MAX_QUESTIONS {
                        return retry(format!(
                            "the module asked more than {MAX_QUESTIONS} questions"
                        ));
                    }
                    let request = &question.request;
                    let response =
                        match self.exchange(attempt, module, request, deadline, now).await {
                            Ok(response) => response,
                            Err(outcome) => return outcome,
                        };
                    let wanted = (200..300).contains(&response.status)
                        || question.expects.contains(&response.status);
                    if !wanted {
                        return judged(&response, delivery.now);
                    }
                    delivery.responses.push(response);
                }
            }
        }
    }

    /// One request and its answer, masked.
    async fn exchange(
        &self,
        attempt: &mut Attempt<'_>,
        module: &Loaded,
        request: &Request,
        deadline: Instant,
        now: Timestamp,
    ) -> Result<Response, Outcome> {
        let provider = attempt.provider;
        let draft = prepare(request, module.module.description(), provider)
            .map_err(|err| not_prepared(&err))?;
        attempt.sent = true;
        let answered = match draft {
            Draft::Whole(prepared) => {
                let within = deadline.saturating_duration_since(Instant::now());
                let sent = self.transport.send(provider, prepared, within).await;
                sent.map_err(Unanswered::Send)
            }
            Draft::Lacking { credential, request } => {
                let asking = Asking {
                    provider,
                    method: request.method(),
                    url: request.url(),
                    transport: &self.transport,
                    mask: &attempt.mask,
                    now,
                    deadline,
                };
                self.authorized(&credential, &request, &asking).await
            }
        };
        let response = match answered {
            Ok(response) => response,
            Err(unanswered) => {
                attempt.contact = unanswered.contact();
                return Err(unanswered.outcome());
            }
        };
        attempt.contact = Contact::of(&response, now);
        attempt.status = Some(response.status);
        Ok(attempt.mask.response(response))
    }

    /// One request with a credential. A receiver that refuses one which was kept is asked once more with a new one: it did
    /// nothing with a request that it did not let in.
    async fn authorized(
        &self,
        credential: &str,
        request: &Unauthorized,
        asking: &Asking<'_, T>,
    ) -> Result<Response, Unanswered> {
        let mut is_second = false;
        loop {
            let authorization = self
                .credentials
                .authorization(credential, asking)
                .await
                .map_err(Unanswered::Obtain)?;
            let request = request.authorized(authorization.value());
            let within = asking.deadline.saturating_duration_since(Instant::now());
            let sent = self.transport.send(asking.provider, request, within).await;
            let response = sent.map_err(Unanswered::Send)?;
            let again = response.status == 401
                && !is_second
                && self.credentials.refused(&authorization, asking.now).await;
            if !again {
                return Ok(response);
            }
            is_second = true;
        }
    }
}

/// What one attempt gathers.
struct Attempt<'a> {
    provider: &'a Arc<Provider>,
    mask: Arc<Mask>,
    contact: Contact,
    status: Option<u16>,
    remember: Option<(RememberKey, String)>,
    /// The module that was asked last.
    loaded: Option<Arc<Loaded>>,
    /// Whether anything went out, so that no other module may be asked.
    sent: bool,
    /// What the module said first, for the revision on trial.
    first: Option<(Delivery, Said)>,
    module_failure: Option<ModuleFailure>,
    /// Whether the failed call is the module's fault.
    is_the_modules: bool,
    /// How the modules failed that were passed over.
    passed_over: Vec<&'static str>,
}

impl Attempt<'_> {
    fn conclude(&mut self, conclusion: Conclusion, delivery: &Delivery) -> Outcome {
        if let Some(text) = conclusion.remember {
            if text.len() > MAX_REMEMBER_BYTES {
                tracing::warn!(provider.name = %self.provider.name, "a module asked to remember more than 4 KiB: not kept");
            } else {
                let text =
                    String::from_utf8_lossy(&self.mask.bytes(text.into_bytes())).into_owned();
                self.remember = Some((remember_key(self.provider, &delivery.event), text));
            }
        }
        match conclusion.outcome {
            // A receiver that only queues the message says so by the status of its last answer.
            Ends::Delivered if self.status == Some(202) => Outcome::Accepted,
            Ends::Delivered => Outcome::Delivered,
            Ends::Skipped(reason) => Outcome::Skipped(reason),
        }
    }

    /// A module that traps or exceeds a limit may be replaced by a better one, so the delivery waits and is tried again.
    fn broken(&mut self, err: &CallError) -> Outcome {
        let text = self.mask.text(&report(err));
        tracing::warn!(
            provider.kind = %self.provider.kind,
            provider.name = %self.provider.name,
            failure = err.kind(),
            "a module failed: {text}"
        );
        let backtrace = match err {
            CallError::Trap { backtrace, .. } => self.mask.lines(backtrace).into_owned(),
            CallError::Deadline { .. }
            | CallError::Timeout { .. }
            | CallError::Limit { .. }
            | CallError::BadAnswer(_)
            | CallError::Busy { .. }
            | CallError::Host(_) => String::new(),
        };
        self.is_the_modules = is_its_own(err);
        if let (true, Some(loaded)) = (self.is_the_modules, &self.loaded) {
            loaded.record.trapped(format!("{text}\n{backtrace}").trim_end().to_owned());
        }
        self.module_failure = Some(ModuleFailure { kind: err.kind(), backtrace });
        retry(text)
    }

    /// Texts of modules and receivers are masked before anyone sees them.
    fn masked(&self, outcome: Outcome) -> Outcome {
        match outcome {
            Outcome::Delivered => Outcome::Delivered,
            Outcome::Accepted => Outcome::Accepted,
            Outcome::Skipped(reason) => Outcome::Skipped(self.mask.text(&reason)),
            Outcome::Retry { after, reason } => {
                Outcome::Retry { after, reason: self.mask.text(&reason) }
            }
            Outcome::Misconfigured(reason) => Outcome::Misconfigured(self.mask.text(&reason)),
            Outcome::Dead(reason) => Outcome::Dead(self.mask.text(&reason)),
        }
    }
}

fn remember_key(provider: &Provider, event: &Event) -> RememberKey {
    let object = &event.involved_object;
    RememberKey {
        owner: provider.uid.clone(),
        module: provider.kind.clone(),
        object: format!("{}/{}/{}", object.kind, object.namespace, object.name),
    }
}

fn commit_status(event: &Event, alert: &Alert, provider: &Provider) -> Result<String, Outcome> {
    match &provider.commit_status_expr {
        None => Ok(commit_status::default_id(event, &provider.uid)),
        Some(expr) => expr
            .evaluate(&event.to_json(), &alert.json.value(), &provider.json.value())
            .map_err(|err| Outcome::Dead(format!("spec.commitStatusExpr: {}", report(&err)))),
    }
}
