//! `webex`: one Markdown message for each event, to a room, through a bot or an incoming webhook.
//!
//! Knows one method of the Webex API, <https://developer.webex.com/docs/api/v1/messages/create-a-message>, and the app
//! Incoming Webhooks, whose URL stands for the room and the right to write there:
//! <https://apphub.webex.com/applications/incoming-webhooks-cisco-systems-38054-23307-75252>.

mod message;

use herald_provider::{
    Action, Delivery, Description, Failure, Module, Places, Provider, Purpose, Request, Url,
    bearer, json, module, place,
};

const TOKEN: &str = "token";
const NO_TOKEN: &str =
    "there is no bot token: put it in the Secret of spec.secretRef under `token`";
const NO_ROOM: &str = "there is no room: set spec.channel to the room's id";

struct Webex;
module!(Webex);

impl Module for Webex {
    fn describe() -> Description {
        Description {
            secrets: vec![place(TOKEN, Places::HEADER)],
            ..Description::new("A message in a Webex room", Purpose::Message)
        }
    }

    fn check(provider: &Provider) -> Vec<String> {
        let mut problems: Vec<String> = provider.http_address_problem().into_iter().collect();
        if is_webhook(provider) {
            return problems;
        }
        let room = provider.channel.is_empty().then_some(NO_ROOM);
        let token = (!provider.has_secret(TOKEN)).then_some(NO_TOKEN);
        problems.extend(room.into_iter().chain(token).map(str::to_owned));
        problems
    }

    fn next(delivery: Delivery) -> Result<Action, Failure> {
        let provider = &delivery.provider;
        // Webex would refuse the message, and say less about why.
        let problems = Self::check(provider);
        if !problems.is_empty() {
            return Err(Failure::misconfigured(problems.join("; ")));
        }
        let markdown = message::markdown(&delivery.event);
        let body = json::object(64 + provider.channel.len() + 2 * markdown.len(), |o| {
            o.text_unless_empty("roomId", &provider.channel).text("markdown", &markdown);
        });
        let request = Request::post_json(Url::address(), body);
        Ok(match is_webhook(provider) {
            true => request.finish(),
            false => request.with_header("authorization", bearer(TOKEN)).finish(),
        })
    }
}

/// Whether nothing but the address says where to write and who may.
fn is_webhook(provider: &Provider) -> bool {
    provider.channel.is_empty() && !provider.has_secret(TOKEN)
}

#[cfg(test)]
mod tests;
