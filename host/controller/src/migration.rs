//! What would be different for each object of somebody who comes from Flux's notification-controller.
//!
//! It knows in which types Herald sends something else, and why an object would not work. It must not know where objects
//! come from or how the result is printed. README's table "Differences from Flux" has the reasons; a test holds that every
//! type that stands there alone stands here.

use std::collections::BTreeMap;
use std::sync::Arc;

use herald_core::address::Address;
use herald_core::policy::AddressPolicy;
use herald_core::provider::Provider;

use crate::catalog::Catalog;
use crate::modules::Modules;
use crate::sources::Loaded;

/// What an object's owner must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// It would not work with Herald.
    Broken,
    /// It works, and something is different.
    Differs,
    /// It is none of Herald's, and needs Flux's controller further on.
    Stays,
}

impl Effect {
    /// Its name in an output for programs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Broken => "broken",
            Self::Differs => "differs",
            Self::Stays => "stays",
        }
    }
}

/// One thing to know about one object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// What it means for the object.
    pub effect: Effect,
    /// What is different, or wrong and how to correct it.
    pub message: String,
}

/// All there is to say: by the object's name, such as `Provider apps/slack`. An object without a difference has no finding.
pub type Findings = BTreeMap<String, Vec<Finding>>;

/// What is different in a type, beside what is different in all.
const OF_TYPES: &[(&[&str], &str)] = &[
    (
        &["slack"],
        "an answer with status 200 that is an error counts as a failure; mentions in an event's text notify nobody",
    ),
    (
        &["telegram"],
        "an answer with status 200 that is an error counts as a failure; markup in an event's text is escaped",
    ),
    (
        &["lark"],
        "an answer with status 200 that is an error counts as a failure; a Secret's key `secret` signs the message; proxies and CAs are used",
    ),
    (
        &["msteams"],
        "an answer with status 200 that is an error counts as a failure; empty parts of a card are left out",
    ),
    (&["zulip"], "an answer with status 200 that is an error counts as a failure"),
    (
        &["discord"],
        "colors are hexadecimal, markdown is escaped, and fields are named for both forms of Discord",
    ),
    (
        &["rocket", "googlechat"],
        "an empty value is sent as a space without width, as the receiver refuses empty ones",
    ),
    (
        &["webex"],
        "an incoming webhook gets the message alone; half of a bot's settings is a mistake",
    ),
    (
        &["matrix"],
        "the transaction id is that of the delivery, so two Alerts about one event are two messages; aliases of rooms are resolved",
    ),
    (
        &["sentry"],
        "the event has no list of the controller's Go modules; trace events are skipped; an answer with status 200 that is an error counts as a failure",
    ),
    (
        &["pagerduty", "incident.io"],
        "an object without a uid has a deduplication key of its kind, namespace and name",
    ),
    (&["alertmanager"], "metadata keys become valid label names"),
    (
        &["grafana"],
        "the annotation has `time` in milliseconds and `what` as well, so it stands at the event's time",
    ),
    (&["datadog"], "an event older than 18 hours gets a date that Datadog takes"),
    (&["otel"], "the token is sent also without `headers`; a second attempt sends the same span"),
    (&["nats"], "messages carry `Nats-Msg-Id` where the server takes headers"),
    (
        &["azureeventhub"],
        "it is sent by REST instead of AMQP, through proxies and with CAs; the metadata service of the machine gives no identity, a Secret, a file or the environment does",
    ),
    (
        &["googlepubsub"],
        "it is sent by REST instead of gRPC, through proxies and with CAs; the metadata service of the machine gives no identity, a Secret, a file or the environment does",
    ),
    (&["github"], "commits of 64 characters work as well"),
    (
        &["gitlab"],
        "the newest status of the commit decides whether another is sent; a refusal to set an equal one counts as set",
    ),
    (&["gitea", "giteapullrequestcomment"], "the server's version is not asked for"),
    (&["bitbucketserver"], "`spec.username` with only `password` in the Secret works"),
    (
        &["azuredevops"],
        "the documented URL is used without asking for routes; an answer 203 waits for a new token; the metadata service of the machine gives no identity",
    ),
    (
        &["giteapullrequestcomment", "githubpullrequestcomment", "gitlabmergerequestcomment"],
        "an equal comment is not written anew, and more than the first 100 are looked at",
    ),
];

