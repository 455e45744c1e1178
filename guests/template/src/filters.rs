//! Filters beyond those of minijinja, and those of it that would let a value lose its marks.
//!
//! A filter gets what a block captured or a macro made with the marks in it, so each takes them off a text first.

use std::sync::Arc;

use herald_provider::custom::{self, escape};
use herald_provider::text;
use jiff::Timestamp;
use jiff::fmt::strtime;
use jiff::tz::{Offset, TimeZone};
use minijinja::value::Value;
use minijinja::{Environment, Error, ErrorKind, filters};

use crate::{marks, values};

/// How a time is written unless the template says otherwise.
const DATE_FORMAT: &str = "%Y-%m-%d %H:%M:%S";
/// How long a hexadecimal number has to be for a revision, and how much of it is kept.
const REVISION_DIGITS: usize = 32;
const SHORT_DIGITS: usize = 8;

/// Adds the filters, and takes away the one by which a value could become a part of the template.
pub(crate) fn add(environment: &mut Environment<'_>) {
    environment.remove_filter("safe");
    environment.add_filter("date", date);
    environment.add_filter("epoch", epoch);
    environment.add_filter("escape_html", |value: &Value| escaped(value, escape::markup));
    environment.add_filter("escape_markdown", |value: &Value| escaped(value, escape::markdown));
    environment.add_filter("first_line", first_line);
    environment.add_filter("short_revision", short_revision);
    environment.add_filter("tojson", tojson);
    environment.add_filter("truncate", truncate);
    // Those of minijinja keep a text what it was, a part of the template or not, and cut it.
    environment.add_filter("last", |value: &Value| filters::last(plain(value)));
    environment.add_filter("lines", |value: &Value| filters::lines(&plain(value)));
    environment.add_filter("reverse", |value: &Value| filters::reverse(&plain(value)));
    environment.add_filter("split", split);
    environment.add_filter("urlencode", |value: &Value| filters::urlencode(&plain(value)));
    // They would count the marks.
    environment.add_filter("length", |value: &Value| filters::length(&plain(value)));
    environment.add_filter("count", |value: &Value| filters::length(&plain(value)));
}

/// The value; a text without marks and as one from elsewhere.
fn plain(value: &Value) -> Value {
    match value.as_str() {
        Some(text) => Value::from(marks::unwrapped(text).into_owned()),
        None => value.clone(),
    }
}

fn wrong(why: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, why.into())
}

/// A text in at most so many characters.
fn truncate(value: &Value, length: Option<usize>, end: Option<&str>) -> Result<String, Error> {
    let text = values::text(value)?;
    let length = length.unwrap_or(255);
    let Some(end) = end else { return Ok(text::truncate(&text, length).into_owned()) };
    if text.chars().count() <= length {
        return Ok(text);
    }
    let room = length.saturating_sub(end.chars().count());
    Ok(text.chars().take(room).chain(end.chars().take(length)).collect())
}

fn first_line(value: &Value) -> Result<String, Error> {
    Ok(text::first_line(&values::text(value)?).to_owned())
}

/// A revision with the first digits of its digest: `main@sha1:8f1c2a9b`.
fn short_revision(value: &Value) -> Result<String, Error> {
    let text = values::text(value)?;
    let mut short = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let n_digits = rest.bytes().take_while(u8::is_ascii_hexdigit).count();
        let kept = if n_digits >= REVISION_DIGITS { SHORT_DIGITS } else { n_digits };
        let (digits, behind) = rest.split_at(n_digits);
        short.extend(digits.chars().take(kept));
        let mut chars = behind.chars();
        short.extend(chars.next());
        rest = chars.as_str();
    }
    Ok(short)
}

/// JSON that is none of the template's text, and so escaped once more where it stands inside of quotes.
fn tojson(value: &Value) -> Result<Value, Error> {
    let json = values::json(value)?;
    Ok(Value::from_safe_string(format!("{}{json}{}", marks::JSON, marks::END)))
}

fn escaped(value: &Value, escape: fn(&mut String, &str)) -> Result<String, Error> {
    let text = values::text(value)?;
    let mut out = String::with_capacity(text.len());
    custom::marks::escape(&mut out, &text, escape);
    Ok(out)
}

fn split(value: &Value, by: Option<Arc<str>>, max: Option<i64>) -> Result<Value, Error> {
    filters::split(&plain(value), by, max)
}

/// A time of an event in another form, and in another offset from UTC than none. What is no time is left as it is.
fn date(value: &Value, format: Option<&str>, offset: Option<&str>) -> Result<String, Error> {
    let text = values::text(value)?;
    let zone = TimeZone::fixed(offset.map_or(Ok(Offset::UTC), parse_offset)?);
    let Ok(time) = text.parse::<Timestamp>() else { return Ok(text) };
    strtime::format(format.unwrap_or(DATE_FORMAT), &time.to_zoned(zone))
        .map_err(|error| wrong(format!("the format of date cannot be used: {error}")))
}

/// `+05:30` as an offset.
fn parse_offset(text: &str) -> Result<Offset, Error> {
    let wrong = || wrong("the offset of date is written as +02:00 or -05:30");
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').ok_or_else(wrong)?),
    };
    let (hours, minutes) = digits.split_once(':').ok_or_else(wrong)?;
    let number = |text: &str| text.parse::<u8>().map_err(|_| wrong());
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    if hours > 23 || minutes > 59 {
        return Err(wrong());
    }
    let seconds = sign * (i32::from(hours) * 3600 + i32::from(minutes) * 60);
    Offset::from_seconds(seconds).map_err(|_| wrong())
}

/// A time of an event in seconds since 1970; nothing when it is no time.
fn epoch(value: &Value) -> Result<Value, Error> {
    let text = values::text(value)?;
    Ok(text.parse::<Timestamp>().map(|time| Value::from(time.as_second())).unwrap_or_default())
}
