//! `rocket`: one attachment for each event, to an incoming webhook of Rocket.Chat.
//!
//! Knows how such a webhook reads a message and answers:
//! <https://docs.rocket.chat/docs/integrations> and, where that is silent, `processWebhookMessage` and `sendMessage` in
//! <https://github.com/RocketChat/Rocket.Chat/tree/develop/apps/meteor/app/lib/server/functions>.

mod answer;
mod message;

use herald_provider::{
    Action, Delivery, Description, Failure, Module, Provider, Purpose, Request, Url, module,
};

struct Rocket;
module!(Rocket);

impl Module for Rocket {
    fn describe() -> Description {
        Description::new("A message in a Rocket.Chat room", Purpose::Message)
    }

    fn check(provider: &Provider) -> Vec<String> {
        provider.http_address_problem().into_iter().collect()
    }

    fn next(delivery: Delivery) -> Result<Action, Failure> {
        if let Some(response) = delivery.responses.last() {
            return answer::judge(response, delivery.now.seconds);
        }
        let provider = &delivery.provider;
        let body = message::body(&delivery.event, &provider.channel, &provider.username);
        Ok(Request::post_json(Url::address(), body).ask_expecting(&answer::EXPECTED))
    }
}

#[cfg(test)]
mod tests;
