//! A module's project: the file `module.yaml` says how it is built, whatever its language; the rest is the same for all.
//!
//! It must not know any language's tools.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{fs, io};

use serde::Deserialize;

use super::component::component;
use crate::cli::{Failed, print};
use crate::modules::is_type;
use crate::rehearsal::cases::Cases;
use crate::telemetry::report;

/// The file that makes a folder a project.
pub(super) const FILE: &str = "module.yaml";
/// The folder of its cases.
const CASES: &str = "cases";
/// What is kept of what the build said, for hints.
const MAX_SAID_LINES: usize = 2_000;
/// What a host's build sets for itself and what would reach the module's.
const NOT_INHERITED: [&str; 4] =
    ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WORKSPACE_WRAPPER", "CARGO_MAKEFLAGS"];

/// How a project is built.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Project {
    /// The type that the module serves.
    name: String,
    /// The command that compiles it, run in the project's folder.
    build: Vec<String>,
    /// What is added to the command's environment.
    #[serde(default)]
    environment: BTreeMap<String, String>,
    /// What the command writes: a component, or a core module of which one is made.
    output: PathBuf,
    /// What to do where the command is not installed.
    #[serde(default)]
    install: String,
    /// What to do about what the command may say.
    #[serde(default)]
    hints: Vec<Hint>,
    #[serde(skip)]
    dir: PathBuf,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Hint {
    /// A part of what the command said.
    says: String,
    /// The command to run then.
    run: String,
}

impl Project {
    /// Reads the project in a folder.
    pub(super) fn read(dir: &Path) -> Result<Self, Failed> {
        let path = dir.join(FILE);
        let wrong = |why: String| Failed::Usage(format!("{}: {why}", path.display()));
        let text = fs::read_to_string(&path).map_err(|err| match err.kind() {
            io::ErrorKind::NotFound => wrong(
                "there is none, so this is no folder of a module; `herald module new NAME` writes one"
                    .to_owned(),
            ),
            _ => wrong(err.to_string()),
        })?;
        let mut project: Project =
            serde_saphyr::from_str(&text).map_err(|err| wrong(report(&err)))?;
        if !is_type(&project.name) {
            return Err(wrong(format!("{:?} is no name of a type", project.name)));
        }
        project.dir = dir.to_owned();
        Ok(project)
    }

    /// The folder of its cases.
    pub(super) fn cases(&self) -> PathBuf {
        self.dir.join(CASES)
    }

    /// Runs its command; what it wrote.
    pub(super) fn compile(&self) -> Result<Vec<u8>, Failed> {
        let Some((program, arguments)) = self.build.split_first() else {
            return Err(Failed::Usage(format!("{FILE}: `build` is empty: give the command")));
        };
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.dir).stdin(Stdio::null());
        for name in NOT_INHERITED {
            command.env_remove(name);
        }
        command.envs(&self.environment);
        let mut child = command.stderr(Stdio::piped()).spawn().map_err(|err| match err.kind() {
            io::ErrorKind::NotFound => {
                Failed::Run(format!("{program} is not installed: {}", self.install))
            }
            _ => Failed::Run(format!("cannot run {program}: {err}")),
        })?;
        let said = child.stderr.take().map(pass_on).unwrap_or_default();
        let status = child.wait().map_err(|err| Failed::Run(format!("{program}: {err}")))?;
        if !status.success() {
            let line = self.build.join(" ");
            return Err(Failed::Run(match self.hint(&said) {
                Some(hint) => format!("`{line}` failed; run: {hint}"),
                None => format!("`{line}` failed; what it said is above"),
            }));
        }
        let output = self.dir.join(&self.output);
        fs::read(&output).map_err(|err| {
            Failed::Run(format!(
                "`{}` did not write {}: {err}; correct `output` in {FILE}",
                self.build.join(" "),
                output.display()
            ))
        })
    }

    /// What helps against what the command said.
    fn hint(&self, said: &str) -> Option<&str> {
        self.hints.iter().find(|hint| said.contains(&hint.says)).map(|hint| hint.run.as_str())
    }

    /// Makes a component of what was compiled, puts the cases into it, and writes it beside the project's file. Its path.
    pub(super) fn pack(&self, compiled: &[u8]) -> Result<PathBuf, Failed> {
        let component = component(compiled)?;
        let cases = match self.cases().is_dir() {
            true => Cases::read(&self.cases()).map_err(|err| Failed::usage(&err))?,
            false => Cases::default(),
        };
        let packed = cases.embed(&component).map_err(|err| Failed::run(&err))?;
        let path = self.dir.join(format!("{}.wasm", self.name));
        fs::write(&path, &packed)
            .map_err(|err| Failed::Run(format!("cannot write {}: {err}", path.display())))?;
        Ok(path)
    }

    /// Compiles and packs it, and says what came of it.
    pub(super) fn build(&self) -> Result<(), Failed> {
        let path = self.pack(&self.compile()?)?;
        let failed = |err| Failed::Run(format!("cannot read {}: {err}", path.display()));
        let packed = fs::read(&path).map_err(failed)?;
        let n_cases = Cases::of_wasm(&packed)
            .map_err(|err| Failed::run(&err))?
            .map_or(0, |cases| cases.len());
        print(format_args!(
            "{}: {} bytes, {n_cases} cases inside\n{}\nto install it:\n  cp {} MODULES_DIR/{}.wasm",
            path.display(),
            packed.len(),
            herald_engine::digest(&packed),
            path.display(),
            self.name
        ));
        Ok(())
    }
}

