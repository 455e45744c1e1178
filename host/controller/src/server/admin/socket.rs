//! The Unix socket in the data folder: who may use it, where it is, and its connections.
//!
//! It must not know what is answered. Whoever binds it holds the journal's lock, so a socket that is there already is
//! left over from a process that ended early.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use thiserror::Error;
use tokio::net::UnixListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// The name of the socket in the data folder.
pub const SOCKET: &str = "herald.sock";

/// The system's structure for a socket's path has 108 bytes, on some systems fewer.
const MAX_PATH_BYTES: usize = 100;

/// People, not machines, are at this door.
const N_CONNECTIONS: usize = 16;

/// The most time for the headers of a request.
const HEADER_TIME: Duration = Duration::from_secs(10);

/// The most time for requests under way to finish at the end.
const DRAIN: Duration = Duration::from_secs(5);

/// The wait after a connection that could not be accepted.
const PAUSE: Duration = Duration::from_millis(100);

/// Why there is no socket.
#[derive(Debug, Error)]
#[error("cannot make the socket {}: remove what stands there, or choose another data folder", path.display())]
pub struct BindSocketError {
    /// Where it was to be.
    pub path: PathBuf,
    /// What the system said.
    #[source]
    pub source: io::Error,
}

/// A socket that only the user of the process may use.
#[derive(Debug)]
pub struct AdminSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl AdminSocket {
    /// Makes the socket in the data folder, in place of one that a process left which ended early.
    ///
    /// # Errors
    /// Something else stands there, or the folder cannot be written.
    pub fn bind(data_dir: &Path) -> Result<Self, BindSocketError> {
        let path = data_dir.join(SOCKET);
        match bind(data_dir, &path) {
            Ok(listener) => Ok(Self { listener, path }),
            Err(source) => Err(BindSocketError { path, source }),
        }
    }

    /// Answers requests until `shutdown`; then the socket goes, and requests under way finish.
    pub async fn serve(self, router: Router, shutdown: CancellationToken) {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(HEADER_TIME);
        let free = Arc::new(Semaphore::new(N_CONNECTIONS));
        let graceful = GracefulShutdown::new();
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                () = shutdown.cancelled() => break,
                Some(ended) = connections.join_next() => {
                    if ended.is_err() {
                        tracing::error!("a request at the socket ended in a panic");
                    }
                    continue;
                }
                accepted = accept(&self.listener, &free) => accepted,
            };
            let (stream, slot) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!("a connection to the socket cannot be accepted: {error}");
                    sleep(PAUSE).await;
                    continue;
                }
            };
            let service = TowerToHyperService::new(router.clone());
            let connection = http.serve_connection(TokioIo::new(stream), service);
            let connection = graceful.watch(connection);
            connections.spawn(async move {
                if let Err(error) = connection.await {
                    tracing::debug!("a connection to the socket ended early: {error}");
                }
                drop(slot);
            });
        }
        drop(self.listener);
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!("the socket {} is left: {error}", self.path.display());
        }
        if timeout(DRAIN, graceful.shutdown()).await.is_err() {
            tracing::warn!("requests at the socket were cut: they did not end in time");
        }
    }
}

async fn accept(
    listener: &UnixListener,
    free: &Arc<Semaphore>,
) -> io::Result<(tokio::net::UnixStream, tokio::sync::OwnedSemaphorePermit)> {
    let slot = Arc::clone(free).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, slot))
}

/// The socket is made in a folder that nobody else may enter, and gets its name when its mode is right: at no moment may
/// another user connect, whatever the umask is.
fn bind(data_dir: &Path, path: &Path) -> io::Result<UnixListener> {
    let hidden = data_dir.join("herald.sock.new");
    remove_dir(&hidden)?;
    DirBuilder::new().mode(0o700).create(&hidden)?;
    let (short, _dir) = connectable(&hidden)?;
    let listener = std::os::unix::net::UnixListener::bind(short)?;
    listener.set_nonblocking(true)?;
    let fresh = hidden.join(SOCKET);
    fs::set_permissions(&fresh, Permissions::from_mode(0o600))?;
    fs::rename(&fresh, path)?;
    fs::remove_dir(&hidden)?;
    UnixListener::from_std(listener)
}

fn remove_dir(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// A path to the socket in this folder that is short enough for the system; it holds while the file is open.
///
/// # Errors
/// The folder cannot be opened.
pub fn connectable(dir: &Path) -> io::Result<(PathBuf, Option<File>)> {
    let path = dir.join(SOCKET);
    if path.as_os_str().as_bytes().len() <= MAX_PATH_BYTES {
        return Ok((path, None));
    }
    let dir = File::open(dir)?;
    Ok((format!("/proc/self/fd/{}/{SOCKET}", dir.as_raw_fd()).into(), Some(dir)))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileTypeExt as _;

    use super::*;

    async fn answers(dir: &Path) -> bool {
        let (path, _dir) = connectable(dir).unwrap();
        tokio::net::UnixStream::connect(path).await.is_ok()
    }

    #[tokio::test]
    async fn a_socket_is_for_its_user_alone_and_goes_with_the_process() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(SOCKET);
        // What a killed process leaves.
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let socket = AdminSocket::bind(dir.path()).unwrap();
        let metadata = fs::metadata(&path).unwrap();
        assert!(metadata.file_type().is_socket());
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
        assert!(answers(dir.path()).await);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing else is left");

        let shutdown = CancellationToken::new();
        let serving = tokio::spawn(socket.serve(Router::new(), shutdown.clone()));
        shutdown.cancel();
        serving.await.unwrap();
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_long_path_has_a_short_one() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("a".repeat(120));
        fs::create_dir(&deep).unwrap();
        let _socket = AdminSocket::bind(&deep).unwrap();
        assert!(answers(&deep).await);
    }

    #[tokio::test]
    async fn what_stands_in_its_place_is_told() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join(SOCKET).join("inside")).unwrap();
        let error = AdminSocket::bind(dir.path()).unwrap_err().to_string();
        assert!(error.contains(SOCKET) && error.contains("another data folder"), "{error}");
    }
}
