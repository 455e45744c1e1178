//! YAML text as a tree of nodes that know their lines.
//!
//! It knows nothing of Providers or Alerts. Errors never quote a value, because a value may be a secret; for the same
//! reason no type here has a `Debug`.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::{DuplicateKeyPolicy, NonFiniteFloatPolicy};
use serde_saphyr::{Spanned, UserMessageFormatter};

/// A node and the line where it begins.
pub(crate) struct Node {
    /// Counted from 1.
    pub(crate) line: u64,
    /// What it is.
    pub(crate) value: Value,
}

/// What a node is.
pub(crate) enum Value {
    /// Nothing, `null` or `~`.
    Null,
    /// `true`, `false` and what YAML 1.1 takes for them, as kubectl does.
    Bool(bool),
    /// A number as JSON has it.
    Number(serde_json::Number),
    /// Any other scalar.
    String(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping in the order of the text; a key may stand there twice.
    Map(Vec<Entry>),
}

/// A key and its value.
pub(crate) struct Entry {
    /// The key as text.
    pub(crate) key: String,
    /// The line of the key, where a reader looks first.
    pub(crate) line: u64,
    /// The value.
    pub(crate) value: Node,
}

/// Text that is not YAML.
pub(crate) struct YamlError {
    /// Where the parser stopped, when it knows.
    pub(crate) line: Option<u64>,
    /// What it did not like.
    pub(crate) message: String,
}

/// The documents of a text; empty ones are left out.
///
/// After a syntax error nothing follows, while other errors end only their own document.
pub(crate) fn documents(text: &str) -> Vec<Result<Node, YamlError>> {
    let mut bytes = text.as_bytes();
    serde_saphyr::read_with_options::<_, Node>(&mut bytes, options())
        .map(|document| document.map_err(|error| YamlError::new(&error)))
        .collect()
}

fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        // A folder may hold tens of thousands of objects in one file; the limits on aliases stay as they are.
        budget: serde_saphyr::budget! {
            max_reader_input_bytes: Some(256 << 20),
            max_events: 50_000_000,
            max_documents: 1_000_000,
            max_nodes: 20_000_000,
            max_total_scalar_bytes: 256 << 20,
        },
        // The reader of fields reports repeated keys itself, with the field's path.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        // `channel: 007` would be a number that has lost its zeros.
        leading_zero_numbers_as_strings: true,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        emit_comments: false,
        // A snippet would quote the text, which may hold a secret.
        with_snippet: false,
    }
}

impl YamlError {
    fn new(error: &serde_saphyr::Error) -> Self {
        let location = error.location().filter(|location| location.line() > 0);
        let mut message = error.render_with_formatter(&UserMessageFormatter);
        if let Some(location) = location {
            // The line is told apart from the message, so it need not end in it too.
            let place = format!(" at line {}, column {}", location.line(), location.column());
            message = message.replace(&place, "");
        }
        Self { line: location.map(|location| location.line()), message }
    }
}

impl Node {
    /// The value under a key of a mapping.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Map(entries) => {
                entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::List(_) => {
                None
            }
        }
    }

    /// The text of a string.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::List(_) | Value::Map(_) => {
                None
            }
        }
    }

    /// A value that never was text, such as an object of a cluster: all of it is in line 0.
    pub(crate) fn from_json(value: &serde_json::Value) -> Node {
        let value = match value {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(value) => Value::Bool(*value),
            serde_json::Value::Number(value) => Value::Number(value.clone()),
            serde_json::Value::String(value) => Value::String(value.clone()),
            serde_json::Value::Array(items) => {
                Value::List(items.iter().map(Node::from_json).collect())
            }
            serde_json::Value::Object(entries) => {
                let entry = |(key, value): (&String, &serde_json::Value)| Entry {
                    key: key.clone(),
                    line: 0,
                    value: Node::from_json(value),
                };
                Value::Map(entries.iter().map(entry).collect())
            }
        };
        Node { line: 0, value }
    }

    /// The node as JSON; of a repeated key the last value counts.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => serde_json::Value::Bool(*value),
            Value::Number(value) => serde_json::Value::Number(value.clone()),
            Value::String(value) => serde_json::Value::String(value.clone()),
            Value::List(items) => items.iter().map(Node::to_json).collect(),
            Value::Map(entries) => {
                entries.iter().map(|entry| (entry.key.clone(), entry.value.to_json())).collect()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Value>::deserialize(deserializer)?;
        Ok(Self { line: spanned.referenced.line(), value: spanned.value })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value that JSON has too")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(serde_json::Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Vec::new();
        while let Some(key) = entries.next_key::<Spanned<String>>()? {
            let value = entries.next_value()?;
            map.push(Entry { key: key.value, line: key.referenced.line(), value });
        }
        Ok(Value::Map(map))
    }
}
