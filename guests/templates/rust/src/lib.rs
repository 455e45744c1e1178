//! A message for each event, published as JSON to a topic of an ntfy server.
//!
//! Knows <https://docs.ntfy.sh/publish/#publish-as-json>: the server's root takes it, with an access token if it asks for
//! one.

mod message;

use herald_provider::{
    Action, Delivery, Description, Failure, Module, Places, Provider, Purpose, Request, Url,
    bearer, module, place,
};

/// The key of the Secret for an access token.
const TOKEN: &str = "token";
/// The longest name of a topic.
const MAX_TOPIC_CHARS: usize = 64;

struct Ntfy;
module!(Ntfy);

impl Module for Ntfy {
    fn describe() -> Description {
        Description {
            secrets: vec![place(TOKEN, Places::HEADER)],
            ..Description::new("A message in a topic of ntfy", Purpose::Message)
        }
    }

    fn check(provider: &Provider) -> Vec<String> {
        provider.http_address_problem().into_iter().chain(topic_problem(provider)).collect()
    }

    fn next(delivery: Delivery) -> Result<Action, Failure> {
        let provider = &delivery.provider;
        if let Some(problem) = topic_problem(provider) {
            return Err(Failure::misconfigured(problem));
        }
        let body = message::body(&delivery.event, &provider.channel);
        let mut request = Request::post_json(Url::address(), body);
        if provider.has_secret(TOKEN) {
            request = request.with_header("authorization", bearer(TOKEN));
        }
        Ok(request.finish())
    }
}

/// What is wrong with the topic, which is the Provider's channel.
fn topic_problem(provider: &Provider) -> Option<String> {
    let topic = &provider.channel;
    let is_plain = topic.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if topic.is_empty() {
        Some("there is no topic: set spec.channel to its name".to_owned())
    } else if !is_plain || topic.len() > MAX_TOPIC_CHARS {
        Some(
            "spec.channel is no name of a topic: it may have letters, digits, - and _, 64 at most"
                .to_owned(),
        )
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
