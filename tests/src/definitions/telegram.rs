//! Texts of Telegram: their marks, and their length once these are gone (<https://core.telegram.org/bots/api>).

use super::request::{Body, Request};

/// The longest text of a message after its entities are parsed, in UTF-16 units.
const TEXT: usize = 4096;

/// The tags of its HTML that take no attribute.
const TAGS: &[&str] =
    &["b", "strong", "i", "em", "u", "s", "code", "pre", "blockquote", "tg-spoiler"];

/// The text reads as what it says that it is, and is short enough.
pub(super) fn text(request: &Request) -> Vec<String> {
    let Body::Json(body) = &request.body else { return Vec::new() };
    let text = body["text"].as_str().unwrap_or_default();
    let shown = match body["parse_mode"].as_str() {
        Some("MarkdownV2") => markdown_v2(text),
        Some("HTML") => html(text),
        _ => Ok(text.to_owned()),
    };
    let shown = match shown {
        Ok(shown) => shown,
        Err(problem) => return vec![problem],
    };
    let n_units = shown.encode_utf16().count();
    let mut problems = Vec::new();
    if n_units > TEXT {
        problems.push(format!("the text has {n_units} UTF-16 units, and {TEXT} are taken"));
    }
    if shown.trim().is_empty() {
        problems.push("the text is empty".to_owned());
    }
    problems
}

/// A text of MarkdownV2 as it is shown. Of the entities only bold is known here.
fn markdown_v2(text: &str) -> Result<String, String> {
    let (mut shown, mut is_bold) = (String::new(), false);
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        match char {
            '\\' => match chars.next() {
                Some(escaped @ '\u{1}'..='\u{7e}') => shown.push(escaped),
                _ => return Err("a backslash escapes nothing".to_owned()),
            },
            '*' => is_bold = !is_bold,
            '_' | '[' | ']' | '(' | ')' | '~' | '`' | '>' | '#' | '+' | '-' | '=' | '|' | '{'
            | '}' | '.' | '!' => return Err(format!("{char:?} is reserved and not escaped")),
            char => shown.push(char),
        }
    }
    if is_bold { Err("bold text does not end".to_owned()) } else { Ok(shown) }
}

/// A text of Telegram's HTML as it is shown.
fn html(text: &str) -> Result<String, String> {
    let (mut shown, mut open) = (String::new(), Vec::new());
    let mut rest = text;
    while let Some(at) = rest.find(['<', '>', '&']) {
        let (plain, special) = rest.split_at(at);
        shown.push_str(plain);
        let end = if special.starts_with('<') { '>' } else { ';' };
        let (inside, after) = special
            .strip_prefix(['<', '&'])
            .and_then(|special| special.split_once(end))
            .ok_or_else(|| format!("{:?} stands alone", special.chars().next()))?;
        rest = after;
        match (end, inside) {
            (';', "lt") => shown.push('<'),
            (';', "gt") => shown.push('>'),
            (';', "amp") => shown.push('&'),
            (';', "quot") => shown.push('"'),
            ('>', tag) if TAGS.contains(&tag) => open.push(tag),
            ('>', tag) if tag.strip_prefix('/').is_some_and(|tag| open.pop() == Some(tag)) => {}
            _ => return Err(format!("{inside:?} is no tag and no entity")),
        }
    }
    shown.push_str(rest);
    if open.is_empty() { Ok(shown) } else { Err(format!("{open:?} do not end")) }
}
