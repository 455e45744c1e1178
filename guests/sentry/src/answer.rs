//! Sentry's answer, and how long it asks not to be told again.
//!
//! Knows the header of its rate limits: <https://develop.sentry.dev/sdk/foundations/transport/rate-limiting/>.

use herald_provider::{Action, Delivery, Failure, Response};

/// The wait where Sentry says 429 and no time.
const WAIT_WITHOUT_HINT: u32 = 60;

/// Judges an answer with a 2xx status, or 429; the host has judged all others.
pub(crate) fn judge(response: &Response, delivery: &Delivery) -> Result<Action, Failure> {
    if response.status != 429 {
        return Ok(Action::delivered());
    }
    let category = if delivery.event.is_error() { "error" } else { "transaction" };
    let limits = response.header("x-sentry-rate-limits").unwrap_or_default();
    // The host reads `retry-after` where no time is named.
    let otherwise = response.header("retry-after").is_none().then_some(WAIT_WITHOUT_HINT);
    Err(Failure::later_after(
        "Sentry answered 429: too many events",
        wait(limits, category).or(otherwise),
    ))
}

/// The longest wait of the limits that hold for this category: `SECONDS:CATEGORIES:SCOPE…` with commas between limits and
/// semicolons between categories, of which none stands for all.
fn wait(limits: &str, category: &str) -> Option<u32> {
    limits
        .split(',')
        .filter_map(|limit| {
            let mut parts = limit.trim().split(':');
            let seconds = parts.next()?.trim().parse().ok()?;
            let categories = parts.next().unwrap_or_default();
            let holds = categories.is_empty() || categories.split(';').any(|one| one == category);
            holds.then_some(seconds)
        })
        .max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_limit_of_the_category_holds() {
        for (limits, category, expected) in [
            ("60:transaction:key", "transaction", Some(60)),
            ("60:transaction:key", "error", None),
            ("60:error;transaction:org, 2700::organization", "error", Some(2700)),
            ("10:default;error:project:quota:ns,  30:attachment:key", "error", Some(10)),
            ("10", "error", Some(10)),
            ("", "error", None),
            ("soon:error:key", "error", None),
        ] {
            assert_eq!(wait(limits, category), expected, "{limits}");
        }
    }
}
