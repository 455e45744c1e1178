//! `googlechat`: one card for each event, to a space's incoming webhook.
//!
//! Knows Google Chat's cards in both versions, and the request id that keeps a message from being posted twice:
//! <https://developers.google.com/workspace/chat/api/reference/rest/v1/spaces.messages/create>.

mod answer;
mod message;

use herald_provider::{
    Action, Delivery, Description, Failure, Module, Provider, Purpose, Request, Url, module,
};

use message::Format;

struct GoogleChat;
module!(GoogleChat);

impl Module for GoogleChat {
    fn describe() -> Description {
        Description {
            config_schema: include_str!("config-schema.json").to_owned(),
            ..Description::new("A card in a Google Chat space", Purpose::Message)
        }
    }

    fn check(provider: &Provider) -> Vec<String> {
        provider.http_address_problem().into_iter().collect()
    }

    fn next(delivery: Delivery) -> Result<Action, Failure> {
        if let Some(response) = delivery.responses.last() {
            return answer::judge(response);
        }
        let format = Format::of(&delivery.provider);
        let url = match format {
            // The address stays as Flux calls it.
            Format::Cards => Url::address(),
            // Google answers a request that it has seen with the message that it made of it.
            Format::CardsV2 => Url::address().with_query("requestId", &delivery.id),
        };
        let body = message::body(&delivery.event, format);
        Ok(Request::post_json(url, body).ask_expecting(&answer::EXPECTED))
    }
}

#[cfg(test)]
mod tests;
