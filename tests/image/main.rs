//! The image of `deploy/Dockerfile`, made and run without a daemon: a static binary, the Dockerfile's own last stage, and
//! a root that cannot be written.
//!
//! `make test-image` runs this; `cargo test` alone does not, as it compiles Herald once more, as the image has it, for musl,
//! and needs root, Debian's packages `buildah` and `musl-tools`, and the target of rustup. What is not looked at is the
//! Dockerfile's first stage, whose base comes from a registry of images.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use herald_tests::events::kustomization;
use herald_tests::herald::{Herald, root};
use herald_tests::receiver::Receiver;
use herald_tests::service::client;
use herald_tests::tls::Authority;
use serde_json::{Value, json};

const TARGET: &str = "x86_64-unknown-linux-musl";
/// Whom the Dockerfile names.
const USER: u32 = 65532;
/// Makes the image a root that cannot be written, with the two folders that may be, and runs what follows in it.
const RUN: &str = "
set -e
root=$1 data=$2 tmp=$3; shift 3
mount --make-rprivate /
mount --bind \"$root\" \"$root\"
mount --bind \"$data\" \"$root/data\"
mount --bind \"$tmp\" \"$root/tmp\"
mount -o remount,bind,ro \"$root\"
exec chroot --userspec=65532:65532 \"$root\" \"$@\"
";

/// Runs a command; what it printed.
fn stdout(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.unwrap_or_else(|err| panic!("{command:?} cannot be run: {err}"));
    assert!(output.status.success(), "{command:?} failed; what it said stands above");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Herald as the Dockerfile compiles it.
fn binary() -> PathBuf {
    let cargo = option_env!("CARGO").unwrap_or("cargo");
    let mut build = Command::new(cargo);
    build.args(["build", "--locked", "--profile", "dist", "--target", TARGET]);
    build.args(["--package", "herald-controller", "--bin", "herald"]);
    stdout(build.current_dir(root()));
    root().join("target").join(TARGET).join("dist/herald")
}

/// Whether a program needs nothing beside it: no loader is named in it.
fn is_static(program: &Path) -> bool {
    const INTERPRETER: u32 = 3;
    let bytes = fs::read(program).unwrap();
    let number = |at: usize, n_bytes: usize| -> u64 {
        let bytes = &bytes[at..at + n_bytes];
        bytes.iter().rev().fold(0, |number, byte| (number << 8) | u64::from(*byte))
    };
    assert_eq!(&bytes[..5], b"\x7fELF\x02", "{} is no program of 64 bits", program.display());
    let at = |number: u64| usize::try_from(number).unwrap();
    let (headers, size, n) = (at(number(0x20, 8)), at(number(0x36, 2)), at(number(0x38, 2)));
    (0..n).all(|nth| number(headers + nth * size, 4) != u64::from(INTERPRETER))
}

/// The tool that makes images, with all that it keeps in one folder.
struct Buildah {
    dir: tempfile::TempDir,
}

impl Buildah {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let policy = json!({"default": [{"type": "insecureAcceptAnything"}]});
        fs::write(dir.path().join("policy.json"), policy.to_string()).unwrap();
        Self { dir }
    }

    fn command(&self) -> Command {
        let mut command = Command::new("buildah");
        command.arg("--root").arg(self.dir.path().join("root"));
        command.arg("--runroot").arg(self.dir.path().join("run"));
        command.args(["--storage-driver", "vfs"]);
        command
    }

    /// Makes an image of the Dockerfile's last stage, with this as the first one; its root, and what it says of itself.
    fn image(&self, first_stage: &Path) -> (PathBuf, Value) {
        let dockerfile = fs::read_to_string(root().join("deploy/Dockerfile")).unwrap();
        let (_, last) = dockerfile.rsplit_once("\nFROM ").unwrap();
        let file = self.dir.path().join("Dockerfile");
        fs::write(&file, format!("FROM {last}")).unwrap();
        let context = self.dir.path().join("context");
        fs::create_dir(&context).unwrap();
        let mut build = self.command();
        build.args(["build", "--isolation", "chroot", "--tag", "herald:test"]);
        build.arg("--signature-policy").arg(self.dir.path().join("policy.json"));
        build.arg("--build-context").arg(format!("build={}", first_stage.display()));
        stdout(build.arg("--file").arg(&file).arg(&context));
        let said = stdout(self.command().args(["inspect", "--type", "image", "herald:test"]));
        let said: Value = serde_json::from_str(&said).unwrap();
        let container = stdout(self.command().args(["from", "--pull-never", "herald:test"]));
        let root = stdout(self.command().arg("mount").arg(container));
        (PathBuf::from(root), said["OCIv1"]["config"].clone())
    }
}

