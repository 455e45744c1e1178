//! What modules asked to remember: all of it in memory, and a copy on disk. Old notes go, and the oldest when they are many.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use rusqlite::Connection;

use crate::dedup::millis;
use crate::statements;
use crate::types::RememberKey;

/// A note that was not written again for so long is of no use: what it leads to (a comment, a thread) is long forgotten.
const MAX_AGE: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// All notes and their keys together; they are held in memory.
const MAX_BYTES: usize = 16 << 20;

/// So many are removed at a time.
const CHUNK: usize = 1000;

/// The notes as every attempt sees them.
#[derive(Debug)]
pub(crate) struct Notes {
    by_key: RwLock<HashMap<RememberKey, String>>,
}

/// A note on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) key: RememberKey,
    pub(crate) value: String,
    pub(crate) at: i64,
}

impl Note {
    fn bytes(&self) -> usize {
        let RememberKey { owner, module, object } = &self.key;
        owner.len() + module.len() + object.len() + self.value.len()
    }
}

impl Notes {
    pub(crate) fn new(by_key: HashMap<RememberKey, String>) -> Self {
        Notes { by_key: RwLock::new(by_key) }
    }

    pub(crate) fn get(&self, key: &RememberKey) -> Option<String> {
        self.by_key.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    pub(crate) fn set(&self, key: &RememberKey, value: &str) {
        let mut by_key = self.by_key.write().unwrap_or_else(PoisonError::into_inner);
        by_key.insert(key.clone(), value.to_owned());
    }

    /// Forgets notes that are no longer on disk, unless they were written anew meanwhile.
    pub(crate) fn forget(&self, notes: &[Note]) {
        let mut by_key = self.by_key.write().unwrap_or_else(PoisonError::into_inner);
        for Note { key, value, .. } in notes {
            if by_key.get(key) == Some(value) {
                by_key.remove(key);
            }
        }
    }
}

/// The notes that are to go, the present being `now`; not all at once.
pub(crate) fn superfluous(connection: &Connection, now: i64) -> rusqlite::Result<Vec<Note>> {
    let oldest = now.saturating_sub(millis(MAX_AGE));
    let mut superfluous = Vec::new();
    let mut bytes = 0;
    statements::notes_from_newest(connection, |note| {
        bytes += note.bytes();
        if note.at < oldest || bytes > MAX_BYTES {
            superfluous.push(note);
        }
        superfluous.len() < CHUNK
    })?;
    Ok(superfluous)
}

pub(crate) fn remove(connection: &Connection, notes: &[Note]) -> rusqlite::Result<()> {
    notes.iter().try_for_each(|note| statements::delete_note(connection, note))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(object: &str, value: &str) -> Note {
        let key = RememberKey {
            owner: "p".to_owned(),
            module: "m".to_owned(),
            object: object.to_owned(),
        };
        Note { key, value: value.to_owned(), at: 0 }
    }

    #[test]
    fn a_note_that_was_written_anew_is_not_forgotten() {
        let (old, other) = (note("x", "old"), note("y", "other"));
        let notes = Notes::new(HashMap::new());
        notes.set(&old.key, "new");
        notes.set(&other.key, "other");
        notes.forget(&[old.clone(), other.clone()]);
        assert_eq!(notes.get(&old.key).as_deref(), Some("new"));
        assert_eq!(notes.get(&other.key), None);
    }
}
