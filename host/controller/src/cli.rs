//! The command line: flags, help texts and exit codes. What the commands do is in their own files.
//!
//! Exit codes: 0 when all went well, 1 when it could not be done, 64 when the command line or a file given to it is wrong.

mod bytes;
mod compile_module;
mod crds;
mod deliveries;
mod delivery_flags;
mod duration;
mod environment;
mod growth;
mod instance;
mod migrate;
mod module;
mod modules;
mod modules_dir;
mod render;
mod send;
mod serve;

use std::fmt;
use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

use crate::telemetry::{self, LogEncoding, report};

/// Sends the events of GitOps controllers to where people look.
///
/// Herald reads Provider, Alert and Secret manifests of the GitOps Toolkit, takes the events that Flux controllers post,
/// and delivers each to every Provider whose Alert wants it. What a payload looks like is decided by a sandboxed
/// WebAssembly module for each provider type.
#[derive(Debug, Parser)]
#[command(name = "herald", version, max_term_width = 100)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(Box<serve::Serve>),
    Render(render::Render),
    Send(send::Send),
    Modules(modules::Modules),
    Module(module::Module),
    Deliveries(deliveries::Deliveries),
    Crds(crds::Crds),
    Migrate(migrate::Migrate),
    #[command(hide = true, name = crate::modules::compiler::COMMAND)]
    CompileModule(compile_module::CompileModule),
}

/// How a command prints its result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// Why a command ends without success.
#[derive(Debug)]
enum Failed {
    /// The command line or a file given to it is wrong: 64.
    Usage(String),
    /// It could not be done: 1.
    Run(String),
}

impl Failed {
    fn usage(err: &dyn std::error::Error) -> Self {
        Failed::Usage(report(err))
    }

    fn run(err: &dyn std::error::Error) -> Self {
        Failed::Run(report(err))
    }
}

/// Bad command line or configuration, as `sysexits.h` has it.
const EX_USAGE: u8 = 64;

/// Runs the command that the process was started with.
#[must_use]
pub fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(err) => {
            let asked_for = !err.use_stderr();
            // Nothing can be done about a closed standard output.
            drop(err.print());
            return if asked_for { ExitCode::SUCCESS } else { ExitCode::from(EX_USAGE) };
        }
    };
    let done = match args.command {
        // Its memory is limited, so nothing else is started.
        Command::CompileModule(compile) => compile.run(),
        Command::Serve(serve) => block_on_with(Some(deliverers()), serve.run()),
        Command::Render(render) => block_on(render.run()),
        Command::Send(send) => block_on(send.run()),
        Command::Modules(modules) => block_on(modules.run()),
        Command::Module(module) => block_on(module.run()),
        Command::Deliveries(deliveries) => block_on(deliveries.run()),
        Command::Crds(crds) => crds.run(),
        Command::Migrate(migrate) => block_on(migrate.run()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failed::Usage(text)) => {
            print_error(text);
            ExitCode::from(EX_USAGE)
        }
        Err(Failed::Run(text)) => {
            print_error(text);
            ExitCode::FAILURE
        }
    }
}

/// Runs a command that sends or waits.
fn block_on(command: impl Future<Output = Result<(), Failed>>) -> Result<(), Failed> {
    block_on_with(None, command)
}

/// The threads of the service beside the one that takes events. With more than the machine runs at a time, every wake of a
/// task goes from one to another, which costs more than it gains.
fn deliverers() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().saturating_sub(1).max(1))
}

/// The same with so many threads, or as many as the machine runs at a time.
fn block_on_with(
    threads: Option<usize>,
    command: impl Future<Output = Result<(), Failed>>,
) -> Result<(), Failed> {
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        return Err(Failed::Run("another TLS provider was installed first".to_owned()));
    }
    let mut builder = match threads {
        // Where one thread does it all, to share tasks among threads is work for nothing.
        Some(1) => tokio::runtime::Builder::new_current_thread(),
        Some(_) | None => tokio::runtime::Builder::new_multi_thread(),
    };
    if let Some(threads) = threads {
        builder.worker_threads(threads);
    }
    let runtime = builder.enable_all().build();
    let runtime = runtime.map_err(|err| Failed::Run(format!("cannot start threads: {err}")))?;
    runtime.block_on(command)
}

/// Lets a command that prints a result say what it noticed on the way.
fn warn_on_stderr() -> Result<(), Failed> {
    telemetry::init(LogEncoding::Text, "warn").map_err(|err| Failed::usage(&err))
}

/// Prints a result. A reader that went away is no failure of the command.
fn print(text: impl fmt::Display) {
    drop(writeln!(std::io::stdout().lock(), "{text}"));
}

fn print_error(text: impl fmt::Display) {
    drop(writeln!(std::io::stderr().lock(), "herald: {text}"));
}

/// A line about something that is wrong and does not end the command.
fn print_warning(text: impl fmt::Display) {
    drop(writeln!(std::io::stderr().lock(), "{text}"));
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Args::command().debug_assert();
    }
}
