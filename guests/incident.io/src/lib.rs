//! `incident.io`: an alert for a failure, and its end for good news.
//!
//! Knows one call, of a source of the type HTTP:
//! <https://docs.incident.io/api-reference/alert-events-v2/createhttp>. It answers 202, as alerts are made later.

mod body;

use herald_provider::{
    Action, Delivery, Description, Failure, Module, Places, Provider, Purpose, Request, Url,
    bearer, module, place,
};

const KEY: &str = "token";
const NO_KEY: &str = "there is no token: put the one of the incident.io alert source in the Secret of spec.secretRef under `token`";

struct IncidentIo;
module!(IncidentIo);

impl Module for IncidentIo {
    fn describe() -> Description {
        Description {
            secrets: vec![place(KEY, Places::HEADER)],
            ..Description::new("An alert in incident.io", Purpose::Message)
        }
    }

    fn check(provider: &Provider) -> Vec<String> {
        let key = (!provider.has_secret(KEY)).then(|| NO_KEY.to_owned());
        provider.http_address_problem().into_iter().chain(key).collect()
    }

    fn next(delivery: Delivery) -> Result<Action, Failure> {
        if delivery.event.reason == "Progressing" {
            return Ok(Action::skipped(
                "reason Progressing: incident.io is told when the outcome is known",
            ));
        }
        if !delivery.provider.has_secret(KEY) {
            return Err(Failure::misconfigured(NO_KEY));
        }
        Ok(Request::post_json(Url::address(), body::alert(&delivery.event))
            .with_header("authorization", bearer(KEY))
            .finish())
    }
}

#[cfg(test)]
mod tests;
