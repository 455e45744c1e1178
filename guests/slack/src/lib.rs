//! `slack`: one attachment for each event, to an incoming webhook or to `chat.postMessage`.
//!
//! Knows Slack's formats and answers: <https://docs.slack.dev/messaging/formatting-message-text>,
//! <https://docs.slack.dev/reference/block-kit> and <https://docs.slack.dev/reference/methods/chat.postMessage>.

mod answer;
mod blocks;
mod escape;
mod message;

use herald_provider::{
    Action, Delivery, Description, Failure, Module, Places, Provider, Purpose, Request, Url,
    bearer, module, place,
};

struct Slack;
module!(Slack);

impl Module for Slack {
    fn describe() -> Description {
        Description {
            secrets: vec![place("token", Places::HEADER)],
            config_schema: include_str!("config-schema.json").to_owned(),
            ..Description::new("A message in a Slack channel", Purpose::Message)
        }
    }

    fn check(provider: &Provider) -> Vec<String> {
        let mut problems: Vec<String> = provider.http_address_problem().into_iter().collect();
        if is_web_api(provider) {
            if !provider.has_secret("token") {
                problems.push(
                    "slack.com asks for a bot token: put it in the Secret under `token`".to_owned(),
                );
            }
            if provider.channel.is_empty() {
                problems.push("slack.com asks for a channel: set spec.channel".to_owned());
            }
        }
        problems
    }

    fn next(delivery: Delivery) -> Result<Action, Failure> {
        if let Some(response) = delivery.responses.last() {
            return answer::judge(response);
        }
        let provider = &delivery.provider;
        let (event, channel, username) = (&delivery.event, &provider.channel, &provider.username);
        let body = if provider.options()["format"] == "blocks" {
            blocks::body(event, channel, username)
        } else {
            message::body(event, channel, username)
        };
        let mut request = Request::post_json(Url::address(), body);
        if provider.has_secret("token") {
            request = request.with_header("authorization", bearer("token"));
        }
        // A webhook answers with its status; the Web API says 200 and means it only when the body says so too.
        Ok(if is_web_api(provider) { request.ask() } else { request.finish() })
    }
}

/// Whether the address leads to a method of the Web API. Webhooks have a host of their own, `hooks.slack.com`.
fn is_web_api(provider: &Provider) -> bool {
    provider.origin().is_some_and(|origin| {
        let host = origin.host.strip_suffix('.').unwrap_or(&origin.host);
        // The second is GovSlack.
        ["slack.com", "slack-gov.com"].iter().any(|name| host.eq_ignore_ascii_case(name))
    })
}

#[cfg(test)]
mod tests;
