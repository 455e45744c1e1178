//! The binary `herald` as a process.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::process::Child;

/// How long a start may take. In tests modules are compiled, and hundreds of Providers checked, without optimisation.
const START: Duration = Duration::from_secs(180);

/// The path of the binary, built if it is missing or old.
///
/// # Panics
/// It does not compile.
#[must_use]
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        // The flags are those of the Makefile, so that nothing is compiled a second time with other features.
        let cargo = option_env!("CARGO").unwrap_or("cargo");
        // What is measured is a release build, and so is its Herald.
        let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
        let mut build = Command::new(cargo);
        build.args(["build", "--locked", "--quiet", "--workspace", "--bins", "--profile", profile]);
        build.arg("--manifest-path").arg(root().join("Cargo.toml"));
        // What cargo tells a test of its package. The build of ring looks at it, and so would begin anew with all that
        // needs ring, here and again in the next build.
        for (name, _) in std::env::vars_os() {
            let of_the_package = ["CARGO_PKG_", "CARGO_MANIFEST_", "OUT_DIR"];
            if of_the_package.iter().any(|start| name.to_string_lossy().starts_with(start)) {
                build.env_remove(name);
            }
        }
        let built = build.status().unwrap();
        assert!(built.success(), "the binary does not compile");
        let exe = std::env::current_exe().unwrap();
        let profile = exe.ancestors().find(|dir| dir.join("herald").is_file());
        profile.expect("cargo puts all binaries of a profile into one folder").join("herald")
    })
}

/// The root of the repository.
#[must_use]
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The command `herald serve` on free ports, with loopback allowed.
#[must_use]
pub fn serve(config: &Path, data: &Path, flags: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.arg("serve").arg("--config-dir").arg(config).arg("--data-dir").arg(data);
    for door in ["--events-addr", "--health-addr", "--metrics-addr"] {
        command.args([door, "127.0.0.1:0"]);
    }
    command.arg("--allow-loopback").args(flags);
    command
}

/// Runs a command that should end by itself, and ends it when it does not.
///
/// # Panics
/// It is not there.
#[must_use]
pub fn output(command: &mut Command) -> Output {
    output_within(command, START)
}

/// The same, within another time.
///
/// # Panics
/// It is not there.
#[must_use]
pub fn output_within(command: &mut Command, time: Duration) -> Output {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let end = Instant::now() + time;
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > end {
            child.kill().unwrap();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.wait_with_output().unwrap()
}

/// A running `herald serve`.
pub struct Herald {
    child: Child,
    addresses: Value,
    log: PathBuf,
}

impl Herald {
    /// Starts `herald serve` on free ports, with loopback allowed, and waits until it listens.
    ///
    /// # Panics
    /// It ends instead; the message holds its log.
    pub async fn start(config: &Path, data: &Path, flags: &[&str]) -> Self {
        Self::spawn(serve(config, data, flags), data).await
    }

    /// The same with a limit on the size of every file that it writes, in bytes.
    ///
    /// # Panics
    /// It ends instead; the message holds its log.
    pub async fn start_limited(config: &Path, data: &Path, bytes: u64) -> Self {
        let mut command = Command::new("sh");
        // A write beyond the limit raises a signal; ignored, it is an error that the writer sees. The unit is 512 bytes.
        command.args([
            "-c",
            "trap '' XFSZ; ulimit -f \"$1\"; shift; exec \"$@\"",
            "sh",
            &(bytes / 512).to_string(),
        ]);
        let serve = serve(config, data, &[]);
        command.arg(serve.get_program()).args(serve.get_args());
        Self::spawn(command, data).await
    }

    /// Starts a command made by [`serve`] for this data folder, and waits until it listens.
    ///
    /// # Panics
    /// It ends instead; the message holds its log.
    pub async fn spawn(command: Command, data: &Path) -> Self {
        Self::try_spawn(command, data).await.unwrap_or_else(|why| panic!("{why}"))
    }

    /// The same, for a start that may fail.
    ///
    /// # Errors
    /// It ends instead, or does not listen; the text holds its log.
    ///
    /// # Panics
    /// There is no such command.
    pub async fn try_spawn(mut command: Command, data: &Path) -> Result<Self, String> {
        let log = data.with_extension("log");
        let file = fs::OpenOptions::new().create(true).append(true).open(&log).unwrap();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file);
        let addresses_file = data.join("addresses.json");
        drop(fs::remove_file(&addresses_file));
        let mut child = tokio::process::Command::from(command).kill_on_drop(true).spawn().unwrap();
        let end = Instant::now() + START;
        loop {
            if let Ok(text) = fs::read_to_string(&addresses_file)
                && let Ok(addresses) = serde_json::from_str(&text)
            {
                return Ok(Self { child, addresses, log });
            }
            let said = || fs::read_to_string(&log).unwrap_or_default();
            if let Some(status) = child.try_wait().unwrap() {
                return Err(format!("herald ended with {status}:\n{}", said()));
            }
            if Instant::now() > end {
                return Err(format!("herald does not listen:\n{}", said()));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Where events are posted.
    #[must_use]
    pub fn events(&self) -> String {
        self.address("events")
    }

    /// The base URL of one of its doors: `events`, `health` or `metrics`.
    #[must_use]
    pub fn address(&self, door: &str) -> String {
        format!("http://{}", self.addresses[door].as_str().unwrap())
    }

    /// The lines that it wrote to its log so far, over all starts with the same data folder. One that is still being written
    /// is left out.
    #[must_use]
    pub fn log(&self) -> String {
        let mut bytes = fs::read(&self.log).unwrap_or_default();
        let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        bytes.truncate(end);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The most memory that it has had so far, in bytes; none where the system does not tell.
    ///
    /// # Panics
    /// It has ended.
    #[must_use]
    pub fn peak_memory(&self) -> Option<usize> {
        self.memory_of("VmHWM:")
    }

    /// The memory that it has now, in bytes; none where the system does not tell.
    ///
    /// # Panics
    /// It has ended.
    #[must_use]
    pub fn memory(&self) -> Option<usize> {
        self.memory_of("VmRSS:")
    }

    fn memory_of(&self, name: &str) -> Option<usize> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id().unwrap()));
        let line = status.ok()?.lines().find_map(|line| line.strip_prefix(name))?.to_owned();
        Some(line.trim().strip_suffix("kB")?.trim().parse::<usize>().ok()? << 10)
    }

    /// How long it has been on a CPU so far; none where the system does not tell.
    ///
    /// # Panics
    /// It has ended.
    #[must_use]
    pub fn cpu_time(&self) -> Option<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id().unwrap())).ok()?;
        // The name of the program, in brackets, may hold blanks.
        let (_, rest) = stat.rsplit_once(") ")?;
        let ticks: Vec<u64> = rest.split(' ').skip(11).take(2).flat_map(str::parse).collect();
        // A hundred a second, as Linux tells every program.
        Some(Duration::from_millis(ticks.iter().sum::<u64>() * 10))
    }

    /// Ends it at once, as a power failure would.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Asks it to end and waits; the exit code.
    pub async fn stop(mut self) -> Option<i32> {
        self.signal("TERM");
        self.child.wait().await.unwrap().code()
    }

    /// Sends it a signal by name.
    ///
    /// # Panics
    /// It has ended.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
    }
}
