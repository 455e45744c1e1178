//! `zulip`: one message for each event, in a topic of a Zulip channel.
//!
//! Knows one call of Zulip's REST API: <https://zulip.com/api/send-message>. The path of the Provider's address is not
//! used, as in Flux.

mod answer;
mod channel;
mod content;
mod form;

use herald_provider::{
    Action, Base, Delivery, Description, Failure, Fragment, Module, Places, Provider, Purpose,
    Request, Url, basic, module, place,
};

use crate::channel::Channel;

const PASSWORD: &str = "password";
const NO_PASSWORD: &str =
    "there is no API key: put the bot's into the Secret of spec.secretRef under `password`";
const NO_USERNAME: &str =
    "there is no bot: put its email into the Secret of spec.secretRef under `username`";

struct Zulip;
module!(Zulip);

impl Module for Zulip {
    fn describe() -> Description {
        Description {
            secrets: vec![place(PASSWORD, Places::HEADER)],
            ..Description::new("A message in a topic of a Zulip channel", Purpose::Message)
        }
    }

    fn check(provider: &Provider) -> Vec<String> {
        let channel = Channel::parse(&provider.channel).err();
        let address = provider.http_address_problem();
        let username = provider.username.is_empty().then_some(NO_USERNAME);
        let password = (!provider.has_secret(PASSWORD)).then_some(NO_PASSWORD);
        let others = channel.into_iter().chain(username).chain(password).map(str::to_owned);
        address.into_iter().chain(others).collect()
    }

    fn next(delivery: Delivery) -> Result<Action, Failure> {
        if let Some(response) = delivery.responses.last() {
            return answer::judge(response);
        }
        let provider = &delivery.provider;
        if provider.username.is_empty() {
            return Err(Failure::misconfigured(NO_USERNAME));
        }
        if !provider.has_secret(PASSWORD) {
            return Err(Failure::misconfigured(NO_PASSWORD));
        }
        let channel = Channel::parse(&provider.channel).map_err(Failure::misconfigured)?;
        let body = form::encode(&[
            ("content", &content::of(&delivery.event)),
            ("to", channel.name),
            ("topic", channel.topic),
            ("type", "stream"),
        ]);
        let request = Request {
            method: "POST".to_owned(),
            url: Url::new(Base::Origin, ["api", "v1", "messages"]),
            headers: Vec::new(),
            body: vec![Fragment::Text(body)],
        };
        Ok(request
            .with_header("content-type", vec![Fragment::text("application/x-www-form-urlencoded")])
            .with_header("authorization", basic(&provider.username, PASSWORD))
            .ask_expecting(&answer::EXPECTED))
    }
}

#[cfg(test)]
mod tests;
