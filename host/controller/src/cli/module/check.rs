//! `herald module check`: everything that a host does before a module serves, and what only shows later.
//!
//! It knows the order of the steps and how findings are told; each step is a question to the room that knows the answer.

mod hostile;

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use herald_engine::Engine;

use super::subject::{Name, Subject, engine};
use crate::cli::modules_dir::CompileFlags;
use crate::cli::{Failed, print};
use crate::modules::folder;
use crate::modules::grants::{self, Grants, missing};
use crate::rehearsal::cases::Cases;
use crate::rehearsal::examine;
use crate::rehearsal::leaks;
use crate::rehearsal::opening::openings;
use crate::telemetry::{self, LogEncoding, report};

/// Check a module as a host does before it serves, and more.
///
/// The steps: it compiles within limits, links and describes itself; everything it asks for is granted in grants.yaml
/// beside the file, as in the folder of `serve --modules-dir`; its cases come to what they say; the same delivery gives
/// the same answer; no value of a Secret stands where the module did not declare it, nor in any text; and whatever the
/// event or the answer, it neither traps nor meets a limit nor asks for what a host refuses. Each finding says what to
/// change.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 without findings; 1 with findings, or when it cannot be loaded; 64 when a file cannot be read."
)]
pub(super) struct Check {
    /// The module: a .wasm file or built-in:TYPE.
    #[arg(value_name = "FILE")]
    module: Name,
    /// A folder of case folders, instead of the cases inside.
    #[arg(long, value_name = "DIR")]
    cases: Option<PathBuf>,
    /// What is granted, instead of grants.yaml beside the file.
    #[arg(long, value_name = "FILE")]
    grants: Option<PathBuf>,
    #[command(flatten)]
    compile: CompileFlags,
}

/// Something to change.
struct Finding {
    /// Where it was seen: a case, an event, or nothing.
    at: String,
    text: String,
}

impl Check {
    pub(super) async fn run(self) -> Result<(), Failed> {
        // What a module does wrong is told as a finding, not as a warning.
        telemetry::init(LogEncoding::Text, "off").map_err(|err| Failed::usage(&err))?;
        let engine = engine()?;
        let subject = Subject::load(&engine, &self.module, self.compile.limits()).await?;
        let mut report = Report::default();
        report.tell("loads", Vec::new());
        report.tell("is granted what it asks for", self.ungranted(&subject)?);
        let cases = match subject.cases(self.cases.as_deref()) {
            Ok(cases) => cases,
            // A module without cases is taken by a host, but nothing more can be said of it.
            Err(Failed::Usage(text)) if self.cases.is_none() => {
                report.tell("has cases", vec![Finding { at: String::new(), text }]);
                return report.end();
            }
            Err(err) => return Err(err),
        };
        report.tell("does what its cases say", failing(&engine, &subject, &cases).await);
        report.tell("answers the same to the same", changing(&engine, &subject, &cases).await);
        let leaks = leaks::leaks(&engine, &subject.module, &cases).await;
        let leaks = leaks.into_iter().map(|leak| Finding { at: leak.case, text: leak.text });
        report.tell("says nothing secret", leaks.collect());
        report.tell("bears odd events", hostile::events(&engine, &subject.module, &cases).await);
        report.tell("bears odd answers", hostile::answers(&engine, &subject.module, &cases).await);
        report.end()
    }

    /// What a host would refuse it for, by the same rule.
    fn ungranted(&self, subject: &Subject) -> Result<Vec<Finding>, Failed> {
        let module = &subject.module;
        let beside = |path: &Path| path.with_file_name(folder::GRANTS);
        let path = match (&self.grants, &subject.path) {
            (Some(path), _) => path.clone(),
            (None, Some(path)) => beside(path),
            // They come granted.
            (None, None) => return Ok(Vec::new()),
        };
        let grants = match fs::read_to_string(&path) {
            Ok(text) => Grants::parse(&text)
                .map_err(|err| Failed::Usage(format!("{}: {}", path.display(), report(&err))))?,
            Err(_) if self.grants.is_none() => Grants::default(),
            Err(err) => return Err(Failed::Usage(format!("{}: {err}", path.display()))),
        };
        let granted = grants.of(&subject.kind, module.digest());
        let wanted = missing(module.description(), module.permissions(), &granted);
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let other = match grants.are_for_another_file(&subject.kind, module.digest()) {
            true => "\nthe grants that are there are for a file with another digest",
            false => "",
        };
        let text = format!(
            "it asks for {}; do without it, or grant it in {} with\n{}{other}",
            grants::listed(&wanted),
            path.display(),
            grants::example(&subject.kind, &wanted),
        );
        Ok(vec![Finding { at: String::new(), text }])
    }
}

async fn failing(engine: &Engine, subject: &Subject, cases: &Cases) -> Vec<Finding> {
    let failures = examine::examine(engine, &subject.module, cases).await;
    failures.into_iter().map(|one| Finding { at: one.case, text: one.text }).collect()
}

/// A host asks again after a crash, and with another instance each time.
async fn changing(engine: &Engine, subject: &Subject, cases: &Cases) -> Vec<Finding> {
    let mut found = Vec::new();
    for (name, case, _) in cases.iter() {
        for opening in openings(engine, &subject.module, &case, |_| {}).await {
            let first = opening.said(&subject.module).await;
            if first != opening.said(&subject.module).await {
                found.push(Finding {
                    at: name.to_owned(),
                    text: "two calls with the same delivery gave two answers: an answer may depend on nothing else"
                        .to_owned(),
                });
            }
        }
    }
    found
}

/// What was found so far.
#[derive(Default)]
struct Report {
    findings: usize,
}

impl Report {
    /// Prints a step and what it found.
    fn tell(&mut self, step: &str, found: Vec<Finding>) {
        self.findings += found.len();
        let mark = if found.is_empty() { "ok     " } else { "FOUND  " };
        print(format_args!("{mark} it {step}"));
        for Finding { at, text } in found {
            let at = if at.is_empty() { at } else { format!("{at}: ") };
            print(format_args!("          {at}{}", text.replace('\n', "\n          ")));
        }
    }

    fn end(self) -> Result<(), Failed> {
        match self.findings {
            0 => Ok(()),
            1 => Err(Failed::Run("1 finding".to_owned())),
            n => Err(Failed::Run(format!("{n} findings"))),
        }
    }
}
