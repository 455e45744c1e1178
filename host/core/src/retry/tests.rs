use proptest::prelude::*;

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().expect("the case is a time")
}

fn now() -> Timestamp {
    at("2026-03-14T14:15:00Z")
}

fn response(status: u16, headers: &[(&str, &str)]) -> Response {
    let headers =
        headers.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
    Response { status, headers, body: Vec::new() }
}

/// Rule R7.
#[test]
fn retry_after_is_read_exactly() {
    #[track_caller]
    fn check(value: &str, millis: Option<u64>) {
        let response = response(429, &[("retry-after", value)]);
        assert_eq!(retry_after(&response, now()), millis.map(Duration::from_millis), "{value:?}");
    }
    check("0", Some(0));
    check("120", Some(120_000));
    check(" 7 ", Some(7_000));
    check("0.5", Some(500));
    check("1.0001", Some(1_001));
    check("0.3530000001", Some(354));
    check("1.9999", Some(2_000));
    check("64.57", Some(64_570));
    check("Sat, 14 Mar 2026 14:16:30 GMT", Some(90_000));
    check("Saturday, 14-Mar-26 14:16:30 GMT", Some(90_000));
    check("Sat Mar 14 14:16:30 2026", Some(90_000));
    check("Sat, 14 Mar 2026 14:00:00 GMT", Some(0));
    for garbage in [
        "",
        "-1",
        "-0.5",
        "+5",
        "1.",
        ".5",
        "1e3",
        "1,2",
        "soon",
        "NaN",
        "inf",
        "0x10",
        "1.5.2",
        "２",
        "2026-03-14T14:16:30Z",
    ] {
        check(garbage, None);
    }
    let long = response(429, &[("retry-after", "99999999999999999999999")]);
    assert!(retry_after(&long, now()).is_some_and(|wait| wait > RetryPolicy::default().hint_max));
}

#[test]
fn a_date_is_reached_to_the_nanosecond() {
    let response = response(503, &[("retry-after", "Sat, 14 Mar 2026 14:15:01 GMT")]);
    let wait = retry_after(&response, at("2026-03-14T14:15:00.25Z"));
    assert_eq!(wait, Some(Duration::from_millis(750)));
}

#[test]
fn a_rate_limit_counts_only_when_nothing_is_left() {
    #[track_caller]
    fn check(status: u16, remaining: &str, reset: i64, expected: Option<u64>) {
        let reset = (now().as_second() + reset).to_string();
        let response = response(
            status,
            &[("x-ratelimit-remaining", remaining), ("x-ratelimit-reset", &reset)],
        );
        assert_eq!(
            retry_after(&response, now()),
            expected.map(Duration::from_secs),
            "{status} {remaining} {reset}"
        );
    }
    check(403, "0", 60, Some(60));
    check(429, "0", 60, Some(60));
    check(429, "1", 60, None);
    check(503, "0", 60, None);
    check(403, "0", -5, None);
    let both =
        [("retry-after", "3"), ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1900000000")];
    assert_eq!(retry_after(&response(403, &both), now()), Some(Duration::from_secs(3)));
    let garbage = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "99999999999999999999")];
    assert_eq!(retry_after(&response(403, &garbage), now()), None);
}

/// Rule R7.
#[test]
fn answers_are_judged_by_status_and_headers() {
    #[track_caller]
    fn check(status: u16, headers: &[(&str, &str)], expected: &str) {
        let found = match judge(&response(status, headers), now()) {
            Verdict::Delivered => "delivered",
            Verdict::Accepted => "accepted",
            Verdict::Retry { .. } => "retry",
            Verdict::Misconfigured(_) => "misconfigured",
            Verdict::Rejected(_) => "rejected",
        };
        assert_eq!(found, expected, "{status} {headers:?}");
    }
    for status in [200, 201, 203, 204, 206, 299] {
        check(status, &[], "delivered");
    }
    check(202, &[], "accepted");
    for status in [408, 429, 500, 502, 503, 504, 507, 529, 599] {
        check(status, &[], "retry");
    }
    for status in [401, 403, 404, 410] {
        check(status, &[], "misconfigured");
    }
    for status in [
        0, 100, 199, 300, 301, 302, 304, 307, 308, 400, 402, 405, 409, 413, 415, 418, 422, 425,
        501, 600, 999,
    ] {
        check(status, &[], "rejected");
    }
    check(403, &[("retry-after", "60")], "retry");
    check(403, &[("retry-after", "garbage")], "retry");
    check(403, &[("x-ratelimit-remaining", "0")], "retry");
    check(403, &[("x-ratelimit-remaining", "12")], "misconfigured");
    for status in [400, 401, 404, 501] {
        check(
            status,
            &[("retry-after", "60"), ("x-ratelimit-remaining", "0")],
            if status == 400 || status == 501 { "rejected" } else { "misconfigured" },
        );
    }
}

#[test]
fn reasons_carry_the_status_and_the_beginning_of_the_body_on_one_line() {
    let mut answer = response(400, &[]);
    answer.body = b"{\r\n  \"error\":\t\"no\x00pe\"\x1b[31m\x01 \x02\n}".to_vec();
    assert_eq!(
        judge(&answer, now()),
        Verdict::Rejected(
            "the receiver answered 400; it said: { \"error\": \"nope\"[31m }".to_owned()
        )
    );
    answer.status = 404;
    answer.body = Vec::new();
    assert_eq!(
        judge(&answer, now()),
        Verdict::Misconfigured(
            "the receiver answered 404: check the Provider's address and channel".to_owned()
        )
    );
    answer.body = "é\u{fffd}".repeat(3_000).into_bytes();
    answer.body.insert(0, 0xff);
    let Verdict::Misconfigured(text) = judge(&answer, now()) else {
        panic!("a 404 is misconfigured")
    };
    let (_, said) = text.split_once("it said: ").expect("the body is shown");
    assert_eq!(said.chars().count(), 200);
}

