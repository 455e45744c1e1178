//! What answers mean: nearly all that can go wrong is a 400, and how long to wait stands in a header of its own.

use herald_provider::{Action, Failure, Response, text};

/// What Rocket.Chat answers besides 2xx that needs a second look.
pub(crate) const EXPECTED: [u16; 2] = [400, 429];

/// How much of an answer is shown.
const SHOWN: usize = 200;

/// The longest wait that is believed, in seconds. A window of Rocket.Chat's rate limiter is one minute as a rule; a
/// time that is further away comes from another clock.
const LONGEST_WAIT: u64 = 600;

/// Judges an answer with a 2xx status, 400 or 429; the host has judged all others. `now` is in seconds since 1970.
pub(crate) fn judge(response: &Response, now: i64) -> Result<Action, Failure> {
    if response.status == 429 {
        return Err(Failure::later_after(
            "Rocket.Chat answered 429: too many requests",
            response.retry_after().or_else(|| until_reset(response, now)),
        ));
    }
    let answer = response.json().unwrap_or_default();
    // A script of the integration may answer 200 with anything, so only a plain `false` counts there.
    if response.status != 400 && answer["success"] != false {
        return Ok(Action::delivered());
    }
    let error = answer["error"].as_str().unwrap_or("no error named");
    let said = ["Rocket.Chat answered: ", &text::truncate(error, SHOWN)].concat();
    Err(match what_to_change(error) {
        Some(advice) => Failure::misconfigured([said.trim_end_matches('.'), ": ", advice].concat()),
        None => Failure::rejected(said),
    })
}

/// The seconds until `x-ratelimit-reset`, which is in milliseconds since 1970.
fn until_reset(response: &Response, now: i64) -> Option<u32> {
    let reset: u64 = response.header("x-ratelimit-reset")?.trim().parse().ok()?;
    let wait = reset.div_ceil(1000).checked_sub(u64::try_from(now).ok()?)?;
    (wait <= LONGEST_WAIT).then(|| u32::try_from(wait).ok()).flatten()
}

/// What the owner has to do about this error; none when it is about the message.
fn what_to_change(error: &str) -> Option<&'static str> {
    Some(match error {
        "Invalid integration id or token provided." => {
            "give the Provider the address that the integration shows"
        }
        "overriding destination channel is disabled for this integration" => {
            "remove spec.channel, or let the integration override its channel"
        }
        "invalid-channel" | "error-invalid-channel" | "error-invalid-room" => {
            "set spec.channel to a #room or @user that exists"
        }
        "Not enough permission" => {
            "give the integration's user the permission message-impersonate, or remove spec.username"
        }
        "error-not-allowed"
        | "room_is_blocked"
        | "You can't send messages because the room is readonly."
        | "You_have_been_muted" => "let the integration's user write in the room",
        "error-running-script" => "correct the integration's script",
        _ => return None,
    })
}
