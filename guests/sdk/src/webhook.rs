//! The whole event to a webhook of the user's own: what `generic` sends, and `generic-hmac` signs.

use crate::{Delivery, Fragment, Request, Url, event_json};

/// The event as JSON to the address, with the headers that the user put in the Secret. The module has to declare
/// `headers/*`.
#[must_use]
pub fn event_request(delivery: &Delivery) -> Request {
    webhook_request(delivery, "application/json", event_json(&delivery.event))
}

/// The same with another form of the event as its body.
#[must_use]
pub fn webhook_request(delivery: &Delivery, content_type: &str, body: String) -> Request {
    // Sent even when it is empty, as Flux does.
    let component = printable(&delivery.event.reporting_controller);
    // The user's headers come last, so that they win.
    Request::post_json(Url::address(), body)
        .with_header("content-type", vec![Fragment::text(content_type)])
        .with_header("gotk-component", vec![Fragment::Text(component)])
        .with_headers_of(&delivery.provider)
}

/// The text without control characters, and without blanks at its ends. No header can carry them, and an event must not
/// be able to make a Provider look misconfigured.
fn printable(text: &str) -> String {
    text.chars().filter(|char| !char.is_control()).collect::<String>().trim().to_owned()
}
