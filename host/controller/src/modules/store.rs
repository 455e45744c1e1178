//! Modules on disk, in the data folder: files by their digest, so that an earlier revision is there when its source is
//! not, and the code compiled of them, so that a start compiles nothing.
//!
//! It must not know which revision serves.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use herald_engine::{CacheKey, Compiled, Engine, digest};
use thiserror::Error;

use crate::telemetry::report;

/// The folder in the data folder.
const FOLDER: &str = "modules";
const FILES: &str = "files";
const CODE: &str = "code";
const KEY: &str = "key";
/// What others may do with the key's file: nothing.
const OTHERS: u32 = 0o077;

/// The store cannot be used.
#[derive(Debug, Error)]
#[error("cannot keep modules in {}", path.display())]
pub struct OpenStoreError {
    /// What could not be made or read.
    path: PathBuf,
    /// Why.
    #[source]
    source: io::Error,
}

/// Modules on disk. Clones share everything.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    dir: PathBuf,
    key: CacheKey,
    engine: Engine,
}

impl Store {
    /// Opens the store of a data folder, or makes one.
    ///
    /// # Errors
    /// The folder or the key cannot be made or read.
    pub fn open(data_dir: &Path, engine: Engine) -> Result<Self, OpenStoreError> {
        let dir = data_dir.join(FOLDER);
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| OpenStoreError { path, source }
        };
        for folder in [dir.clone(), dir.join(FILES), dir.join(CODE)] {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
            made.map_err(failed(&folder))?;
        }
        let path = dir.join(KEY);
        let key = match read_key(&path).map_err(failed(&path))? {
            Some(key) => key,
            None => {
                let key = CacheKey::fresh().map_err(io::Error::other).map_err(failed(&path))?;
                write(&path, key.bytes()).map_err(failed(&path))?;
                key
            }
        };
        Ok(Self { shared: Arc::new(Shared { dir, key, engine }) })
    }

    /// The folder of the store.
    pub(super) fn dir(&self) -> &Path {
        &self.shared.dir
    }

    /// The code that was compiled of the file with this digest; none when there is any doubt about it.
    pub(super) async fn code(&self, digest: &str) -> Option<Compiled> {
        let path = self.path(CODE, digest)?;
        let (shared, digest) = (Arc::clone(&self.shared), digest.to_owned());
        in_thread(move || {
            let kept = fs::read(path).ok()?;
            Compiled::of_kept(&shared.engine, &shared.key, &digest, kept)
        })
        .await
    }

    /// Keeps compiled code. That it cannot be kept costs time at the next start and nothing else.
    pub(super) async fn keep_code(&self, compiled: Compiled) -> Compiled {
        let Some(path) = self.path(CODE, compiled.digest()) else { return compiled };
        let shared = Arc::clone(&self.shared);
        in_thread(move || {
            let kept = compiled.keep(&shared.engine, &shared.key);
            if let Err(err) = write(&path, &kept) {
                tracing::warn!("the compiled code of a module cannot be kept: {}", report(&err));
            }
            compiled
        })
        .await
    }

    /// The file with this digest, if it is kept and whole.
    pub(super) async fn file(&self, wanted: &str) -> Option<Vec<u8>> {
        let path = self.path(FILES, wanted)?;
        let wanted = wanted.to_owned();
        in_thread(move || fs::read(path).ok().filter(|wasm| digest(wasm) == wanted)).await
    }

    /// Keeps a file, so that it can serve when its source is gone.
    pub(super) async fn keep_file(&self, digest: &str, wasm: Vec<u8>) -> Vec<u8> {
        let Some(path) = self.path(FILES, digest) else { return wasm };
        in_thread(move || {
            if !path.exists()
                && let Err(err) = write(&path, &wasm)
            {
                tracing::warn!("a module cannot be kept for a rollback: {}", report(&err));
            }
            wasm
        })
        .await
    }

    /// Forgets what is not among these digests.
    pub(super) async fn keep_only(&self, digests: BTreeSet<String>) {
        let folders = [FILES, CODE].map(|folder| self.shared.dir.join(folder));
        in_thread(move || {
            let kept: BTreeSet<&str> = digests.iter().filter_map(|digest| hex(digest)).collect();
            for folder in folders {
                for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                    if !entry.file_name().to_str().is_some_and(|name| kept.contains(name)) {
                        // It is in nobody's way but the disk's, and the next start tries again.
                        drop(fs::remove_file(entry.path()));
                    }
                }
            }
        })
        .await;
    }

    fn path(&self, folder: &str, digest: &str) -> Option<PathBuf> {
        Some(self.shared.dir.join(folder).join(hex(digest)?))
    }
}

