//! The tools that people install Herald with: helm and kubeconform, built from their Go modules below `target/`, and the
//! kubectl of the test cluster.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The newest that Go 1.25 builds.
const HELM: (&str, &str) = ("helm.sh/helm/v3/cmd/helm", "v3.19.0");
const KUBECONFORM: (&str, &str) = ("github.com/yannh/kubeconform/cmd/kubeconform", "v0.7.0");

/// Helm.
pub(crate) fn helm() -> PathBuf {
    go("helm", HELM)
}

/// Judges manifests by schemas.
pub(crate) fn kubeconform() -> PathBuf {
    go("kubeconform", KUBECONFORM)
}

/// Runs a program with these arguments; what it printed, if it succeeded.
pub(crate) fn stdout(program: &Path, args: &[&str]) -> Result<String, String> {
    let Output { status, stdout, stderr } = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|err| panic!("{} cannot be run: {err}", program.display()));
    let text = String::from_utf8(stdout).unwrap();
    if status.success() {
        Ok(text)
    } else {
        Err(format!("{text}{}", String::from_utf8_lossy(&stderr)))
    }
}

/// `go install MODULE@VERSION`, unless an earlier run did it.
fn go(name: &str, (package, version): (&str, &str)) -> PathBuf {
    let dir =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join("tools").join(format!("{name}-{version}"));
    let program = dir.join(name);
    if !program.is_file() {
        fs::create_dir_all(&dir).unwrap();
        let installed = Command::new("go")
            .args(["install", &format!("{package}@{version}")])
            .env("GOBIN", &dir)
            .env("CGO_ENABLED", "0")
            .stdin(Stdio::null())
            .status()
            .unwrap_or_else(|err| panic!("{name} is built by Go, which cannot be run: {err}"));
        assert!(
            installed.success(),
            "{package}@{version} cannot be installed; what go said stands above"
        );
    }
    program
}
