//! One trial for each folder of `fixtures/providers/<type>/<case>/`, through the real modules.
//!
//! In: `provider.yaml`, `event.json`, optional `alert.yaml`, `N.response.json`, `flags` (one flag of `herald render` a
//! line) and `environment` (`NAME=value` a line; paths begin at `tests`). Out: `N.request.json` for each request, `outcome.txt`, and
//! `mistakes.txt` with a line for each mistake in the manifests. `UPDATE_EXPECT=1` rewrites what must come out: read
//! the diff. A case named `peer-…` is a recording of Flux's notification-controller; its `peer.txt` says what became of
//! the delivery there. Where Herald does otherwise on purpose, `DIFFERS` says what and why. Six recordings are about the
//! connection itself (private authorities, a hang, a name that does not resolve): what they show is held in `it/egress.rs`.
//!
//! A second trial for each case, `<type>/<case> is taken`, holds its requests against what the vendor takes; where
//! Herald sends on purpose what is not taken, `REFUSED` says why.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests; UPDATE_EXPECT is read from the environment"
)]

mod taken;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use herald_controller::credentials::Environment;
use herald_controller::delivery::Options;
use herald_controller::modules::Modules;
use herald_controller::rehearsal::expected::{Expected, same};
use herald_controller::rehearsal::{Case, NOW, Rehearsed, Secrets, rehearse};
use herald_tests::definitions;
use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value;

fn main() {
    let args = Arguments::from_args();
    rustls::crypto::ring::default_provider().install_default().unwrap();
    let runtime = Arc::new(tokio::runtime::Runtime::new().unwrap());
    let modules = Arc::new(Modules::new(herald_controller::modules::engine().unwrap()));

    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/providers");
    let folders: BTreeSet<String> = folders(&root).iter().map(|path| name(path)).collect();
    let types: BTreeSet<String> = modules.types().into_iter().collect();
    let untold: Vec<String> =
        types.iter().filter(|kind| !definitions::has(kind)).cloned().collect();
    let mut trials = vec![Trial::test("every type has cases, and every case a type", move || {
        if folders == types {
            Ok(())
        } else {
            Err(format!("folders {folders:?}, types {types:?}").into())
        }
    })];
    trials.push(Trial::test(
        "the table of definitions says what every type's receivers take",
        move || {
            if untold.is_empty() { Ok(()) } else { Err(format!("not those of {untold:?}").into()) }
        },
    ));
    for kind in self::folders(&root) {
        for case in self::folders(&kind) {
            let (runtime, modules) = (Arc::clone(&runtime), Arc::clone(&modules));
            let id = format!("{}/{}", name(&kind), name(&case));
            trials.extend(taken::trial(&name(&kind), &id, case.clone()));
            trials.push(Trial::test(id, move || runtime.block_on(check(&case, modules))));
        }
    }
    libtest_mimic::run(&args, trials).exit();
}

/// The one place that knows how a case is run.
async fn check(dir: &Path, modules: Arc<Modules>) -> Result<(), Failed> {
    only_known_files(dir)?;
    let mut case = Case::read(dir)?;
    case.now = NOW;
    let flags = fs::read_to_string(dir.join("flags")).unwrap_or_default();
    let options = Options {
        no_cross_namespace_refs: flags.lines().any(|flag| flag == "--no-cross-namespace-refs"),
    };
    let environment = fs::read_to_string(dir.join("environment")).unwrap_or_default();
    let environment = Environment::read(|name| {
        let mut pairs = environment.lines().filter_map(|line| line.split_once('='));
        pairs.find_map(|(key, value)| (key == name).then(|| value.to_owned()))
    });
    let rehearsed = rehearse(&case, modules, options, environment, Secrets::Revealed).await;
    let expected = expected(dir)?;
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        update(dir, &rehearsed, &expected.requests)?;
    } else {
        let differences = expected.differences(&rehearsed);
        if !differences.is_empty() {
            return Err(differences.join("\n").into());
        }
    }
    differs_where_it_does(dir, &rehearsed)
}

/// Rewrites what must come out. A file that says the same, transport noise aside, is left as it is.
fn update(dir: &Path, rehearsed: &Rehearsed, recorded: &[Value]) -> Result<(), Failed> {
    let is_recording = dir.join("peer.txt").exists();
    for number in 1..=recorded.len().max(rehearsed.requests.len()) {
        let path = dir.join(format!("{number}.request.json"));
        match (rehearsed.requests.get(number - 1), recorded.get(number - 1)) {
            (Some(is), Some(should)) if same(is, should) => {}
            _ if is_recording && !dir.join("DIFFERS").exists() => {
                return Err(format!("{number}.request.json is a recording and not what Herald sends: say why in DIFFERS").into());
            }
            (Some(is), _) => fs::write(path, format!("{is:#}\n"))?,
            (None, _) => fs::remove_file(path)?,
        }
    }
    if !rehearsed.mistakes.is_empty() {
        fs::write(dir.join("mistakes.txt"), lines(&rehearsed.mistakes))?;
    }
    Ok(fs::write(dir.join("outcome.txt"), format!("{}\n", rehearsed.outcome))?)
}

fn lines(mistakes: &[String]) -> String {
    mistakes.iter().map(|mistake| format!("{mistake}\n")).collect()
}

/// A recording whose outcome is another in Herald carries the reason.
fn differs_where_it_does(dir: &Path, rehearsed: &Rehearsed) -> Result<(), Failed> {
    let Ok(peer) = fs::read_to_string(dir.join("peer.txt")) else { return Ok(()) };
    let class = |outcome: &str| outcome.split([':', '\n']).next().unwrap_or_default().to_owned();
    let same = class(&peer) == class(&rehearsed.outcome);
    let explained =
        fs::read_to_string(dir.join("DIFFERS")).is_ok_and(|text| !text.trim().is_empty());
    if same || explained {
        Ok(())
    } else {
        Err(format!(
            "the peer: {}, Herald: {}; say why in DIFFERS",
            peer.trim_end(),
            rehearsed.outcome
        )
        .into())
    }
}

/// A typing error in a file's name must not turn a check off.
fn only_known_files(dir: &Path) -> Result<(), Failed> {
    const KNOWN: [&str; 10] = [
        "provider.yaml",
        "alert.yaml",
        "environment",
        "event.json",
        "outcome.txt",
        "mistakes.txt",
        "peer.txt",
        "flags",
        "DIFFERS",
        "REFUSED",
    ];
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let number =
            name.strip_suffix(".request.json").or_else(|| name.strip_suffix(".response.json"));
        let numbered =
            number.is_some_and(|number| number.parse::<usize>().is_ok_and(|number| number > 0));
        if !numbered && !KNOWN.contains(&name.as_str()) {
            return Err(format!("{name} is no file of a case").into());
        }
    }
    Ok(())
}

/// What must come out, by the files of the folder.
fn expected(dir: &Path) -> Result<Expected, Failed> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        files.insert(name(&path), fs::read_to_string(&path)?);
    }
    Ok(Expected::of_texts(&files)?)
}

fn folders(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    paths.sort();
    paths
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}
