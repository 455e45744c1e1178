//! The tutorials for other languages than Rust, word for word.

use std::fs;
use std::process::Command;

use herald_tests::herald::binary;
use herald_tests::install::target;
use herald_tests::tutorial::follow;
use serde_json::json;

#[test]
fn the_tutorial_for_javascript_works_word_for_word() {
    hold("TUTORIAL-JAVASCRIPT.md", "tutorial-javascript");
}

#[test]
fn the_tutorial_for_python_works_word_for_word() {
    hold("TUTORIAL-PYTHON.md", "tutorial-python");
}

fn hold(tutorial: &str, folder: &str) {
    let dir = target().join("languages").join(folder);
    drop(fs::remove_dir_all(&dir));
    fs::create_dir_all(&dir).unwrap();
    let followed = follow(tutorial, &dir, programs);
    let printed = followed.printed;
    for said in ["ok      failure", "written failure", "sent      \"fire\"", "outcome: delivered"] {
        assert!(printed.contains(said), "{said} is not in {printed}");
    }
    assert_eq!(followed.request, "POST /");
    assert_eq!(followed.body["tags"], json!(["fire"]));
    assert_eq!(followed.body["topic"], "alerts");
}

/// The programs of this repository, by name.
#[expect(clippy::disallowed_methods, reason = "a test that puts a folder in front of the PATH")]
fn programs(command: &mut Command) -> &mut Command {
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{}:{path}", binary().parent().unwrap().display()))
}
