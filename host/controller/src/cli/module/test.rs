//! `herald module test`: runs a module's cases, and says how what came out differs.

use std::path::{Path, PathBuf};
use std::{fs, io};

use clap::Args;

use super::project::Project;
use super::subject::{Name, Subject, engine};
use crate::cli::modules_dir::CompileFlags;
use crate::cli::{Failed, print};
use crate::rehearsal::cases::Cases;
use crate::rehearsal::expected::{Expected, request_file, same};
use crate::rehearsal::{Rehearsed, examine};
use crate::telemetry::{self, LogEncoding};

/// Run a module's cases.
///
/// A case is a folder: provider.yaml with a Provider and its Secrets, event.json as a controller posts it, perhaps
/// alert.yaml; 1.response.json, 2.response.json, … for what the receiver answers (else 200 with nothing); and what must
/// come out: 1.request.json, 2.request.json, … and outcome.txt. --bless writes the latter from what the module sends:
/// read the difference before you keep it. A case is run without network, and at 2026-03-14T09:30:00Z.
///
/// With a project's folder, the module is built first and the cases are those of its folder cases/.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  herald module test\n  herald module test ntfy --bless\n  herald module test ntfy.wasm --case failure\n  herald module test built-in:slack --cases my-cases\n\nExit codes: 0 when every case came to what it says; 1 when one did not, or the module cannot be built or loaded; 64 when a file is missing or wrong."
)]
pub(super) struct Test {
    /// A project's folder, a .wasm file or built-in:TYPE.
    #[arg(value_name = "FILE|DIR", default_value = ".")]
    module: Name,
    /// A folder of case folders, instead of the project's or those inside the file.
    #[arg(long, value_name = "DIR")]
    cases: Option<PathBuf>,
    /// Only the case of this name.
    #[arg(long, value_name = "NAME")]
    case: Option<String>,
    /// Write what the module sends into the folder of cases as what must come out.
    #[arg(long)]
    bless: bool,
    /// Print what the module logs.
    #[arg(long)]
    log: bool,
    #[command(flatten)]
    compile: CompileFlags,
}

impl Test {
    pub(super) async fn run(self) -> Result<(), Failed> {
        let levels = if self.log { "warn,herald::module=debug" } else { "error" };
        telemetry::init(LogEncoding::Text, levels).map_err(|err| Failed::usage(&err))?;
        let engine = engine()?;
        let project = match &self.module {
            Name::File(path) if path.is_dir() => Some(Project::read(path)?),
            Name::File(_) | Name::BuiltIn(_) => None,
        };
        let (name, core) = match &project {
            // Blessed cases go into the file as well, which then need not be compiled again.
            Some(project) => {
                let core = project.compile()?;
                (Name::File(project.pack(&core)?), core)
            }
            None => (self.module.clone(), Vec::new()),
        };
        let dir = self.cases.clone().or_else(|| Some(project.as_ref()?.cases()));
        let subject = Subject::load(&engine, &name, self.compile.limits()).await?;
        let cases = subject.cases(dir.as_deref())?;
        let cases = self.wanted(cases)?;
        let mut n_failed = 0;
        for (name, case, expected) in cases.iter() {
            let rehearsed = examine::run(&engine, &subject.module, &case).await;
            let found = expected.differences(&rehearsed);
            if found.is_empty() {
                print(format_args!("ok      {name}"));
                continue;
            }
            let text = found.join("\n").replace('\n', "\n          ");
            if self.bless {
                let Some(dir) = &dir else {
                    return Err(Failed::Usage(
                        "--bless writes into a folder: give the project's, or --cases DIR"
                            .to_owned(),
                    ));
                };
                match bless(&dir.join(name), &expected, &rehearsed)? {
                    Blessed::Written => {
                        print(format_args!("written {name}\n          {text}"));
                    }
                    Blessed::Fault(why) => {
                        n_failed += 1;
                        print(format_args!("FAILED  {name}\n          {why}"));
                        print(
                            "          that is the module's own fault, so it is not written down",
                        );
                    }
                }
                continue;
            }
            n_failed += 1;
            print(format_args!("FAILED  {name}\n          {text}"));
        }
        if let Some(project) = project.filter(|_| self.bless) {
            project.pack(&core)?;
        }
        match n_failed {
            0 => {
                print(format_args!("{} cases", cases.len()));
                Ok(())
            }
            _ => Err(Failed::Run(format!("{n_failed} of {} cases failed", cases.len()))),
        }
    }

    fn wanted(&self, cases: Cases) -> Result<Cases, Failed> {
        let Some(name) = &self.case else { return Ok(cases) };
        let names: Vec<String> = cases.names().map(str::to_owned).collect();
        cases.only(name).ok_or_else(|| {
            Failed::Usage(format!("there is no case {name}; there are {}", names.join(", ")))
        })
    }
}

/// What became of a wish to write down what came out.
enum Blessed {
    Written,
    /// A module's own fault is nothing to expect.
    Fault(String),
}

/// Writes what must come out. A request that says the same, transport noise aside, is left as it is.
fn bless(dir: &Path, expected: &Expected, rehearsed: &Rehearsed) -> Result<Blessed, Failed> {
    if let Some(fault) = rehearsed.fault() {
        return Ok(Blessed::Fault(fault.to_owned()));
    }
    let failed = |path: &Path, err: io::Error| {
        Failed::Run(format!("cannot write {}: {err}", path.display()))
    };
    for number in 1..=expected.requests.len().max(rehearsed.requests.len()) {
        let path = dir.join(request_file(number));
        match (rehearsed.requests.get(number - 1), expected.requests.get(number - 1)) {
            (Some(is), Some(should)) if same(should, is) => {}
            (Some(is), _) => {
                fs::write(&path, format!("{is:#}\n")).map_err(|err| failed(&path, err))?;
            }
            (None, _) => fs::remove_file(&path).map_err(|err| failed(&path, err))?,
        }
    }
    let path = dir.join("outcome.txt");
    fs::write(&path, format!("{}\n", rehearsed.outcome)).map_err(|err| failed(&path, err))?;
    let path = dir.join("mistakes.txt");
    let mistakes: String =
        rehearsed.mistakes.iter().map(|mistake| format!("{mistake}\n")).collect();
    if !mistakes.is_empty() {
        fs::write(&path, mistakes).map_err(|err| failed(&path, err))?;
    } else if path.exists() {
        fs::remove_file(&path).map_err(|err| failed(&path, err))?;
    }
    Ok(Blessed::Written)
}
