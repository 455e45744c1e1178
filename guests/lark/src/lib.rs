//! `lark`: one card for each event, to a custom bot of a group in Lark or Feishu.
//!
//! Knows the bot's webhook, its signature and its answers:
//! <https://open.larksuite.com/document/client-docs/bot-v3/add-custom-bot>.

mod answer;
mod card;

use herald_provider::{
    Action, Delivery, Description, Encoding, Failure, Fragment, Hash, Hmac, Module, Places, Plain,
    Provider, Purpose, Request, Url, module, place,
};

use crate::card::Version;

/// The key of the bot's signature verification, where that is on.
const SECRET: &str = "secret";

struct Lark;
module!(Lark);

impl Module for Lark {
    fn describe() -> Description {
        Description {
            secrets: vec![place(SECRET, Places::SIGNATURE)],
            config_schema: include_str!("config-schema.json").to_owned(),
            ..Description::new("A card in a Lark or Feishu group", Purpose::Message)
        }
    }

    fn check(provider: &Provider) -> Vec<String> {
        provider.http_address_problem().into_iter().collect()
    }

    fn next(delivery: Delivery) -> Result<Action, Failure> {
        if let Some(response) = delivery.responses.last() {
            return answer::judge(response);
        }
        let provider = &delivery.provider;
        let body = card::message(&delivery.event, Version::of(&provider.options()));
        let mut request = Request::post_json(Url::address(), String::new());
        request.body = if provider.has_secret(SECRET) {
            signed(&body, &delivery.now.seconds.to_string())
        } else {
            vec![Fragment::Text(body)]
        };
        Ok(request.ask_expecting(&answer::EXPECTED))
    }
}

/// The body with its time and signature. What is signed is nothing, under a key made of the time and the secret.
fn signed(body: &str, timestamp: &str) -> Vec<Fragment> {
    let signature = Hmac {
        hash: Hash::Sha256,
        key: vec![Plain::Text([timestamp, "\n"].concat()), Plain::Secret(SECRET.to_owned())],
        message: Vec::new(),
        encoding: Encoding::Base64,
    };
    let members = body.strip_prefix('{').unwrap_or(body);
    vec![
        Fragment::Text([r#"{"timestamp":""#, timestamp, r#"","sign":""#].concat()),
        Fragment::Hmac(signature),
        Fragment::Text([r#"","#, members].concat()),
    ]
}

#[cfg(test)]
mod tests;
