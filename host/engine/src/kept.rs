//! Compiled code that outlives the process: sealed, so that nothing is run but what this installation compiled.
//!
//! Compiled code is run as it is, so a file that somebody else wrote would own the host. What is kept therefore carries a
//! seal over the code, the file that it was made of, and the version and settings of the compiler. It must not know where
//! the bytes or the key are kept.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::compile::Compiled;
use crate::engine::Engine;
use crate::error::Cause;

/// What kept code begins with; another form has another number.
const MAGIC: &[u8] = b"herald-code-1\n";
const SEAL_BYTES: usize = 32;
const SIZE_BYTES: usize = 8;
const HEAD_BYTES: usize = MAGIC.len() + SEAL_BYTES + SIZE_BYTES;

/// What an installation seals its compiled code with. Whoever knows it can have the host run anything.
#[derive(Clone)]
pub struct CacheKey([u8; CacheKey::BYTES]);

impl CacheKey {
    /// The length of a key in bytes.
    pub const BYTES: usize = 32;

    /// A key that nobody knows.
    ///
    /// # Errors
    ///
    /// When this machine has no chance to offer.
    pub fn fresh() -> Result<Self, Cause> {
        let mut key = [0; Self::BYTES];
        getrandom::fill(&mut key)?;
        Ok(Self(key))
    }

    /// The key of these bytes.
    #[must_use]
    pub fn from_bytes(key: [u8; Self::BYTES]) -> Self {
        Self(key)
    }

    /// Its bytes, for a file that nobody else may read.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn seal(&self, engine: &Engine, digest: &str, size: u64, code: &[u8]) -> Hmac<Sha256> {
        let mut seal =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        seal.update(MAGIC);
        seal.update(&fingerprint(engine).to_le_bytes());
        // A digest has no line break, so nothing can move from one part into the next.
        seal.update(digest.as_bytes());
        seal.update(b"\n");
        seal.update(&size.to_le_bytes());
        seal.update(code);
        seal
    }
}

/// Differs when wasmtime, its settings or this processor do.
fn fingerprint(engine: &Engine) -> u64 {
    let mut hasher = DefaultHasher::new();
    engine.wasm().precompile_compatibility_hash().hash(&mut hasher);
    hasher.finish()
}

impl Compiled {
    /// The code as it can be kept.
    #[must_use]
    pub fn keep(&self, engine: &Engine, key: &CacheKey) -> Vec<u8> {
        let (digest, size) = self.of();
        let size = size as u64;
        let seal = key.seal(engine, &digest, size, self.code()).finalize().into_bytes();
        [MAGIC, &*seal, &size.to_le_bytes(), self.code()].concat()
    }

    /// Code that was kept for the file with this digest; none when there is any doubt.
    #[must_use]
    pub fn of_kept(engine: &Engine, key: &CacheKey, digest: &str, kept: Vec<u8>) -> Option<Self> {
        let rest = kept.strip_prefix(MAGIC)?;
        let (sealed, rest) = rest.split_at_checked(SEAL_BYTES)?;
        let (size, code) = rest.split_at_checked(SIZE_BYTES)?;
        let size = u64::from_le_bytes(size.try_into().ok()?);
        key.seal(engine, digest, size, code).verify_slice(sealed).ok()?;
        Some(Compiled::behind(kept, HEAD_BYTES, digest.to_owned(), usize::try_from(size).ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    #[tokio::test]
    async fn only_what_this_installation_kept_for_this_file_is_code() {
        let engine = Engine::new(Settings::default()).unwrap();
        let compiled = engine.compile(wat::parse_str("(component)").unwrap()).await.unwrap();
        let (digest, size) = compiled.of();
        let key = CacheKey::from_bytes([7; CacheKey::BYTES]);
        let kept = compiled.keep(&engine, &key);
        let taken = Compiled::of_kept(&engine, &key, &digest, kept.clone()).unwrap();
        assert_eq!(taken.of(), (digest.clone(), size));
        assert_eq!(taken.code(), compiled.code());

        let refused = |key: &CacheKey, digest: &str, kept: &[u8]| {
            assert!(Compiled::of_kept(&engine, key, digest, kept.to_vec()).is_none());
        };
        for end in [0, 5, MAGIC.len(), HEAD_BYTES - 1, HEAD_BYTES, kept.len() - 1] {
            refused(&key, &digest, &kept[..end]);
        }
        for at in [0, MAGIC.len(), HEAD_BYTES - 1, HEAD_BYTES, kept.len() - 1] {
            let mut changed = kept.clone();
            changed[at] ^= 1;
            refused(&key, &digest, &changed);
        }
        refused(&CacheKey::from_bytes([8; CacheKey::BYTES]), &digest, &kept);
        refused(&key, "sha256:00", &kept);
        assert_ne!(CacheKey::fresh().unwrap().bytes(), CacheKey::fresh().unwrap().bytes());
    }
}
