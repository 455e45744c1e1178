//! `telegram`: one message for each event, through a bot.
//!
//! Knows one method of the Bot API: <https://core.telegram.org/bots/api#sendmessage>. The Provider's address is not used,
//! as in Flux; the bot's token is a part of the path.

mod answer;
mod message;

use herald_provider::{
    Action, Base, Delivery, Description, Failure, Fragment, Module, Places, Provider, Purpose,
    Request, Url, json, module, place,
};

use crate::message::Markup;

const HOST: &str = "api.telegram.org";
const TOKEN: &str = "token";
const NO_TOKEN: &str =
    "there is no bot token: put it in the Secret of spec.secretRef under `token`";
const NO_CHAT: &str = "there is no chat: set spec.channel to a chat's id or @name, with `:<topic id>` behind it for a topic";
const BAD_THREAD: &str =
    "what follows the colon in spec.channel is no topic's id: it has to be a number";

struct Telegram;
module!(Telegram);

impl Module for Telegram {
    fn describe() -> Description {
        Description {
            hosts: vec![HOST.to_owned()],
            secrets: vec![place(TOKEN, Places::PATH)],
            config_schema: include_str!("config-schema.json").to_owned(),
            ..Description::new("A message in a Telegram chat", Purpose::Message)
        }
    }

    fn check(provider: &Provider) -> Vec<String> {
        let token = (!provider.has_secret(TOKEN)).then_some(NO_TOKEN);
        let chat = Chat::parse(&provider.channel).err();
        chat.into_iter().chain(token).map(str::to_owned).collect()
    }

    fn next(delivery: Delivery) -> Result<Action, Failure> {
        if let Some(response) = delivery.responses.last() {
            return answer::judge(response);
        }
        let provider = &delivery.provider;
        let chat = Chat::parse(&provider.channel).map_err(Failure::misconfigured)?;
        if !provider.has_secret(TOKEN) {
            return Err(Failure::misconfigured(NO_TOKEN));
        }
        let markup = match provider.options()["format"].as_str() {
            Some("html") => Markup::Html,
            _ => Markup::Markdown,
        };
        let text = message::text(&delivery.event, markup);
        let body = json::object(128 + 2 * text.len(), |o| {
            o.text("chat_id", chat.id);
            if let Some(thread) = chat.thread {
                o.number("message_thread_id", thread);
            }
            o.text("text", &text).text("parse_mode", markup.name());
        });
        let url = Url {
            base: Base::Site(["https://", HOST].concat()),
            path: vec![
                vec![Fragment::text("bot"), Fragment::secret(TOKEN)],
                vec![Fragment::text("sendMessage")],
            ],
            query: Vec::new(),
        };
        Ok(Request::post_json(url, body).ask_expecting(&answer::EXPECTED))
    }
}

/// Where the message goes.
#[derive(Debug, PartialEq, Eq)]
struct Chat<'a> {
    id: &'a str,
    /// A topic of a forum.
    thread: Option<i64>,
}

impl<'a> Chat<'a> {
    /// Reads `<chat>` or `<chat>:<topic>`, or says what to change.
    fn parse(channel: &'a str) -> Result<Self, &'static str> {
        let (id, thread) = channel.split_once(':').unwrap_or((channel, ""));
        if id.is_empty() {
            return Err(NO_CHAT);
        }
        let thread = match thread {
            "" => None,
            digits => Some(digits.parse().map_err(|_| BAD_THREAD)?),
        };
        Ok(Self { id, thread })
    }
}

#[cfg(test)]
mod tests;
