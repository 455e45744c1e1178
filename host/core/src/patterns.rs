//! Lists of regular expressions that mean what they mean to Go, as users wrote them for the peer. Knows Go's syntax
//! (`translate`) and the limits of an expression; must not know what is matched or why.

mod class;
mod cursor;
mod escape;
mod translate;

use std::collections::BTreeSet;

use regex::{Regex, RegexBuilder};

pub use escape::SyntaxError;

/// Reading an expression takes memory in proportion to its length, before any other limit holds.
const MAX_PATTERN_BYTES: usize = 16 << 10;

/// What one compiled expression may take, tried in this order. Go has no such limit, but it keeps nothing either.
const COMPILED_BYTES: [usize; 3] = [32 << 10, 512 << 10, 10 << 20];

/// What a whole list may take; each entry counts with the limit that it fits in.
const MAX_LIST_BYTES: usize = 32 << 20;

/// The translation puts a few levels around each group of the user's, which has a limit of its own.
const MAX_TRANSLATED_NESTING: u32 = 1000;

/// A user's list of expressions, compiled once.
#[derive(Clone, Debug, Default)]
pub struct Patterns {
    compiled: Vec<Regex>,
    n_given: usize,
}

impl Patterns {
    /// Compiles a list; an entry that is wrong is reported and left out.
    #[must_use]
    pub fn compile(list: &[String]) -> (Self, Vec<PatternError>) {
        let mut patterns = Self { compiled: Vec::new(), n_given: list.len() };
        let mut errors = Vec::new();
        let mut n_bytes_left = MAX_LIST_BYTES;
        for (index, pattern) in list.iter().enumerate() {
            match compile(pattern, &mut n_bytes_left) {
                Ok(regex) => patterns.compiled.push(regex),
                Err(source) => {
                    errors.push(PatternError { index, pattern: pattern.clone(), source })
                }
            }
        }
        (patterns, errors)
    }

    /// Whether one of them is found in this text.
    #[must_use]
    pub fn any_match(&self, text: &str) -> bool {
        self.compiled.iter().any(|regex| regex.is_match(text))
    }

    /// Whether the user gave none. A list whose entries are all wrong is not empty.
    #[must_use]
    pub fn was_empty(&self) -> bool {
        self.n_given == 0
    }
}

/// An entry of a list that is no regular expression.
#[derive(Clone, Debug, thiserror::Error)]
#[error("entry {index} is not a regular expression that can be used: {}", escape::shown(pattern))]
pub struct PatternError {
    /// Its position in the list, from 0.
    pub index: usize,
    /// What the user wrote.
    pub pattern: String,
    /// What is wrong with it.
    pub source: CompilePatternError,
}

/// What is wrong with a regular expression.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CompilePatternError {
    /// Go does not take it either.
    #[error("it is not written in the syntax of Go")]
    Syntax(#[source] SyntaxError),
    /// It is too long to be read.
    #[error("it is longer than {max} bytes; split it into several entries")]
    TooLong {
        /// How long it may be.
        max: usize,
    },
    /// It, or the list up to it, needs too much memory.
    #[error(
        "the list takes too much memory; use smaller repeat counts, fewer classes like \\pL or fewer entries"
    )]
    TooLarge(#[source] regex::Error),
    /// It is valid in Go and still cannot be compiled.
    #[error("it cannot be compiled")]
    Unsupported(#[source] regex::Error),
}

/// Compiles one entry and takes its share of what is left for the list.
fn compile(pattern: &str, n_bytes_left: &mut usize) -> Result<Regex, CompilePatternError> {
    if pattern.len() > MAX_PATTERN_BYTES {
        return Err(CompilePatternError::TooLong { max: MAX_PATTERN_BYTES });
    }
    let translated = translate::translate(pattern).map_err(CompilePatternError::Syntax)?;
    let mut result = Err(regex::Error::CompiledTooBig(*n_bytes_left));
    for limit in COMPILED_BYTES.into_iter().filter(|limit| *limit <= *n_bytes_left) {
        result = RegexBuilder::new(&translated)
            .size_limit(limit)
            .nest_limit(MAX_TRANSLATED_NESTING)
            .build();
        if !matches!(result, Err(regex::Error::CompiledTooBig(_))) {
            *n_bytes_left -= limit;
            break;
        }
    }
    result.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => CompilePatternError::TooLarge(error),
        _ => match unknown_set(&translated) {
            Some(set) => CompilePatternError::Syntax(SyntaxError::InvalidClass(set)),
            None => CompilePatternError::Unsupported(error),
        },
    })
}

/// The first `\p{Name}` in a translation that names nothing.
fn unknown_set(translated: &str) -> Option<String> {
    // A translation holds these characters for nothing else.
    let names = translated.split("\\p{").skip(1).filter_map(|rest| rest.split_once('}'));
    let mut sets =
        names.map(|(name, _)| format!("\\p{{{name}}}")).collect::<BTreeSet<_>>().into_iter();
    sets.find(|set| Regex::new(set).is_err())
}

#[cfg(test)]
mod tests;
