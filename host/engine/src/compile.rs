//! From the bytes of a file to compiled code: in this process, or as a job for another one that may be ended, as a small
//! file can make a compiler need gigabytes and hours.
//!
//! It must not know what a module exports or how the other process is run.

use hmac::{Hmac, Mac};
use sha2::{Digest as _, Sha256};
use wasmtime::component::Component;

use crate::error::{Cause, LoadError};
use crate::settings::Settings;
use crate::unchecked;

/// What a file holds, by its first eight bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// A component.
    Component,
    /// A core module, as the compiler for `wasm32-unknown-unknown` leaves it.
    Core,
    /// What it is instead.
    Other(&'static str),
}

impl Format {
    fn of(wasm: &[u8]) -> Self {
        match wasm.get(..8) {
            Some([b'\0', b'a', b's', b'm', _, _, 1, 0]) => Format::Component,
            Some([b'\0', b'a', b's', b'm', ..]) => Format::Core,
            _ if wasm.is_empty() => Format::Other("an empty file"),
            _ => Format::Other("a file of another format"),
        }
    }
}

/// The bytes as a component. A core module is made one by what its bindings left in it, so that an author needs no
/// further tool.
fn component(wasm: &[u8]) -> Result<std::borrow::Cow<'_, [u8]>, LoadError> {
    match Format::of(wasm) {
        Format::Component => Ok(wasm.into()),
        Format::Core => {
            let wrapped = wit_component::ComponentEncoder::default()
                .module(wasm)
                .and_then(|encoder| encoder.validate(true).encode());
            wrapped.map(Into::into).map_err(|error| LoadError::Wrap(error.into()))
        }
        Format::Other(found) => Err(LoadError::NotAComponent { found }),
    }
}

/// The SHA-256 of a file, as `sha256:` and hexadecimal digits.
#[must_use]
pub fn digest(wasm: &[u8]) -> String {
    let hex: String = Sha256::digest(wasm).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// Compiles a file where the engine is.
pub(crate) fn compile(engine: &wasmtime::Engine, wasm: &[u8]) -> Result<Compiled, LoadError> {
    let code = engine.precompile_component(&component(wasm)?);
    let code = code.map_err(|error| LoadError::Compile(error.into()))?;
    Ok(Compiled::behind(code, 0, digest(wasm), wasm.len()))
}

/// The component of compiled code.
pub(crate) fn take_over(
    engine: &wasmtime::Engine,
    compiled: &Compiled,
) -> Result<Component, LoadError> {
    let compiled = unchecked::deserialize(engine, compiled).and_then(|component| {
        // Otherwise the first call would do this.
        component.initialize_copy_on_write_image()?;
        Ok(component)
    });
    compiled.map_err(|error| LoadError::Compile(error.into()))
}

/// A key that only this process and the one that works for it know.
type Key = [u8; KEY_BYTES];
const KEY_BYTES: usize = 32;
const SEAL_BYTES: usize = 32;

/// What an answer begins with: what it holds.
const COMPILED: u8 = b'c';
const NOT_WRAPPED: u8 = b'w';
const NOT_COMPILED: u8 = b'e';

/// The work of compiling one file, to be done by [`Job::run`] in another process.
///
/// Compiled code is run as it is, so whoever could put other bytes in its place would own the host. An answer therefore
/// carries a seal, made with a key that only the other process is given, and only a sealed answer becomes [`Compiled`].
pub struct Job {
    wasm: Vec<u8>,
    key: Key,
}

impl Job {
    /// A job for this file.
    ///
    /// # Errors
    ///
    /// When the file is no WebAssembly at all, which needs no other process to be seen, or this machine has no chance.
    pub fn new(wasm: Vec<u8>) -> Result<Job, LoadError> {
        if let Format::Other(found) = Format::of(&wasm) {
            return Err(LoadError::NotAComponent { found });
        }
        let mut key = Key::default();
        getrandom::fill(&mut key).map_err(|error| LoadError::Compile(error.into()))?;
        Ok(Job { wasm, key })
    }

    /// What the other process has to be told, and nobody else.
    #[must_use]
    pub fn order(&self) -> [&[u8]; 2] {
        [&self.key, &self.wasm]
    }

    /// Does the work in that other process, and returns what it has to answer.
    #[must_use]
    pub fn run(order: &[u8]) -> Vec<u8> {
        let Some((key, wasm)) = order.split_at_checked(KEY_BYTES) else {
            return Vec::new();
        };
        let (holds, payload) = match precompile(wasm) {
            Ok(code) => (COMPILED, code),
            Err(LoadError::Wrap(cause)) => (NOT_WRAPPED, chain(&*cause)),
            Err(LoadError::Compile(cause)) => (NOT_COMPILED, chain(&*cause)),
            Err(other) => (NOT_COMPILED, chain(&other)),
        };
        let seal = seal(key, holds, wasm, &payload).finalize().into_bytes();
        [&[holds], &*seal, &payload].concat()
    }

    /// What the other process made.
    ///
    /// # Errors
    ///
    /// When it could not compile the file, or the answer is not one of its.
    pub fn finish(self, answer: Vec<u8>) -> Result<Compiled, LoadError> {
        let foreign = || LoadError::Compile("the answer of the compiler is not whole".into());
        let (&holds, rest) = answer.split_first().ok_or_else(foreign)?;
        let (sealed, payload) = rest.split_at_checked(SEAL_BYTES).ok_or_else(foreign)?;
        seal(&self.key, holds, &self.wasm, payload).verify_slice(sealed).map_err(|_| foreign())?;
        let cause = || Cause::from(String::from_utf8_lossy(payload));
        match holds {
            COMPILED => {
                let (digest, size) = (digest(&self.wasm), self.wasm.len());
                Ok(Compiled::behind(answer, 1 + SEAL_BYTES, digest, size))
            }
            NOT_WRAPPED => Err(LoadError::Wrap(cause())),
            _ => Err(LoadError::Compile(cause())),
        }
    }
}

/// Code that may be run: this process made it, the one that was given a [`Job`], or an earlier run of this installation.
pub struct Compiled {
    /// The code, behind what came before it.
    bytes: Vec<u8>,
    begins: usize,
    digest: String,
    size: usize,
}

impl Compiled {
    /// Takes the end of `bytes` for code of the file with this digest and size. Whoever calls it has seen that nobody else
    /// can have written it.
    pub(crate) fn behind(bytes: Vec<u8>, begins: usize, digest: String, size: usize) -> Self {
        Self { bytes, begins, digest, size }
    }

    /// The digest of the file that it was made of.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    pub(crate) fn code(&self) -> &[u8] {
        self.bytes.get(self.begins..).unwrap_or_default()
    }

    /// The digest and the size of the file that it was made of.
    pub(crate) fn of(&self) -> (String, usize) {
        (self.digest.clone(), self.size)
    }
}

