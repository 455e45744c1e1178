//! Why a module cannot be loaded, and why a call failed.
//!
//! It must not know how either is found out.

use std::fmt;
use std::time::Duration;

use herald_core::formatter::Permission;
use thiserror::Error;

use crate::description::BadDescription;

/// What lies below an error, in wasmtime's words.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a component cannot serve as a module.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The bytes are no component.
    #[error("it is no WebAssembly component but {found}")]
    NotAComponent {
        /// What the bytes are.
        found: &'static str,
    },
    /// It is a core module that cannot be made a component.
    #[error(
        "it is a core module that cannot be made a component; was it built with the SDK for wasm32-unknown-unknown?"
    )]
    Wrap(#[source] Cause),
    /// It cannot be compiled.
    #[error("it cannot be compiled")]
    Compile(#[source] Cause),
    /// It lacks something that every module exports.
    #[error("it does not export `{name}`; this host knows version {} of the interface", .known.join(", "))]
    MissingExport {
        /// What is missing.
        name: String,
        /// The versions of the interface that the host knows.
        known: &'static [&'static str],
    },
    /// It is made for a version of the interface that this host does not know.
    #[error("it is made for version {found} of the interface, and this host knows {}", .known.join(", "))]
    UnsupportedInterface {
        /// The version that it is made for.
        found: String,
        /// The versions of the interface that the host knows.
        known: &'static [&'static str],
    },
    /// It imports something that the host does not have.
    #[error(
        "it imports `{0}`, which this host does not have; it may import what the worlds of `herald:provider` and `wasi:cli/imports` of WASI 0.2 name"
    )]
    UnknownImport(String),
    /// It asks for a permission that it was not granted.
    #[error("it asks for the permission `{}`, which it was not granted", .0.name())]
    NotPermitted(Permission),
    /// Its functions, or those that it imports, have other types than their interfaces say.
    #[error("its functions, or those that it imports, do not have the types of their interfaces")]
    Types(#[source] Cause),
    /// It cannot be instantiated.
    #[error("it cannot be instantiated")]
    Instantiate(#[source] CallError),
    /// It fails to describe itself.
    #[error("it fails to describe itself")]
    Describe(#[source] CallError),
    /// Its description makes no sense.
    #[error("its description cannot be used")]
    BadDescription(#[source] BadDescription),
}

impl LoadError {
    /// A stable name for metrics and conditions.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            LoadError::NotAComponent { .. } => "not-a-component",
            LoadError::Wrap(_) => "wrap",
            LoadError::Compile(_) => "compile",
            LoadError::MissingExport { .. } => "missing-export",
            LoadError::UnsupportedInterface { .. } => "unsupported-interface",
            LoadError::UnknownImport(_) => "unknown-import",
            LoadError::NotPermitted(_) => "not-permitted",
            LoadError::Types(_) => "types",
            LoadError::Instantiate(_) => "instantiate",
            LoadError::Describe(_) => "describe",
            LoadError::BadDescription(_) => "bad-description",
        }
    }
}

/// Why a call of a module gave no answer.
#[derive(Debug, Error)]
pub enum CallError {
    /// Its code trapped, as it does when it panics.
    #[error("the module {}", trapped(.code, .message.as_deref()))]
    Trap {
        /// What the processor of WebAssembly says.
        code: String,
        /// What the module said as it panicked, or else the end of what it wrote to standard error.
        message: Option<String>,
        /// The functions that were running, one per line.
        backtrace: String,
    },
    /// It ran for longer than a call may.
    #[error("the module ran for longer than {} ms", .running.as_millis())]
    Deadline {
        /// How long a call may run.
        running: Duration,
    },
    /// It did not get enough of a CPU to end in time, or it waited for a clock: they stand still.
    #[error("the module did not end within {} ms", .wall.as_millis())]
    Timeout {
        /// How long a call may take in all.
        wall: Duration,
    },
    /// It wanted more of something than a call may have.
    #[error("the module wanted more than {allowed} {what}")]
    Limit {
        /// What it wanted.
        what: Limit,
        /// How much of it a call may have.
        allowed: usize,
    },
    /// What it gave back is no value of the interface.
    #[error("the module gave back what the interface does not allow")]
    BadAnswer(#[source] Cause),
    /// Other calls of the module held all of its places for too long.
    #[error("no place for the module was free within {} ms: other calls of it take too long", .waited.as_millis())]
    Busy {
        /// How long it waited.
        waited: Duration,
    },
    /// The host could not run it.
    #[error("the host could not make a sandbox for the module")]
    Host(#[source] Cause),
}

fn trapped(code: &str, message: Option<&str>) -> String {
    match message {
        // This is how panics and uncaught exceptions end, and the message tells more.
        Some(message) if code.contains("unreachable") => format!("panicked: {message}"),
        Some(message) => format!("trapped: {code}; it said: {message}"),
        None => format!("trapped: {code}"),
    }
}

impl CallError {
    /// A stable name for metrics and conditions.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            CallError::Trap { .. } => "trap",
            CallError::Deadline { .. } => "deadline",
            CallError::Timeout { .. } => "timeout",
            CallError::Limit { what, .. } => what.kind(),
            CallError::BadAnswer(_) => "bad-answer",
            CallError::Busy { .. } => "busy",
            CallError::Host(_) => "host",
        }
    }
}

/// What a call has only so much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Bytes in its memories.
    Memory,
    /// Elements in a table.
    Tables,
    /// Component handles.
    Handles,
    /// Bytes in its answer.
    Output,
}

impl Limit {
    fn kind(self) -> &'static str {
        match self {
            Limit::Memory => "limit-memory",
            Limit::Tables => "limit-tables",
            Limit::Handles => "limit-handles",
            Limit::Output => "limit-output",
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Limit::Memory => "bytes of memory",
            Limit::Tables => "elements in a table",
            Limit::Handles => "handles",
            Limit::Output => "bytes of answer",
        })
    }
}
