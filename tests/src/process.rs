//! A real server as a process: where it listens, what it says, and its end.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::Child;

/// How long a start may take on a busy machine.
const START: Duration = Duration::from_secs(120);

/// A running server with a folder of its own. It ends with this value.
pub struct Process {
    _child: Child,
    log: PathBuf,
    _dir: TempDir,
}

/// A port that nobody listens on now.
///
/// # Panics
/// There is none.
#[must_use]
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Process {
    /// Starts a command that listens on this port, and waits until it does. The folder is its own.
    ///
    /// # Panics
    /// It cannot be run, ends, or does not listen; the message holds what it said.
    pub async fn start(mut command: Command, port: u16, dir: TempDir) -> Self {
        let log = dir.path().join("server.log");
        let file = fs::File::create(&log).unwrap();
        command.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file);
        command.current_dir(dir.path()).env("HOME", dir.path());
        let mut child = tokio::process::Command::from(command).kill_on_drop(true).spawn().unwrap();
        let end = Instant::now() + START;
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            let said = || fs::read_to_string(&log).unwrap_or_default();
            if let Some(status) = child.try_wait().unwrap() {
                panic!("the server ended with {status}:\n{}", said());
            }
            assert!(Instant::now() < end, "the server does not listen:\n{}", said());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Self { _child: child, log, _dir: dir }
    }

    /// What it wrote so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

/// A command that runs the program in its next argument, and for it alone `folder` stands at `place`.
///
/// # Panics
/// There is no `/proc`.
#[must_use]
pub fn in_a_place_of_its_own(folder: &Path, place: &Path) -> Command {
    let mut command = Command::new("unshare");
    // Who is not root becomes root of a user namespace first.
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        command.arg("--map-root-user");
    }
    let bind = "mount --bind \"$1\" \"$2\" && shift 2 && exec \"$@\"";
    command.args(["--mount", "sh", "-c", bind, "sh"]).args([folder, place]);
    command
}

/// What a command prints, as JSON.
///
/// # Panics
/// It fails, or prints no JSON.
pub fn printed(command: &mut Command) -> Value {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed:\n{said}");
    // Some programs greet before they do as they are told.
    let text = String::from_utf8(output.stdout).unwrap();
    let last = text.lines().last().unwrap_or_default();
    serde_json::from_str(last).unwrap_or_else(|err| panic!("{err} in {text:?}\n{said}"))
}

/// What a request is answered, as JSON.
///
/// # Panics
/// It is refused, or the answer is no JSON.
pub async fn answered(request: reqwest::RequestBuilder) -> Value {
    let response = request.send().await.unwrap();
    let (status, url) = (response.status(), response.url().clone());
    #[expect(clippy::disallowed_methods, reason = "the test reads its own server")]
    let text = response.text().await.unwrap();
    assert!(status.is_success(), "{url}: {status}: {text}");
    serde_json::from_str(&text).unwrap_or_else(|err| panic!("{url}: {err} in {text:?}"))
}

/// A client that trusts this authority.
///
/// # Panics
/// The text is no certificate.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the test is the reader, not Herald")]
pub fn trusting(pem: &str) -> reqwest::Client {
    drop(rustls::crypto::ring::default_provider().install_default());
    let authority = reqwest::Certificate::from_pem(pem.as_bytes()).unwrap();
    reqwest::Client::builder().no_proxy().tls_certs_only([authority]).build().unwrap()
}
