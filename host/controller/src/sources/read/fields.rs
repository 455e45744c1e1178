//! Reads the fields of one object out of its nodes and notes every mistake on the way.
//!
//! It knows which forms a field can have and how to say that it has another one. Which fields there are is known to the
//! files of the objects. No message quotes a value.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::sources::Mistake;
use crate::sources::manifest::Origin;
use crate::sources::nearest::did_you_mean;
use crate::sources::yaml::{Entry, Node, Value};

/// What is noted while one object is read.
pub(super) struct Notes {
    file: Arc<str>,
    line: u64,
    object: String,
    lines: BTreeMap<String, u64>,
    mistakes: Vec<Mistake>,
}

/// A mapping whose fields are being read.
#[derive(Clone)]
pub(super) struct Fields<'n> {
    path: String,
    line: u64,
    entries: &'n [Entry],
}

/// A text and its line.
pub(super) struct Text {
    pub(super) line: u64,
    pub(super) text: String,
}

impl Notes {
    /// Notes about an object, such as `Provider default/slack`, that begins in this line.
    pub(super) fn new(file: &Arc<str>, line: u64, object: String) -> Self {
        Self { file: Arc::clone(file), line, object, lines: BTreeMap::new(), mistakes: Vec::new() }
    }

    /// Notes a mistake in a field.
    pub(super) fn mistake(&mut self, line: u64, field: &str, message: impl Into<String>) {
        self.mistakes.push(Mistake {
            file: self.file.as_ref().to_owned(),
            line: Some(line),
            field: field.to_owned(),
            object: self.object.clone(),
            message: message.into(),
            tolerated: false,
        });
    }

    /// Notes a mistake in a field that the peer accepts.
    pub(super) fn tolerated(&mut self, line: u64, field: &str, message: impl Into<String>) {
        self.mistake(line, field, message);
        if let Some(mistake) = self.mistakes.last_mut() {
            mistake.tolerated = true;
        }
    }

    /// Why the object cannot be used.
    pub(super) fn problems(&self) -> Vec<String> {
        self.mistakes
            .iter()
            .filter(|mistake| !mistake.tolerated)
            .map(|mistake| format!("{}: {}", mistake.field, mistake.message))
            .collect()
    }

    /// Where the object was written, and what is wrong with it.
    pub(super) fn finish(self) -> (Origin, Vec<Mistake>) {
        (Origin { file: self.file, line: Some(self.line), fields: self.lines }, self.mistakes)
    }
}

impl<'n> Fields<'n> {
    /// The fields of a document or an item of a list; none when it is no mapping.
    pub(super) fn of(node: &'n Node, path: &str, line: u64) -> Option<Self> {
        match &node.value {
            Value::Map(entries) => Some(Self { path: path.to_owned(), line, entries }),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::List(_) => {
                None
            }
        }
    }

    /// The path of a field of this mapping.
    pub(super) fn path_of(&self, key: &str) -> String {
        let is_plain = key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        let key = shown_key(key);
        match (self.path.as_str(), is_plain) {
            ("", _) => key.into_owned(),
            (path, true) => format!("{path}.{key}"),
            (path, false) => format!("{path}[{key}]"),
        }
    }

    /// Notes every field besides the `known` ones and every field that is there twice.
    pub(super) fn expect_only(&self, known: &[&str], notes: &mut Notes) {
        self.expect_once(notes);
        for entry in self.entries {
            if !known.contains(&entry.key.as_str()) {
                let advice = did_you_mean(&entry.key, known.iter().copied());
                let advice = advice.as_deref().unwrap_or("remove it");
                let message = format!("unknown field; {advice}");
                notes.mistake(entry.line, &self.path_of(&entry.key), message);
            }
        }
    }

    /// Notes every field that is there twice.
    pub(super) fn expect_once(&self, notes: &mut Notes) {
        let mut first = BTreeMap::new();
        for entry in self.entries {
            if let Some(line) = first.insert(entry.key.as_str(), entry.line) {
                let message =
                    format!("is set a second time, first in line {line}; remove one of the two");
                notes.mistake(entry.line, &self.path_of(&entry.key), message);
            }
        }
    }

