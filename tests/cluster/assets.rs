//! An API server of the programs in `KUBEBUILDER_ASSETS`.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use herald_tests::herald::root;
use serde_json::json;

/// What the admin shows; the server listens on loopback for the time of the tests.
const TOKEN: &str = "admin-of-the-test-cluster";

/// Starts etcd and kube-apiserver, which end with this process. The admin's kubeconfig is ready when they answer.
pub(crate) fn start(
    assets: &Path,
    dir: &Path,
    more: impl IntoIterator<Item = String>,
) -> (Vec<Child>, PathBuf) {
    let [client, peer, secure] = [free_port(), free_port(), free_port()];
    let key = root().join("tests/fixtures/keys/rsa-pkcs8.pem").display().to_string();
    let tokens = dir.join("tokens.csv");
    fs::write(&tokens, format!("{TOKEN},admin,admin,system:masters\n")).unwrap();
    let etcd = run(
        &assets.join("etcd"),
        dir,
        &[
            format!("--data-dir={}", dir.join("etcd").display()),
            format!("--listen-client-urls=http://127.0.0.1:{client}"),
            format!("--advertise-client-urls=http://127.0.0.1:{client}"),
            format!("--listen-peer-urls=http://127.0.0.1:{peer}"),
            "--unsafe-no-fsync".to_owned(),
        ],
    );
    let mut flags = vec![
        format!("--etcd-servers=http://127.0.0.1:{client}"),
        format!("--secure-port={secure}"),
        "--bind-address=127.0.0.1".to_owned(),
        format!("--cert-dir={}", dir.join("certs").display()),
        "--authorization-mode=RBAC".to_owned(),
        "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
        "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
        format!("--service-account-signing-key-file={key}"),
        format!("--service-account-key-file={key}"),
        format!("--token-auth-file={}", tokens.display()),
    ];
    flags.extend(more);
    let server = run(&assets.join("kube-apiserver"), dir, &flags);
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "assets",
        // It makes its certificate itself.
        "clusters": [{"name": "assets", "cluster": {
            "server": format!("https://127.0.0.1:{secure}"), "insecure-skip-tls-verify": true,
        }}],
        "users": [{"name": "admin", "user": {"token": TOKEN}}],
        "contexts": [{"name": "assets", "context": {"cluster": "assets", "user": "admin"}}],
    });
    let path = dir.join("kubeconfig");
    fs::write(&path, kubeconfig.to_string()).unwrap();
    (vec![etcd, server], path)
}

/// A program that ends when its standard input does, which this process holds.
fn run(program: &Path, dir: &Path, args: &[String]) -> Child {
    let log =
        fs::File::create(dir.join(program.file_name().unwrap()).with_extension("log")).unwrap();
    Command::new("sh")
        .args(["-c", "\"$@\" </dev/null & pid=$!; cat >/dev/null; kill $pid; wait $pid", "sh"])
        .arg(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap()
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
