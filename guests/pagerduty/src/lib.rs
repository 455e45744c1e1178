//! `pagerduty`: an alert for a failure; for good news the end of that alert, and a change event.
//!
//! Knows two calls of the Events API v2: <https://developer.pagerduty.com/docs/events-api-v2-overview>. Of the address only
//! the origin counts; the routing key is the Provider's channel, as in Flux, or in its Secret.

mod body;

use herald_provider::{
    Action, Base, Delivery, Description, Failure, Module, Places, Provider, Purpose, Request, Url,
    module, place,
};

use crate::body::RoutingKey;

const SECRET: &str = "routingKey";
const NO_KEY: &str =
    "there is no routing key: set spec.channel to the integration key of a PagerDuty service";
const NO_SECRET: &str = "spec.config.routingKey is secret and there is none: put the integration key of a PagerDuty \
    service in the Secret of spec.secretRef under `routingKey`";

struct PagerDuty;
module!(PagerDuty);

impl Module for PagerDuty {
    fn describe() -> Description {
        Description {
            secrets: vec![place(SECRET, Places::BODY)],
            config_schema: include_str!("config-schema.json").to_owned(),
            ..Description::new("An alert or a change event in PagerDuty", Purpose::Message)
        }
    }

    fn check(provider: &Provider) -> Vec<String> {
        let key = routing_key(provider).err().map(str::to_owned);
        provider.http_address_problem().into_iter().chain(key).collect()
    }

    fn next(delivery: Delivery) -> Result<Action, Failure> {
        let event = &delivery.event;
        if event.reason == "Progressing" {
            return Ok(Action::skipped(
                "reason Progressing: PagerDuty is told when the outcome is known",
            ));
        }
        let key = routing_key(&delivery.provider).map_err(Failure::misconfigured)?;
        let post = |path: &[&str], rest: &str| Request {
            body: key.body(rest),
            ..Request::post_json(Url::new(Base::Origin, path.iter().copied()), String::new())
        };
        if event.is_error() {
            return Ok(post(&["v2", "enqueue"], &body::trigger(event)).finish());
        }
        let resolve = || post(&["v2", "enqueue"], &body::resolve(event));
        Ok(match (event.severity.as_str(), delivery.responses.is_empty()) {
            // Both may be sent twice: a resolve does nothing to what is resolved.
            ("info", true) => resolve().ask(),
            ("info", false) => post(&["v2", "change", "enqueue"], &body::change(event)).finish(),
            _ => resolve().finish(),
        })
    }
}

/// The routing key, or what to change.
fn routing_key(provider: &Provider) -> Result<RoutingKey<'_>, &'static str> {
    if provider.options()["routingKey"] == "secret" {
        return provider.has_secret(SECRET).then_some(RoutingKey::Secret(SECRET)).ok_or(NO_SECRET);
    }
    match provider.channel.as_str() {
        "" => Err(NO_KEY),
        key => Ok(RoutingKey::Text(key)),
    }
}

#[cfg(test)]
mod tests;
