//! How a value is written where something else stands around it.

use crate::{html, json};

/// As the inside of a text in JSON.
pub fn json(out: &mut String, text: &str) {
    let mut quoted = String::new();
    json::quote(&mut quoted, text);
    let inside = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    out.push_str(inside.unwrap_or_default());
}

/// As text in HTML or XML, also inside of an attribute's quotes.
pub fn markup(out: &mut String, text: &str) {
    for char in text.chars() {
        match char {
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // XML has no place for other control characters, not even as an entity.
            char if char.is_control() && !matches!(char, '\t' | '\n' | '\r') => {}
            char => match html::entity(char) {
                Some(entity) => out.push_str(entity),
                None => out.push(char),
            },
        }
    }
}

/// As text in Markdown (<https://spec.commonmark.org/0.31.2/#backslash-escapes>).
pub fn markdown(out: &mut String, text: &str) {
    // Where a list, a heading or a rule could begin.
    let mut starts_line = true;
    let mut follows_digits = false;
    for char in text.chars() {
        let is_markup = match char {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '~' | '&' | '!' | '#' => true,
            '-' | '+' | '=' => starts_line,
            '.' | ')' => follows_digits,
            _ => false,
        };
        if is_markup {
            out.push('\\');
        }
        out.push(char);
        follows_digits = (starts_line || follows_digits) && char.is_ascii_digit();
        starts_line = char == '\n' || (starts_line && matches!(char, ' ' | '\t'));
    }
}

/// As a text of one line.
pub fn line(out: &mut String, text: &str) {
    out.extend(text.chars().map(|char| if char.is_control() { ' ' } else { char }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(escape: fn(&mut String, &str), text: &str, expected: &str) {
        let mut out = String::new();
        escape(&mut out, text);
        assert_eq!(out, expected);
    }

    #[test]
    fn each_place_has_its_escapes() {
        check(json, "a\"b\\c\n", r#"a\"b\\c\n"#);
        check(
            markup,
            "<a href=\"x\">'&'</a>\u{7}",
            "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;",
        );
        check(markdown, "*a* [b](c) <d> e_f", "\\*a\\* \\[b\\](c) \\<d\\> e\\_f");
        check(markdown, "- a - b\n 1. c 2. d\n== 3", "\\- a - b\n 1\\. c 2. d\n\\== 3");
        check(line, "a\r\nb: c", "a  b: c");
        check(crate::form::escape, "a b&c=ü", "a+b%26c%3D%C3%BC");
    }
}
