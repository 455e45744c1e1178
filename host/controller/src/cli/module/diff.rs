//! `herald module diff`: what two modules send differently for the same events.

use std::path::PathBuf;

use clap::Args;

use super::subject::{Name, Subject, engine};
use crate::cli::modules_dir::CompileFlags;
use crate::cli::{Failed, print};
use crate::rehearsal::cases::Cases;
use crate::rehearsal::examine;
use crate::rehearsal::expected::{Sides, requests};

/// Show what two modules send differently.
///
/// Both are given the same events: those of --cases, or those of the cases inside either; where both have a case of one
/// name, the new one's. What the cases expect is not looked at.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 when they send the same; 1 when they differ, or one cannot be loaded; 64 when a file cannot be read."
)]
pub(super) struct Diff {
    /// The one module: a .wasm file or built-in:TYPE.
    old: Name,
    /// The other.
    new: Name,
    /// A folder of case folders, instead of the cases inside.
    #[arg(long, value_name = "DIR")]
    cases: Option<PathBuf>,
    #[command(flatten)]
    compile: CompileFlags,
}

const SIDES: Sides = Sides("old", "new");

impl Diff {
    pub(super) async fn run(self) -> Result<(), Failed> {
        crate::cli::warn_on_stderr()?;
        let engine = engine()?;
        let old = Subject::load(&engine, &self.old, self.compile.limits()).await?;
        let new = Subject::load(&engine, &self.new, self.compile.limits()).await?;
        let cases = match &self.cases {
            Some(dir) => new.cases(Some(dir))?,
            None => inside(&old).and(inside(&new)),
        };
        if cases.is_empty() {
            return Err(Failed::Usage(
                "neither has cases inside: give a folder of them with --cases DIR".to_owned(),
            ));
        }
        let mut n_different = 0;
        for (name, case, _) in cases.iter() {
            let before = examine::run(&engine, &old.module, &case).await;
            let after = examine::run(&engine, &new.module, &case).await;
            let mut found = Vec::new();
            if before.outcome != after.outcome {
                let outcomes = SIDES.beside("  ", &before.outcome, &after.outcome);
                found.push(format!("outcome\n{outcomes}"));
            }
            found.extend(requests(&before.requests, &after.requests, SIDES));
            if !found.is_empty() {
                n_different += 1;
                print(format_args!("{name}\n  {}", found.join("\n").replace('\n', "\n  ")));
            }
        }
        let n_cases = cases.len();
        match n_different {
            0 => {
                print(format_args!("{n_cases} cases, the same in both"));
                Ok(())
            }
            _ => Err(Failed::Run(format!("they differ in {n_different} of {n_cases} cases"))),
        }
    }
}

fn inside(subject: &Subject) -> Cases {
    subject.cases.clone().unwrap_or_default()
}
