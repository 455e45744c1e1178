//! What the Bot API's answer means: `ok` says whether it worked, whatever the status.

use herald_provider::json::{self, Value};
use herald_provider::{Action, Failure, Response};

/// Statuses besides 2xx whose body says more than the status does.
pub(crate) const EXPECTED: [u16; 5] = [400, 401, 403, 404, 429];

/// Judges an answer with a 2xx status or an expected one; the host has judged all others.
pub(crate) fn judge(response: &Response) -> Result<Action, Failure> {
    let answer = response.json().unwrap_or(Value::Null);
    let is_success = (200..300).contains(&response.status);
    match answer["ok"].as_bool() {
        Some(true) if is_success => return Ok(Action::delivered()),
        // A page of a proxy is not Telegram's word that the message was sent; at worst it appears twice.
        None if is_success => {
            return Err(Failure::later(
                "the answer is not one of Telegram's: is a proxy in between?",
            ));
        }
        _ => {}
    }
    let code = answer["error_code"]
        .as_u64()
        .and_then(|code| u16::try_from(code).ok())
        .unwrap_or(response.status);
    let description = answer["description"].as_str().unwrap_or("no description");
    let said = |advice: &str| {
        ["Telegram answered ", &code.to_string(), ": ", description, advice].concat()
    };
    Err(match code {
        401 | 404 => Failure::misconfigured(said(": check the bot's `token` in the Secret")),
        403 => Failure::misconfigured(said(": let the bot into the chat that spec.channel names")),
        429 => {
            let hint = json::whole_seconds(&answer["parameters"]["retry_after"]);
            Failure::later_after(said(""), hint.or_else(|| response.retry_after()))
        }
        500..=599 => Failure::later(said("")),
        // <https://core.telegram.org/bots/api#responseparameters>.
        _ if answer["parameters"]["migrate_to_chat_id"].is_number() => {
            let id = answer["parameters"]["migrate_to_chat_id"].to_string();
            Failure::misconfigured([&said(": set spec.channel to "), id.as_str()].concat())
        }
        _ if is_about_the_chat(description) => {
            Failure::misconfigured(said(": check spec.channel and what the bot may do there"))
        }
        _ => Failure::rejected(said("")),
    })
}

/// Whether the Provider is to blame and not the message. Telegram has no codes for these, only descriptions.
fn is_about_the_chat(description: &str) -> bool {
    ["chat not found", "thread not found", "TOPIC_CLOSED", "TOPIC_DELETED", "not enough rights"]
        .iter()
        .any(|sign| description.contains(sign))
}
