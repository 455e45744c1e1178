//! Compiling the files of a folder in a process of its own, which is ended when it takes too much: a small file can make
//! a compiler need gigabytes and hours, and a thread cannot be ended.
//!
//! The process is this same program with a hidden command. It has no environment, nothing open but its three pipes, and
//! limits that the kernel keeps. It knows neither types nor grants.

use std::io::{self, Read as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use herald_engine::{Compiled, Job, LoadError};
use rustix::process::{Resource, Rlimit, Signal, setrlimit};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{ChildStdin, Command};
use tokio::time;

/// The hidden command and its flags.
pub const COMMAND: &str = "compile-module";
pub(crate) const MEMORY_FLAG: &str = "memory-mib";
pub(crate) const CPU_FLAG: &str = "cpu-seconds";

/// The largest code that is taken. That of a Python interpreter, the largest there is, has 60 MB.
const MAX_CODE_BYTES: u64 = 256 << 20;
/// How much is kept of what the process says.
const MAX_SAID_BYTES: u64 = 2048;
/// How long it may take, as a multiple of its time on a CPU: the machine may be busy.
const PATIENCE: u32 = 10;

/// What compiling one file may take.
#[derive(Clone, Copy, Debug)]
pub struct CompileLimits {
    /// Address space, which is a little more than memory, in MiB.
    pub memory_mib: u64,
    /// Time on a CPU, in whole seconds.
    pub cpu_seconds: u64,
}

/// Why a file was not compiled.
#[derive(Debug, Error)]
pub enum CompileError {
    /// The file is at fault.
    #[error(transparent)]
    Load(LoadError),
    /// The process did not start.
    #[error("compile: the compiler's process does not start")]
    Start(#[source] io::Error),
    /// It was ended for the time that it took.
    #[error(
        "compile: it takes more than {} s of CPU time; simplify the module or raise --module-compile-cpu-time",
        .0.as_secs()
    )]
    TooLong(Duration),
    /// It was not ended by its limit and is not done.
    #[error("compile: it did not end within {} s", .0.as_secs())]
    Stuck(Duration),
    /// It ended itself, which it does when it gets no memory.
    #[error(
        "compile: the compiler gave up, as it does when it needs more than {memory_mib} MiB; simplify the module or raise \
         --module-compile-memory-mib{}",
        last_words(said)
    )]
    Aborted {
        /// How much it could have.
        memory_mib: u64,
        /// What it said.
        said: String,
    },
    /// It ended in another way.
    #[error("compile: the compiler ended with {status}{}", last_words(said))]
    Ended {
        /// How.
        status: ExitStatus,
        /// What it said.
        said: String,
    },
}

fn last_words(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(" ({said})") }
}

/// Has a file compiled.
///
/// # Errors
/// The file is no module, or the process met a limit.
pub(crate) async fn compile(
    wasm: Vec<u8>,
    limits: CompileLimits,
) -> Result<Compiled, CompileError> {
    let job = Job::new(wasm).map_err(CompileError::Load)?;
    let mut child = Command::new(this_program().map_err(CompileError::Start)?)
        .arg(COMMAND)
        .args([format!("--{MEMORY_FLAG}"), limits.memory_mib.to_string()])
        .args([format!("--{CPU_FLAG}"), limits.cpu_seconds.to_string()])
        .env_clear()
        .current_dir("/")
        // What a terminal sends to the service is not meant for it.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(CompileError::Start)?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let talk = async {
        let (answer, said, ()) = tokio::join!(
            beginning(stdout, MAX_CODE_BYTES),
            beginning(stderr, MAX_SAID_BYTES),
            tell(stdin, job.order()),
        );
        (answer, said, child.wait().await)
    };
    let patience = Duration::from_secs(limits.cpu_seconds).saturating_mul(PATIENCE);
    let (answer, said, status) =
        time::timeout(patience, talk).await.map_err(|_| CompileError::Stuck(patience))?;
    judge(status.map_err(CompileError::Start)?, &said, limits)?;
    job.finish(answer).map_err(CompileError::Load)
}