    /// The entries in the order of the text, of a repeated key only the last.
    pub(super) fn entries(&self) -> impl Iterator<Item = &'n Entry> {
        let last: BTreeMap<&str, &Entry> =
            self.entries.iter().map(|entry| (entry.key.as_str(), entry)).collect();
        self.entries.iter().filter(move |entry| {
            last.get(entry.key.as_str()).is_some_and(|at| std::ptr::eq(*at, *entry))
        })
    }

    /// The entry of a field that is set to something.
    pub(super) fn entry(&self, key: &str, notes: &mut Notes) -> Option<&'n Entry> {
        let entry = self.entries.iter().rfind(|entry| entry.key == key)?;
        notes.lines.insert(self.path_of(key), entry.line);
        (!matches!(entry.value.value, Value::Null)).then_some(entry)
    }

    /// A text.
    pub(super) fn text(&self, key: &str, notes: &mut Notes) -> Option<&'n str> {
        let entry = self.entry(key, notes)?;
        text_of(&entry.value, entry.line, &self.path_of(key), notes)
    }

    /// A text that must be there and not be empty; `advice` says what to set it to.
    pub(super) fn required_text(
        &self,
        key: &str,
        advice: &str,
        notes: &mut Notes,
    ) -> Option<&'n str> {
        match self.entry(key, notes) {
            Some(entry) => {
                let text = text_of(&entry.value, entry.line, &self.path_of(key), notes)?;
                if text.is_empty() {
                    notes.mistake(entry.line, &self.path_of(key), format!("is empty; {advice}"));
                    return None;
                }
                Some(text)
            }
            None => {
                self.note_missing(key, advice, notes);
                None
            }
        }
    }

    /// Notes that a required field is not there.
    pub(super) fn note_missing(&self, key: &str, advice: &str, notes: &mut Notes) {
        let path = self.path_of(key);
        let line = notes.lines.get(&path).copied().unwrap_or(self.line);
        notes.mistake(line, &path, format!("is missing; {advice}"));
    }

    /// `true` or `false`, which is also what an unset field means.
    pub(super) fn flag(&self, key: &str, notes: &mut Notes) -> bool {
        let Some(entry) = self.entry(key, notes) else {
            return false;
        };
        match &entry.value.value {
            Value::Bool(flag) => *flag,
            Value::Null | Value::Number(_) | Value::String(_) | Value::List(_) | Value::Map(_) => {
                notes.mistake(
                    entry.line,
                    &self.path_of(key),
                    "must be true or false, without quotes",
                );
                false
            }
        }
    }

    /// A mapping.
    pub(super) fn fields(&self, key: &str, notes: &mut Notes) -> Option<Fields<'n>> {
        let entry = self.entry(key, notes)?;
        let path = self.path_of(key);
        let fields = Fields::of(&entry.value, &path, entry.line);
        if fields.is_none() {
            notes.mistake(
                entry.line,
                &path,
                "must be a mapping; write its fields below it, indented",
            );
        }
        fields
    }

    /// A mapping, without a note where it is none: it was read before.
    pub(super) fn child(&self, key: &str) -> Option<Fields<'n>> {
        let entry = self.entries.iter().rfind(|entry| entry.key == key)?;
        Fields::of(&entry.value, &self.path_of(key), entry.line)
    }

    /// The items of a list, each with its path.
    pub(super) fn items(&self, key: &str, notes: &mut Notes) -> Option<Vec<(String, &'n Node)>> {
        let entry = self.entry(key, notes)?;
        let path = self.path_of(key);
        match &entry.value.value {
            Value::List(items) => Some(
                items.iter().enumerate().map(|(i, item)| (format!("{path}[{i}]"), item)).collect(),
            ),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Map(_) => {
                notes.mistake(entry.line, &path, "must be a list; begin each item with `- `");
                None
            }
        }
    }

    /// The texts of a list.
    pub(super) fn texts(&self, key: &str, notes: &mut Notes) -> Vec<Text> {
        let items = self.items(key, notes).unwrap_or_default();
        let mut texts = Vec::new();
        for (path, item) in items {
            if let Some(text) = text_of(item, item.line, &path, notes) {
                texts.push(Text { line: item.line, text: text.to_owned() });
            }
        }
        texts
    }

    /// A mapping of texts; a key without a value has the empty text.
    pub(super) fn text_map(
        &self,
        key: &str,
        notes: &mut Notes,
    ) -> Option<BTreeMap<String, String>> {
        let fields = self.fields(key, notes)?;
        fields.expect_once(notes);
        let mut map = BTreeMap::new();
        for entry in fields.entries() {
            let text = match entry.value.value {
                Value::Null => Some(""),
                _ => text_of(&entry.value, entry.line, &fields.path_of(&entry.key), notes),
            };
            if let Some(text) = text {
                map.insert(entry.key.clone(), text.to_owned());
            }
        }
        Some(map)
    }

    /// The line of the mapping itself.
    pub(super) fn line(&self) -> u64 {
        self.line
    }
}

/// A key as far as it is shown. `{token:hunter2}`, without a space, is one long key that holds a secret, so of what is no
/// name of a field or a label only the part before `:` or `=` is.
fn shown_key(key: &str) -> Cow<'_, str> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    match key.split_once(|c| !is_name(c)) {
        None => Cow::Borrowed(key),
        Some((name, _))
            if key.get(name.len()..).is_some_and(|rest| rest.starts_with([':', '='])) =>
        {
            Cow::Owned(format!("{name}…"))
        }
        Some(_) => Cow::Borrowed("…"),
    }
}

/// The text of a scalar; notes when it is something else.
pub(super) fn text_of<'n>(
    node: &'n Node,
    line: u64,
    path: &str,
    notes: &mut Notes,
) -> Option<&'n str> {
    match &node.value {
        Value::String(text) => Some(text),
        Value::Bool(_) | Value::Number(_) => {
            notes.mistake(line, path, "must be text; put the value in quotes");
            None
        }
        Value::Null => {
            notes.mistake(line, path, "is empty; give it a text");
            None
        }
        Value::List(_) | Value::Map(_) => {
            notes.mistake(line, path, "must be text, not a list or a mapping");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_shows_no_value_that_was_written_into_it() {
        for (key, shown) in [
            ("token", "token"),
            ("ca.crt", "ca.crt"),
            ("app.kubernetes.io/name", "app.kubernetes.io/name"),
            ("token:hunter2", "token…"),
            ("token=hunter2", "token…"),
            ("address:https://h.example/hunter2", "address…"),
            ("hunter2 hunter2", "…"),
            ("hunter2%", "…"),
        ] {
            assert_eq!(shown_key(key), shown, "{key}");
        }
    }
}
