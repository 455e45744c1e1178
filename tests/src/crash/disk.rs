//! The disk under Herald's journal: it can be full, refuse to sync, and lose power. Knows the logs of `disk.c` and nothing
//! of what is in the journal.
//!
//! A killed process leaves everything that it wrote in the cache of the kernel, so a kill alone tears nothing. `disk.c` is
//! preloaded into Herald and keeps each write until a sync of its file has succeeded; [`Disk::lose_power`] takes back what
//! no sync vouched for. A disk may have written any of it in any order, so each write is kept, dropped, or torn between
//! sectors, as chance will have it. Not played: a removal of a file that comes undone, and a failed sync that drops pages.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use fastrand::Rng;

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

/// What goes wrong with the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nothing.
    None,
    /// No file can grow.
    Full,
    /// Nothing can be written, as on a full disk that never overwrites in place.
    FullForAll,
    /// No sync succeeds.
    NoSync,
}

/// The disk of one journal.
pub(super) struct Disk {
    library: PathBuf,
    journal: PathBuf,
    logs: PathBuf,
}

impl Disk {
    /// A disk for the journal in the folder `journal`, with files of its own in `work`.
    ///
    /// # Errors
    /// There is no C compiler, or a folder cannot be made.
    pub(super) fn new(work: &Path, journal: &Path) -> anyhow::Result<Self> {
        let logs = work.join("disk");
        for dir in [&logs, journal] {
            fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
        }
        let (source, library) = (work.join("disk.c"), work.join("disk.so"));
        fs::write(&source, include_str!("disk.c"))?;
        let compiled = Command::new("cc")
            .args(["-O2", "-shared", "-fPIC", "-o"])
            .args([&library, &source])
            .status()
            .context("cannot run the C compiler cc")?;
        ensure!(compiled.success(), "disk.c does not compile");
        let disk = Self { library, journal: journal.canonicalize()?, logs: logs.canonicalize()? };
        disk.set(Fault::None)?;
        Ok(disk)
    }

    /// The folder of the journal as Herald must name it.
    #[must_use]
    pub(super) fn journal(&self) -> &Path {
        &self.journal
    }

    /// Puts this disk under a command.
    pub(super) fn lie_under(&self, command: &mut Command) {
        command
            .env("LD_PRELOAD", &self.library)
            .env("HERALD_DISK_DIR", &self.journal)
            .env("HERALD_DISK_LOGS", &self.logs);
    }

    /// What goes wrong from now on.
    ///
    /// # Errors
    /// The file that tells it cannot be written.
    pub(super) fn set(&self, fault: Fault) -> anyhow::Result<()> {
        let bytes = match fault {
            Fault::None => [0, 0],
            Fault::Full => [1, 0],
            Fault::FullForAll => [2, 0],
            Fault::NoSync => [0, 1],
        };
        // Written in place: a running Herald has it mapped.
        let file = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(self.logs.join("faults"))?;
        Ok(file.write_all_at(&bytes, 0)?)
    }

    /// Whether the writes of a Herald that ran with this disk were seen.
    #[must_use]
    pub(super) fn is_in_use(&self) -> bool {
        self.logs.join("journal.db-wal.log").exists()
    }

    /// After a kill: the process is gone, the machine goes on, and nothing is lost that was written.
    ///
    /// # Errors
    /// A log cannot be read or cut.
    pub(super) fn settle(&self) -> anyhow::Result<()> {
        for (_, log) in self.logs()? {
            let (_, whole) = parse(&fs::read(&log)?);
            File::options().write(true).open(&log)?.set_len(whole)?;
        }
        Ok(())
    }

    /// After a kill: takes back what was not synced. Returns how many writes were at stake.
    ///
    /// # Errors
    /// A file cannot be read or written.
    pub(super) fn lose_power(&self, chance: &mut Rng) -> anyhow::Result<usize> {
        let mut at_stake = 0;
        for (name, log) in self.logs()? {
            let (records, _) = parse(&fs::read(&log)?);
            at_stake += records.len();
            let path = self.journal.join(&name);
            if path.exists() {
                let file = File::options().read(true).write(true).open(&path)?;
                for record in records.iter().rev() {
                    record.undo(&file)?;
                }
                // Sometimes the disk had written none of it.
                if chance.u8(..4) > 0 {
                    for record in &records {
                        record.redo(&file, chance)?;
                    }
                }
                file.sync_all()?;
            }
            File::options().write(true).open(&log)?.set_len(0)?;
        }
        self.lose_names(chance)?;
        // The index beside the log lives in memory.
        match fs::remove_file(self.journal.join("journal.db-shm")) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            Ok(()) | Err(_) => Ok(at_stake),
        }
    }

    /// Files that were made or renamed since the folder was synced may be without their new name again.
    fn lose_names(&self, chance: &mut Rng) -> anyhow::Result<()> {
        let names = self.logs.join("names");
        let text = fs::read_to_string(&names)?;
        // A file system keeps such changes in order, so all from some point on are lost.
        let lines: Vec<&str> = text.lines().collect();
        let kept = chance.usize(..=lines.len());
        for line in lines.iter().skip(kept).rev() {
            let (now, before) = match line.split_at_checked(1) {
                Some(("+", made)) => (made, None),
                Some((">", both)) => {
                    let (old, new) = both.split_once('>').context("a rename has two names")?;
                    (new, Some(old))
                }
                _ => continue,
            };
            let now = self.journal.join(now);
            if now.exists() {
                match before {
                    Some(before) => fs::rename(now, self.journal.join(before))?,
                    None => fs::remove_file(now)?,
                }
            }
        }
        Ok(fs::write(&names, "")?)
    }

    /// The logs of files, each with the file's name.
    fn logs(&self) -> anyhow::Result<Vec<(String, PathBuf)>> {
        let mut logs = Vec::new();
        for entry in fs::read_dir(&self.logs)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if let Some(name) = name.strip_suffix(".log") {
                logs.push((name.to_owned(), path));
            }
        }
        // So that the same seed makes the same choices.
        logs.sort();
        Ok(logs)
    }
}

