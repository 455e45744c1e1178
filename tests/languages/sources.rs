//! Modules that are not built by cargo, from their sources: that of the type `script`, which is kept as a component so that
//! nobody needs npm to build Herald, and the frozen ones that are too large to keep.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use herald_tests::herald::{binary, root};
use herald_tests::install::{run, target};

use crate::passes;

/// How many builds are compared, to learn what differs between any two.
const BUILDS: usize = 3;
/// How far from such a place a byte may differ: tables whose order hangs on chance are a few hundred bytes long.
const NEAR: usize = 256;
/// How many bytes may differ in all, of more than a million.
const MAX_DIFFERENT: usize = 512;

/// Each build starts QuickJS with seeds of its own, which are then in the file: about 160 bytes at 13 places. All others
/// are the same, so the file in the tree is what its sources come to.
#[tokio::test]
async fn the_component_of_script_comes_from_its_sources() {
    let kept = fs::read(root().join("guests/script/script.wasm")).unwrap();
    // With the interface where the command expects it.
    let work = target().join("languages/script");
    drop(fs::remove_dir_all(&work));
    copy(&root().join("wit"), &work.join("wit"));
    let project = work.join("guests/script");
    copy(&root().join("guests/script"), &project);
    fs::remove_file(project.join("script.wasm")).unwrap();
    npm(&project, &["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
    let builds: Vec<Vec<u8>> = (0..BUILDS)
        .map(|_| {
            npm(&project, &["run", "--silent", "build"]);
            fs::read(project.join("script.wasm")).unwrap()
        })
        .collect();

    let change = "run `npm ci && npm run build` in guests/script, and keep what it writes";
    let first = &builds[0];
    assert_eq!(kept.len(), first.len(), "the kept component has another length: {change}");
    let chance: BTreeSet<usize> =
        builds[1..].iter().flat_map(|other| different(first, other)).collect();
    assert!(!chance.is_empty(), "builds are all the same now: compare every byte");
    let found = different(first, &kept);
    let is_chance = |at: usize| chance.range(at.saturating_sub(NEAR)..=at + NEAR).next().is_some();
    let strange: Vec<usize> = found.iter().copied().filter(|at| !is_chance(*at)).collect();
    assert!(strange.is_empty(), "the kept component differs at {strange:?}: {change}");
    assert!(found.len() <= MAX_DIFFERENT, "it differs in {} bytes: {change}", found.len());

    // The cases of the kept one run with those of all types; here the new one comes to the same.
    let cases = passes(first.clone(), &root().join("tests/fixtures/providers/script")).await;
    assert!(cases > 40, "{cases} cases");
}

#[tokio::test]
async fn frozen_sources_in_python_still_make_a_module() {
    frozen_sources_still_make_a_module("python").await;
}

#[tokio::test]
async fn frozen_sources_in_go_still_make_a_module() {
    frozen_sources_still_make_a_module("go").await;
}

/// Builds what was the source of the module when the version was released, or when the language came, with the interface
/// and what is generated from it as a new project has them.
async fn frozen_sources_still_make_a_module(language: &str) {
    let version = root().join("tests/fixtures/frozen/0.1.0");
    let work = target().join("languages").join(["frozen-", language].concat());
    drop(fs::remove_dir_all(&work));
    fs::create_dir_all(&work).unwrap();
    let herald = |args: &[&str], at: &Path| run(Command::new(binary()).args(args).current_dir(at));
    herald(&["module", "new", "ntfy", "--language", language, "--dir", "new"], &work);
    let project = work.join("project");
    copy(&work.join("new/herald"), &project.join("herald"));
    copy(&version.join(language), &project);
    copy(&root().join("wit/0.1.0"), &project.join("herald/wit/0.1.0"));
    herald(&["module", "build"], &project);
    let wasm = fs::read(project.join("ntfy.wasm")).unwrap();
    assert_eq!(passes(wasm, &version.join("cases")).await, 11);
}

/// The places at which two files of one length differ.
fn different(one: &[u8], other: &[u8]) -> Vec<usize> {
    assert_eq!(one.len(), other.len(), "two builds have different lengths");
    (0..one.len()).filter(|&at| one[at] != other[at]).collect()
}

fn npm(project: &Path, args: &[&str]) {
    run(Command::new("npm").args(args).current_dir(project));
}

/// Copies a folder, without what was installed in it.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path: PathBuf = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.ends_with("node_modules") {
            continue;
        }
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, target).unwrap();
        }
    }
}
