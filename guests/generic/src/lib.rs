//! `generic`: the whole event as JSON, to any HTTP endpoint.
//!
//! Knows what Flux sends to a webhook of the user's own: <https://fluxcd.io/flux/components/notification/providers/>.

use herald_provider::{
    Action, Delivery, Description, Failure, Fragment, Module, Places, Provider, Purpose, Request,
    Url, event_json, module, place,
};

/// The Secret's `headers` arrive as keys of this form, such as `headers/X-Team`.
const HEADERS: &str = "headers/";

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
        let event = &delivery.event;
        // Sent even when it is empty, as Flux does.
        let component = printable(&event.reporting_controller);
        let mut request = Request::post_json(Url::address(), event_json(event))
            .with_header("gotk-component", vec![Fragment::Text(component)]);
        // The user's headers come last, so that they win.
        for key in &delivery.provider.secret_keys {
            if let Some(name) = key.strip_prefix(HEADERS) {
                request = request.with_header(name, vec![Fragment::secret(key)]);
            }
        }
        Ok(request.finish())
    }
}

/// The text without control characters. No header can carry one, and an event must not be able to make a Provider look
/// misconfigured.
fn printable(text: &str) -> String {
    text.chars().filter(|char| !char.is_control()).collect()
}

#[cfg(test)]
mod tests;
