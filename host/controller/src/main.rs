//! The binary `herald`: reads the command line and turns the result into an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    herald_controller::cli::main()
}
