//! What Zulip's answer means: `result` says whether it worked, `code` and `msg` why not.

use herald_provider::json::{self, Value};
use herald_provider::{Action, Failure, Response};

/// Statuses besides 2xx whose body says more than the status does: 400 stands for a channel that is not there as well
/// as for a wrong message, and the hint of a 429 may have decimals, with which it is no valid `Retry-After`.
pub(crate) const EXPECTED: [u16; 2] = [400, 429];

/// Judges an answer with a 2xx status or an expected one; the host has judged all others.
pub(crate) fn judge(response: &Response) -> Result<Action, Failure> {
    let answer = response.json().unwrap_or(Value::Null);
    let is_success = (200..300).contains(&response.status);
    let msg = answer["msg"].as_str().unwrap_or("no message");
    let said = |advice: &str| ["Zulip answered: ", msg, advice].concat();
    if response.status == 429 {
        let hint = json::whole_seconds(&answer["retry-after"]);
        return Err(Failure::later_after(said(""), hint.or_else(|| response.retry_after())));
    }
    match answer["result"].as_str() {
        Some("success") if is_success => Ok(Action::delivered()),
        Some("error") => Err(match answer["code"].as_str() {
            Some("RATE_LIMIT_HIT") => {
                Failure::later_after(said(""), json::whole_seconds(&answer["retry-after"]))
            }
            // What a message alone could be refused for with the general code, the content has not: it is never empty,
            // mentions nobody and has no NUL. What is left is the channel, and what the bot may do there.
            Some("STREAM_DOES_NOT_EXIST" | "UNAUTHORIZED_PRINCIPAL" | "BAD_REQUEST") => {
                Failure::misconfigured(said(": check spec.channel and what the bot may do there"))
            }
            _ => Failure::rejected(said("")),
        }),
        // A page of a proxy is not Zulip's word that the message was sent; at worst it appears twice.
        _ if is_success => Err(Failure::later(
            "the answer is not one of Zulip's: is a proxy in between, or does spec.address lead elsewhere?",
        )),
        _ => Err(Failure::rejected("the receiver answered 400, and not as Zulip does")),
    }
}
