//! What was released stays as it was: the files of the interface, by their digests, and modules that were built for it, which
//! load and pass their cases for ever.
//!
//! `wit/released.sha256` and `tests/fixtures/frozen/released.sha256` have a line for every file of a released version, as
//! `sha256sum` writes it. The modules in Rust and JavaScript lie there as they were built; those in Python and Go, which
//! are megabytes larger, are built from what lies there by `make test-languages`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use herald_controller::modules;
use herald_controller::rehearsal::cases::Cases;
use herald_controller::rehearsal::examine::examine;
use herald_tests::herald::root;

/// The file of digests in a folder of versions.
const DIGESTS: &str = "released.sha256";

/// Everything below the folders of versions that is not as it was released: changed, gone or added. A folder whose name is
/// that of a pre-release, such as `0.2.0-draft.1`, may change.
fn changes(versions: &Path) -> Vec<String> {
    let list = fs::read_to_string(versions.join(DIGESTS)).unwrap();
    let released: BTreeMap<&str, &str> = list
        .lines()
        .map(|line| line.split_once("  ").unwrap_or_else(|| panic!("{line}: no digest and name")))
        .map(|(digest, name)| (name, digest))
        .collect();
    let mut found = Vec::new();
    let mut there = BTreeSet::new();
    for path in files(versions) {
        let name = path.strip_prefix(versions).unwrap().to_str().unwrap().to_owned();
        let is_version = name.starts_with(|first: char| first.is_ascii_digit());
        let version = name.split('/').next().unwrap();
        if !is_version || version.contains('-') {
            continue;
        }
        let digest = herald_engine::digest(&fs::read(&path).unwrap());
        match released.get(name.as_str()) {
            None => found.push(format!("{name} is not in {DIGESTS}")),
            Some(released) if digest != format!("sha256:{released}") => {
                found.push(format!("{name} is not what was released"));
            }
            Some(_) => {}
        }
        there.insert(name);
    }
    let gone = released.keys().filter(|name| !there.contains(**name));
    found.extend(gone.map(|name| format!("{name} is gone")));
    found
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let nested = |path: PathBuf| if path.is_dir() { files(&path) } else { vec![path] };
    paths.into_iter().flat_map(nested).collect()
}

#[test]
fn what_was_released_is_as_it_was() {
    for versions in ["wit", "tests/fixtures/frozen"] {
        let found = changes(&root().join(versions));
        assert!(
            found.is_empty(),
            "{versions}: a released version is final; make a new one instead\n{}",
            found.join("\n")
        );
    }
}

/// The same look at a copy, changed in each of the ways that are not allowed.
#[test]
fn a_change_of_what_was_released_is_noticed() {
    let work = tempfile::tempdir().unwrap();
    let copy = work.path();
    fs::copy(root().join("wit").join(DIGESTS), copy.join(DIGESTS)).unwrap();
    fs::create_dir(copy.join("0.1.0")).unwrap();
    let interface = copy.join("0.1.0/provider.wit");
    let text = fs::read_to_string(root().join("wit/0.1.0/provider.wit")).unwrap();
    fs::write(&interface, &text).unwrap();
    assert_eq!(changes(copy), Vec::<String>::new());

    // A comment is a change as well.
    fs::write(&interface, text.replacen("///", "//// ", 1)).unwrap();
    assert_eq!(changes(copy), ["0.1.0/provider.wit is not what was released"]);
    fs::write(&interface, &text).unwrap();

    let more = copy.join("0.1.0/more.wit");
    fs::write(&more, "package herald:provider@0.1.0;\n").unwrap();
    assert_eq!(changes(copy), [format!("0.1.0/more.wit is not in {DIGESTS}")]);
    fs::remove_file(more).unwrap();

    fs::create_dir(copy.join("0.2.0")).unwrap();
    fs::write(copy.join("0.2.0/provider.wit"), &text).unwrap();
    assert_eq!(changes(copy), [format!("0.2.0/provider.wit is not in {DIGESTS}")]);
    fs::rename(copy.join("0.2.0"), copy.join("0.2.0-draft.1")).unwrap();
    assert_eq!(changes(copy), Vec::<String>::new());

    fs::remove_file(interface).unwrap();
    assert_eq!(changes(copy), ["0.1.0/provider.wit is gone"]);
}

/// Rust, as the author's kit built it, and JavaScript. The one in Rust has expectations of its own, as its template had.
#[tokio::test]
async fn modules_that_were_built_for_a_released_version_pass_their_cases() {
    let engine = modules::engine().unwrap();
    let mut modules = 0;
    for version in fs::read_dir(root().join("tests/fixtures/frozen")).unwrap() {
        let version = version.unwrap().path();
        if !version.is_dir() {
            continue;
        }
        for (language, cases) in [("rust", "cases-rust"), ("javascript", "cases")] {
            let cases = Cases::read(&version.join(cases)).unwrap();
            assert!(cases.len() > 10, "{}: {} cases", version.display(), cases.len());
            let file = version.join(format!("{language}.wasm"));
            let module = engine.load(fs::read(&file).unwrap(), &[]).await;
            let module = module.unwrap_or_else(|err| panic!("{}: {err}", file.display()));
            let failures = examine(&engine, &module, &cases).await;
            let shown: Vec<String> = failures
                .iter()
                .map(|failure| format!("{}: {}", failure.case, failure.text))
                .collect();
            assert!(failures.is_empty(), "{}\n{}", file.display(), shown.join("\n\n"));
            modules += 1;
        }
    }
    assert!(modules > 1, "there is no released version");
}
