//! The name under which a delivery shows up on a commit: by default, or by the Provider's `spec.commitStatusExpr`.
//!
//! It knows the expression language (CEL) with the functions that Flux gives it. It must not know what a forge does with
//! the name.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use cel::objects::{Key, Map};
use cel::{Context, ExecutionError, Program, Value};

use crate::event::Event;

mod functions;
mod names;

/// The longest expression that is read, in bytes.
pub const MAX_BYTES: usize = 4096;

/// Stack for parsing the deepest expression that `names` lets through, and several times as much again.
const PARSER_STACK_BYTES: usize = 16 << 20;

/// What an expression can name.
const VARIABLES: [&str; 3] = ["event", "alert", "provider"];

/// The name without an expression: `<kind>/<name>/<first part of the Provider's uid>` in lower case.
#[must_use]
pub fn default_id(event: &Event, provider_uid: &str) -> String {
    let object = &event.involved_object;
    let first_part = provider_uid.split('-').next().unwrap_or_default();
    format!("{}/{}/{first_part}", object.kind, object.name).to_lowercase()
}

/// A compiled `spec.commitStatusExpr`.
pub struct CommitStatusExpr {
    program: Program,
    source: String,
    /// The variables that it names, so that the others need not be made ready.
    variables: Vec<&'static str>,
}

/// Why an expression cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompileExprError {
    /// It is too long.
    #[error("the expression is {n_bytes} bytes long; write one of at most {MAX_BYTES}")]
    TooLong {
        /// Its length.
        n_bytes: usize,
    },
    /// It nests too deeply.
    #[error("the expression nests too deeply; write a simpler one")]
    TooDeep,
    /// It is not in the language.
    #[error("the expression is no valid CEL at line {line}, column {column}: {message}")]
    Syntax {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// What the parser says.
        message: String,
    },
    /// The parser failed instead of refusing it.
    #[error("the parser fails on the expression; write it in another way")]
    Parser,
    /// The system gave no thread to parse it in.
    #[error("the expression cannot be parsed now, as the system gives no thread ({0}); try again")]
    NoThread(std::io::ErrorKind),
    /// It names a variable that does not exist.
    #[error("the expression names `{name}`, but there is only `event`, `alert` and `provider`")]
    UnknownVariable {
        /// The name.
        name: String,
    },
    /// It calls a function that does not exist.
    #[error("the expression calls `{name}`, which does not exist; check its spelling and case")]
    UnknownFunction {
        /// The name.
        name: String,
    },
}

/// Why an expression gives no name for an event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvaluateExprError {
    /// A field is missing.
    #[error(
        "the expression asks for `{key}`, which is not there; test it by `has(…)`, or ask for `.?{key}.orValue('…')`"
    )]
    MissingKey {
        /// The field.
        key: String,
    },
    /// The result is something else.
    #[error(
        "the expression gives a value of type {found}; make it give a string, such as by `string(…)`"
    )]
    NotAString {
        /// The type of the result.
        found: String,
    },
    /// The result is a string without text.
    #[error(
        "the expression gives an empty string; make it give the name that the commit status shall have"
    )]
    Empty,
    /// It failed in another way.
    #[error("the expression fails for this event: {0}")]
    Failed(String),
}

impl CommitStatusExpr {
    /// Compiles an expression and checks the names in it.
    ///
    /// # Errors
    ///
    /// When it is not valid or names what does not exist.
    pub fn compile(source: &str) -> Result<Self, CompileExprError> {
        if source.len() > MAX_BYTES {
            return Err(CompileExprError::TooLong { n_bytes: source.len() });
        }
        names::check_nesting(source)?;
        // The parser walks down an expression on the stack, by up to 150 KiB for a bracket in a debug build, which is more
        // than a caller may have left.
        let (program, variables) = std::thread::scope(|scope| {
            std::thread::Builder::new()
                .stack_size(PARSER_STACK_BYTES)
                .spawn_scoped(scope, || parse(source))
                .map_err(|error| CompileExprError::NoThread(error.kind()))?
                .join()
                .unwrap_or(Err(CompileExprError::Parser))
        })?;
        Ok(Self { program, source: source.to_owned(), variables })
    }

    /// The expression as it was written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The name for this event; the arguments are the objects in their JSON form, the event merged with the Alert's
    /// metadata.
    ///
    /// # Errors
    ///
    /// When it asks for what is not there, or the result is no string or an empty one.
    pub fn evaluate(
        &self,
        event: &serde_json::Value,
        alert: &serde_json::Value,
        provider: &serde_json::Value,
    ) -> Result<String, EvaluateExprError> {
        let mut context = Context::with_env(Arc::clone(functions::environment()));
        for (name, value) in VARIABLES.into_iter().zip([event, alert, provider]) {
            if self.variables.contains(&name) {
                context.add_variable_from_value(name, to_cel(value));
            }
        }
        match self.program.execute(&context) {
            Ok(Value::String(text)) if text.is_empty() => Err(EvaluateExprError::Empty),
            Ok(Value::String(text)) => Ok(text.as_ref().clone()),
            Ok(other) => Err(EvaluateExprError::NotAString { found: other.type_of().to_string() }),
            Err(ExecutionError::NoSuchKey(key)) => {
                Err(EvaluateExprError::MissingKey { key: shorten(&key) })
            }
            Err(error) => Err(EvaluateExprError::Failed(shorten(&error.to_string()))),
        }
    }
}

impl fmt::Debug for CommitStatusExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CommitStatusExpr").field(&self.source).finish()
    }
}

impl PartialEq for CommitStatusExpr {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for CommitStatusExpr {}

fn parse(source: &str) -> Result<(Program, Vec<&'static str>), CompileExprError> {
    let program = functions::environment().compile(source).map_err(|errors| {
        let first = errors.errors.first();
        let position = |of: fn(&(isize, isize)) -> isize| {
            first.and_then(|error| usize::try_from(of(&error.pos)).ok()).unwrap_or_default().max(1)
        };
        CompileExprError::Syntax {
            line: position(|(line, _)| *line),
            column: position(|(_, column)| *column),
            message: first.map_or_else(|| "it is empty".to_owned(), |error| shorten(&error.msg)),
        }
    })?;
    let variables = names::check(program.expression())?;
    Ok((program, variables))
}

/// JSON as the language sees it; every number is a double, as in the protobuf struct that Flux makes of it.
fn to_cel(value: &serde_json::Value) -> Value {
    match value {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(value) => Value::Bool(*value),
        serde_json::Value::Number(number) => Value::Float(number.as_f64().unwrap_or_default()),
        serde_json::Value::String(text) => Value::String(Arc::new(text.clone())),
        serde_json::Value::Array(items) => {
            Value::List(Arc::new(items.iter().map(to_cel).collect()))
        }
        serde_json::Value::Object(fields) => {
            let fields: HashMap<Key, Value> = fields
                .iter()
                .map(|(name, value)| (Key::from(name.clone()), to_cel(value)))
                .collect();
            Value::Map(Map { map: Arc::new(fields) })
        }
    }
}

/// The first characters on one line: the messages of the language repeat values of any length.
fn shorten(text: &str) -> String {
    text.lines()
        .next()
        .unwrap_or_default()
        .chars()
        .filter(|character| !character.is_control())
        .take(300)
        .collect()
}

#[cfg(test)]
mod tests;