/// Compiles for an engine with the house's settings, without one that could run anything.
fn precompile(wasm: &[u8]) -> Result<Vec<u8>, LoadError> {
    let wasm = component(wasm)?;
    let compiled = wasmtime::Engine::new(&Settings::compiling())
        .and_then(|engine| engine.precompile_component(&wasm));
    compiled.map_err(|error| LoadError::Compile(error.into()))
}

fn seal(key: &[u8], holds: u8, wasm: &[u8], payload: &[u8]) -> Hmac<Sha256> {
    let mut seal = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    seal.update(&[holds]);
    seal.update(&Sha256::digest(wasm));
    seal.update(payload);
    seal
}

/// An error and what lies below it, as one text: that is all that passes to another process.
fn chain(error: &dyn std::error::Error) -> Vec<u8> {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_tells_what_it_is_by_its_first_bytes() {
        let check = |bytes: &[u8], format: Format| {
            assert_eq!(Format::of(bytes), format, "{}", bytes.escape_ascii());
        };
        check(b"\0asm\x0d\0\x01\0", Format::Component);
        check(b"\0asm\x01\0\0\0", Format::Core);
        check(b"", Format::Other("an empty file"));
        check(b"(component)", Format::Other("a file of another format"));
    }

    #[test]
    fn a_digest_names_its_hash() {
        assert_eq!(
            digest(b""),
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }

    #[test]
    fn only_the_sealed_answer_to_this_very_job_is_code() {
        let wasm = wat::parse_str("(component)").unwrap();
        let job = || Job { wasm: wasm.clone(), key: [7; KEY_BYTES] };
        let answer = Job::run(&job().order().concat());
        let compiled = job().finish(answer.clone()).unwrap();
        assert_eq!(compiled.of(), (digest(&wasm), wasm.len()));
        let refused = |job: Job, answer: &[u8]| match job.finish(answer.to_vec()) {
            Err(LoadError::Compile(cause)) => assert!(cause.to_string().contains("not whole")),
            Err(other) => panic!("{other:?}"),
            Ok(_) => panic!("taken for code"),
        };
        refused(job(), b"");
        refused(job(), &answer[..20]);
        refused(job(), &answer[..answer.len() - 1]);
        for at in [0, 1, SEAL_BYTES, SEAL_BYTES + 1, answer.len() - 1] {
            let mut changed = answer.clone();
            changed[at] ^= 1;
            refused(job(), &changed);
        }
        refused(Job { key: [8; KEY_BYTES], ..job() }, &answer);
        let other = wat::parse_str("(component (core module))").unwrap();
        refused(Job { wasm: other, ..job() }, &answer);
        assert_ne!(Job::new(wasm.clone()).unwrap().key, Job::new(wasm.clone()).unwrap().key);
    }

    #[test]
    fn what_went_wrong_there_is_told_here() {
        let check = |wasm: &[u8], kind: &str, says: &str| {
            let job = Job::new(wasm.to_vec()).unwrap();
            let answer = Job::run(&job.order().concat());
            let error = job.finish(answer).err().unwrap();
            let cause = std::error::Error::source(&error).unwrap().to_string();
            assert_eq!(error.kind(), kind, "{cause}");
            assert!(cause.contains(says), "{cause}");
        };
        check(b"\0asm\x0d\0\x01\0rest", "compile", "unexpected");
        let foreign = wat::parse_str("(module (import \"env\" \"f\" (func)))").unwrap();
        check(&foreign, "wrap", "env");
        assert_eq!(Job::new(b"#!/bin/sh".to_vec()).err().unwrap().kind(), "not-a-component");
        assert_eq!(Job::run(b"short"), b"");
    }
}
