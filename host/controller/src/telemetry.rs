//! What Herald tells about itself: log lines on standard error, numbers for Prometheus, and the one way to print an error
//! with its causes.
//!
//! It knows names of metrics and closed sets of labels; it knows nothing of events, Providers or sockets, and nobody
//! outside sees a type of the metrics library.

mod logging;
mod metrics;
mod peer;
mod tokens;

use std::error::Error;
use std::fmt::Write as _;

pub use logging::{InitError, LogEncoding, init};
pub use metrics::{JournalNumbers, Metrics};
pub use peer::{EventRequest, InFlight};
pub use tokens::TokenRequest;

/// Prints an error and its causes once each: `cannot keep the event: the disk is full: os error 28`.
///
/// Our errors say only their own level. Some foreign ones repeat their cause at the end; that cause is not printed again.
#[must_use]
pub fn report(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let level = error.to_string();
        if !level.is_empty() && !text.ends_with(&level) {
            write!(text, ": {level}").expect("writing to a String does not fail");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use thiserror::Error;

    use super::*;

    #[derive(Debug, Error)]
    #[error("{text}")]
    struct Level {
        text: &'static str,
        #[source]
        source: Option<Box<Level>>,
    }

    fn check(levels: &[&'static str], expected: &str) {
        let mut chain = None;
        for text in levels.iter().rev() {
            chain = Some(Box::new(Level { text, source: chain.take() }));
        }
        let error = chain.expect("a case has at least one level");
        assert_eq!(report(error.as_ref()), expected);
    }

    #[test]
    fn every_level_of_an_error_is_printed_once() {
        check(&["cannot start"], "cannot start");
        check(&["cannot start", "cannot bind", "in use"], "cannot start: cannot bind: in use");
        check(&["cannot bind: in use", "in use"], "cannot bind: in use");
        check(&["a", "", "b"], "a: b");
    }
}
