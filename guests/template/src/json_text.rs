//! Values in a JSON text that one template wrote: inside of quotes each becomes the inside of a text, elsewhere a JSON value
//! of its own.

use herald_provider::custom::{self, escape};
use herald_provider::json::Value;

use crate::marks::{self, Piece};
use crate::values;

/// Where the text is, as far as a value has to know.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Outside,
    Inside,
    /// Behind a backslash.
    Escape,
}

/// The text with its values, in which secrets have marks.
///
/// # Errors
/// It is no JSON; says where.
pub(crate) fn place(rendered: &str) -> Result<String, String> {
    let mut out = String::with_capacity(rendered.len());
    let mut state = State::Outside;
    for piece in marks::pieces(rendered) {
        match (piece, state) {
            (Piece::Literal(text), _) => {
                state = text.chars().fold(state, after);
                out.push_str(&text);
            }
            (_, State::Escape) => {
                return Err("a backslash stands right before a value".to_owned());
            }
            (Piece::Text(text) | Piece::Json(text), State::Inside) => {
                custom::marks::escape(&mut out, &text, escape::json);
            }
            (Piece::Text(text), State::Outside) => values::quote(&mut out, &text),
            (Piece::Json(text), State::Outside) if text.is_empty() => out.push_str("null"),
            (Piece::Json(text), State::Outside) => out.push_str(&text),
        }
    }
    match custom::marks::without_secrets(&out).parse::<Value>() {
        Ok(_) => Ok(out),
        Err(error) => Err(format!("what it comes to is no JSON: {error}")),
    }
}

fn after(state: State, char: char) -> State {
    match (state, char) {
        (State::Outside, '"') => State::Inside,
        (State::Inside, '"') => State::Outside,
        (State::Inside, '\\') => State::Escape,
        (State::Escape, _) => State::Inside,
        (state, _) => state,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_becomes_what_its_place_asks() {
        let text = "\u{1}a\"b\u{2}";
        for (rendered, expected) in [
            (format!("{{\"t\": \"x {text}\"}}"), r#"{"t": "x a\"b"}"#),
            (format!("{{\"t\": {text}}}"), r#"{"t": "a\"b"}"#),
            ("[\u{3}1\u{2}, \u{3}\u{2}, \"\u{3}\u{2}\"]".to_owned(), r#"[1, null, ""]"#),
            ("{\"t\": \u{3}{\"a\":1}\u{2}}".to_owned(), r#"{"t": {"a":1}}"#),
            ("{\"t\": \"\u{3}{\"a\":1}\u{2}\"}".to_owned(), r#"{"t": "{\"a\":1}"}"#),
            (format!("\"\\\"{text}\""), r#""\"a\"b""#),
        ] {
            assert_eq!(place(&rendered).as_deref(), Ok(expected), "{rendered:?}");
        }
    }

    #[test]
    fn what_is_no_json_says_where() {
        for (rendered, expected) in [
            ("{\"a\": 1,}", "what it comes to is no JSON: trailing comma at line 1 column 9"),
            ("", "what it comes to is no JSON: EOF while parsing a value at line 1 column 0"),
            ("\"\\\u{1}x\u{2}\"", "a backslash stands right before a value"),
        ] {
            assert_eq!(place(rendered), Err(expected.to_owned()));
        }
    }

    #[test]
    fn a_secret_outside_of_quotes_gets_some() {
        let key = custom::marks::secret("token");
        let rendered = format!("{{\"a\": \u{1}{key}\u{2}, \"b\": \"\u{1}{key}\u{2}\"}}");
        assert_eq!(place(&rendered), Ok(format!("{{\"a\": \"{key}\", \"b\": \"{key}\"}}")));
    }
}
