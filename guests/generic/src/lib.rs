//! `generic`: the whole event as JSON, to any HTTP endpoint.
//!
//! Knows what Flux sends to a webhook of the user's own: <https://fluxcd.io/flux/components/notification/providers/>; as
//! options CloudEvents (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md>) and
//! signatures as Standard Webhooks has them
//! (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>).

mod cloud_event;
mod signing;

use herald_provider::{
    Action, Delivery, Description, Failure, Module, Places, Provider, Purpose, event_request,
    module, place, webhook_request,
};

struct Generic;
module!(Generic);

impl Module for Generic {
    fn describe() -> Description {
        Description {
            secrets: vec![
                place("headers/*", Places::HEADER),
                place(signing::KEY, Places::SIGNATURE),
            ],
            config_schema: include_str!("config-schema.json").to_owned(),
            ..Description::new("The event as JSON, to any HTTP endpoint", Purpose::Forward)
        }
    }

    fn check(provider: &Provider) -> Vec<String> {
        let key = signing::missing_key(provider);
        provider.http_address_problem().into_iter().chain(key).collect()
    }

    fn next(delivery: Delivery) -> Result<Action, Failure> {
        let provider = &delivery.provider;
        if let Some(problem) = signing::missing_key(provider) {
            return Err(Failure::misconfigured(problem));
        }
        let options = provider.options();
        let mut request = if options["format"] == "cloudevents" {
            webhook_request(&delivery, cloud_event::CONTENT_TYPE, cloud_event::body(&delivery))
        } else {
            event_request(&delivery)
        };
        // Set after the user's headers, so that none of them can stand in for it.
        if signing::is_asked_for(provider) {
            request = signing::sign(request, &delivery);
        }
        Ok(request.finish())
    }
}

#[cfg(test)]
mod tests;
