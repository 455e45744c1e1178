//! What Lark's answer means: it says 200 and tells failure by a code in the body.

use herald_provider::json::Value;
use herald_provider::{Action, Failure, Response};

/// Statuses besides 2xx whose body says more than the status does: a limit may come as 400
/// (<https://open.larksuite.com/document/server-docs/api-call-guide/frequency-control>), and 429 has its hint in a
/// header of Lark's own.
pub(crate) const EXPECTED: [u16; 2] = [400, 429];

/// Judges an answer with a 2xx status or an expected one; the host has judged all others.
pub(crate) fn judge(response: &Response) -> Result<Action, Failure> {
    let answer = response.json().unwrap_or(Value::Null);
    let is_success = (200..300).contains(&response.status);
    // The old names stand beside the new ones in a success; older webhooks have no others.
    let member = |new: &str, old: &str| {
        answer.get(new).or_else(|| answer.get(old)).cloned().unwrap_or(Value::Null)
    };
    let code = member("code", "StatusCode").as_i64();
    let msg = member("msg", "StatusMessage");
    let msg = msg.as_str().unwrap_or("no message");
    let reset =
        response.header("x-ogw-ratelimit-reset").and_then(|value| value.trim().parse().ok());
    let hint = reset.or_else(|| response.retry_after());
    let Some(code) = code else {
        return Err(match response.status {
            429 => Failure::later_after("the receiver answered 429", hint),
            400 => Failure::rejected("the receiver answered 400, and not as Lark does"),
            // A page of a proxy is not Lark's word that the card was sent; at worst it appears twice.
            _ => Failure::later("the answer is not one of Lark's: is a proxy in between?"),
        });
    };
    if code == 0 && is_success {
        return Ok(Action::delivered());
    }
    let said = |advice: &str| ["Lark answered ", &code.to_string(), ": ", msg, advice].concat();
    Err(match code {
        19_001 => Failure::misconfigured(said(": the address is not that of a bot: copy it anew")),
        19_021 => Failure::misconfigured(said(
            ": put the bot's key into the Secret under `secret`, without a line break at its end",
        )),
        19_022 => {
            Failure::misconfigured(said(": add Herald's address to those that the bot allows"))
        }
        19_024 => Failure::misconfigured(said(
            ": none of the bot's keywords is in the message: have the bot verify signatures instead",
        )),
        // Frequency limits: the bot's, under load, and of the platform; and an error of Lark's own.
        11_232 | 11_233 | 99_991_400 | 2_200 => Failure::later_after(said(""), hint),
        // The same code for a message that it cannot read and for too many of them.
        9_499 if !msg.starts_with("Bad Request") => Failure::later_after(said(""), hint),
        _ if response.status == 429 => Failure::later_after(said(""), hint),
        _ => Failure::rejected(said("")),
    })
}
