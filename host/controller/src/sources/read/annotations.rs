//! Reads the annotations of an object that are Herald's own.
//!
//! Others are none of our business. A name of ours that nobody knows is a mistake, or a slip would turn off what it asks
//! for. What a value means is known to the files of the objects.

use herald_core::floods::PREFIX;

use super::fields::{Fields, Notes};
use crate::sources::nearest::nearest;

/// An annotation that is there.
pub(super) struct Annotation<'n> {
    pub(super) name: &'n str,
    pub(super) value: &'n str,
    pub(super) line: u64,
    pub(super) path: String,
}

/// The annotations of an object with one of the `known` names, in the order of the text.
pub(super) fn read<'n>(
    object: &Fields<'n>,
    known: &[&str],
    notes: &mut Notes,
) -> Vec<Annotation<'n>> {
    let mut found = Vec::new();
    // Both were read together with the object's name, and what is no mapping or no text was noted then.
    let Some(annotations) =
        object.child("metadata").and_then(|metadata| metadata.child("annotations"))
    else {
        return found;
    };
    for entry in annotations.entries() {
        let Some(name) = entry.key.strip_prefix(PREFIX) else { continue };
        let path = annotations.path_of(&entry.key);
        if !known.contains(&entry.key.as_str()) {
            notes.mistake(
                entry.line,
                &path,
                format!("unknown annotation; {}", advice(name, known)),
            );
            continue;
        }
        annotations.entry(&entry.key, notes);
        if let Some(value) = entry.value.text() {
            found.push(Annotation { name: &entry.key, value, line: entry.line, path });
        }
    }
    found
}

fn advice(name: &str, known: &[&str]) -> String {
    let names = || known.iter().filter_map(|known| known.strip_prefix(PREFIX));
    match nearest(name, names()) {
        Some(near) => format!("did you mean `{PREFIX}{near}`?"),
        None if known.is_empty() => "remove it".to_owned(),
        None => format!("remove it, or use one of {}", known.join(", ")),
    }
}
