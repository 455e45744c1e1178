//! What a panic leaves behind: a note in memory, which the host reads after the trap.
//!
//! A log line would do as well, but then every module would import `log` and pay for it with each call.

use std::fmt::Display;
use std::hint::black_box;
use std::panic;

/// The byte before the name. It is put there at run time, so that the note is the only place in memory where the two
/// stand together, and the host does not take this crate's own constant for one.
const MARK: char = '\u{1}';
const NAME: &str = "herald-panic:";
const END: char = '\0';

/// From now on a panic leaves `\x01herald-panic:<message>\0` in memory.
pub(crate) fn leave_on_panic() {
    panic::set_hook(Box::new(|info| {
        // Leaked, as the instance ends here; a freed note might be overwritten.
        black_box(write(info).leak());
    }));
}

fn write(message: &impl Display) -> String {
    let message = message.to_string();
    let mut note = String::with_capacity(message.len() + NAME.len() + 2);
    note.push(black_box(MARK));
    note.push_str(NAME);
    note.push_str(&message);
    note.push(END);
    note
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_stands_between_its_marks() {
        assert_eq!(write(&"at src/lib.rs:3:5: oh"), "\u{1}herald-panic:at src/lib.rs:3:5: oh\0");
    }
}
