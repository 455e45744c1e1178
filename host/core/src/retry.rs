//! What an answer means and when to try again.
//!
//! It knows status codes, rate-limit headers and the life of an event. It must not know how a request is sent, nor keep
//! any state: time and chance are arguments.

use std::time::{Duration, SystemTime};

use jiff::{SignedDuration, Timestamp};

use crate::formatter::Response;

/// When failed deliveries are tried again, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The wait after the first attempt.
    pub first: Duration,
    /// The longest wait that doubling leads to.
    pub max: Duration,
    /// The longest wait that a receiver may ask for.
    pub hint_max: Duration,
    /// How long an event lives that is no error.
    pub life_info: Duration,
    /// How long an error lives.
    pub life_error: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        const HOUR: u64 = 3600;
        Self {
            first: Duration::from_secs(1),
            max: Duration::from_secs(600),
            hint_max: Duration::from_secs(6 * HOUR),
            life_info: Duration::from_secs(6 * HOUR),
            life_error: Duration::from_secs(72 * HOUR),
        }
    }
}

/// What follows a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Another attempt at this time.
    At(Timestamp),
    /// None: the event has lived long enough and is a dead letter.
    LifeEnded,
}

impl RetryPolicy {
    /// The wait after attempt number `attempt`, the first being 1, when the receiver did not ask for one.
    ///
    /// It is `first` doubled for every attempt so far, at most `max`, times a factor between 0.5 (`jitter` 0) and 1
    /// (`jitter` 1), so that deliveries which failed together do not come back together.
    #[must_use]
    pub fn backoff(&self, attempt: u32, jitter: f64) -> Duration {
        let doublings = attempt.saturating_sub(1);
        let first = self.first.as_nanos();
        let max = self.max.as_nanos();
        // A shift that loses bits at the top would start again from a short wait.
        let wait =
            if doublings < first.leading_zeros() { (first << doublings).min(max) } else { max };
        let wait = if first == 0 { 0 } else { wait };

        const STEPS: u128 = 1 << 20;
        // `as` saturates and reads a NaN as 0, so every `jitter` is in range here.
        let steps = ((jitter * STEPS as f64) as u128).min(STEPS);
        let jittered = wait - wait / 2 * (STEPS - steps) / STEPS;
        Duration::from_nanos_u128(jittered)
    }

    /// How long an event lives.
    #[must_use]
    pub fn life(&self, is_error: bool) -> Duration {
        if is_error { self.life_error } else { self.life_info }
    }

    /// When to try again after attempt number `attempt`, which ended at `now`.
    ///
    /// A receiver's `hint` is obeyed exactly up to `hint_max`; a hint of zero says nothing and leaves it to the back-off.
    /// A hint given while the event lives may lead beyond its life, which lengthens it by one attempt: the next failure
    /// is past the end and final.
    #[must_use]
    pub fn next(
        &self,
        now: Timestamp,
        accepted_at: Timestamp,
        is_error: bool,
        attempt: u32,
        hint: Option<Duration>,
        jitter: f64,
    ) -> Next {
        let hint = hint.filter(|hint| !hint.is_zero()).map(|hint| hint.min(self.hint_max));
        let life = self.life(is_error);
        let end = later(accepted_at, life);
        let at = later(now, hint.unwrap_or_else(|| self.backoff(attempt, jitter)));
        if at <= end || (hint.is_some() && now < end) { Next::At(at) } else { Next::LifeEnded }
    }
}

/// `time` plus `wait`, or the last time that there is.
fn later(time: Timestamp, wait: Duration) -> Timestamp {
    SignedDuration::try_from(wait)
        .ok()
        .and_then(|wait| time.checked_add(wait).ok())
        .unwrap_or(Timestamp::MAX)
}

/// What an answer means for a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The receiver has it.
    Delivered,
    /// The receiver took it for later (202).
    Accepted,
    /// Another attempt may succeed.
    Retry {
        /// The wait that the receiver asked for.
        after: Option<Duration>,
        /// The status and what the receiver said.
        reason: String,
    },
    /// The Provider or its Secret must change first; the text says the status and what the receiver said.
    Misconfigured(String),
    /// The receiver will never take it; the text says the status and what the receiver said.
    Rejected(String),
}