/// One change of a file.
#[derive(Debug, PartialEq, Eq)]
struct Record {
    is_cut: bool,
    at: u64,
    /// How long the file was before.
    size: u64,
    old: Vec<u8>,
    new: Vec<u8>,
}

impl Record {
    fn undo(&self, file: &File) -> std::io::Result<()> {
        file.set_len(self.size)?;
        file.write_all_at(&self.old, self.at)
    }

    /// Does it again, in part, or not at all.
    fn redo(&self, file: &File, chance: &mut Rng) -> std::io::Result<()> {
        let luck = chance.u8(..3);
        match (luck, self.is_cut) {
            (0, _) => Ok(()),
            (_, true) => file.set_len(self.at),
            (1, false) => file.write_all_at(&self.new, self.at),
            (_, false) => {
                let mut at = self.at;
                let mut rest = self.new.as_slice();
                while !rest.is_empty() {
                    let to_border = SECTOR - usize::try_from(at).unwrap_or_default() % SECTOR;
                    let (sector, after) = rest.split_at(to_border.min(rest.len()));
                    if chance.bool() {
                        file.write_all_at(sector, at)?;
                    }
                    at += sector.len() as u64;
                    rest = after;
                }
                Ok(())
            }
        }
    }
}

/// The records of a log, and how long it is without one that a kill cut off.
fn parse(log: &[u8]) -> (Vec<Record>, u64) {
    let mut records = Vec::new();
    let mut rest = log;
    while let Some((record, after)) = first(rest) {
        records.push(record);
        rest = after;
    }
    (records, (log.len() - rest.len()) as u64)
}

fn first(log: &[u8]) -> Option<(Record, &[u8])> {
    let mut rest = log;
    let mut number = || {
        let (bytes, after) = rest.split_first_chunk()?;
        rest = after;
        Some(u64::from_ne_bytes(*bytes))
    };
    let (kind, at, n_new, size, n_old) = (number()?, number()?, number()?, number()?, number()?);
    let (old, rest) = rest.split_at_checked(usize::try_from(n_old).ok()?)?;
    let (new, rest) = rest.split_at_checked(usize::try_from(n_new).ok()?)?;
    Some((Record { is_cut: kind == 1, at, size, old: old.to_vec(), new: new.to_vec() }, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(kind: u64, at: u64, size: u64, old: &[u8], new: &[u8]) -> Vec<u8> {
        let numbers = [kind, at, new.len() as u64, size, old.len() as u64];
        let head = numbers.iter().flat_map(|number| number.to_ne_bytes());
        head.chain(old.iter().copied()).chain(new.iter().copied()).collect()
    }

    #[test]
    fn what_was_not_synced_is_taken_back() {
        let dir = tempfile::tempdir().unwrap();
        let disk = Disk::new(dir.path(), &dir.path().join("journal")).unwrap();
        let path = disk.journal().join("journal.db-wal");
        // It was "abcdef"; then "XY" was written over "cd", "Z" after the end, and it was cut to one byte.
        fs::write(&path, "a").unwrap();
        let log = [
            entry(0, 2, 6, b"cd", b"XY"),
            entry(0, 6, 6, b"", b"Z"),
            entry(1, 1, 7, b"bXYefZ", b""),
        ];
        let possible: [&[u8]; 5] = [b"abcdef", b"abXYef", b"abcdefZ", b"abXYefZ", b"a"];
        let mut seen = std::collections::HashSet::new();
        for seed in 0..100 {
            fs::write(&path, "a").unwrap();
            fs::write(disk.logs.join("journal.db-wal.log"), log.concat()).unwrap();
            fs::write(disk.logs.join("names"), "").unwrap();
            assert_eq!(disk.lose_power(&mut Rng::with_seed(seed)).unwrap(), 3);
            let left = fs::read(&path).unwrap();
            assert!(possible.contains(&left.as_slice()), "{left:?}");
            seen.insert(left);
        }
        assert_eq!(seen.len(), possible.len(), "{seen:?}");
    }

    #[test]
    fn a_record_that_a_kill_cut_off_does_not_count() {
        let whole = entry(0, 2, 6, b"cd", b"XY");
        let cut = [whole.as_slice(), &whole[..whole.len() - 1]].concat();
        let (records, length) = parse(&cut);
        assert_eq!((records.len(), length), (1, whole.len() as u64));
    }
}
