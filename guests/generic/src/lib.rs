//! `generic`: the whole event as JSON, to any HTTP endpoint.
//!
//! Knows what Flux sends to a webhook of the user's own: <https://fluxcd.io/flux/components/notification/providers/>.

use herald_provider::{
    Action, Delivery, Description, Failure, Module, Places, Provider, Purpose, event_request,
    module, place,
};

struct Generic;
module!(Generic);

impl Module for Generic {
    fn describe() -> Description {
        Description {
            secrets: vec![place("headers/*", Places::HEADER)],
            ..Description::new("The event as JSON, to any HTTP endpoint", Purpose::Forward)
        }
    }

    fn check(provider: &Provider) -> Vec<String> {
        provider.http_address_problem().into_iter().collect()
    }

    fn next(delivery: Delivery) -> Result<Action, Failure> {
        Ok(event_request(&delivery).finish())
    }
}

#[cfg(test)]
mod tests;