/// The digits of a digest, if they are some: they become the name of a file.
fn hex(digest: &str) -> Option<&str> {
    let hex = digest.strip_prefix("sha256:")?;
    (hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(hex)
}

/// The key, unless there is none or somebody else may have written or read it.
fn read_key(path: &Path) -> io::Result<Option<CacheKey>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(err) => return Err(err),
    };
    let meta = file.metadata()?;
    let mut key = [0; CacheKey::BYTES];
    let whole = file.read_exact(&mut key).is_ok() && file.read(&mut [0])? == 0;
    let mine = meta.uid() == rustix::process::geteuid().as_raw() && meta.mode() & OTHERS == 0;
    if whole && mine {
        return Ok(Some(CacheKey::from_bytes(key)));
    }
    tracing::warn!(
        "{} is not this user's alone, or not whole: modules are compiled anew with another key",
        path.display()
    );
    Ok(None)
}

/// Puts a file in place at once, for this user alone.
pub(super) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

async fn in_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn engine() -> Engine {
        Engine::new(herald_engine::Settings::default()).unwrap()
    }

    fn wasm() -> Vec<u8> {
        super::super::built_in("generic").unwrap().to_vec()
    }

    #[tokio::test]
    async fn code_and_files_are_there_after_a_restart_for_this_user_alone() {
        let data = tempfile::tempdir().unwrap();
        let engine = engine();
        let store = Store::open(data.path(), engine.clone()).unwrap();
        let (digest, wasm) = (digest(&wasm()), wasm());
        assert!(store.code(&digest).await.is_none());
        let compiled = engine.compile(wasm.clone()).await.unwrap();
        store.keep_code(compiled).await;
        store.keep_file(&digest, wasm.clone()).await;

        let again = Store::open(data.path(), engine.clone()).unwrap();
        assert_eq!(again.code(&digest).await.unwrap().digest(), digest);
        assert_eq!(again.file(&digest).await.unwrap(), wasm);
        for name in ["key", "code", "files"] {
            let mode = fs::metadata(data.path().join(FOLDER).join(name)).unwrap().mode();
            assert_eq!(mode & OTHERS, 0, "{name}");
        }
        again.keep_only(BTreeSet::new()).await;
        assert!(again.code(&digest).await.is_none() && again.file(&digest).await.is_none());
    }

    #[tokio::test]
    async fn any_doubt_is_a_miss() {
        let data = tempfile::tempdir().unwrap();
        let engine = engine();
        let digest = digest(&wasm());
        let filled = async || {
            let store = Store::open(data.path(), engine.clone()).unwrap();
            store.keep_code(engine.compile(wasm()).await.unwrap()).await;
            store.keep_file(&digest, wasm()).await;
            store
        };
        let store = filled().await;
        let code = store.path(CODE, &digest).unwrap();
        let mut bytes = fs::read(&code).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        fs::write(&code, &bytes).unwrap();
        assert!(store.code(&digest).await.is_none(), "a changed byte");
        let file = store.path(FILES, &digest).unwrap();
        fs::write(&file, b"\0asm").unwrap();
        assert!(store.file(&digest).await.is_none(), "another file");
        assert!(store.code("sha256:../key").await.is_none(), "no digest");

        filled().await;
        let key = data.path().join(FOLDER).join(KEY);
        fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
        let opened = Store::open(data.path(), engine.clone()).unwrap();
        assert!(opened.code(&digest).await.is_none(), "a key that others could read");
        filled().await;
        fs::write(&key, [7; 31]).unwrap();
        let opened = Store::open(data.path(), engine.clone()).unwrap();
        assert!(opened.code(&digest).await.is_none(), "half a key");
    }
}
