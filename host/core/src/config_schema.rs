//! What a module's schema says of `spec.config`.
//!
//! It knows JSON Schema by its crate, and no module. A schema comes from whoever wrote the module, so it is bounded, it
//! fetches nothing, and its patterns are matched in linear time.

use std::fmt;

use jsonschema::error::ValidationErrorKind;
use jsonschema::paths::LocationSegment;
use jsonschema::{Draft, PatternOptions, ValidationError, Validator};
use serde_json::Value;
use thiserror::Error;

/// The longest schema, in bytes.
const MAX_BYTES: usize = 64 << 10;
/// As many mistakes as one reads at once.
const MAX_PROBLEMS: usize = 20;

/// Which `spec.config` a module takes.
pub struct ConfigSchema {
    /// None for a module without options.
    schema: Option<(Value, Validator)>,
}

/// Why a text is no schema of a configuration.
#[derive(Debug, Error)]
pub enum BadSchema {
    /// It is too long.
    #[error("it is longer than {MAX_BYTES} bytes")]
    TooLong,
    /// It is no JSON.
    #[error("it is no JSON")]
    Json(#[source] serde_json::Error),
    /// It is JSON, but no object.
    #[error("it must be a JSON object")]
    Shape,
    /// It is no schema of draft 2020-12, or refers to something outside itself.
    #[error("it is no JSON Schema of draft 2020-12: {0}")]
    Schema(String),
}

impl ConfigSchema {
    /// Reads a schema; an empty text is that of a module without options.
    ///
    /// # Errors
    ///
    /// The text is no schema.
    pub fn parse(text: &str) -> Result<Self, BadSchema> {
        if text.is_empty() {
            return Ok(Self { schema: None });
        }
        if text.len() > MAX_BYTES {
            return Err(BadSchema::TooLong);
        }
        let schema: Value = serde_json::from_str(text).map_err(BadSchema::Json)?;
        if !schema.is_object() {
            return Err(BadSchema::Shape);
        }
        let validator = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .with_pattern_options(PatternOptions::regex())
            .build(&schema)
            .map_err(|err| BadSchema::Schema(err.to_string()))?;
        Ok(Self { schema: Some((schema, validator)) })
    }

    /// Everything wrong with a `spec.config`, each with the name of its field.
    #[must_use]
    pub fn problems(&self, config: &Value) -> Vec<String> {
        let is_empty = config.as_object().is_none_or(serde_json::Map::is_empty);
        match &self.schema {
            None if is_empty => Vec::new(),
            None => vec!["spec.config: this type has no options; remove it".to_owned()],
            Some((schema, validator)) => validator
                .iter_errors(config)
                .take(MAX_PROBLEMS)
                .map(|err| problem(schema, &err))
                .collect(),
        }
    }
}

fn problem(schema: &Value, error: &ValidationError<'_>) -> String {
    let mut field = "spec.config".to_owned();
    for segment in error.instance_path() {
        match segment {
            LocationSegment::Property(name) => field.extend([".", &name]),
            LocationSegment::Index(index) => field.push_str(&format!("[{index}]")),
        }
    }
    let is_unknown = matches!(error.kind(), ValidationErrorKind::AdditionalProperties { .. });
    let known = schema["properties"].as_object().filter(|_| is_unknown && field == "spec.config");
    match known {
        Some(known) => {
            let known: Vec<&str> = known.keys().map(String::as_str).collect();
            format!("{field}: {error}; the options are: {}", known.join(", "))
        }
        None => format!("{field}: {error}"),
    }
}

impl fmt::Debug for ConfigSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ConfigSchema")
            .field(&self.schema.as_ref().map(|(schema, _)| schema))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SCHEMA: &str = r#"{
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "format": {"enum": ["text", "html"]},
            "tags": {"type": "array", "items": {"type": "string", "pattern": "^[a-z]+$"}}
        }
    }"#;

    #[test]
    fn a_mistake_names_its_field() {
        let schema = ConfigSchema::parse(SCHEMA).unwrap();
        let check = |config: Value, expected: &[&str]| {
            assert_eq!(schema.problems(&config), expected, "{config}");
        };
        check(json!({}), &[]);
        check(json!({"format": "html", "tags": ["a", "b"]}), &[]);
        check(
            json!({"format": "pdf"}),
            &[r#"spec.config.format: "pdf" is not one of "text" or "html""#],
        );
        check(
            json!({"tags": ["a", "B"]}),
            &[r#"spec.config.tags[1]: "B" does not match "^[a-z]+$""#],
        );
        check(
            json!({"formt": "html"}),
            &[
                "spec.config: Additional properties are not allowed ('formt' was unexpected); the options are: format, tags",
            ],
        );
    }

    #[test]
    fn a_type_without_options_takes_none() {
        let schema = ConfigSchema::parse("").unwrap();
        assert!(schema.problems(&json!({})).is_empty());
        assert!(schema.problems(&Value::Null).is_empty());
        assert_eq!(
            schema.problems(&json!({"format": "html"})),
            ["spec.config: this type has no options; remove it"]
        );
    }

    #[test]
    fn what_is_no_schema_is_refused() {
        let check = |text: &str, expected: &str| {
            let err = ConfigSchema::parse(text).unwrap_err().to_string();
            assert!(err.contains(expected), "{err}");
        };
        check("{", "no JSON");
        check("[]", "must be a JSON object");
        check(r#"{"type": "text"}"#, "draft 2020-12");
        // Nothing is fetched.
        check(r#"{"$ref": "https://schemas.example/one.json"}"#, "draft 2020-12");
        check(&format!(r#"{{"title": "{}"}}"#, "x".repeat(MAX_BYTES)), "longer than 65536 bytes");
        // Look-ahead is not linear.
        check(r#"{"properties": {"a": {"pattern": "(?=a)b"}}}"#, "draft 2020-12");
    }
}
