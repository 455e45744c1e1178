//! `herald module build`: from a project to the file that a host takes.

use std::path::PathBuf;

use clap::Args;

use super::project::Project;
use crate::cli::Failed;

/// Build a module's project.
///
/// Runs the command of module.yaml, makes a component of what it compiled, puts the project's folder cases/ into it as the
/// section `herald:cases`, and writes DIR/NAME.wasm. A host runs the cases before it lets the module serve.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 when NAME.wasm is written; 1 when it cannot be built, with what to do; 64 when the folder is no project or a case is wrong."
)]
pub(super) struct Build {
    /// The project's folder.
    #[arg(value_name = "DIR", default_value = ".")]
    dir: PathBuf,
}

impl Build {
    pub(super) fn run(self) -> Result<(), Failed> {
        Project::read(&self.dir)?.build()
    }
}
