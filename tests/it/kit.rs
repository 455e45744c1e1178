//! The author's kit: from `herald module new` to a message at a receiver, and what an author is told on the way.
//!
//! Projects are written below target/tmp.

mod project;

use std::fs;
use std::path::Path;

use herald_controller::modules::built_in;
use herald_tests::examples::Example;
use herald_tests::herald::root;
use serde_json::Value;

use project::{copy, herald, said};

/// A folder with one case folder: that of the type's example, without what is for the tests alone.
fn cases(kind: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    copy(&Example::case(kind), &dir.path().join("example"));
    dir
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

#[test]
fn the_built_in_modules_pass_the_check_that_is_asked_of_others() {
    for kind in ["slack", "github", "telegram", "alertmanager"] {
        let cases = cases(kind);
        let check = herald(
            root(),
            &["module", "check", &format!("built-in:{kind}"), "--cases", &text(cases.path())],
        );
        assert_eq!(check.status.code(), Some(0), "{kind}: {}", said(&check));
        assert_eq!(said(&check).matches("ok      it ").count(), 7, "{}", said(&check));
    }
}

#[test]
fn inspect_shows_what_a_module_asks_for_and_the_lines_that_grant_it() {
    let inspect = herald(root(), &["module", "inspect", "built-in:github", "--output", "json"]);
    let shown: Value = serde_json::from_slice(&inspect.stdout).unwrap();
    assert_eq!(shown["grants"].as_array().unwrap().len(), 3, "{shown:#}");
    let imports = shown["imports"].as_array().unwrap();
    assert!(imports.iter().any(|name| name.as_str().unwrap().contains("full-address")));

    let printed = said(&herald(root(), &["module", "inspect", "built-in:github"]));
    for line in [
        "api.github.com (needs a grant)",
        "token in the header\n",
        "grants: [\"full-address\", \"host:api.github.com\", \"credential:github-app\"]",
        "none inside",
    ] {
        assert!(printed.contains(line), "{line} is not in\n{printed}");
    }
    let none = herald(root(), &["module", "inspect", "built-in:nothing"]);
    assert_eq!(none.status.code(), Some(64));
}

#[test]
fn what_is_not_granted_is_a_finding_with_the_line_that_grants_it() {
    let work = tempfile::tempdir().unwrap();
    let file = work.path().join("forge.wasm");
    fs::write(&file, built_in("github").unwrap()).unwrap();
    let cases = cases("github");
    let check = |expected: i32| {
        let check =
            herald(root(), &["module", "check", &text(&file), "--cases", &text(cases.path())]);
        assert_eq!(check.status.code(), Some(expected), "{}", said(&check));
        said(&check)
    };
    let line =
        "forge: {grants: [\"full-address\", \"host:api.github.com\", \"credential:github-app\"]}";
    let refused = check(1);
    assert!(refused.contains(line) && refused.contains("grants.yaml"), "{refused}");
    fs::write(work.path().join("grants.yaml"), line).unwrap();
    check(0);
}

#[test]
fn a_file_that_cannot_serve_says_why() {
    let work = tempfile::tempdir().unwrap();
    for (name, bytes, expected) in [
        ("text", b"#!/bin/sh".to_vec(), "no WebAssembly component"),
        ("export", herald_tests::components::by_hand("missing-function"), "does not export"),
        ("import", herald_tests::components::by_hand("unknown-interface"), "it imports `"),
        ("trap", herald_tests::components::by_hand("trap-in-describe"), "fails to describe"),
        ("half", built_in("slack").unwrap()[..1000].to_vec(), "cannot be compiled"),
    ] {
        let file = work.path().join(format!("{name}.wasm"));
        fs::write(&file, bytes).unwrap();
        for command in ["check", "inspect", "test"] {
            let output = herald(root(), &["module", command, &text(&file)]);
            assert_eq!(output.status.code(), Some(1), "{name}: {}", said(&output));
            assert!(said(&output).contains(expected), "{name}: {}", said(&output));
        }
    }
}

#[test]
fn diff_and_bench_look_at_the_cases_that_they_are_given() {
    let cases = cases("slack");
    let dir = text(cases.path());
    let diff =
        herald(root(), &["module", "diff", "built-in:slack", "built-in:rocket", "--cases", &dir]);
    assert_eq!(diff.status.code(), Some(1), "{}", said(&diff));
    let shown = said(&diff);
    assert!(shown.contains("example\n  1.request.json\n"), "{shown}");
    assert!(shown.contains("\n      old  ") && shown.contains("\n      new  "), "{shown}");
    let same =
        herald(root(), &["module", "diff", "built-in:slack", "built-in:slack", "--cases", &dir]);
    assert_eq!(same.status.code(), Some(0), "{}", said(&same));

    let bench =
        herald(root(), &["module", "bench", "built-in:slack", "--cases", &dir, "--calls", "20"]);
    assert_eq!(bench.status.code(), Some(0), "{}", said(&bench));
    let shown = said(&bench);
    assert!(shown.contains("compiled in") && shown.contains("KiB  example"), "{shown}");

    let render = herald(root(), &["module", "render", "built-in:rocket", &dir, "--output", "json"]);
    assert_eq!(render.status.code(), Some(64), "the folder of cases is no case");
    let case = format!("{dir}/example");
    let render =
        herald(root(), &["module", "render", "built-in:rocket", &case, "--output", "json"]);
    let rendered: Value = serde_json::from_slice(&render.stdout).unwrap();
    assert_eq!(rendered["outcome"], "delivered");
}
