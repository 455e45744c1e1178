//! `make crash`: runs the crash harness and prints its verdict in one line; exit code 1 when a promise was broken.

#![expect(clippy::print_stdout, reason = "the verdict is what it prints")]

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use herald_tests::crash::{Plan, run};

/// Kills Herald again and again while events come in, and counts what became of them.
#[derive(Parser)]
struct Args {
    /// Decides what is posted, what receivers answer and what happens to Herald.
    #[arg(long)]
    seed: Option<u64>,
    /// At least so many kills.
    #[arg(long, default_value_t = 200)]
    cycles: u32,
    /// At least so many acknowledged events.
    #[arg(long, default_value_t = 100_000)]
    events: u64,
    /// At least so many minutes.
    #[arg(long, default_value_t = 0)]
    minutes: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let plan = Plan {
        seed: args.seed.unwrap_or_else(|| fastrand::u64(..)),
        cycles: args.cycles,
        events: args.events,
        time: Duration::from_secs(60 * args.minutes),
    };
    let verdict = match run(plan).await {
        Ok(verdict) => verdict,
        Err(error) => {
            println!("crash: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    println!("{verdict}");
    for note in &verdict.notes {
        println!("  {note}");
    }
    if verdict.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
