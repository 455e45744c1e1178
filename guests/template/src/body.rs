//! A body from its templates, as a text in which secrets have marks: no value can be more than a value in it, whatever an
//! event says.
//!
//! A JSON body is an object or a list whose texts are templates, or one template for the whole. In the first form its
//! structure is fixed before any event is there; `json_text` sees to the second.

use herald_provider::custom::marks::cleaned;
use herald_provider::custom::{self, Kind, escape};
use herald_provider::form;
use herald_provider::json::Value as Json;

use crate::engine::{Engine, Mistake};
use crate::{json_text, marks, values};

/// Where it is in the Provider.
pub(crate) const AT: &str = "spec.config.body";

/// The body.
///
/// # Errors
/// A template cannot be rendered, or what comes of it is no body of this kind.
pub(crate) fn text<'a>(engine: &Engine<'a>, kind: Kind, body: &'a Json) -> Result<String, Mistake> {
    match (kind, body) {
        (Kind::Json, Json::String(source)) => json_text::place(&engine.render(AT, source)?)
            .map_err(|why| Mistake::certain(format!("{AT}: {why}"))),
        (Kind::Json, structure) => Ok(json(engine, AT, structure)?.unwrap_or_default()),
        (Kind::Form, Json::Object(fields)) => {
            let fields = fields.iter().map(|(name, value)| field(engine, name, value));
            let fields: Vec<Option<String>> = fields.collect::<Result<_, _>>()?;
            Ok(fields.into_iter().flatten().collect::<Vec<_>>().join("&"))
        }
        (Kind::Markup, Json::String(source)) => {
            Ok(marks::place(&engine.render(AT, source)?, escape::markup))
        }
        (Kind::Markdown, Json::String(source)) => {
            Ok(marks::place(&engine.render(AT, source)?, escape::markdown))
        }
        (Kind::Text, Json::String(source)) => {
            Ok(marks::place(&engine.render(AT, source)?, String::push_str))
        }
        (Kind::Form, _) => {
            Err(Mistake::certain(format!("{AT}: a form is an object of its fields")))
        }
        _ => {
            let why = "only JSON and forms have members; write one template for the whole";
            Err(Mistake::certain(format!("{AT}: {why}")))
        }
    }
}

/// A part of a structure as JSON; none when it is an expression that has no value, and so left out.
fn json<'a>(engine: &Engine<'a>, at: &str, part: &'a Json) -> Result<Option<String>, Mistake> {
    match part {
        Json::String(source) => text_or_value(engine, at, source),
        Json::Array(elements) => {
            let element = |(number, element)| json(engine, &format!("{at}[{number}]"), element);
            let elements: Vec<Option<String>> =
                elements.iter().enumerate().map(element).collect::<Result<_, _>>()?;
            let elements: Vec<String> = elements.into_iter().flatten().collect();
            Ok(Some(["[", &elements.join(","), "]"].concat()))
        }
        Json::Object(members) => {
            let mut written = Vec::with_capacity(members.len());
            for (name, member) in members {
                if let Some(member) = json(engine, &format!("{at}.{name}"), member)? {
                    let mut pair = String::new();
                    values::quote(&mut pair, &cleaned(name));
                    pair.push(':');
                    pair.push_str(&member);
                    written.push(pair);
                }
            }
            Ok(Some(["{", &written.join(","), "}"].concat()))
        }
        plain => Ok(Some(plain.to_string())),
    }
}

/// A template in a structure: the value of its expression if it is nothing else, or else a text.
fn text_or_value<'a>(
    engine: &Engine<'a>,
    at: &str,
    source: &'a str,
) -> Result<Option<String>, Mistake> {
    let Some(expression) = single_expression(source) else {
        let mut quoted = String::new();
        values::quote(&mut quoted, &engine.render(at, source)?);
        return Ok(Some(quoted));
    };
    let value = engine.value(at, expression)?;
    if value.is_undefined() {
        return Ok(None);
    }
    values::json(&value).map(Some).map_err(|error| Mistake::of_event(format!("{at}: {error}")))
}

/// A field of a form; none when it is an expression that has no value.
fn field<'a>(engine: &Engine<'a>, name: &str, value: &'a Json) -> Result<Option<String>, Mistake> {
    let at = format!("{AT}.{name}");
    let text = match value {
        Json::String(source) => {
            if let Some(expression) = single_expression(source)
                && engine.value(&at, expression)?.is_undefined()
            {
                return Ok(None);
            }
            marks::unwrapped(&engine.render(&at, source)?).into_owned()
        }
        Json::Number(_) | Json::Bool(_) => value.to_string(),
        _ => {
            let why = "a field of a form is a text, a number, true or false";
            return Err(Mistake::certain(format!("{at}: {why}")));
        }
    };
    let mut field = String::new();
    form::escape(&mut field, &cleaned(name));
    field.push('=');
    custom::marks::escape(&mut field, &text, form::escape);
    Ok(Some(field))
}

/// The expression that a template consists of, if that is all.
pub(crate) fn single_expression(source: &str) -> Option<&str> {
    let inside = source.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    let inside = inside.strip_prefix(['-', '+']).unwrap_or(inside);
    let inside = inside.strip_suffix(['-', '+']).unwrap_or(inside);
    let is_single = !["{{", "}}", "{%", "%}", "{#"].iter().any(|mark| inside.contains(mark));
    is_single.then_some(inside)
}

/// Every template in a body, with where it is.
pub(crate) fn templates(body: &Json) -> Vec<(String, &str)> {
    let mut found = Vec::new();
    collect(&mut found, AT.to_owned(), body);
    found
}

fn collect<'a>(found: &mut Vec<(String, &'a str)>, at: String, part: &'a Json) {
    match part {
        Json::String(source) => found.push((at, source)),
        Json::Array(elements) => {
            for (number, element) in elements.iter().enumerate() {
                collect(found, format!("{at}[{number}]"), element);
            }
        }
        Json::Object(members) => {
            for (name, member) in members {
                collect(found, format!("{at}.{name}"), member);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_expression_is_told_from_a_text_with_one() {
        for (source, expected) in [
            ("{{ event.message }}", Some(" event.message ")),
            (" {{- event.message -}} ", Some(" event.message ")),
            ("{{ a }}{{ b }}", None),
            ("{{ a }} b", None),
            ("{% if a %}{{ b }}{% endif %}", None),
            ("{{ a }}{# b }}", None),
            ("text", None),
        ] {
            assert_eq!(single_expression(source), expected, "{source}");
        }
    }
}
