//! Moments as Go's `time.Parse(time.RFC3339, …)` reads them. Knows that format alone.
//!
//! Emitters are written in Go, so what Go takes is what must be taken: an hour of one digit, a comma before the fraction,
//! no lower-case `t` or `z`, no leap second.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

/// What Go calls the zero time, which stands for "not set" and is written as `null`.
const GO_ZERO: i64 = -62_135_596_800;

/// Why a text is no timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a form like 2020-01-01T00:00:00Z or 2020-01-01T02:00:00+02:00")]
pub struct ParseTimestampError;

/// Reads a moment, cut to whole seconds; none is Go's zero time.
pub(super) fn parse(text: &str) -> Result<Option<Timestamp>, ParseTimestampError> {
    read(&mut Cursor(text.as_bytes())).ok_or(ParseTimestampError)
}

/// The last whole second that is not after `moment`.
pub(super) fn floor(moment: Timestamp) -> Timestamp {
    // Before 1970 the fraction counts backwards.
    let seconds = moment.as_second() - i64::from(moment.subsec_nanosecond() < 0);
    from_second(seconds)
}

fn read(cursor: &mut Cursor<'_>) -> Option<Option<Timestamp>> {
    let year = cursor.digits(4)?;
    cursor.expect(b"-")?;
    let month = cursor.digits(2)?;
    cursor.expect(b"-")?;
    let day = cursor.digits(2)?;
    cursor.expect(b"T")?;
    let hour = cursor.digits(2).or_else(|| cursor.digits(1))?;
    cursor.expect(b":")?;
    let minute = cursor.digits(2)?;
    cursor.expect(b":")?;
    let second = cursor.digits(2)?;
    if let [b'.' | b',', digit, ..] = cursor.0
        && digit.is_ascii_digit()
    {
        cursor.skip_fraction();
    }
    let offset = read_offset(cursor)?;
    if !cursor.0.is_empty() || second > 59 {
        return None;
    }

    let small = |number: i16| i8::try_from(number).ok();
    let local = DateTime::new(
        year,
        small(month)?,
        small(day)?,
        small(hour)?,
        small(minute)?,
        small(second)?,
        0,
    )
    .ok()?;
    // Go's years end a day after ours; the difference is no reason to refuse an event.
    let local = Offset::UTC.to_timestamp(local).unwrap_or(Timestamp::MAX);
    let seconds = local.as_second() - offset;
    Some((seconds != GO_ZERO).then(|| from_second(seconds)))
}

/// Seconds east of UTC.
fn read_offset(cursor: &mut Cursor<'_>) -> Option<i64> {
    let sign = match cursor.next()? {
        b'Z' => return Some(0),
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let hours = cursor.digits(2)?;
    cursor.expect(b":")?;
    let minutes = cursor.digits(2)?;
    // These are Go's own bounds.
    (hours <= 24 && minutes <= 60).then(|| sign * (i64::from(hours) * 60 + i64::from(minutes)) * 60)
}

fn from_second(seconds: i64) -> Timestamp {
    let seconds = seconds.clamp(Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
    Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// What is left to read.
struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn expect(&mut self, literal: &[u8]) -> Option<()> {
        self.0 = self.0.strip_prefix(literal)?;
        Some(())
    }

    /// A number of exactly `n` digits, at most four.
    fn digits(&mut self, n: usize) -> Option<i16> {
        let (digits, rest) = self.0.split_at_checked(n)?;
        let mut number = 0;
        for digit in digits {
            if !digit.is_ascii_digit() {
                return None;
            }
            number = number * 10 + i16::from(digit - b'0');
        }
        self.0 = rest;
        Some(number)
    }

    /// A separator and the digits after it.
    fn skip_fraction(&mut self) {
        let n = self.0.iter().skip(1).take_while(|byte| byte.is_ascii_digit()).count();
        self.0 = self.0.get(n + 1..).unwrap_or_default();
    }
}
