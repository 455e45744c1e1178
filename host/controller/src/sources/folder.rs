//! The source for people without a cluster: a folder of the manifests that Flux's users have.
//!
//! It reads every file once and again when it changes. A file that has become wrong keeps the objects that it had when it
//! was last right. It must not know what is done with a catalog, nor what a field of an object means.

mod follow;
mod scan;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest, Sha256};
use thiserror::Error;

use self::scan::{Found, Stamp};
use super::assemble::{Identities, assemble};
use super::manifest::Objects;
use super::read::{self, FileContent};
pub use super::{Loaded, Mistake, ModuleWanted};

/// A folder and what was read from it.
pub struct Folder {
    dir: PathBuf,
    files: BTreeMap<String, KnownFile>,
    /// What could not be listed or opened.
    unreadable: Vec<Mistake>,
    identities: Identities,
}

/// Why a folder cannot be a source.
#[derive(Debug, Error)]
pub enum FolderError {
    /// It cannot be listed.
    #[error("cannot read the folder {}; give one that exists and that this user may list", dir.display())]
    List {
        /// The folder as it was given.
        dir: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// A file as it was last read.
struct KnownFile {
    stamp: Stamp,
    /// When the reading began.
    read_at: SystemTime,
    digest: [u8; 32],
    objects: Objects,
    mistakes: Vec<Mistake>,
    /// Whether `objects` come from a text without mistakes.
    is_good: bool,
    /// Whether `objects` are older than the text.
    is_kept: bool,
}

/// What texts hold, as if each were a file of this name.
#[must_use]
pub fn from_texts(files: &[(&str, &str)]) -> Loaded {
    let contents: Vec<FileContent> =
        files.iter().map(|(name, text)| read::read(name, text)).collect();
    let mistakes = contents.iter().flat_map(|content| content.mistakes.clone()).collect();
    assemble(contents.iter().map(|content| &content.objects), Identities::None, mistakes)
}

impl Folder {
    /// Reads a folder for the first time. Mistakes in it are part of what is loaded.
    ///
    /// # Errors
    ///
    /// When there is no such folder or it cannot be listed.
    pub fn read(dir: &Path) -> Result<(Self, Loaded), FolderError> {
        Self::read_with(dir, Identities::None)
    }

    /// The same for manifests that are meant for a cluster, and not to be worked with from here.
    ///
    /// # Errors
    ///
    /// When there is no such folder or it cannot be listed.
    pub fn read_for_a_cluster(dir: &Path) -> Result<(Self, Loaded), FolderError> {
        Self::read_with(dir, Identities::On)
    }

    fn read_with(dir: &Path, identities: Identities) -> Result<(Self, Loaded), FolderError> {
        fs::read_dir(dir).map_err(|source| FolderError::List { dir: dir.to_owned(), source })?;
        let mut folder = Self {
            dir: dir.to_owned(),
            files: BTreeMap::new(),
            unreadable: Vec::new(),
            identities,
        };
        folder.refresh();
        let loaded = folder.load();
        Ok((folder, loaded))
    }

    /// Reads what has changed since the last time; none when nothing has.
    ///
    /// A file with a new mistake keeps its last good objects, as does one that cannot be read or is empty all at once. A
    /// file that is gone takes its objects with it.
    pub fn reread(&mut self) -> Option<Loaded> {
        self.refresh().then(|| self.load())
    }

    /// The files whose objects are older than their text.
    fn kept(&self) -> impl Iterator<Item = &str> {
        self.files.iter().filter(|(_, file)| file.is_kept).map(|(name, _)| name.as_str())
    }

    fn load(&self) -> Loaded {
        let mistakes = self.files.values().flat_map(|file| file.mistakes.iter());
        let mistakes = mistakes.chain(&self.unreadable).cloned().collect();
        assemble(self.files.values().map(|file| &file.objects), self.identities, mistakes)
    }

    /// Brings `files` up to date and says whether anything is different.
    fn refresh(&mut self) -> bool {
        let scan = scan::scan(&self.dir);
        let mut unreadable = scan.unreadable;
        let n_before = self.files.len();
        self.files.retain(|name, _| {
            scan.files.contains_key(name)
                || unreadable.iter().any(|mistake| is_under(name, &mistake.file))
        });
        let mut is_changed = self.files.len() != n_before;
        for (name, found) in scan.files {
            match self.refresh_file(&name, &found) {
                Ok(is_different) => is_changed |= is_different,
                Err(error) => unreadable.push(scan::unreadable(&name, &error)),
            }
        }
        is_changed |= unreadable != self.unreadable;
        self.unreadable = unreadable;
        is_changed
    }

    /// Reads a file if it may have changed; whether it has.
    fn refresh_file(&mut self, name: &str, found: &Found) -> io::Result<bool> {
        if let Some(known) = self.files.get(name)
            && known.stamp == found.stamp
            && known.stamp.is_settled(known.read_at)
        {
            return Ok(false);
        }
        // The time comes first, so that a write during the reading counts as one after it.
        let read_at = SystemTime::now();
        let bytes = fs::read(&found.path)?;
        let digest: [u8; 32] = Sha256::digest(&bytes).into();
        let Some(known) = self.files.get_mut(name) else {
            let content = content_of(name, &bytes);
            let known = KnownFile {
                stamp: found.stamp,
                read_at,
                digest,
                is_good: content.is_good(),
                is_kept: false,
                objects: content.objects,
                mistakes: content.mistakes,
            };
            self.files.insert(name.to_owned(), known);
            return Ok(true);
        };
        (known.stamp, known.read_at) = (found.stamp, read_at);
        if known.digest == digest {
            return Ok(false);
        }
        known.digest = digest;
        known.take(if bytes.is_empty() { emptied(name) } else { content_of(name, &bytes) });
        Ok(true)
    }
}

impl KnownFile {
    /// Takes what the file holds now, unless what it held before is better.
    fn take(&mut self, content: FileContent) {
        let is_good = content.is_good();
        self.mistakes = content.mistakes;
        self.is_kept = self.is_good && !is_good;
        if !self.is_kept {
            self.objects = content.objects;
            self.is_good = is_good;
        }
    }
}

fn content_of(name: &str, bytes: &[u8]) -> FileContent {
    match std::str::from_utf8(bytes) {
        Ok(text) => read::read(name, text),
        Err(error) => {
            let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let n_breaks = good.iter().filter(|byte| **byte == b'\n').count();
            let line = u64::try_from(n_breaks).ok().map(|n| n + 1);
            FileContent::of_mistake(Mistake {
                line,
                ..whole_file(name, "is not UTF-8 text; save it as UTF-8")
            })
        }
    }
}

/// An editor empties a file before it writes it anew, so emptiness alone takes no object away.
fn emptied(name: &str) -> FileContent {
    FileContent::of_mistake(whole_file(name, "is empty; to remove its objects, remove the file"))
}

/// A mistake that concerns no line.
fn whole_file(name: &str, message: impl Into<String>) -> Mistake {
    Mistake {
        file: name.to_owned(),
        line: None,
        field: String::new(),
        object: String::new(),
        message: message.into(),
        tolerated: false,
    }
}

/// Whether a file is `place` itself or lies in it.
fn is_under(name: &str, place: &str) -> bool {
    place == scan::ROOT
        || name.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests;
