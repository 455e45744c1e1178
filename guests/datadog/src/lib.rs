//! `datadog`: an event in Datadog for each event.
//!
//! Knows "Post an event" of the API v1: <https://docs.datadoghq.com/api/latest/events/#post-an-event>. Of the address only
//! the origin counts. The API v2 has no kind of event that this would be.

mod event;

use herald_provider::{
    Action, Base, Delivery, Description, Failure, Fragment, Module, Places, Provider, Purpose,
    Request, Response, Url, module, place,
};

const KEY: &str = "token";
const NO_KEY: &str =
    "there is no API key: put one of Datadog's in the Secret of spec.secretRef under `token`";

struct Datadog;
module!(Datadog);

impl Module for Datadog {
    fn describe() -> Description {
        Description {
            secrets: vec![place(KEY, Places::HEADER)],
            ..Description::new("An event in Datadog", Purpose::Message)
        }
    }

    fn check(provider: &Provider) -> Vec<String> {
        let key = (!provider.has_secret(KEY)).then(|| NO_KEY.to_owned());
        provider.http_address_problem().into_iter().chain(key).collect()
    }

    fn next(delivery: Delivery) -> Result<Action, Failure> {
        if let Some(response) = delivery.responses.last() {
            return judge(response);
        }
        if !delivery.provider.has_secret(KEY) {
            return Err(Failure::misconfigured(NO_KEY));
        }
        let url = Url::new(Base::Origin, ["api", "v1", "events"]);
        // How long to wait stands in a header of its own kind.
        Ok(Request::post_json(url, event::body(&delivery))
            .with_header("accept", vec![Fragment::text("application/json")])
            .with_header("dd-api-key", vec![Fragment::secret(KEY)])
            .ask_expecting(&[429]))
    }
}

/// Judges an answer with a 2xx status, or 429; the host has judged all others.
fn judge(response: &Response) -> Result<Action, Failure> {
    if response.status != 429 {
        return Ok(Action::delivered());
    }
    // The seconds that are left, where others give a point in time
    // (<https://docs.datadoghq.com/api/latest/rate-limits/>).
    let reset = response.header("x-ratelimit-reset").and_then(|value| value.trim().parse().ok());
    Err(Failure::later_after(
        "Datadog answered 429: too many requests",
        response.retry_after().or(reset),
    ))
}

#[cfg(test)]
mod tests;
