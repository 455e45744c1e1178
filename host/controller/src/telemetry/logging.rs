//! Sets up the log: one line for each event of `tracing`, as text or JSON, on standard error.
//!
//! It does not know what is logged. Standard output stays free for what a command prints. Other crates may log what they
//! handle, such as addresses and headers with secrets, so of theirs only warnings and errors are written, whatever the
//! level.

use std::io::IsTerminal as _;

use clap::ValueEnum;
use thiserror::Error;
use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};

const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogEncoding {
    /// For a person: time, level, message, fields.
    Text,
    /// For a collector: one JSON object in each line.
    Json,
}

/// Why the log could not be set up.
#[derive(Debug, Error)]
pub enum InitError {
    /// One word that is not a level.
    #[error("`{level}` is not a log level: use error, warn, info, debug, trace or off")]
    UnknownLevel {
        /// What was given.
        level: String,
    },
    /// A list that is not understood.
    #[error(
        "`{filter}` is not a list of log levels: use a form such as `info,herald_engine=debug`"
    )]
    ParseFilter {
        /// What was given.
        filter: String,
        /// What is wrong with it.
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    /// Another log is in place already.
    #[error("the log was set up before")]
    Install(#[source] TryInitError),
}

/// Sets up the log of the whole process; `filter` is a level, or a list of `target=level`. For targets outside of Herald
/// no level opens more than warnings.
///
/// # Errors
/// When the filter is not understood, or when a log is in place already.
pub fn init(encoding: LogEncoding, filter: &str) -> Result<(), InitError> {
    let parsed = parse_filter(filter)?;
    let lines = tracing_subscriber::fmt().with_env_filter(parsed).with_writer(std::io::stderr);
    let cap = filter_fn(may_be_written);
    match encoding {
        LogEncoding::Text => {
            lines.with_ansi(std::io::stderr().is_terminal()).finish().with(cap).try_init()
        }
        LogEncoding::Json => {
            lines.json().flatten_event(true).with_span_list(false).finish().with(cap).try_init()
        }
    }
    .map_err(InitError::Install)
}

/// Whether a line is one of ours or at least a warning.
fn may_be_written(metadata: &Metadata<'_>) -> bool {
    is_ours(metadata.target()) || *metadata.level() <= Level::WARN
}

fn is_ours(target: &str) -> bool {
    target
        .strip_prefix("herald")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['_', ':']))
}

fn parse_filter(filter: &str) -> Result<EnvFilter, InitError> {
    // `EnvFilter` takes a word that is no level for the name of a target, so a misspelled level would silence everything.
    let is_word = filter.chars().all(|c| c.is_alphanumeric() || c == '_');
    if is_word && !LEVELS.iter().any(|level| level.eq_ignore_ascii_case(filter)) {
        return Err(InitError::UnknownLevel { level: filter.to_owned() });
    }
    EnvFilter::try_new(filter)
        .map_err(|source| InitError::ParseFilter { filter: filter.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(filter: &str, valid: bool) {
        assert_eq!(parse_filter(filter).is_ok(), valid, "{filter}");
    }

    #[test]
    fn a_log_level_that_would_silence_everything_is_refused() {
        check("info", true);
        check("WARN", true);
        check("info,herald_engine=debug", true);
        check("off", true);
        check("inof", false);
        check("", false);
        check("info,herald=loud", false);
    }

    #[test]
    fn only_our_own_targets_are_open_below_warnings() {
        for target in ["herald", "herald::module", "herald_core::policy", "herald_controller"] {
            assert!(is_ours(target), "{target}");
        }
        for target in ["reqwest::connect", "hyper_util", "rustls", "h2", "heraldry", "log", ""] {
            assert!(!is_ours(target), "{target}");
        }
    }

    #[test]
    fn a_bad_log_level_says_what_to_use() {
        let error = parse_filter("inof").map(|_| ()).expect_err("not a level");
        assert!(
            error.to_string().contains("`inof` is not a log level: use error, warn"),
            "{error}"
        );
    }
}
