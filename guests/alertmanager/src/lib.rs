//! `alertmanager`: an alert for each event and, if asked for, the end of an object's alerts when it is well again.
//!
//! Knows one call of Alertmanager's API v2:
//! <https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml>. An alert is its set of labels: sent again it
//! is the same alert, and only the same set with a time in `endsAt` ends it. The set of a failure (its revision, reason
//! and severity) is not that of the recovery, so it is remembered.

mod alert;
mod labels;
mod open;
mod title;

use herald_provider::{
    Action, Delivery, Description, Failure, Module, Places, Provider, Purpose, Request, Url,
    bearer, module, place,
};

use crate::alert::{Firing, Resolved};
use crate::open::Open;

struct Alertmanager;
module!(Alertmanager);

impl Module for Alertmanager {
    fn describe() -> Description {
        Description {
            secrets: vec![place("token", Places::HEADER), place("password", Places::HEADER)],
            config_schema: include_str!("config-schema.json").to_owned(),
            ..Description::new("An alert in Prometheus Alertmanager", Purpose::Message)
        }
    }

    fn check(provider: &Provider) -> Vec<String> {
        provider
            .http_address_problem()
            .into_iter()
            .chain(provider.lonely_password_problem())
            .collect()
    }

    fn next(delivery: Delivery) -> Result<Action, Failure> {
        let Delivery { event, provider, .. } = &delivery;
        let is_answered = !delivery.responses.is_empty();
        let firing = Firing::new(event);
        if provider.options()["resolve"] != true {
            return Ok(post(provider, &firing.to_json()).finish());
        }
        let mut open = Open::read(delivery.remembered.as_deref());
        if event.is_error() {
            if !is_answered {
                return Ok(post(provider, &firing.to_json()).ask());
            }
            open.add(&firing);
            return Ok(Action::delivered_remembering(open.to_json()));
        }
        if !event.is_recovery() {
            return Ok(Action::skipped("it is neither a failure nor the end of one"));
        }
        if open.alerts.is_empty() {
            return Ok(Action::skipped("no alert of this object is known to fire"));
        }
        if !is_answered {
            let resolved: Vec<String> = open
                .alerts
                .iter()
                .map(|alert| Resolved { alert, event, now: &delivery.now }.to_json())
                .collect();
            return Ok(post(provider, &resolved.join(",")).ask());
        }
        Ok(Action::delivered_remembering(String::new()))
    }
}

/// The request for these alerts, with a password where there are one and a token, as in Flux.
fn post(provider: &Provider, alerts: &str) -> Request {
    let request = Request::post_json(Url::address(), ["[", alerts, "]"].concat());
    let token = || provider.has_secret("token").then(|| bearer("token"));
    match provider.basic().or_else(token) {
        Some(authorization) => request.with_header("authorization", authorization),
        None => request,
    }
}

#[cfg(test)]
mod tests;
