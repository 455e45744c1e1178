//! The request that the templates describe, and what is wrong with them whatever the event.

use herald_provider::custom::{self, Authorization, marks::fragments};
use herald_provider::{
    Action, Alert, Base, Delivery, Event, Failure, Fragment, ObjectReference, Provider, Request,
    Timestamp, Url,
};

use crate::body;
use crate::engine::{Engine, Mistake};
use crate::options::Options;
use crate::{context, marks};

const AUTHORIZATION: &str = "authorization";
const CONTENT_TYPE: &str = "content-type";

/// The request of this delivery, or why there is none.
pub(crate) fn make(options: &Options, delivery: &Delivery) -> Result<Action, Failure> {
    if let Some(problem) = structure_problems(options, &delivery.provider).into_iter().next() {
        return Err(Failure::misconfigured(problem));
    }
    let engine = Engine::new(context::of(delivery), &delivery.provider.secret_keys);
    let misconfigured = |mistake: Mistake| Failure::misconfigured(mistake.text);
    if let Some(when) = &options.when
        && !engine.value("spec.config.when", when).map_err(misconfigured)?.is_true()
    {
        return Ok(Action::skipped("spec.config.when is not true for this event"));
    }
    let request = write(&engine, options, &delivery.provider).map_err(misconfigured)?;
    custom::check(&request)?;
    Ok(request.finish())
}

/// Everything that is wrong with the templates and can be told without an event.
pub(crate) fn problems(options: &Options, provider: &Provider) -> Vec<String> {
    let mut found = structure_problems(options, provider);
    let delivery = example(provider);
    let engine = Engine::new(context::of(&delivery), &provider.secret_keys);
    let mut mistakes = Vec::new();
    if let Some(when) = &options.when {
        let at = "spec.config.when";
        mistakes.extend(engine.value(at, when).err());
        mistakes.extend(engine.unknown_names_of_expression(at, when));
    }
    for (at, source) in templates(options) {
        mistakes.extend(engine.unknown_names(&at, source));
        mistakes.extend(engine.render(&at, source).err());
    }
    if let Some(body) = &options.body {
        mistakes.extend(body::text(&engine, options.kind, body).err());
    }
    for mistake in mistakes.into_iter().filter(|mistake| mistake.is_certain) {
        if !found.contains(&mistake.text) {
            found.push(mistake.text);
        }
    }
    found
}

/// Every template but the expressions, with where it is.
fn templates(options: &Options) -> Vec<(String, &str)> {
    let path = options.path.iter().enumerate();
    let path = path.map(|(n, source)| (format!("spec.config.path[{n}]"), source.as_str()));
    let query = options.query.iter();
    let query = query.map(|(key, source)| (at_query(key), source.as_str()));
    let headers = options.headers.iter();
    let headers = headers.map(|(key, source)| (at_header(key), source.as_str()));
    let body = options.body.iter().flat_map(body::templates);
    path.chain(query).chain(headers).chain(body).collect()
}

fn at_query(key: &str) -> String {
    ["spec.config.query.", key].concat()
}

fn at_header(key: &str) -> String {
    ["spec.config.headers.", key].concat()
}

/// What does not fit together, whatever the templates say.
fn structure_problems(options: &Options, provider: &Provider) -> Vec<String> {
    let has_header =
        |name: &str| options.headers.iter().any(|(key, _)| key.eq_ignore_ascii_case(name));
    let mut problems = Vec::new();
    let mut add = |is_wrong: bool, why: &str| {
        if is_wrong {
            problems.push(why.to_owned());
        }
    };
    let has_body = options.body.is_some();
    add(
        custom::takes_body(&options.method) && !has_body,
        "there is no body: write one in spec.config.body, or set spec.config.method to GET",
    );
    add(
        !custom::takes_body(&options.method) && has_body,
        "a GET or DELETE has no body: take spec.config.body out, or set spec.config.method to POST",
    );
    add(
        has_header(CONTENT_TYPE),
        "set spec.config.contentType instead of a header content-type: values are escaped by it",
    );
    let is_explicit = matches!(options.authorization, Authorization::Bearer | Authorization::Basic);
    add(
        is_explicit && has_header(AUTHORIZATION),
        "set either spec.config.authorization or a header authorization",
    );
    problems.extend(options.authorization.problem(provider));
    problems
}

fn write<'a>(
    engine: &Engine<'a>,
    options: &'a Options,
    provider: &Provider,
) -> Result<Request, Mistake> {
    let mut request = Request::get(Url::new(Base::Address, []));
    request.method.clone_from(&options.method);
    for (number, source) in options.path.iter().enumerate() {
        let segment = line(engine, &format!("spec.config.path[{number}]"), source)?;
        request.url.path.push(fragments(&segment));
    }
    for (key, source) in &options.query {
        let value = line(engine, &at_query(key), source)?;
        if !value.is_empty() {
            request.url.query.push((key.clone(), fragments(&value)));
        }
    }
    if let Some(body) = &options.body {
        request.body = fragments(&body::text(engine, options.kind, body)?);
        request = request.with_header(CONTENT_TYPE, vec![Fragment::text(&options.media_type)]);
    }
    for (key, source) in &options.headers {
        let value = line(engine, &at_header(key), source)?;
        if !value.is_empty() {
            request = request.with_header(key, fragments(&value));
        }
    }
    Ok(options.authorization.given_to(request, provider))
}

/// What comes of a template for a place that has one line.
fn line<'a>(engine: &Engine<'a>, at: &str, source: &'a str) -> Result<String, Mistake> {
    Ok(custom::line(&marks::unwrapped(&engine.render(at, source)?)))
}

/// An event that might come, for what only shows when a template is rendered.
fn example(provider: &Provider) -> Delivery {
    let text = str::to_owned;
    let timestamp = || Timestamp { seconds: 1_577_836_800, rfc3339: text("2020-01-01T00:00:00Z") };
    Delivery {
        id: text("00000000000000000000000000000000"),
        now: timestamp(),
        event: Event {
            involved_object: ObjectReference {
                api_version: text("kustomize.toolkit.fluxcd.io/v1"),
                kind: text("Kustomization"),
                namespace: provider.namespace.clone(),
                name: text("example"),
                uid: text("00000000-0000-4000-8000-000000000000"),
                resource_version: String::new(),
                field_path: String::new(),
            },
            severity: text("info"),
            timestamp: Some(timestamp()),
            message: text("Reconciliation finished"),
            reason: text("ReconciliationSucceeded"),
            metadata: vec![(
                text("revision"),
                text("main@sha1:0000000000000000000000000000000000000000"),
            )],
            reporting_controller: text("kustomize-controller"),
            reporting_instance: String::new(),
        },
        alert: Alert {
            namespace: provider.namespace.clone(),
            name: text("example"),
            uid: String::new(),
        },
        provider: provider.clone(),
        commit_status: None,
        remembered: None,
        responses: Vec::new(),
        facts: vec![(text("attempt"), text("1"))],
    }
}
