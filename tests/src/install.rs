//! Where real receivers and the tools of other languages come from: Go modules, npm, PyPI and Debian, each by its own
//! client. Nothing is installed outside `target/receivers` and `target/languages`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use std::{env, fs};

/// How long one command may take, on a cold and busy machine.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// A program of a Go module, built by its name: `go install MODULE@VERSION`.
///
/// # Panics
/// It cannot be installed.
#[must_use]
pub fn go(package: &str, version: &str) -> PathBuf {
    let name = package.split('/').rfind(|part| !is_major(part)).unwrap();
    let dir = once(&format!("{name}-{version}"), |dir| {
        let mut go = Command::new("go");
        run(go.args(["install", &format!("{package}@{version}")]).env("GOBIN", dir));
    });
    dir.join(name)
}

/// Whether a part of a module's name is its major version, such as `v2`.
fn is_major(part: &str) -> bool {
    part.strip_prefix('v').is_some_and(|digits| digits.parse::<u32>().is_ok())
}

/// The program of this folder, which is a Go module of its own with all its versions in `go.sum`.
///
/// # Panics
/// It cannot be built.
#[must_use]
pub fn go_program(source: &Path) -> PathBuf {
    let sum = fs::read(source.join("go.sum")).unwrap();
    let main = fs::read(source.join("main.go")).unwrap();
    let name = source.file_name().unwrap().to_string_lossy().into_owned();
    let dir = once(&format!("{name}-{:08x}", digest(&[sum, main].concat())), |dir| {
        let mut go = Command::new("go");
        run(go.args(["build", "-o"]).arg(dir.join(&name)).arg(".").current_dir(source));
    });
    dir.join(name)
}

/// The Python of an environment that holds these packages, each with its version.
///
/// # Panics
/// They cannot be installed.
#[must_use]
pub fn python(packages: &[&str]) -> PathBuf {
    let name = packages.join("-").replace("==", "-");
    let dir = once(&name, |dir| {
        run(Command::new("python3").args(["-m", "venv"]).arg(dir));
        let mut pip = Command::new(dir.join("bin/python"));
        run(pip
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            .args(packages));
    });
    dir.join("bin/python")
}

/// The root of a Debian package, unpacked and not installed, so that no service of it starts.
///
/// # Panics
/// It cannot be had.
#[must_use]
pub fn debian(package: &str) -> PathBuf {
    once(package, |dir| {
        let mut download = Command::new("apt-get");
        download.args(["download", package]).current_dir(dir);
        // A machine that never looked for packages knows none.
        if !succeeds(&mut download) {
            run(Command::new("apt-get").arg("update"));
            run(&mut download);
        }
        let archive = fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
            .unwrap();
        run(Command::new("dpkg").arg("-x").args([&archive, &dir.to_owned()]));
    })
}

/// The folder of this name, which `install` fills unless an earlier run did.
fn once(name: &str, install: impl FnOnce(&Path)) -> PathBuf {
    let dir = target().join("receivers").join(name);
    // Two tests may want the same one.
    static NAMES: Mutex<BTreeMap<String, Arc<Mutex<()>>>> = Mutex::new(BTreeMap::new());
    let name = Arc::clone(NAMES.lock().unwrap().entry(name.to_owned()).or_default());
    let _alone = name.lock().unwrap();
    let done = dir.join("installed");
    if !done.exists() {
        drop(fs::remove_dir_all(&dir));
        fs::create_dir_all(&dir).unwrap();
        install(&dir);
        fs::write(done, "").unwrap();
    }
    dir
}

/// The folder `target`.
///
/// # Panics
/// This program does not lie in it.
#[must_use]
pub fn target() -> PathBuf {
    let exe = env::current_exe().unwrap();
    exe.ancestors().nth(3).expect("tests run from target/PROFILE/deps").to_owned()
}

/// Runs a command to its end.
///
/// # Panics
/// It fails, or takes longer than a quarter of an hour.
pub fn run(command: &mut Command) {
    assert!(succeeds(command), "{command:?} failed; what it said stands above");
}

fn succeeds(command: &mut Command) -> bool {
    let mut child = command
        .stdin(Stdio::null())
        .spawn()
        .unwrap_or_else(|err| panic!("{command:?} cannot be run: {err}"));
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.success();
        }
        if Instant::now() > end {
            child.kill().unwrap();
            panic!("{command:?} did not end within {PATIENCE:?}");
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// FNV-1a: enough to tell one version of a program from another.
fn digest(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}