#[test]
fn backoff_doubles_up_to_its_cap() {
    let policy = RetryPolicy::default();
    let seconds: Vec<u64> =
        (0..=12).map(|attempt| policy.backoff(attempt, 1.0).as_secs()).collect();
    assert_eq!(seconds, [1, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600]);
    assert_eq!(policy.backoff(u32::MAX, 1.0), policy.max);
    assert_eq!(policy.backoff(4, 0.0), Duration::from_secs(4));
    assert_eq!(policy.backoff(4, 0.5), Duration::from_secs(6));
    for odd in [f64::NAN, f64::NEG_INFINITY, -3.0] {
        assert_eq!(policy.backoff(4, odd), Duration::from_secs(4), "{odd}");
    }
    assert_eq!(policy.backoff(4, f64::INFINITY), Duration::from_secs(8));
    let none = RetryPolicy { first: Duration::ZERO, ..policy.clone() };
    assert_eq!(none.backoff(200, 1.0), Duration::ZERO);
    let endless = RetryPolicy { first: Duration::MAX, max: Duration::MAX, ..policy };
    assert_eq!(endless.backoff(3, 1.0), Duration::MAX);
}

/// Rule R6.
#[test]
fn an_event_lives_by_its_severity_and_a_hint_lengthens_it_by_one_attempt() {
    let policy = RetryPolicy::default();
    let accepted = now();
    #[track_caller]
    fn check(found: Next, accepted: Timestamp, expected: Option<u64>) {
        let expected = match expected {
            Some(seconds) => Next::At(later(accepted, Duration::from_secs(seconds))),
            None => Next::LifeEnded,
        };
        assert_eq!(found, expected);
    }
    let next = |since: u64, is_error, hint: Option<u64>| {
        let now = later(accepted, Duration::from_secs(since));
        policy.next(now, accepted, is_error, 20, hint.map(Duration::from_secs), 1.0)
    };
    let hour = 3600;
    check(next(10, false, None), accepted, Some(610));
    check(next(10, false, Some(5)), accepted, Some(15));
    check(next(10, false, Some(0)), accepted, Some(610));
    check(next(10, true, Some(7 * hour)), accepted, Some(10 + 6 * hour));
    // To the end exactly, and past it.
    check(next(6 * hour - 600, false, None), accepted, Some(6 * hour));
    check(next(6 * hour - 599, false, None), accepted, None);
    check(next(6 * hour - 599, true, None), accepted, Some(6 * hour + 1));
    // The hint was given while it lived, and then no more.
    check(next(6 * hour - 1, false, Some(6 * hour)), accepted, Some(12 * hour - 1));
    check(next(12 * hour - 1, false, Some(60)), accepted, None);
    check(next(6 * hour, false, Some(60)), accepted, None);
    check(next(72 * hour - 1, true, Some(60)), accepted, Some(72 * hour + 59));
    check(next(72 * hour + 59, true, Some(60)), accepted, None);
}

#[test]
fn times_at_the_end_of_the_calendar_do_not_overflow() {
    let policy = RetryPolicy { life_info: Duration::MAX, ..RetryPolicy::default() };
    let next = policy.next(Timestamp::MAX, Timestamp::MIN, false, 3, Some(Duration::MAX), 1.0);
    assert_eq!(next, Next::At(Timestamp::MAX));
}

proptest! {
    #[test]
    fn backoff_grows_with_the_attempt_and_stays_between_half_and_the_cap(
        attempt in 1_u32..300, jitter in 0.0..=1.0_f64, first in 0_u64..5_000, max in 0_u64..1_000_000,
    ) {
        let policy = RetryPolicy {
            first: Duration::from_millis(first), max: Duration::from_millis(max), ..RetryPolicy::default()
        };
        let wait = policy.backoff(attempt, jitter);
        let full = policy.backoff(attempt, 1.0);
        prop_assert!(wait <= policy.max && wait <= full && wait >= full / 2);
        prop_assert!(policy.backoff(attempt + 1, jitter) >= wait);
        let larger_cap = RetryPolicy { max: policy.max * 2, ..policy.clone() };
        prop_assert!(larger_cap.backoff(attempt, jitter) >= wait);
    }

    #[test]
    fn judge_never_panics(
        status in any::<u16>(), value in "\\PC{0,40}", number in "-?[0-9]{0,25}(\\.[0-9]{0,9})?",
        body in proptest::collection::vec(any::<u8>(), 0..600), second in -377_705_023_201_i64..253_402_207_200,
    ) {
        let now = Timestamp::from_second(second).expect("within the calendar");
        for text in [value, number] {
            let mut answer = response(
                status, &[("retry-after", &text), ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", &text)],
            );
            answer.body.clone_from(&body);
            drop((judge(&answer, now), retry_after(&answer, now)));
            answer.headers.remove(0);
            answer.status = 403;
            drop(judge(&answer, now));
        }
    }
}