/// Passes a stream on to standard error as it comes; the end of it.
fn pass_on(stream: impl io::Read) -> String {
    let mut lines = std::collections::VecDeque::new();
    for line in BufReader::new(stream).split(b'\n') {
        let Ok(line) = line else { break };
        let line = String::from_utf8_lossy(&line).into_owned();
        // Nobody reads it where it cannot be written.
        drop(writeln!(io::stderr().lock(), "{line}"));
        lines.push_back(line);
        if lines.len() > MAX_SAID_LINES {
            lines.pop_front();
        }
    }
    lines.into_iter().collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(build: &str) -> (tempfile::TempDir, Project) {
        let dir = tempfile::tempdir().unwrap();
        let text = format!(
            "name: hello\nbuild: {build}\nenvironment: {{A: b}}\noutput: out.wasm\ninstall: see https://x.example\n\
             hints:\n  - {{says: no such target, run: get it}}\n"
        );
        fs::write(dir.path().join(FILE), text).unwrap();
        let project = Project::read(dir.path()).unwrap();
        (dir, project)
    }

    fn text(failed: Failed) -> String {
        match failed {
            Failed::Usage(text) | Failed::Run(text) => text,
        }
    }

    #[test]
    fn what_the_command_writes_is_what_was_compiled() {
        let (_dir, project) = project("[sh, -c, 'printf $A > out.wasm']");
        assert_eq!(project.compile().unwrap(), b"b");
    }

    #[test]
    fn a_failure_says_what_to_run() {
        let check = |build: &str, says: &str| {
            let (_dir, project) = project(build);
            let text = text(project.compile().unwrap_err());
            assert!(text.contains(says), "{text}");
        };
        check("[sh, -c, 'echo there is no such target here >&2; exit 1']", "failed; run: get it");
        check("[sh, -c, 'exit 1']", "what it said is above");
        check("[there-is-no-such-program]", "is not installed: see https://x.example");
        check("[sh, -c, 'exit 0']", "did not write");
        check("[]", "`build` is empty");
    }

    #[test]
    fn a_folder_without_the_file_is_no_project() {
        let dir = tempfile::tempdir().unwrap();
        let text = text(Project::read(dir.path()).unwrap_err());
        assert!(text.contains("herald module new"), "{text}");
    }

    #[test]
    fn the_cases_go_into_the_file() {
        let (dir, project) = project("[sh]");
        let wasm = crate::modules::built_in("generic").unwrap();
        let path = project.pack(wasm).unwrap();
        assert_eq!(path, dir.path().join("hello.wasm"));
        assert_eq!(Cases::of_wasm(&fs::read(&path).unwrap()).unwrap().unwrap().len(), 0);
        fs::create_dir_all(dir.path().join("cases/one")).unwrap();
        fs::write(dir.path().join("cases/one/provider.yaml"), "").unwrap();
        fs::write(dir.path().join("cases/one/event.json"), "{}").unwrap();
        let path = project.pack(wasm).unwrap();
        assert_eq!(Cases::of_wasm(&fs::read(&path).unwrap()).unwrap().unwrap().len(), 1);
    }
}
