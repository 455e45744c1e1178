//! `discord`: one embed for each event, to the Slack-compatible side of a webhook.
//!
//! Knows Discord's webhooks, their limits and their Markdown: <https://docs.discord.com/developers/resources/webhook>.

mod markdown;
mod message;

use herald_provider::{
    Action, Base, Delivery, Description, Failure, Module, Provider, Purpose, Request, Response,
    Url, json, module,
};

struct Discord;
module!(Discord);

impl Module for Discord {
    fn describe() -> Description {
        Description::new("A message in a Discord channel", Purpose::Message)
    }

    fn check(provider: &Provider) -> Vec<String> {
        provider.http_address_problem().into_iter().collect()
    }

    fn next(delivery: Delivery) -> Result<Action, Failure> {
        if let Some(response) = delivery.responses.last() {
            return judge(response);
        }
        let body = message::body(&delivery.event, &delivery.provider.username);
        let url = Url::new(Base::AddressEnding, ["slack"]);
        // How long to wait stands in the answer's body.
        Ok(Request::post_json(url, body).ask_expecting(&[429]))
    }
}

/// Judges an answer with a 2xx status, or 429; the host has judged all others.
fn judge(response: &Response) -> Result<Action, Failure> {
    if response.status != 429 {
        return Ok(Action::delivered());
    }
    // Seconds with a fraction (<https://docs.discord.com/developers/topics/rate-limits>). What Discord's edge answers is
    // not JSON and has only the header.
    let hint = response.json().and_then(|answer| json::whole_seconds(&answer["retry_after"]));
    Err(Failure::later_after(
        "Discord answered 429: too many messages",
        hint.or_else(|| response.retry_after()),
    ))
}

#[cfg(test)]
mod tests;
