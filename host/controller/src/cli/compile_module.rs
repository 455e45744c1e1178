//! The hidden command that compiles one module for another process of this program.

use clap::Args;

use super::Failed;
use crate::modules::compiler::{self, CompileLimits};

/// Compile the module on standard input for another Herald.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct CompileModule {
    #[arg(long = compiler::MEMORY_FLAG)]
    memory_mib: u64,
    #[arg(long = compiler::CPU_FLAG)]
    cpu_seconds: u64,
}

impl CompileModule {
    pub(super) fn run(self) -> Result<(), Failed> {
        let CompileModule { memory_mib, cpu_seconds } = self;
        compiler::work(CompileLimits { memory_mib, cpu_seconds }).map_err(|err| Failed::run(&err))
    }
}
