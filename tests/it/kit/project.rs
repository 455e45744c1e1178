//! A module in Rust, written, built, changed and run as its author would, and the tutorial word for word.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use herald_tests::eventually;
use herald_tests::herald::{Herald, binary, output, root};
use herald_tests::receiver::Receiver;
use herald_tests::tutorial::follow;
use serde_json::json;

use crate::serve::{folder, post};

const SOON: Duration = Duration::from_secs(30);
/// The project's name, in the tutorial as well.
const NAME: &str = "hello";

/// Runs `herald` in a folder.
pub(super) fn herald(dir: &Path, args: &[&str]) -> Output {
    output(environment(&mut Command::new(binary())).args(args).current_dir(dir))
}

/// What a command printed, its errors at the end.
pub(super) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Copies the files of a folder.
pub(super) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}

/// The binaries by name, and crates as they lie on this machine: the build of this repository needed the same ones.
fn environment(command: &mut Command) -> &mut Command {
    command.env("CARGO_NET_OFFLINE", "true");
    for (name, value) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name == "PATH" {
            let bin = binary().parent().unwrap().display();
            command.env("PATH", format!("{bin}:{}", value.to_string_lossy()));
        }
        // What cargo tells a test of its package.
        if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_TARGET_", "RUSTFLAGS"]
            .iter()
            .any(|start| name.starts_with(start))
        {
            command.env_remove(name);
        }
    }
    command
}

/// The folder that projects are written into, for one test at a time. They are compiled where the modules of guests/ are:
/// what both need is there already.
fn work() -> (MutexGuard<'static, ()>, PathBuf) {
    static ONE: Mutex<()> = Mutex::new(());
    let guard = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kit");
    let project = dir.join(NAME);
    fs::create_dir_all(&project).unwrap();
    for entry in fs::read_dir(&project).unwrap() {
        let path = entry.unwrap().path();
        let is_folder = path.is_dir() && !path.is_symlink();
        if is_folder { fs::remove_dir_all(path) } else { fs::remove_file(path) }.unwrap();
    }
    std::os::unix::fs::symlink(dir.join("../../wasm"), project.join("target")).unwrap();
    (guard, dir)
}

/// A fresh project.
fn project() -> (MutexGuard<'static, ()>, PathBuf) {
    let (guard, dir) = work();
    let new = herald(&dir, &["module", "new", NAME]);
    assert_eq!(new.status.code(), Some(0), "{}", said(&new));
    (guard, dir.join(NAME))
}

/// Replaces a text that is there.
fn edit(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{from} is not in {}", path.display());
    fs::write(path, text.replace(from, to)).unwrap();
}

fn test(project: &Path, flags: &[&str], code: i32) -> String {
    let test = herald(project, &[&["module", "test"], flags].concat());
    assert_eq!(test.status.code(), Some(code), "{}", said(&test));
    said(&test)
}

#[test]
fn the_tutorial_works_word_for_word() {
    let (_guard, dir) = work();
    let followed = follow("TUTORIAL.md", &dir, environment);
    let printed = followed.printed;
    assert!(
        printed.contains("ok      failure") && printed.contains("written failure"),
        "{printed}"
    );
    assert!(printed.contains("sent      \"fire\""), "the difference is shown: {printed}");
    assert!(printed.contains("outcome: delivered"), "{printed}");
    assert_eq!(followed.request, "POST /");
    assert_eq!(followed.body["tags"], json!(["fire"]));
    assert_eq!(followed.body["topic"], "alerts");
}

/// A new project, tested, checked and built as its README says; the file for a host.
fn built() -> Vec<u8> {
    let (_guard, project) = project();
    let tested = test(&project, &[], 0);
    assert!(tested.contains("\n3 cases\n"), "{tested}");
    let unit = output(
        environment(Command::new("cargo").args(["test", "--quiet", "--release"]))
            .current_dir(&project),
    );
    assert_eq!(unit.status.code(), Some(0), "{}", said(&unit));
    let check = herald(&project, &["module", "check", "hello.wasm"]);
    assert_eq!(check.status.code(), Some(0), "{}", said(&check));

    let built = said(&herald(&project, &["module", "build"]));
    assert!(built.contains("3 cases inside") && built.contains("sha256:"), "{built}");
    fs::read(project.join("hello.wasm")).unwrap()
}

