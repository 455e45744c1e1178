//! `template`: a request that its user wrote as templates, to any HTTP endpoint.
//!
//! Knows the language of minijinja, which is that of Jinja2 (<https://docs.rs/minijinja/3/minijinja/syntax/>), and how each
//! kind of body is escaped. It knows no receiver.

mod body;
mod context;
mod engine;
mod filters;
mod json_text;
mod marks;
mod options;
mod request;
mod values;

use herald_provider::{
    Action, Delivery, Description, Failure, Module, Provider, Purpose, custom, module,
};

use crate::options::Options;

struct Template;
module!(Template);

impl Module for Template {
    fn describe() -> Description {
        Description {
            secrets: custom::placements(),
            config_schema: include_str!("config-schema.json").to_owned(),
            ..Description::new(
                "A request of your own, written as templates, to any HTTP endpoint",
                Purpose::Message,
            )
        }
    }

    fn check(provider: &Provider) -> Vec<String> {
        let options = Options::of(provider);
        let address = provider.http_address_problem();
        address.into_iter().chain(request::problems(&options, provider)).collect()
    }

    fn next(delivery: Delivery) -> Result<Action, Failure> {
        let options = Options::of(&delivery.provider);
        request::make(&options, &delivery)
    }
}

#[cfg(test)]
mod tests;
