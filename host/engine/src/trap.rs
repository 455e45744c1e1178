//! What wasmtime's errors mean: which limit a call met, and what its module said last.
//!
//! It knows wasmtime's types of errors, and the two that wasmtime keeps to itself by name; tests hold those names.

use memchr::{memchr, memmem};
use wasmtime::{AsContext, PoolConcurrencyLimitError, Store, Trap, WasmBacktrace, WasmCoreDump};
use wasmtime_wasi::I32Exit;

use crate::error::{CallError, Limit};
use crate::sandbox::Sandbox;
use crate::settings::Settings;

/// What stands in a module's memory before the text of its panic. A zero byte ends the text.
const PANIC_MARK: &[u8] = b"\x01herald-panic:";
const MESSAGE_CHARS: usize = 1024;
/// How much of a memory's end is searched, and how many marks are tried.
const PANIC_SEARCH_BYTES: usize = 4 << 20;
const PANIC_MARKS: usize = 32;

/// How much of a backtrace is kept.
const BACKTRACE_CHARS: usize = 4096;

/// What ended a call whose store is still there; `began` says whether it had an instance already.
pub(crate) fn classify(
    error: wasmtime::Error,
    began: bool,
    store: &Store<Sandbox>,
    settings: &Settings,
) -> CallError {
    if error.is::<PoolConcurrencyLimitError>() {
        return CallError::Host(error.into());
    }
    let trap = error.downcast_ref::<Trap>().copied();
    // Only the host's own clock interrupts.
    if trap == Some(Trap::Interrupt) {
        return CallError::Deadline { running: settings.running };
    }
    if let Some(what) = limit_by_name(&error).or_else(|| store.data().denied()) {
        return CallError::Limit { what, allowed: allowed(what, settings) };
    }
    let backtrace = error.downcast_ref::<WasmBacktrace>();
    let exit = error.downcast_ref::<I32Exit>();
    let code = match (trap, backtrace) {
        _ if let Some(I32Exit(status)) = exit => format!("exit with status {status}"),
        (Some(trap), _) => trap.to_string(),
        // The host refused something while the module ran, such as the use of a handle that it does not have.
        (None, Some(_)) => error.root_cause().to_string(),
        (None, None) if began => return CallError::BadAnswer(error.into()),
        (None, None) => return CallError::Host(error.into()),
    };
    let code = code.strip_prefix("wasm trap: ").unwrap_or(&code);
    CallError::Trap {
        code: one_line(code, MESSAGE_CHARS),
        message: error
            .downcast_ref::<WasmCoreDump>()
            .and_then(|dump| panic_text(dump, store))
            .or_else(|| stderr_text(store)),
        backtrace: backtrace
            .map(|backtrace| lines(&backtrace.to_string(), BACKTRACE_CHARS))
            .unwrap_or_default(),
    }
}

/// The limits whose errors have no public type: one has a name, the other only a text.
fn limit_by_name(error: &wasmtime::Error) -> Option<Limit> {
    let root = error.root_cause();
    if format!("{root:?}") == "HostcallFuelExhausted" {
        return Some(Limit::Output);
    }
    (root.to_string() == "cannot allocate another handle: store handle limit exceeded")
        .then_some(Limit::Handles)
}

fn allowed(what: Limit, settings: &Settings) -> usize {
    match what {
        Limit::Memory => settings.memory_bytes,
        Limit::Tables => settings.table_elements,
        Limit::Handles => settings.handles,
        Limit::Output => settings.output_bytes,
    }
}

/// What the module said as it panicked, which the SDK's hook leaves in its memory.
fn panic_text(dump: &WasmCoreDump, store: &Store<Sandbox>) -> Option<String> {
    let memories = dump.memories().iter().map(|memory| memory.data(store.as_context()));
    let text = memories.rev().find_map(last_panic)?;
    Some(one_line(&store.data().disclosure.mask(&text), MESSAGE_CHARS))
}

/// What the module wrote to standard error, which is where languages with WASI say what went wrong. The end of it is
/// taken, as the error itself stands there.
fn stderr_text(store: &Store<Sandbox>) -> Option<String> {
    let text = store.data().stderr()?;
    let line = one_line(&store.data().disclosure.mask(&text), usize::MAX);
    let excess = line.chars().count().saturating_sub(MESSAGE_CHARS);
    let text: String = line.chars().skip(excess).collect();
    (!text.is_empty()).then_some(text)
}

/// The last text in this memory that follows the mark. The mark stands among the module's constants as well, but there
/// it is followed by no text or by none that ends in time.
///
/// The SDK leaves the text at the end of what is allocated. So the search is bounded: a module could fill its memory
/// with marks and keep a thread of the host busy.
fn last_panic(memory: &[u8]) -> Option<String> {
    let memory = memory.get(memory.len().saturating_sub(PANIC_SEARCH_BYTES)..)?;
    let mut end = memory.len();
    for _ in 0..PANIC_MARKS {
        let at = memmem::rfind(memory.get(..end)?, PANIC_MARK)?;
        let rest = memory.get(at + PANIC_MARK.len()..)?;
        let text = memchr(0, rest.get(..4 * MESSAGE_CHARS).unwrap_or(rest))
            .and_then(|len| rest.get(..len));
        if let Some(text) =
            text.and_then(|text| std::str::from_utf8(text).ok()).filter(|text| !text.is_empty())
        {
            return Some(text.to_owned());
        }
        end = at + PANIC_MARK.len() - 1;
    }
    None
}

/// The text in one line of at most so many characters: breaks become spaces, other control characters go.
pub(crate) fn one_line(text: &str, max_chars: usize) -> String {
    let spaced = text.chars().map(|c| if matches!(c, '\n' | '\t') { ' ' } else { c });
    spaced.filter(|c| !c.is_control()).take(max_chars).collect::<String>().trim().to_owned()
}

/// The text without control characters but line breaks.
fn lines(text: &str, max_chars: usize) -> String {
    text.chars().filter(|c| *c == '\n' || !c.is_control()).take(max_chars).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_complete_panic_in_memory_is_found() {
        let check = |memory: &[u8], text: Option<&str>| {
            assert_eq!(last_panic(memory).as_deref(), text, "{}", memory.escape_ascii());
        };
        check(b"", None);
        check(b"\x01herald-panic:", None);
        check(b"\x01herald-panic:never ends", None);
        check(b"\x01herald-panic:\0", None);
        check(b"xx\x01herald-panic:boom\0yy", Some("boom"));
        check(b"\x01herald-panic:old\0\x01herald-panic:new\0", Some("new"));
        check(b"\x01herald-panic:real\0 then \x01herald-panic:\xff\xfe\0", Some("real"));
        check(b"\x01herald-panic:\x01herald-panic:boom\0", Some("boom"));
        check(&[b"\x01herald-panic:".as_slice(), &[b'a'; 8192], b"\0"].concat(), None);
        let noise = b"\x01herald-panic:".repeat(PANIC_MARKS);
        check(&[b"\x01herald-panic:lost\0".as_slice(), &noise].concat(), None);
        let far = vec![b'x'; PANIC_SEARCH_BYTES];
        check(&[b"\x01herald-panic:lost\0".as_slice(), &far].concat(), None);
    }

    #[test]
    fn a_line_has_no_breaks_and_no_control_characters() {
        assert_eq!(one_line(" a\nb\u{7}\tc\u{1b}[31m ", 100), "a b c[31m");
        assert_eq!(one_line("äöü", 2), "äö");
    }
}