#[tokio::test]
async fn a_new_project_passes_its_test_and_serves() {
    let wasm = built();
    let receiver = Receiver::start().await;
    let manifest = json!({"type": NAME, "address": receiver.url("/"), "channel": "alerts"});
    let config = folder(&manifest, &json!({}));
    let work = tempfile::tempdir().unwrap();
    let modules = work.path().join("modules");
    fs::create_dir(&modules).unwrap();
    fs::write(modules.join("hello.wasm"), wasm).unwrap();
    let flags = ["--modules-dir", modules.to_str().unwrap()];
    let herald = Herald::start(config.path(), &work.path().join("data"), &flags).await;
    let event =
        herald_tests::events::kustomization("web", "error", "HealthCheckFailed", "it hangs");
    assert_eq!(post(&herald, &event).await, 202);
    eventually("the message arrives", SOON, || receiver.count() == 1).await;
    let body = receiver.received()[0].json();
    assert!(body["title"].as_str().unwrap().ends_with(": health check failed"), "{body}");
    assert_eq!(herald.stop().await, Some(0));
}

#[test]
fn an_author_is_told_what_is_wrong_and_where() {
    let (_guard, project) = project();

    // What must be sent is not what is sent.
    test(&project, &[], 0);
    let file = project.join("cases/failure/1.request.json");
    edit(&file, "\"rotating_light\"", "\"skull\"");
    let failed = test(&project, &["hello.wasm", "--cases", "cases"], 1);
    assert!(failed.contains("FAILED  failure"), "{failed}");
    for line in ["body.json.tags[0]\n", "expected  \"skull\"\n", "sent      \"rotating_light\"\n"] {
        assert!(failed.contains(line), "{line} is not in\n{failed}");
    }
    assert!(failed.contains("1 of 3 cases failed"), "{failed}");
    test(&project, &["hello.wasm", "--cases", "cases", "--case", "recovery"], 0);
    // What lies in the file is what it was built with.
    test(&project, &["hello.wasm"], 0);
    edit(&file, "\"skull\"", "\"rotating_light\"");

    // It panics at one event, and writes what is secret into the message.
    let source = project.join("src/lib.rs");
    edit(
        &source,
        "        let body = message::body(",
        "        assert!(!delivery.event.message.contains('🦀'), \"no crabs\");\n        let mut delivery = delivery.clone();\n        \
         if let Some(token) = herald_provider::secret_values::get(TOKEN) {\n            delivery.event.message.push_str(&token);\n        \
         }\n        let body = message::body(",
    );
    let line =
        fs::read_to_string(&source).unwrap().lines().position(|line| line.contains("no crabs"));
    let place = format!("src/lib.rs:{}:", line.unwrap() + 1);
    let failed = test(&project, &[], 1);
    assert!(failed.contains(&place) && failed.contains("no crabs"), "{failed}");
    let blessed = test(&project, &["--bless"], 1);
    assert!(blessed.contains("written failure"), "{blessed}");
    assert!(blessed.contains("the module's own fault, so it is not written down"), "{blessed}");

    let check = herald(&project, &["module", "check", "hello.wasm"]);
    let found = said(&check);
    assert_eq!(check.status.code(), Some(1), "{found}");
    for finding in [
        "FOUND   it is granted what it asks for\n          it asks for secret-values",
        "hello: {grants: [\"secret-values\"]}",
        "the value of the Secret's `token` stands in the body of request 1",
        "FOUND   it bears odd events",
        &place,
        "a field may hold anything",
    ] {
        assert!(found.contains(finding), "{finding} is not in\n{found}");
    }
}

#[test]
fn what_is_missing_to_build_is_named_with_the_command_that_brings_it() {
    let (_guard, project) = project();
    let mut build = Command::new(binary());
    let build =
        output(build.args(["module", "build"]).current_dir(&project).env("PATH", "/nonexistent"));
    assert_eq!(build.status.code(), Some(1), "{}", said(&build));
    assert!(
        said(&build).contains("cargo is not installed: install Rust with rustup"),
        "{}",
        said(&build)
    );

    let again = herald(project.parent().unwrap(), &["module", "new", NAME]);
    assert_eq!(again.status.code(), Some(1), "{}", said(&again));
    let elsewhere = tempfile::tempdir().unwrap();
    let nothing = herald(elsewhere.path(), &["module", "build"]);
    assert_eq!(nothing.status.code(), Some(64));
    assert!(said(&nothing).contains("herald module new"), "{}", said(&nothing));
}

/// The versions in the template are those that the binary's own modules are built with.
#[test]
fn the_template_depends_on_what_the_modules_here_depend_on() {
    let here = fs::read_to_string(root().join("guests/Cargo.toml")).unwrap();
    let there = fs::read_to_string(root().join("guests/templates/rust/Cargo.toml")).unwrap();
    let lines = |name: &str, text: &str| -> Vec<String> {
        text.lines().filter(|line| line.starts_with(name)).map(str::to_owned).collect()
    };
    for name in [
        "serde_json =",
        "sha1 =",
        "wit-bindgen =",
        "opt-level",
        "lto",
        "codegen-units",
        "panic",
        "strip",
        "rust-version =",
    ] {
        assert_eq!(lines(name, &there), lines(name, &here), "{name}");
    }
}
