//! Values of templates as JSON and as text.

use herald_provider::custom;
use minijinja::value::{Value, ValueKind};
use minijinja::{Error, ErrorKind};

use crate::marks;

/// How deep lists and maps may lie in each other: a namespace can hold itself.
const MAX_DEPTH: usize = 64;

/// A value as JSON, in which secrets keep their marks.
///
/// # Errors
/// It is nested too deeply, or cannot be iterated over.
pub(crate) fn json(value: &Value) -> Result<String, Error> {
    let mut out = String::new();
    write(&mut out, value, 0)?;
    Ok(out)
}

/// A value as text: lists and maps as JSON, nothing as an empty one.
///
/// # Errors
/// As [`json`].
pub(crate) fn text(value: &Value) -> Result<String, Error> {
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => Ok(String::new()),
        ValueKind::Bool | ValueKind::Number | ValueKind::String => {
            Ok(marks::unwrapped(&value.to_string()).into_owned())
        }
        _ => json(value),
    }
}

fn write(out: &mut String, value: &Value, depth: usize) -> Result<(), Error> {
    if depth > MAX_DEPTH {
        return Err(Error::new(ErrorKind::BadSerialization, "a value is nested too deeply"));
    }
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => out.push_str("null"),
        ValueKind::Bool => out.push_str(if value.is_true() { "true" } else { "false" }),
        ValueKind::Number => number(out, value),
        ValueKind::Seq | ValueKind::Iterable => {
            out.push('[');
            for (at, element) in value.try_iter()?.enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write(out, &element, depth + 1)?;
            }
            out.push(']');
        }
        ValueKind::Map => {
            out.push('{');
            for (at, key) in value.try_iter()?.enumerate() {
                if at > 0 {
                    out.push(',');
                }
                quote(out, &key.to_string());
                out.push(':');
                write(out, &value.get_item(&key)?, depth + 1)?;
            }
            out.push('}');
        }
        _ => quote(out, &value.to_string()),
    }
    Ok(())
}

/// JSON has no numbers that are infinite or none.
fn number(out: &mut String, value: &Value) {
    match f64::try_from(value.clone()) {
        Ok(number) if !number.is_finite() => out.push_str("null"),
        _ => out.push_str(&value.to_string()),
    }
}

/// Appends a text in JSON's quotes, without the marks of values and with those of secrets.
pub(crate) fn quote(out: &mut String, text: &str) {
    custom::marks::quote(out, &marks::unwrapped(text));
}
