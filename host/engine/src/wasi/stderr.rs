//! The end of what a module writes to standard error.
//!
//! It must not know who reads it, and knows nothing of secrets.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

/// How much is kept. It is the end that counts: languages write what went wrong last, after warnings and after the
/// list of the functions that led there. It is more than is ever shown, so that a secret which was cut at its beginning
/// is not.
const KEPT_BYTES: usize = 16 << 10;

/// How much may be written at once.
const AT_ONCE: usize = 64 << 10;

/// Keeps the last bytes. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Tail {
    kept: Arc<Mutex<VecDeque<u8>>>,
}

impl Tail {
    /// What is kept; what is no UTF-8 is replaced.
    pub(super) fn text(&self) -> String {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(kept.make_contiguous()).into_owned()
    }
}

impl IsTerminal for Tail {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Tail {
    /// For a later WASI only.
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait]
impl OutputStream for Tail {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let bytes = bytes.get(bytes.len().saturating_sub(KEPT_BYTES)..).unwrap_or_default();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let excess = (kept.len() + bytes.len()).saturating_sub(KEPT_BYTES);
        kept.drain(..excess);
        kept.extend(bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(AT_ONCE)
    }
}

#[async_trait]
impl Pollable for Tail {
    async fn ready(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_kept() {
        let check = |writes: &[&[u8]], text: &str| {
            let mut tail = Tail::default();
            for bytes in writes {
                tail.write(Bytes::copy_from_slice(bytes)).unwrap();
            }
            assert_eq!(tail.text(), text);
        };
        check(&[], "");
        check(&[b"a\n", b"", "ä".as_bytes()], "a\nä");
        check(&[b"a\xff"], "a\u{fffd}");
        let full = "x".repeat(KEPT_BYTES);
        check(&[b"lost", full.as_bytes()], &full);
        let almost = "x".repeat(KEPT_BYTES - 3);
        check(&[b"lost", full.as_bytes(), b"end"], &format!("{almost}end"));
        check(&[[b"lost", full.as_bytes()].concat().as_slice()], &full);
    }
}
