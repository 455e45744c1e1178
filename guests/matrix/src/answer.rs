//! What a homeserver's answer means.

use herald_provider::json::Value;
use herald_provider::{Action, Failure, Response};

/// Besides 2xx: too many requests, where older servers say only in the body how long to wait.
pub(crate) const EXPECTED: [u16; 1] = [429];

const NO_HOMESERVER: &str = "the answer is not one of a homeserver's: is a proxy in between, or does spec.address lead elsewhere?";

/// The id that the directory has for an alias.
pub(crate) fn room(response: &Response) -> Result<String, Failure> {
    let answer = read(response)?;
    answer["room_id"]
        .as_str()
        .filter(|id| id.starts_with('!'))
        .map(str::to_owned)
        .ok_or_else(|| Failure::later(NO_HOMESERVER))
}

/// Judges the answer to the message.
pub(crate) fn judge(response: &Response) -> Result<Action, Failure> {
    // A page of a proxy is not the server's word that it has the message. Sending again is harmless: the transaction is
    // the same.
    match read(response)?["event_id"].as_str() {
        Some(_) => Ok(Action::delivered()),
        None => Err(Failure::later(NO_HOMESERVER)),
    }
}

/// An answer with a 2xx status as JSON; the host has judged all others but the expected one.
fn read(response: &Response) -> Result<Value, Failure> {
    let answer = response.json().unwrap_or(Value::Null);
    if response.status != 429 {
        return Ok(answer);
    }
    // `retry_after_ms` was the only hint before version 1.10 of the specification
    // (<https://spec.matrix.org/latest/client-server-api/#rate-limiting>).
    let hint = || {
        let seconds = answer["retry_after_ms"].as_u64()?.div_ceil(1000);
        Some(u32::try_from(seconds).unwrap_or(u32::MAX))
    };
    let errcode = answer["errcode"].as_str().unwrap_or("M_LIMIT_EXCEEDED");
    let reason = ["the homeserver answered 429: ", errcode].concat();
    Err(Failure::later_after(reason, response.retry_after().or_else(hint)))
}
