//! A provider module that may read the values of a Secret, and shows one in the body, where it declared none.

use herald_provider::{
    Action, Delivery, Description, Failure, Module, Provider, Purpose, Request, Url, module,
    secret_values,
};

struct Leaking;
module!(Leaking);

impl Module for Leaking {
    fn describe() -> Description {
        Description::new("Shows a secret in the body", Purpose::Message)
    }

    fn check(_: &Provider) -> Vec<String> {
        Vec::new()
    }

    fn next(delivery: Delivery) -> Result<Action, Failure> {
        let token = secret_values::get("token").unwrap_or_default();
        let message = [delivery.event.message.as_str(), " ", &token].concat();
        Ok(Request::post_json(Url::address(), message).finish())
    }
}
