//! What is remembered of the revisions of all types over a restart, as a file in the store: so that what was found unfit
//! stays so, what was pinned stays pinned, and there is an earlier revision to go back to.
//!
//! It must not know how a revision is loaded.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use herald_core::rollout::{Rollout, Tally};
use herald_engine::Limits;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::lineage::{Lineage, State};
use super::{Source, store};
use crate::telemetry::report;

const FILE: &str = "revisions.json";

/// What is remembered, by type.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Book {
    types: BTreeMap<String, Entry>,
}

/// What is remembered of one type.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Entry {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) pinned: Option<String>,
    pub(super) revisions: Vec<Known>,
}

/// One revision, the newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Known {
    pub(super) digest: String,
    pub(super) source: Source,
    /// What it was granted when it was taken in.
    pub(super) grants: BTreeSet<String>,
    pub(super) state: State,
    pub(super) since: Timestamp,
    #[serde(default)]
    pub(super) reason: String,
    #[serde(default)]
    pub(super) rollout: Rollout,
    #[serde(default)]
    pub(super) tally: Tally,
    /// The memory that a call of it may take, in bytes, if that is less than others may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) memory_bytes: Option<usize>,
    /// How long a call of it may run, if that is less than others may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) running: Option<Duration>,
}

impl Known {
    pub(super) fn limits(&self) -> Limits {
        Limits { memory_bytes: self.memory_bytes, running: self.running }
    }
}

impl Book {
    /// Reads what is there. A book that cannot be read is begun anew: what serves comes from the sources.
    pub(super) fn open(dir: &Path) -> Self {
        let path = path(dir);
        let read = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(io::Error::other),
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Self::default(),
            Err(err) => Err(err),
        };
        read.unwrap_or_else(|err| {
            tracing::warn!("{} cannot be read and is begun anew: {}", path.display(), report(&err));
            Self::default()
        })
    }

    pub(super) fn of(&self, kind: &str) -> Option<&Entry> {
        self.types.get(kind)
    }

    /// Takes over the types that there are now, and forgets nothing of others.
    pub(super) fn update(&mut self, now: &BTreeMap<String, Lineage>) {
        for (kind, lineage) in now {
            let revisions = lineage.revisions().iter().map(|revision| Known {
                digest: revision.loaded.module.digest().to_owned(),
                source: revision.loaded.source.clone(),
                grants: revision.loaded.grants.iter().map(ToString::to_string).collect(),
                state: revision.state,
                since: revision.since,
                reason: revision.reason.clone(),
                rollout: revision.rollout,
                tally: revision.loaded.record.tally(),
                memory_bytes: revision.loaded.limits.memory_bytes,
                running: revision.loaded.limits.running,
            });
            let entry = Entry {
                pinned: lineage.pinned().map(str::to_owned),
                revisions: revisions.collect(),
            };
            self.types.insert(kind.clone(), entry);
        }
    }

    /// The digests of all that may be needed again.
    pub(super) fn digests(&self) -> BTreeSet<String> {
        self.types
            .values()
            .flat_map(|entry| &entry.revisions)
            .map(|known| known.digest.clone())
            .collect()
    }

    pub(super) fn write(&self, dir: &Path) -> io::Result<()> {
        let json = serde_json::to_vec_pretty(self).map_err(io::Error::other)?;
        store::write(&path(dir), &json)
    }
}

fn path(dir: &Path) -> PathBuf {
    dir.join(FILE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_book_is_read_as_it_was_written_and_a_broken_one_begun_anew() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Book::open(dir.path()), Book::default());
        let known = Known {
            digest: "sha256:00".to_owned(),
            source: Source::File("/m/x.wasm".into()),
            grants: ["secrets-in-path".to_owned()].into(),
            state: State::RolledBack,
            since: Timestamp::UNIX_EPOCH,
            reason: "it traps".to_owned(),
            rollout: Rollout::default(),
            tally: Tally { taken: 1, refused: 2, broken: 3 },
            memory_bytes: Some(8 << 20),
            running: Some(Duration::from_millis(20)),
        };
        let entry = Entry { pinned: Some("sha256:00".to_owned()), revisions: vec![known] };
        let book = Book { types: [("x".to_owned(), entry)].into() };
        book.write(dir.path()).unwrap();
        assert_eq!(Book::open(dir.path()), book);
        assert_eq!(book.digests().len(), 1);
        fs::write(dir.path().join(FILE), "{").unwrap();
        assert_eq!(Book::open(dir.path()), Book::default());
    }
}