/// What is different for every Provider.
pub const OF_ALL: &[&str] = &[
    "an event is kept on disk and tried for hours; Flux tries for `spec.timeout` in memory",
    "`spec.timeout` is the time of one attempt, not of all of them",
    "messages longer than the receiver takes are cut with a visible mark, and metadata is sorted by key",
    "redirects are followed for 307 and 308 to the same origin alone",
    "each key of a Secret counts by itself, also half a pair of credentials",
    "failures show in the status, in Kubernetes events and in metrics; errors name the host of an address alone",
];

/// Looks at every object.
pub async fn findings(
    loaded: &Loaded,
    modules: &Modules,
    receivers: &[String],
    policy: AddressPolicy,
) -> Findings {
    let mut findings = Findings::new();
    let mut add = |object: String, effect: Effect, message: String| {
        let of_object = findings.entry(object).or_default();
        let finding = Finding { effect, message };
        if !of_object.contains(&finding) {
            of_object.push(finding);
        }
    };
    for mistake in &loaded.mistakes {
        let object =
            if mistake.object.is_empty() { mistake.file.clone() } else { mistake.object.clone() };
        let message = match mistake.field.as_str() {
            "" => mistake.message.clone(),
            field => format!("{field}: {}", mistake.message),
        };
        let effect = if mistake.tolerated { Effect::Differs } else { Effect::Broken };
        add(object, effect, message);
    }
    let kinds = loaded.catalog.providers.values().map(|provider| provider.kind.as_str());
    if let Err(err) = modules.load(kinds).await {
        add("modules".to_owned(), Effect::Broken, crate::telemetry::report(&err));
    }
    for (key, provider) in &loaded.catalog.providers {
        let object = format!("Provider {key}");
        for problem in problems(provider, modules).await {
            add(object.clone(), Effect::Broken, problem);
        }
        if let Some(name) = &provider.service_account {
            add(object.clone(), Effect::Differs, identity(name));
        }
        if let Some(denied) = refused(provider, policy) {
            add(object.clone(), Effect::Broken, denied);
        }
        for (_, message) in OF_TYPES.iter().filter(|(kinds, _)| kinds.contains(&&*provider.kind)) {
            add(object.clone(), Effect::Differs, (*message).to_owned());
        }
    }
    for message in labels(&loaded.catalog) {
        add(message.0, Effect::Differs, message.1);
    }
    for receiver in receivers {
        add(
            format!("Receiver {receiver}"),
            Effect::Stays,
            "Herald serves no Receivers: keep the Deployment notification-controller and the Service webhook-receiver for it".to_owned(),
        );
    }
    for of_object in findings.values_mut() {
        of_object.sort();
    }
    findings
}

/// What the module finds wrong. What was found when the object was read is among the mistakes.
async fn problems(provider: &Arc<Provider>, modules: &Modules) -> Vec<String> {
    if provider.problems.is_empty() { modules.check(provider).await } else { Vec::new() }
}

/// Why the address would not be dialed. What its name leads to is seen only when it is.
fn refused(provider: &Provider, policy: AddressPolicy) -> Option<String> {
    match provider.address.known() {
        Some(Address::Url { url }) if matches!(url.scheme(), "http" | "https") => {
            policy.check_url(url).err().map(|denied| format!("its address: {denied}"))
        }
        _ => None,
    }
}

/// What the identity of a ServiceAccount needs.
fn identity(name: &str) -> String {
    format!(
        "the identity of the ServiceAccount {name} needs, as with Flux, --feature-gates=ObjectLevelWorkloadIdentity=true, and the rights of deploy/kustomize/workload-identity; in GKE also --gke-cluster or the annotation gcp.auth.fluxcd.io/workload-identity-provider, as no metadata server is asked"
    )
}

/// The Alerts that select by labels: these are read from the API server, which needs a right for each kind.
fn labels(catalog: &Catalog) -> Vec<(String, String)> {
    let selects = |alert: &herald_core::alert::Alert| {
        alert.sources.iter().any(|source| source.match_labels.is_some())
    };
    let alerts = catalog.alerts.iter().filter(|alert| selects(alert));
    alerts
        .map(|alert| {
            let message = "labels are good for 5 s after they were read; when they cannot be had for now, the event waits instead of going nowhere";
            (format!("Alert {}/{}", alert.namespace, alert.name), message.to_owned())
        })
        .collect()
}

/// The types of which something is said.
#[must_use]
pub fn types() -> Vec<&'static str> {
    OF_TYPES.iter().flat_map(|(kinds, _)| kinds.iter().copied()).collect()
}