/// Every file of a folder, relative to it.
fn files(dir: &Path, below: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir.join(below)).unwrap() {
        let entry = entry.unwrap();
        let path = below.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(dir, &path));
        } else {
            found.push(path.display().to_string());
        }
    }
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn the_image_is_one_static_program_that_runs_on_a_root_that_cannot_be_written() {
    let binary = binary();
    assert!(is_static(&binary), "{} needs a loader", binary.display());
    assert!(!is_static(Path::new("/bin/sh")), "nothing would be found");

    // What the first stage leaves.
    let (authority, first) = (Authority::default(), tempfile::tempdir().unwrap());
    let at = |path: &str| first.path().join(path);
    for folder in ["etc/ssl/certs", "out/data", "out/tmp"] {
        fs::create_dir_all(at(folder)).unwrap();
    }
    fs::write(at("etc/ssl/certs/ca-certificates.crt"), authority.pem()).unwrap();
    stdout(Command::new("strip").args(["--strip-debug", "-o"]).arg(at("out/herald")).arg(&binary));
    let buildah = Buildah::new();
    let (image, config) = buildah.image(first.path());
    assert_eq!(files(&image, Path::new("")), ["etc/ssl/certs/ca-certificates.crt", "herald"]);
    assert_eq!(fs::metadata(image.join("data")).unwrap().uid(), USER);
    assert_eq!(config["User"], format!("{USER}:{USER}"));
    assert_eq!((&config["Entrypoint"], &config["Cmd"]), (&json!(["/herald"]), &json!(["serve"])));
    assert_eq!(config["Env"].as_array().unwrap().last(), Some(&json!("HERALD_DATA_DIR=/data")));

    // And it works there, also with the roots of the image.
    let receiver = Receiver::start_tls(authority.server("127.0.0.1", false)).await;
    let volumes = tempfile::tempdir().unwrap();
    let (data, tmp) = (volumes.path().join("data"), volumes.path().join("tmp"));
    fs::create_dir_all(tmp.join("config")).unwrap();
    fs::create_dir(&data).unwrap();
    chown(&data, Some(USER), Some(USER)).unwrap();
    let api = "notification.toolkit.fluxcd.io/v1beta3";
    let documents = [
        json!({"apiVersion": api, "kind": "Provider", "metadata": {"name": "generic"}, "spec": {
            "type": "generic", "address": format!("https://{}/x", receiver.address()),
        }}),
        json!({"apiVersion": api, "kind": "Alert", "metadata": {"name": "all"}, "spec": {
            "providerRef": {"name": "generic"},
            "eventSources": [{"kind": "Kustomization", "name": "*", "namespace": "apps"}],
        }}),
    ];
    let text = documents.map(|document| document.to_string()).join("\n---\n");
    fs::write(tmp.join("config/all.yaml"), text).unwrap();
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", RUN, "sh"]).args([&image, &data, &tmp]);
    command.args(["/herald", "serve", "--config-dir", "/tmp/config", "--data-dir", "/data"]);
    command.args(["--allow-loopback", "--events-addr", "127.0.0.1:0"]);
    command.args(["--health-addr", "127.0.0.1:0", "--metrics-addr", "127.0.0.1:0"]);
    let herald = Herald::spawn(command, &data).await;
    let event = kustomization("podinfo", "error", "BuildFailed", "from an image");
    let sent = client().post(herald.events()).body(event.to_string()).send().await.unwrap();
    assert_eq!(sent.status().as_u16(), 202);
    let end = Instant::now() + Duration::from_secs(60);
    while receiver.count() == 0 {
        assert!(Instant::now() < end, "no message arrives: {}", herald.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(herald.stop().await, Some(0));
}
