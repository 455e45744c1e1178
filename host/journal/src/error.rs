//! What can go wrong, in words for the person who runs Herald. The store's own errors are causes without a type.

use std::error::Error;
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;

type Cause = Box<dyn Error + Send + Sync>;
/// One failed commit is the answer to many callers.
type SharedCause = Arc<dyn Error + Send + Sync>;

/// Why a journal could not be opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The folder could not be made.
    #[error("the journal's folder {} cannot be made", dir.display())]
    CreateFolder {
        /// The folder.
        dir: PathBuf,
        /// What the system said.
        #[source]
        source: Cause,
    },
    /// Another process holds the folder.
    #[error("another process uses the journal in {}: stop it, or give this one a folder of its own", dir.display())]
    InUse {
        /// The folder.
        dir: PathBuf,
    },
    /// The folder or a file in it may not be written.
    #[error("{} cannot be written: mount it writable and give this user the right to write there", path.display())]
    ReadOnly {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: Cause,
    },
    /// The disk is full.
    #[error("no space is left for {}: free some, or enlarge the volume", path.display())]
    Full {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: Cause,
    },
    /// The file is damaged.
    #[error(
        "the journal {} is damaged: restore it from a copy, or move it and the files named like it away to begin with an \
         empty journal (what it still had to deliver is then lost)",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: Cause,
    },
    /// No journal is there, and none is to be made.
    #[error("there is no journal in {}: name the data folder of `herald serve`", dir.display())]
    Absent {
        /// The folder.
        dir: PathBuf,
    },
    /// The log is there and the file is not.
    #[error(
        "{} is missing, but its log {} is there: put the file back, or move the log away to begin with an empty journal",
        path.display(), log.display()
    )]
    Missing {
        /// The file that is missing.
        path: PathBuf,
        /// The file that tells of it.
        log: PathBuf,
    },
    /// A database of something else.
    #[error("{} is not a journal of Herald: choose another folder, or move it away", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// Written by a later version.
    #[error(
        "the journal {} was written by a newer Herald (schema {found}, this one knows up to {known}): run that version",
        path.display()
    )]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: usize,
        /// The newest schema known here.
        known: usize,
    },
    /// Anything else that reading or writing met.
    #[error("the journal {} cannot be opened", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: Cause,
    },
    /// A thread could not be started or ended early.
    #[error("the journal in {} could not start its threads", dir.display())]
    Thread {
        /// The folder.
        dir: PathBuf,
        /// What the system said.
        #[source]
        source: Cause,
    },
}

impl OpenError {
    /// A word for metrics and logs.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            OpenError::CreateFolder { .. } => "create-folder",
            OpenError::InUse { .. } => "in-use",
            OpenError::ReadOnly { .. } => "read-only",
            OpenError::Full { .. } => "full",
            OpenError::Damaged { .. } => "damaged",
            OpenError::Absent { .. } => "absent",
            OpenError::Missing { .. } => "missing",
            OpenError::Foreign { .. } => "foreign",
            OpenError::NewerSchema { .. } => "newer-schema",
            OpenError::Io { .. } => "io",
            OpenError::Thread { .. } => "thread",
        }
    }
}

/// Why an event was not kept.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum AppendError {
    /// As much is waiting for the disk as may.
    #[error("too many events are waiting for the disk")]
    Busy,
    /// The journal is closed.
    #[error("the journal is closed")]
    Closed,
    /// What is not finished takes as much room as it may.
    #[error(
        "the journal {} is full of deliveries that are not finished, up to its limit of {limit} bytes: it takes events \
         again when receivers have taken some, or when the limit is raised", path.display()
    )]
    Limit {
        /// The file.
        path: PathBuf,
        /// The limit.
        limit: u64,
    },
    /// Too little is left on the volume.
    #[error(
        "less than {reserve} bytes are free on the volume of {}: free some, or enlarge the volume", dir.display()
    )]
    VolumeFull {
        /// The folder.
        dir: PathBuf,
        /// What is not to be filled.
        reserve: u64,
    },
    /// The disk is full.
    #[error("no space is left for the journal {}: free some, or enlarge the volume", path.display())]
    Full {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: SharedCause,
    },
    /// The file may not be written (any more).
    #[error("the journal {} cannot be written: make its file system and folder writable", path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: SharedCause,
    },
    /// A file was removed, replaced or renamed while it was in use.
    #[error("the journal {} was removed or replaced while in use: put it back, or restart Herald", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file is damaged.
    #[error("the journal {} is damaged: stop Herald and restore it from a copy, or move it away", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: SharedCause,
    },
    /// Anything else that writing met.
    #[error("the journal {} cannot be written", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: SharedCause,
    },
    /// The store did not take what it was given; a fault of Herald.
    #[error("the journal {} refused what it was given", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// What the store said.
        #[source]
        source: SharedCause,
    },
}

impl AppendError {
    /// A word for metrics and logs.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            AppendError::Busy => "busy",
            AppendError::Closed => "closed",
            AppendError::Limit { .. } => "limit",
            AppendError::VolumeFull { .. } => "volume-full",
            AppendError::Full { .. } => "full",
            AppendError::ReadOnly { .. } => "read-only",
            AppendError::Missing { .. } => "missing",
            AppendError::Damaged { .. } => "damaged",
            AppendError::Io { .. } => "io",
            AppendError::Refused { .. } => "refused",
        }
    }
}

/// Why a record is not on disk.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The journal is closed: the record is not kept.
    #[error("the journal is closed")]
    Closed,
    /// The commit failed; nothing of what was asked for is done or will be.
    #[error("nothing was changed")]
    Undone {
        /// What the commit met.
        #[source]
        source: AppendError,
    },
    /// The commit failed; the record is written when the disk works again.
    #[error("the outcome is not on disk yet")]
    Unwritten {
        /// What the commit met.
        #[source]
        source: AppendError,
    },
}

/// Why something could not be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The journal is closed.
    #[error("the journal is closed")]
    Closed,
    /// The file is damaged.
    #[error("the journal {} is damaged: stop Herald and restore it from a copy, or move it away", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: Cause,
    },
    /// Anything else that reading met.
    #[error("the journal {} cannot be read", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: Cause,
    },
}

/// An error and all its causes in one line.
pub(crate) fn report(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        // Writing to a String cannot fail.
        let _ignored = write!(text, ": {cause}");
        next = cause.source();
    }
    text
}
