//! minijinja, set up for requests: which functions there are, how much a template may do, and what is said of its mistakes.
//!
//! It must not know what is rendered or where it goes.

use std::collections::BTreeSet;
use std::error::Error as _;
use std::fmt;

use herald_provider::custom::{self, marks::is_mark};
use minijinja::value::{Value, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior};

use crate::{context, filters, marks, values};

/// What a template may do: about so many steps, or 64 times as many bytes. The longest event that Herald takes needs a
/// quarter of it. The sandbox would end a template as well, but cannot say why.
const FUEL: u64 = 400_000;

/// A template that cannot be used, or not for this event.
#[derive(Debug)]
pub(crate) struct Mistake {
    /// Where it is, and what is wrong.
    pub(crate) text: String,
    /// It is wrong whatever the event.
    pub(crate) is_certain: bool,
}

impl Mistake {
    /// What is wrong whatever the event.
    pub(crate) fn certain(text: String) -> Self {
        Self { text, is_certain: true }
    }

    /// What is wrong with this event, and perhaps with others.
    pub(crate) fn of_event(text: String) -> Self {
        Self { text, is_certain: false }
    }
}

/// Renders the templates of one delivery.
pub(crate) struct Engine<'a> {
    environment: Environment<'a>,
    /// What they see.
    context: Value,
}

impl<'a> Engine<'a> {
    /// For templates that see this and may place these keys of the Secret.
    pub(crate) fn new(context: Value, secret_keys: &[String]) -> Self {
        let mut environment = Environment::new();
        environment.set_fuel(Some(FUEL));
        // What an event lacks is left out: no message is lost for it.
        environment.set_undefined_behavior(UndefinedBehavior::Chainable);
        // What a macro makes is a part of the template, and each value in it is marked.
        environment.set_auto_escape_callback(|_| AutoEscape::Custom("marks".into()));
        environment.set_formatter(write_marked);
        filters::add(&mut environment);
        let keys = secret_keys.to_vec();
        environment.add_function("secret", move |key: String| secret(&key, &keys));
        Self { environment, context }
    }

    /// What a template comes to, with its marks.
    pub(crate) fn render(&self, at: &str, source: &'a str) -> Result<String, Mistake> {
        // Most texts are no templates.
        if !source.contains('{') && !source.contains(is_mark) {
            // The language drops a last line break.
            return Ok(source.strip_suffix('\n').unwrap_or(source).to_owned());
        }
        without_marks(at, source)?;
        let template = self.environment.template_from_named_str(at, source);
        let rendered = template.and_then(|template| template.render(self.context.clone()));
        rendered.map_err(|error| mistake(at, &error))
    }

    /// What an expression comes to.
    pub(crate) fn value(&self, at: &str, source: &'a str) -> Result<Value, Mistake> {
        without_marks(at, source)?;
        let expression = self.environment.compile_expression(source);
        let value = expression.and_then(|expression| expression.eval(self.context.clone()));
        value.map_err(|error| mistake(at, &error))
    }

    /// The names in a template that stand for nothing.
    pub(crate) fn unknown_names(&self, at: &str, source: &'a str) -> Vec<Mistake> {
        let template = self.environment.template_from_named_str(at, source);
        let names = template.map(|template| template.undeclared_variables(true));
        unknown(at, source, names.unwrap_or_default())
    }

    /// The names in an expression that stand for nothing.
    pub(crate) fn unknown_names_of_expression(&self, at: &str, source: &'a str) -> Vec<Mistake> {
        let expression = self.environment.compile_expression(source);
        let names = expression.map(|expression| expression.undeclared_variables(true));
        unknown(at, source, names.unwrap_or_default())
    }
}

fn unknown(at: &str, source: &str, names: impl IntoIterator<Item = String>) -> Vec<Mistake> {
    let names: BTreeSet<String> = names.into_iter().collect();
    let mistake = |name: &String| {
        let why = context::unknown(name)?;
        let before = source.split(name.as_str()).next().unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        Some(Mistake::certain(format!("{at}, line {line}: {why}")))
    };
    names.iter().filter_map(mistake).collect()
}

/// The marks are this module's own.
fn without_marks(at: &str, source: &str) -> Result<(), Mistake> {
    if source.contains(is_mark) {
        let why = "take out the control characters from U+0001 to U+0005";
        return Err(Mistake::certain(format!("{at}: {why}")));
    }
    Ok(())
}

/// Writes a value between marks. What a block captured or a macro made has them already.
fn write_marked(out: &mut Output<'_>, _: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    let (mark, text) = match value.kind() {
        ValueKind::String if value.is_safe() => {
            return Ok(out.write_str(value.as_str().unwrap_or_default())?);
        }
        ValueKind::String => (marks::TEXT, values::text(value)?),
        ValueKind::Undefined | ValueKind::None => (marks::JSON, String::new()),
        _ => (marks::JSON, values::json(value)?),
    };
    Ok(write!(out, "{mark}{text}{}", marks::END)?)
}

/// What stands for the value of a key of the Secret.
fn secret(key: &str, keys: &[String]) -> Result<String, Error> {
    custom::secret(key, keys)
        .map_err(|why| Error::new(ErrorKind::InvalidOperation, why).with_source(BadSecret))
}

/// Tells a secret that cannot be placed from a value that does not fit.
#[derive(Debug)]
struct BadSecret;

impl std::error::Error for BadSecret {}

impl fmt::Display for BadSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the Secret and the template do not fit")
    }
}

fn mistake(at: &str, error: &Error) -> Mistake {
    let is_bad_secret = error.source().is_some_and(|source| source.is::<BadSecret>());
    let is_certain = is_bad_secret
        || matches!(
            error.kind(),
            ErrorKind::SyntaxError
                | ErrorKind::BadEscape
                | ErrorKind::UnknownFilter
                | ErrorKind::UnknownTest
                | ErrorKind::UnknownFunction
                | ErrorKind::UnknownMethod
                | ErrorKind::MissingArgument
                | ErrorKind::TooManyArguments
        );
    let why = match (error.kind(), error.detail()) {
        (ErrorKind::OutOfFuel, _) => {
            "it does too much: loop over less, or cut texts with truncate".to_owned()
        }
        (_, Some(detail)) if is_bad_secret => detail.to_owned(),
        (kind, Some(detail)) => format!("{kind}: {detail}"),
        (kind, None) => kind.to_string(),
    };
    let line = error.line().map(|line| format!(", line {line}")).unwrap_or_default();
    Mistake { text: format!("{at}{line}: {why}"), is_certain }
}
