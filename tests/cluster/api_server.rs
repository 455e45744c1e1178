//! The API server of these tests: the one that `KUBECONFIG` names, one made of the programs in `KUBEBUILDER_ASSETS`, or
//! the one that `../shared/testcluster/up` starts.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use herald_tests::herald::root;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

/// A cold start on a busy machine.
const START: Duration = Duration::from_secs(120);

/// What it is told to write down, so that a test can see what Herald asked for.
const AUDIT_POLICY: &str = "
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: Metadata
    users: ['system:serviceaccount:flux-system:herald']
  - level: None
";

/// A running API server.
pub(crate) struct ApiServer {
    kind: Kind,
    /// Its admin's kubeconfig.
    pub(crate) kubeconfig: PathBuf,
    dir: PathBuf,
}

enum Kind {
    /// It was there before, and will be afterwards.
    Given,
    /// It ends with its standard input, which ends with this process.
    Own { up: PathBuf, child: Child, stdin: Option<ChildStdin> },
    /// Programs that end when they are told to.
    Assets { _children: Vec<Child> },
}

impl ApiServer {
    /// Finds or starts one.
    pub(crate) fn start() -> Self {
        let dir = fresh_dir();
        #[expect(clippy::disallowed_methods, reason = "what a person sets for a run of the tests")]
        let given = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let up = root().join("../shared/testcluster/up");
        fs::write(dir.join("audit-policy.yaml"), AUDIT_POLICY).unwrap();
        if let Some(kubeconfig) = given("KUBECONFIG") {
            return Self { kind: Kind::Given, kubeconfig: kubeconfig.into(), dir };
        }
        if let Some(assets) = given("KUBEBUILDER_ASSETS") {
            let audit = audit_flags(&dir);
            let (children, kubeconfig) = super::assets::start(Path::new(&assets), &dir, audit);
            return Self { kind: Kind::Assets { _children: children }, kubeconfig, dir };
        }
        assert!(
            up.is_file(),
            "there is no cluster to test with: set KUBECONFIG to one that may be changed, or KUBEBUILDER_ASSETS to a folder with etcd and kube-apiserver (`setup-envtest use -p path` prints one)"
        );
        // The first build takes minutes, and is no part of the start.
        let built = Command::new(&up).arg("--build-only").stdout(Stdio::null()).status().unwrap();
        assert!(built.success(), "{} --build-only failed", up.display());
        let mut server = Self { kubeconfig: dir.join("kubeconfig"), kind: Kind::Given, dir };
        server.kind = server.spawn(up);
        server
    }

    fn spawn(&self, up: PathBuf) -> Kind {
        let mut child = Command::new(&up)
            .arg("--dir")
            .arg(self.dir.join("data"))
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            .args(["--with-parent", "--with-gc", "--"])
            .args(audit_flags(&self.dir))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        assert!(
            ready.starts_with("ready "),
            "the API server did not start: see {}",
            self.dir.display()
        );
        let stdin = child.stdin.take();
        Kind::Own { up, child, stdin }
    }

    /// A kubectl: that of the test cluster, or else the one that is installed.
    pub(crate) fn kubectl(&self) -> PathBuf {
        #[expect(clippy::disallowed_methods, reason = "what a person sets for a run of the tests")]
        let assets = std::env::var_os("KUBEBUILDER_ASSETS").filter(|value| !value.is_empty());
        match (&self.kind, assets) {
            (Kind::Own { up, .. }, _) => {
                let assets = self.dir.join("assets");
                let made = Command::new(up).arg("--assets").arg(&assets).status().unwrap();
                assert!(made.success(), "{} --assets failed", up.display());
                assets.join("kubectl")
            }
            (Kind::Assets { .. }, Some(assets)) => Path::new(&assets).join("kubectl"),
            _ => "kubectl".into(),
        }
    }

    /// Where what was asked is written down, if it is.
    pub(crate) fn audit_log(&self) -> PathBuf {
        audit_log(&self.dir)
    }

    /// Whether it writes down what Herald asks.
    pub(crate) fn writes_down(&self) -> bool {
        !matches!(self.kind, Kind::Given)
    }

    /// Stops it; true when that was done.
    pub(crate) fn stop(&mut self) -> bool {
        let Kind::Own { child, stdin, .. } = &mut self.kind else { return false };
        drop(stdin.take());
        child.wait().unwrap();
        true
    }

    /// Starts it again with what it had; its port is another.
    pub(crate) fn start_again(&mut self) {
        if let Kind::Own { up, .. } = &self.kind {
            self.kind = self.spawn(up.clone());
        }
    }

    /// Its admin's configuration.
    pub(crate) async fn config(&self) -> Config {
        let kubeconfig = Kubeconfig::read_from(&self.kubeconfig).unwrap();
        Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap()
    }

    /// Its admin's client, once it answers.
    pub(crate) async fn admin(&self) -> Client {
        let client = Client::try_from(self.config().await).unwrap();
        let end = Instant::now() + START;
        loop {
            match client.apiserver_version().await {
                Ok(_) => return client,
                Err(err) => assert!(Instant::now() < end, "the API server does not answer: {err}"),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

fn audit_log(dir: &Path) -> PathBuf {
    dir.join("audit.log")
}

/// Has an API server write down what Herald asks.
fn audit_flags(dir: &Path) -> [String; 2] {
    [
        format!("--audit-policy-file={}", dir.join("audit-policy.yaml").display()),
        format!("--audit-log-path={}", audit_log(dir).display()),
    ]
}

/// A folder of this run. Those of earlier runs go, as each has tens of megabytes.
fn fresh_dir() -> PathBuf {
    let all = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cluster");
    for entry in fs::read_dir(&all).into_iter().flatten().flatten() {
        let pid = entry.file_name().to_string_lossy().into_owned();
        if !Path::new("/proc").join(pid).exists() {
            drop(fs::remove_dir_all(entry.path()));
        }
    }
    let dir = all.join(std::process::id().to_string());
    fs::create_dir_all(&dir).unwrap();
    dir
}
