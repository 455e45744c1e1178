//! `grafana`: an annotation for each event.
//!
//! Knows Grafana's two calls that add one, `/api/annotations` and `/api/annotations/graphite`:
//! <https://grafana.com/docs/grafana/latest/developer-resources/api-reference/http-api/annotations/>. One body serves both,
//! so the module need not see which of them the address names.

mod annotation;

use herald_provider::{
    Action, Delivery, Description, Failure, Module, Places, Provider, Purpose, Request, Url,
    bearer, module, place,
};

struct Grafana;
module!(Grafana);

impl Module for Grafana {
    fn describe() -> Description {
        Description {
            secrets: vec![place("token", Places::HEADER), place("password", Places::HEADER)],
            ..Description::new("An annotation in Grafana", Purpose::Message)
        }
    }

    fn check(provider: &Provider) -> Vec<String> {
        let address = provider.http_address_problem();
        address.into_iter().chain(provider.lonely_password_problem()).collect()
    }

    fn next(delivery: Delivery) -> Result<Action, Failure> {
        let provider = &delivery.provider;
        let request = Request::post_json(Url::address(), annotation::body(&delivery));
        let token = provider.has_secret("token").then(|| bearer("token"));
        Ok(match token.or_else(|| provider.basic()) {
            Some(authorization) => request.with_header("authorization", authorization),
            None => request,
        }
        .finish())
    }
}

#[cfg(test)]
mod tests;
