//! What is wrong in the user's objects, said so that one line is enough to find and correct it.
//!
//! It knows no rule of any object. A mistake never quotes a value of a Secret.

use std::error::Error;
use std::fmt::{self, Write};

/// One mistake of the user.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mistake {
    /// The file, relative to the folder.
    pub file: String,
    /// The line, counted from 1; none when it concerns the whole file.
    pub line: Option<u64>,
    /// The path of the field, such as `spec.secretRef.name`; empty when no field is to blame.
    pub field: String,
    /// The object, such as `Provider default/slack`; empty when there is none.
    pub object: String,
    /// What is wrong and what to change.
    pub message: String,
    /// Whether the peer accepts it and goes on, and so does Herald.
    pub tolerated: bool,
}

/// One line: `FILE:LINE: OBJECT: FIELD: MESSAGE`, without the parts that are unknown.
impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_visible(f, &self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        for part in [&self.object, &self.field, &self.message] {
            if !part.is_empty() {
                f.write_str(": ")?;
                write_visible(f, part)?;
            }
        }
        Ok(())
    }
}

/// Names come from the user's text, and a line break in one must not begin a line of its own.
fn write_visible(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    for c in text.chars() {
        if c.is_control() {
            write!(f, "{}", c.escape_default())?;
        } else {
            f.write_char(c)?;
        }
    }
    Ok(())
}

/// An error and all its causes in one line, to be a mistake's message.
pub(crate) fn explain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_one_line() {
        let mut mistake = Mistake {
            file: "a.yaml".to_owned(),
            line: Some(3),
            field: "spec.type".to_owned(),
            object: "Provider default/x\ny".to_owned(),
            message: "is missing".to_owned(),
            tolerated: false,
        };
        assert_eq!(mistake.to_string(), "a.yaml:3: Provider default/x\\ny: spec.type: is missing");
        mistake.object.clear();
        mistake.field.clear();
        mistake.line = None;
        assert_eq!(mistake.to_string(), "a.yaml: is missing");
    }
}
