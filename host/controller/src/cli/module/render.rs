//! `herald module render`: what one module makes of one event, whatever type the Provider names.

use std::path::PathBuf;

use clap::Args;

use super::subject::{Name, Subject, engine};
use crate::cli::Failed;
use crate::cli::modules_dir::CompileFlags;
use crate::cli::render::{Files, How};
use crate::rehearsal::Case;
use crate::rehearsal::examine::modules_of;

/// Show what a module would send for an event, without sending it.
///
/// As `herald render`, with this module in the place of the one for the Provider's type, and without asking what it is
/// granted.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  herald module render ntfy.wasm cases/failure\n  herald module render ntfy.wasm --case failure\n  herald module render built-in:slack --provider provider.yaml --event event.json\n\nExit codes: 0 when it was rendered, whatever the outcome; 1 when the module cannot be loaded; 64 when a file is missing or wrong."
)]
pub(super) struct Render {
    /// The module: a .wasm file or built-in:TYPE.
    #[arg(value_name = "FILE")]
    module: Name,
    /// A folder with provider.yaml, event.json and the optional files.
    #[arg(value_name = "CASE_DIR", required_unless_present_any = ["provider", "case_inside"], conflicts_with_all = ["provider", "event", "alert", "response", "case_inside"])]
    case: Option<PathBuf>,
    /// One of the cases inside the module.
    #[arg(long = "case", id = "case_inside", value_name = "NAME", conflicts_with_all = ["provider", "event", "alert", "response"])]
    inside: Option<String>,
    #[command(flatten)]
    files: Files,
    #[command(flatten)]
    compile: CompileFlags,
    #[command(flatten)]
    how: How,
}

impl Render {
    pub(super) async fn run(self) -> Result<(), Failed> {
        crate::cli::warn_on_stderr()?;
        let engine = engine()?;
        let subject = Subject::load(&engine, &self.module, self.compile.limits()).await?;
        let case = match (&self.case, &self.inside) {
            (Some(dir), _) => Case::read(dir).map_err(|err| Failed::usage(&err))?,
            (None, Some(name)) => {
                let cases = subject.cases(None)?;
                let case = cases.iter().find(|(other, ..)| other == name).map(|(_, case, _)| case);
                case.ok_or_else(|| {
                    let names: Vec<&str> = cases.names().collect();
                    Failed::Usage(format!(
                        "there is no case {name}; there are {}",
                        names.join(", ")
                    ))
                })?
            }
            (None, None) => self.files.read(self.how.responses())?,
        };
        self.how.show(&case, modules_of(&engine, &subject.module, &case)).await;
        Ok(())
    }
}
