//! The folder of a journal: its file names, its lock, and whether the files in it are still the ones that were opened.
//!
//! The database itself must never be opened here: closing a second handle on it would drop the locks that SQLite holds.

use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::error::OpenError;

/// Where everything of one journal is.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The folder.
    pub(crate) dir: PathBuf,
    /// The database.
    pub(crate) database: PathBuf,
    /// Its write-ahead log; SQLite gives it this name.
    pub(crate) log: PathBuf,
    /// What a test wants to go wrong.
    #[cfg(test)]
    pub(crate) faults: std::sync::Arc<crate::tests::Faults>,
}

impl Place {
    pub(crate) fn new(dir: &Path) -> Self {
        Place {
            dir: dir.to_owned(),
            database: dir.join("journal.db"),
            log: dir.join("journal.db-wal"),
            #[cfg(test)]
            faults: std::sync::Arc::default(),
        }
    }

    /// Where a new journal is made before it gets its name, so that a file of that name is always a whole journal.
    pub(crate) fn draft(&self) -> PathBuf {
        self.dir.join("journal.db.new")
    }

    /// Makes the folder and keeps every other process out of it while the file lives.
    pub(crate) fn enter(&self) -> Result<File, OpenError> {
        if !self.dir.is_dir() {
            std::fs::create_dir_all(&self.dir).map_err(|source| match source.kind() {
                ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                    OpenError::ReadOnly { path: self.dir.clone(), source: source.into() }
                }
                ErrorKind::StorageFull => {
                    OpenError::Full { path: self.dir.clone(), source: source.into() }
                }
                _ => OpenError::CreateFolder { dir: self.dir.clone(), source: source.into() },
            })?;
            if let Some(parent) = self.dir.parent().filter(|parent| !parent.as_os_str().is_empty())
            {
                // Only the name of the folder is at stake, and not every parent may be opened.
                drop(File::open(parent).and_then(|parent| parent.sync_all()));
            }
        }
        let path = self.dir.join("lock");
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|source| from_io(&path, source))?;
        match lock.try_lock() {
            Ok(()) => Ok(lock),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse { dir: self.dir.clone() }),
            Err(TryLockError::Error(source)) => Err(from_io(&path, source)),
        }
    }

    /// Which files lie there now.
    pub(crate) fn identity(&self) -> io::Result<Identity> {
        Ok(Identity { database: inode(&self.database)?, log: inode(&self.log)? })
    }
}

/// The files that a connection writes to. While it is open their names must lead to them, or what it commits is in files
/// that nobody will ever find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    database: (u64, u64),
    log: (u64, u64),
}

impl Identity {
    /// The database of this identity still has its name.
    pub(crate) fn has_database(&self, place: &Place) -> bool {
        inode(&place.database).is_ok_and(|database| database == self.database)
    }
}

/// Says the same of the lock and of other files around the database.
pub(crate) fn from_io(path: &Path, source: io::Error) -> OpenError {
    let path = path.to_owned();
    match source.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            OpenError::ReadOnly { path, source: source.into() }
        }
        ErrorKind::StorageFull => OpenError::Full { path, source: source.into() },
        _ => OpenError::Io { path, source: source.into() },
    }
}

fn inode(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = std::fs::metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}
