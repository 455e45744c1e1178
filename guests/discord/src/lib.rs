//! `discord`: one embed for each event, to a webhook or its Slack-compatible side.
//!
//! Knows Discord's webhooks, their limits and their Markdown: <https://docs.discord.com/developers/resources/webhook>.

mod markdown;
mod message;

use herald_provider::{
    Action, Base, Delivery, Description, Failure, Module, Provider, Purpose, Request, Response,
    Url, json, module, text,
};

struct Discord;
module!(Discord);

impl Module for Discord {
    fn describe() -> Description {
        Description {
            config_schema: include_str!("config-schema.json").to_owned(),
            ..Description::new("A message in a Discord channel", Purpose::Message)
        }
    }

    fn check(provider: &Provider) -> Vec<String> {
        provider.http_address_problem().into_iter().collect()
    }

    fn next(delivery: Delivery) -> Result<Action, Failure> {
        let is_embed = delivery.provider.options()["format"] == "embeds";
        if let Some(response) = delivery.responses.last() {
            return judge(response, is_embed);
        }
        let (event, username) = (&delivery.event, &delivery.provider.username);
        Ok(if is_embed {
            // Without `wait` Discord answers before it knows whether it takes the message.
            let url = Url::address().with_query("wait", "true");
            Request::post_json(url, message::embed(event, username)).ask_expecting(&[400, 429])
        } else {
            let url = Url::new(Base::AddressEnding, ["slack"]);
            // How long to wait stands in the answer's body.
            Request::post_json(url, message::attachment(event, username)).ask_expecting(&[429])
        })
    }
}

/// The code of "Cannot send an empty message" (<https://docs.discord.com/developers/topics/opcodes-and-status-codes#json>).
const EMPTY_MESSAGE: u64 = 50_006;

/// The most that is quoted of an answer.
const SAID_LIMIT: usize = 300;

/// Judges an answer with a 2xx status or an expected one; the host has judged all others.
fn judge(response: &Response, is_embed: bool) -> Result<Action, Failure> {
    let answer = response.json().unwrap_or_default();
    match response.status {
        429 => {
            // Seconds with a fraction (<https://docs.discord.com/developers/topics/rate-limits>). What Discord's edge
            // answers is not JSON and has only the header.
            let hint = json::whole_seconds(&answer["retry_after"]);
            Err(Failure::later_after(
                "Discord answered 429: too many messages",
                hint.or_else(|| response.retry_after()),
            ))
        }
        // Only the Slack-compatible side passes over embeds and finds nothing left.
        400 if is_embed && answer["code"] == EMPTY_MESSAGE => Err(Failure::misconfigured(
            "Discord answered 400: Cannot send an empty message: with spec.config.format `embeds` \
             the address must not end in /slack",
        )),
        400 => {
            let said = String::from_utf8_lossy(&response.body);
            let said = text::truncate(&said, SAID_LIMIT);
            Err(Failure::rejected(["Discord answered 400; it said: ", &said].concat()))
        }
        _ => Ok(Action::delivered()),
    }
}

#[cfg(test)]
mod tests;
