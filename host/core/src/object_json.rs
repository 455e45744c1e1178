//! An object as JSON, for the expressions that look at it. It is kept as text: as a tree it takes ten times the memory, and
//! there may be ten thousand of them of which few are ever looked at.

use serde_json::Value;

/// The JSON of an object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ObjectJson(Box<str>);

impl ObjectJson {
    /// Keeps a value.
    #[must_use]
    pub fn new(value: &Value) -> Self {
        Self(value.to_string().into_boxed_str())
    }

    /// The value.
    #[must_use]
    pub fn value(&self) -> Value {
        // It was written by `new`, so it can be read.
        serde_json::from_str(&self.0).unwrap_or_default()
    }
}

impl Default for ObjectJson {
    fn default() -> Self {
        Self::new(&Value::Null)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_kept_is_read_again() {
        for value in [json!(null), json!({"a": [1, 2.5, "ü\n", {"b": null}]})] {
            assert_eq!(ObjectJson::new(&value).value(), value);
        }
        assert_eq!(ObjectJson::default().value(), Value::Null);
    }
}