/// On Linux by the name that stays right when the file is replaced, as the code must fit this very version.
fn this_program() -> io::Result<std::path::PathBuf> {
    if cfg!(target_os = "linux") { Ok("/proc/self/exe".into()) } else { std::env::current_exe() }
}

/// Writes the order. A process that ended before it read all of it says why by its end.
async fn tell(stdin: Option<ChildStdin>, parts: [&[u8]; 2]) {
    let Some(mut stdin) = stdin else { return };
    for part in parts {
        if stdin.write_all(part).await.is_err() {
            return;
        }
    }
}

/// The first so many bytes; the rest is read and forgotten, so that the writer is not held up. What was written before a
/// pipe broke counts.
async fn beginning(pipe: Option<impl AsyncRead + Unpin>, max: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        drop((&mut pipe).take(max).read_to_end(&mut bytes).await);
        drop(tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await);
    }
    bytes
}

fn judge(status: ExitStatus, said: &[u8], limits: CompileLimits) -> Result<(), CompileError> {
    if status.success() {
        return Ok(());
    }
    let is = |signal: Signal| status.signal() == Some(signal.as_raw());
    if is(Signal::XCPU) || is(Signal::KILL) {
        return Err(CompileError::TooLong(Duration::from_secs(limits.cpu_seconds)));
    }
    let said = String::from_utf8_lossy(said);
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ").replace(char::is_control, "");
    Err(if is(Signal::ABORT) {
        CompileError::Aborted { memory_mib: limits.memory_mib, said }
    } else {
        CompileError::Ended { status, said }
    })
}

/// What the hidden command does: limits its own process, reads an order and answers it.
///
/// # Errors
/// The limits cannot be set, or a pipe is broken.
pub fn work(limits: CompileLimits) -> io::Result<()> {
    let limit = |resource, current: u64, maximum: u64| {
        setrlimit(resource, Rlimit { current: Some(current), maximum: Some(maximum) })
    };
    let memory = limits.memory_mib.saturating_mul(1 << 20);
    limit(Resource::As, memory, memory)?;
    // The first raises a signal of its own, by which the parent sees what happened.
    limit(Resource::Cpu, limits.cpu_seconds, limits.cpu_seconds.saturating_add(1))?;
    limit(Resource::Fsize, 0, 0)?;
    // A process that runs out of memory would leave all of it on the disk.
    limit(Resource::Core, 0, 0)?;
    let mut order = Vec::new();
    io::stdin().lock().read_to_end(&mut order)?;
    let mut stdout = io::stdout().lock();
    stdout.write_all(&Job::run(&order))?;
    stdout.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_the_process_says_which_limit_it_met() {
        let check = |wait_status: i32, expected: &str| {
            let limits = CompileLimits { memory_mib: 512, cpu_seconds: 7 };
            let status = ExitStatus::from_raw(wait_status);
            let error = judge(status, b"memory allocation\nfailed\x1b[31m", limits).unwrap_err();
            assert_eq!(error.to_string(), expected);
        };
        let long = "compile: it takes more than 7 s of CPU time; simplify the module or raise --module-compile-cpu-time";
        check(Signal::XCPU.as_raw(), long);
        check(Signal::KILL.as_raw(), long);
        check(
            Signal::ABORT.as_raw(),
            "compile: the compiler gave up, as it does when it needs more than 512 MiB; simplify the module or raise \
             --module-compile-memory-mib (memory allocation failed[31m)",
        );
        check(
            1 << 8,
            "compile: the compiler ended with exit status: 1 (memory allocation failed[31m)",
        );
        assert!(
            judge(ExitStatus::from_raw(0), b"", CompileLimits { memory_mib: 1, cpu_seconds: 1 })
                .is_ok()
        );
    }
}
