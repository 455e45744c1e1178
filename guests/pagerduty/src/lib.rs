//! `pagerduty`: an alert for a failure; for good news the end of that alert, and a change event.
//!
//! Knows two calls of the Events API v2: <https://developer.pagerduty.com/docs/events-api-v2-overview>. Of the address only
//! the origin counts; the routing key is the Provider's channel, as in Flux.

mod body;

use herald_provider::{
    Action, Base, Delivery, Description, Failure, Module, Provider, Purpose, Request, Url, module,
};

const NO_KEY: &str =
    "there is no routing key: set spec.channel to the integration key of a PagerDuty service";

struct PagerDuty;
module!(PagerDuty);

impl Module for PagerDuty {
    fn describe() -> Description {
        Description::new("An alert or a change event in PagerDuty", Purpose::Message)
    }

    fn check(provider: &Provider) -> Vec<String> {
        let key = provider.channel.is_empty().then(|| NO_KEY.to_owned());
        provider.http_address_problem().into_iter().chain(key).collect()
    }

    fn next(delivery: Delivery) -> Result<Action, Failure> {
        let event = &delivery.event;
        let key = delivery.provider.channel.as_str();
        if event.reason == "Progressing" {
            return Ok(Action::skipped(
                "reason Progressing: PagerDuty is told when the outcome is known",
            ));
        }
        if key.is_empty() {
            return Err(Failure::misconfigured(NO_KEY));
        }
        if event.is_error() {
            return Ok(post(&["v2", "enqueue"], body::trigger(event, key)).finish());
        }
        let resolve = || post(&["v2", "enqueue"], body::resolve(event, key));
        Ok(match (event.severity.as_str(), delivery.responses.is_empty()) {
            // Both may be sent twice: a resolve does nothing to what is resolved.
            ("info", true) => resolve().ask(),
            ("info", false) => {
                post(&["v2", "change", "enqueue"], body::change(event, key)).finish()
            }
            _ => resolve().finish(),
        })
    }
}

fn post(path: &[&str], body: String) -> Request {
    Request::post_json(Url::new(Base::Origin, path.iter().copied()), body)
}

#[cfg(test)]
mod tests;
