//! Finds the files of a folder and tells whether one may have changed.
//!
//! It must not know what is in a file. Names that begin with a dot are left out: editors, version control and the mounts of
//! ConfigMaps keep under such names what is not meant to be read.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::whole_file;
use crate::sources::Mistake;

/// The folder itself in a mistake.
pub(super) const ROOT: &str = ".";

/// Files that tell kustomize what to do; they are no objects and may lack a kind.
const KUSTOMIZE: [&str; 2] = ["kustomization.yaml", "kustomization.yml"];

/// A clock of a file system may tick as slowly as this.
const SLOWEST_TICK: Duration = Duration::from_secs(2);

/// What a folder holds.
#[derive(Default)]
pub(super) struct Scan {
    /// By the path relative to the folder, with `/` between its parts.
    pub(super) files: BTreeMap<String, Found>,
    /// What could not be looked at.
    pub(super) unreadable: Vec<Mistake>,
}

/// A file that was found.
pub(super) struct Found {
    /// Where it is.
    pub(super) path: PathBuf,
    /// What it looked like.
    pub(super) stamp: Stamp,
}

/// What changes along with a file's content.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    len: u64,
    modified: Option<SystemTime>,
    changed: (i64, i64),
}

/// Lists the files below `dir`, following links.
pub(super) fn scan(dir: &Path) -> Scan {
    let mut scan = Scan::default();
    let mut visited: HashSet<(u64, u64)> =
        fs::metadata(dir).map(|metadata| (metadata.dev(), metadata.ino())).into_iter().collect();
    let mut waiting = vec![(String::new(), dir.to_owned())];
    while let Some((name, path)) = waiting.pop() {
        let label = if name.is_empty() { ROOT } else { name.as_str() };
        let children =
            fs::read_dir(&path).and_then(|entries| entries.collect::<io::Result<Vec<_>>>());
        let children = match children {
            Ok(children) => children,
            Err(error) => {
                scan.unreadable.push(unreadable(label, &error));
                continue;
            }
        };
        for child in children {
            let file_name = child.file_name().to_string_lossy().into_owned();
            if file_name.starts_with('.') {
                continue;
            }
            let name =
                if name.is_empty() { file_name.clone() } else { format!("{name}/{file_name}") };
            match fs::metadata(child.path()) {
                Ok(metadata) if metadata.is_dir() => {
                    // A link may lead to a folder around it.
                    if visited.insert((metadata.dev(), metadata.ino())) {
                        waiting.push((name, child.path()));
                    }
                }
                Ok(metadata) if metadata.is_file() && is_manifest(&file_name) => {
                    let stamp = Stamp::of(&metadata);
                    scan.files.insert(name, Found { path: child.path(), stamp });
                }
                Ok(_) => {}
                Err(error) if is_manifest(&file_name) && !is_gone(&child.path()) => {
                    scan.unreadable.push(unreadable(&name, &error));
                }
                Err(_) => {}
            }
        }
    }
    scan.unreadable.sort();
    scan
}

/// The mistake of a file or folder that cannot be looked at.
pub(super) fn unreadable(name: &str, error: &io::Error) -> Mistake {
    whole_file(name, format!("cannot be read: {error}; let this user read it, or remove it"))
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            len: metadata.len(),
            modified: metadata.modified().ok(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Whether a write after `read_at` would surely have changed the stamp.
    pub(super) fn is_settled(&self, read_at: SystemTime) -> bool {
        self.modified
            .and_then(|modified| read_at.duration_since(modified).ok())
            .is_some_and(|age| age > SLOWEST_TICK)
    }
}

fn is_manifest(file_name: &str) -> bool {
    let is_yaml = Path::new(file_name)
        .extension()
        .is_some_and(|extension| extension == "yaml" || extension == "yml");
    is_yaml && !KUSTOMIZE.contains(&file_name)
}

/// Whether the file was removed since the folder was listed; a link that leads nowhere is still there.
fn is_gone(path: &Path) -> bool {
    fs::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}