/// Judges the last answer of a delivery.
#[must_use]
pub fn judge(response: &Response, now: Timestamp) -> Verdict {
    let retry =
        || Verdict::Retry { after: retry_after(response, now), reason: reason(response, "") };
    match response.status {
        202 => Verdict::Accepted,
        200..=299 => Verdict::Delivered,
        501 => Verdict::Rejected(reason(response, "")),
        408 | 429 | 500..=599 => retry(),
        403 if response.header("retry-after").is_some() || no_calls_left(response) => retry(),
        401 => Verdict::Misconfigured(reason(
            response,
            "check the credentials in the Provider's Secret",
        )),
        403 => Verdict::Misconfigured(reason(
            response,
            "check what the credentials in the Provider's Secret may do",
        )),
        404 | 410 => {
            Verdict::Misconfigured(reason(response, "check the Provider's address and channel"))
        }
        300..=399 => Verdict::Rejected(reason(
            response,
            "a redirect that is not followed; give the Provider the address where it leads",
        )),
        _ => Verdict::Rejected(reason(response, "")),
    }
}

/// The wait that an answer asks for: `retry-after`, or `x-ratelimit-reset` of an answer that says no calls are left.
#[must_use]
pub fn retry_after(response: &Response, now: Timestamp) -> Option<Duration> {
    response.header("retry-after").and_then(|value| parse_retry_after(value, now)).or_else(|| {
        let limited = matches!(response.status, 403 | 429) && no_calls_left(response);
        let reset = response.header("x-ratelimit-reset").filter(|_| limited)?;
        let reset = Timestamp::UNIX_EPOCH
            .checked_add(SignedDuration::try_from(parse_seconds(reset)?).ok()?)
            .ok()?;
        // A reset that is over says nothing about how long to wait.
        Duration::try_from(reset.duration_since(now)).ok().filter(|wait| !wait.is_zero())
    })
}

fn no_calls_left(response: &Response) -> bool {
    response.header("x-ratelimit-remaining").is_some_and(|value| value.trim() == "0")
}

/// Seconds or an HTTP date; a date that is over asks for no wait.
fn parse_retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    parse_seconds(value).or_else(|| {
        let date =
            httpdate::parse_http_date(value).ok()?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        let date = Timestamp::UNIX_EPOCH.checked_add(SignedDuration::try_from(date).ok()?).ok()?;
        Some(Duration::try_from(date.duration_since(now)).unwrap_or(Duration::ZERO))
    })
}

/// Digits with or without a fraction, rounded up to a millisecond, so that a receiver is never asked too early.
fn parse_seconds(value: &str) -> Option<Duration> {
    let value = value.trim();
    let (whole, fraction) = value.split_once('.').unwrap_or((value, "0"));
    let all_digits =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    // Only a number too large for 64 bits fails here, and it means a very long wait.
    let seconds = whole.parse().unwrap_or(u64::MAX);
    let digit =
        |index: usize| fraction.as_bytes().get(index).map_or(0, |byte| u64::from(byte - b'0'));
    let rounding = u64::from(fraction.bytes().skip(3).any(|byte| byte != b'0'));
    let millis = digit(0) * 100 + digit(1) * 10 + digit(2) + rounding;
    Some(Duration::from_secs(seconds).saturating_add(Duration::from_millis(millis)))
}

/// How many characters of a receiver's answer are shown.
const SHOWN_CHARS: usize = 200;

/// The status, what to do about it, and the beginning of what the receiver said.
fn reason(response: &Response, advice: &str) -> String {
    let mut text = format!("the receiver answered {}", response.status);
    if !advice.is_empty() {
        text.push_str(": ");
        text.push_str(advice);
    }
    let said = excerpt(&response.body);
    if !said.is_empty() {
        text.push_str("; it said: ");
        text.push_str(&said);
    }
    text
}

/// The first characters of a body on one line: control characters are dropped, and breaks and blanks become one blank.
#[must_use]
pub fn excerpt(body: &[u8]) -> String {
    // Four bytes are the most that a character takes, and some may be blanks or controls.
    let start = body.get(..body.len().min(SHOWN_CHARS * 16)).unwrap_or_default();
    let text = String::from_utf8_lossy(start);
    let words = text
        .split_whitespace()
        .map(|word| word.replace(char::is_control, ""))
        .filter(|word| !word.is_empty());
    let line = words.collect::<Vec<_>>().join(" ");
    line.chars().take(SHOWN_CHARS).collect()
}

#[cfg(test)]
mod tests;
