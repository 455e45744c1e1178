//! The answers to a posted event: status, headers and text, as emitters know them.
//!
//! It does not know how an answer was chosen.

use std::time::{Duration, SystemTime};

use axum::body::Body;
use axum::response::Response;
use http::StatusCode;
use http::header::{
    CONNECTION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER,
    X_CONTENT_TYPE_OPTIONS,
};
use jiff::Timestamp;

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// A text quotes names out of the body; nobody needs more of them.
const MAX_TEXT_CHARS: usize = 300;

/// What is answered to one post.
#[derive(Debug)]
pub(super) enum Answer {
    /// The event is kept.
    Accepted {
        /// How long the same event is a duplicate.
        window: Duration,
    },
    /// The same event was kept before.
    Duplicate {
        /// From then on it counts as new.
        until: Timestamp,
    },
    /// The body cannot be read, or is no event.
    Invalid {
        /// What is wrong.
        text: String,
        /// What happens to the connection.
        after: After,
    },
    /// The body is too long.
    TooLarge {
        /// What is wrong.
        text: String,
        /// What happens to the connection.
        after: After,
    },
    /// The event could not be kept.
    Unavailable,
}

/// What happens to the connection after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// Another request may follow.
    Stays,
    /// A part of the body was not read, so nothing can follow.
    Closes,
}

impl Answer {
    /// The label in metrics.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Answer::Accepted { .. } => "accepted",
            Answer::Duplicate { .. } => "duplicate",
            Answer::Invalid { .. } => "invalid",
            Answer::TooLarge { .. } => "too_large",
            Answer::Unavailable => "unavailable",
        }
    }

    /// The answer as it goes out.
    pub(super) fn into_response(self, now: Timestamp) -> Response {
        match self {
            Answer::Accepted { window } => {
                let mut response = Response::new(Body::empty());
                *response.status_mut() = StatusCode::ACCEPTED;
                let until = now.checked_add(window).unwrap_or(Timestamp::MAX);
                put_window(response.headers_mut(), &http_date(until));
                response
            }
            Answer::Duplicate { until } => {
                let mut response = plain(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests");
                let date = http_date(until);
                put_window(response.headers_mut(), &date);
                response.headers_mut().insert(RETRY_AFTER, date);
                response
            }
            Answer::Invalid { text, after } => after.put(plain(StatusCode::BAD_REQUEST, &text)),
            Answer::TooLarge { text, after } => {
                after.put(plain(StatusCode::PAYLOAD_TOO_LARGE, &text))
            }
            // No Retry-After: emitters would wait just so long before each of their four tries, while their own back-off
            // covers 15 s.
            Answer::Unavailable => {
                plain(StatusCode::SERVICE_UNAVAILABLE, "the event was not kept: send it again")
            }
        }
    }
}

impl After {
    fn put(self, mut response: Response) -> Response {
        if self == After::Closes {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// One line of text.
fn plain(status: StatusCode, text: &str) -> Response {
    let mut line = one_line(text);
    line.push('\n');
    let mut response = Response::new(Body::from(line));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// The beginning of a text, without line ends and other control characters.
pub(super) fn one_line(text: &str) -> String {
    text.chars().take(MAX_TEXT_CHARS).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn put_window(headers: &mut HeaderMap, until: &HeaderValue) {
    headers.insert(LIMIT, HeaderValue::from_static("1"));
    headers.insert(REMAINING, HeaderValue::from_static("0"));
    headers.insert(RESET, until.clone());
}

/// The first whole second at or after a time: an event sent again at that second is not a duplicate any more.
fn http_date(time: Timestamp) -> HeaderValue {
    let seconds = time.as_second() + i64::from(time.subsec_nanosecond() > 0);
    // An HTTP date begins in 1970; both it and a timestamp end with the year 9999.
    let seconds = u64::try_from(seconds).unwrap_or_default();
    let date = httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
    HeaderValue::try_from(date).expect("a date is visible ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(time: Timestamp, expected: &str) {
        assert_eq!(http_date(time), expected);
    }

    #[test]
    fn dates_are_rounded_up_and_cover_every_timestamp() {
        let time = |text: &str| text.parse().expect("a time");
        check(time("2026-03-14T09:26:53Z"), "Sat, 14 Mar 2026 09:26:53 GMT");
        check(time("2026-03-14T09:26:53.000000001Z"), "Sat, 14 Mar 2026 09:26:54 GMT");
        check(Timestamp::MIN, "Thu, 01 Jan 1970 00:00:00 GMT");
        check(Timestamp::MAX, "Thu, 30 Dec 9999 22:00:01 GMT");
    }

    #[test]
    fn a_text_stays_on_one_line_and_short() {
        assert_eq!(one_line("a\r\nb\u{7}"), "a  b ");
        assert_eq!(one_line(&"ü".repeat(1000)).chars().count(), MAX_TEXT_CHARS);
    }
}
