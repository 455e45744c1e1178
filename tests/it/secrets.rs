//! Secrets in no output: values are planted in every place that holds a secret, every type meets every fault, and then
//! everything that Herald writes is searched for them in every form in which they may come back.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use herald_tests::events::kustomization;
use herald_tests::examples::Example;
use herald_tests::herald::{Herald, binary, output, root, serve};
use serde_json::{Value, json};

use crate::serve::client;

mod echo;
mod manifests;
pub(crate) mod needles;

use echo::{Fault, Part, Servers};
use needles::{Form, Needles};

/// The secrets, by where they stand. Every one needs escaping somewhere.
const PLANTED: &[(&str, &str)] = &[
    ("userinfo", r#"Uq7"in/fo+%41<pw>Kx9"#),
    ("path", r#"Pq7"at/h+%42<hook>Kx9"#),
    ("query", r#"Qq7"ue/ry+%43<key>Kx9"#),
    ("lone user", r#"Lq7"on/e+%44<user>Kx9"#),
    ("token", r#"Tq7"ok/en+%45<x>Kx9"#),
    ("password", r#"Wq7"pa/ss+%46<x>Kx9"#),
    ("header", r#"Hq7"ea/der+%47<x>Kx9"#),
    ("proxy password", r#"Xq7"pr/oxy+%48<x>Kx9"#),
    ("proxy in the Secret", r#"Yq7"pr/oxy+%49<x>Kx9"#),
    ("proxy in the spec", r#"Zq7"pr/oxy+%4A<x>Kx9"#),
    ("key of a hub", r#"Kq7"ey/hub+%4B<x>Kx9"#),
];

fn planted(place: &str) -> &'static str {
    PLANTED.iter().find(|(name, _)| *name == place).unwrap().1
}

/// As a careful person writes it into a URL.
fn in_url(place: &str) -> String {
    needles::percent(planted(place), "", true)
}

/// A type and whether its module may see the path of the address.
struct Kind {
    name: String,
    sees_path: bool,
    /// The spec of a case that is sent, with the channel or what else it needs.
    spec: Value,
}

impl Kind {
    fn is_nats(&self) -> bool {
        self.spec["address"].as_str().is_some_and(|address| address.starts_with("nats:"))
    }
}

/// Every type that this Herald has.
fn kinds() -> Vec<Kind> {
    let listed = output(Command::new(binary()).args(["modules", "--output", "json"]));
    let listed: Vec<Value> = serde_json::from_slice(&listed.stdout).unwrap();
    assert!(!listed.is_empty());
    listed
        .iter()
        .map(|module| {
            let name = module["type"].as_str().unwrap().to_owned();
            let permissions = module["permissions"].as_array().unwrap();
            let sees_path = permissions.iter().any(|permission| permission == "full-address");
            Kind { spec: Example::of(&name).spec, name, sees_path }
        })
        .collect()
}

/// What may be between a Provider and its receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// `http://127.0.0.1:PORT`, with the address in the spec.
    Spec,
    /// The same with the address in the Secret, and a proxy that is never asked in another key.
    Secret,
    /// `https://hooks.lab.example` through a proxy with a password, with certificates.
    Proxy,
    /// The user of the address is the credential.
    LoneUser,
    /// `http://hooks.lab.example` through a proxy with a password, which sees the request as it is and answers itself.
    PlainProxy,
}

/// The manifests of every type with every fault. Returns them and the number of Providers.
fn manifests(kinds: &[Kind], servers: &Servers, faults: &[(Fault, Way)]) -> (String, usize) {
    let mut documents = vec![secret(
        "tls",
        json!({"ca.crt": servers.authority.pem(), "tls.crt": servers.client.0, "tls.key": servers.client.1}),
    )];
    let mut providers = 0;
    for (turn, kind) in kinds.iter().enumerate() {
        // There is no way to NATS through a proxy: such a Provider is a mistake.
        let has_way = |way: Way| !kind.is_nats() || !matches!(way, Way::Proxy | Way::PlainProxy);
        let met = faults
            .iter()
            .enumerate()
            .filter(|(_, (fault, way))| is_met(turn, *fault) && has_way(*way));
        for (number, (fault, way)) in met {
            let name = format!("{}-{number}", kind.name);
            let mut spec = kind.spec.clone();
            let mut values = json!({
                "token": planted("token"),
                "username": "flux",
                "password": planted("password"),
                "headers": json!({"X-Key": planted("header")}).to_string(),
            });
            spec["type"] = json!(kind.name);
            spec["secretRef"] = json!({"name": name});
            spec["timeout"] = json!("1s");
            let user = match way {
                Way::LoneUser => in_url("lone user"),
                Way::Spec | Way::Secret | Way::Proxy | Way::PlainProxy => {
                    format!("flux:{}", in_url("userinfo"))
                }
            };
            let origin = match (fault, way) {
                (Fault::Dns, _) => "https://hooks.lab.invalid".to_owned(),
                (Fault::PlainOnTls, _) => format!("https://127.0.0.1:{}", servers.port(*fault)),
                (_, Way::Proxy) => "https://hooks.lab.example".to_owned(),
                (_, Way::PlainProxy) => "http://hooks.lab.example".to_owned(),
                _ => format!("http://127.0.0.1:{}", servers.port(*fault)),
            };
            let mut address = address(kind, &origin, &user);
            // Credentials that the host obtains or makes have a form of their own.
            match kind.name.as_str() {
                "googlepubsub" => values["token"] = json!(key_file(&origin)),
                "azureeventhub" if *way == Way::Proxy && number % 2 == 0 => {
                    address = connection_string(&origin);
                    values["token"] = json!("");
                }
                _ => {}
            }
            match way {
                Way::Spec | Way::LoneUser => spec["address"] = json!(address),
                Way::Secret => {
                    spec["address"] = json!("https://unused.invalid/");
                    values["address"] = json!(address);
                }
                Way::Proxy | Way::PlainProxy => {
                    spec["address"] = json!(address);
                    spec["certSecretRef"] = json!({"name": "tls"});
                    spec["proxySecretRef"] = json!({"name": format!("{name}-proxy")});
                    spec["proxy"] =
                        json!(format!("http://u:{}@unused.invalid", in_url("proxy in the spec")));
                    let proxy = format!("http://127.0.0.1:{}", servers.port(*fault));
                    values["proxy"] =
                        json!(format!("http://u:{}@unused.invalid", in_url("proxy in the Secret")));
                    documents.push(secret(
                        &format!("{name}-proxy"),
                        json!({"address": proxy, "username": "pu", "password": planted("proxy password")}),
                    ));
                }
            }
            documents.push(json!({
                "apiVersion": "notification.toolkit.fluxcd.io/v1beta3", "kind": "Provider", "metadata": {"name": name}, "spec": spec,
            }));
            documents.push(secret(&name, values));
            documents.push(json!({
                "apiVersion": "notification.toolkit.fluxcd.io/v1beta3", "kind": "Alert", "metadata": {"name": name},
                "spec": {"providerRef": {"name": name}, "eventSources": [{"kind": "Kustomization", "name": "*", "namespace": "apps"}]},
            }));
            providers += 1;
        }
    }
    (documents.iter().map(Value::to_string).collect::<Vec<_>>().join("\n---\n"), providers)
}

/// Every type meets every fault. The first meets each in every form, the others in one form each by turns: the forms are
/// the host's affair and not the module's, and all of them for all types would take an hour.
fn is_met(turn: usize, fault: Fault) -> bool {
    let (form, shift) = match fault {
        Fault::Echo(200, ..) => return true,
        Fault::Echo(status, form, _) => (form, usize::from(status)),
        Fault::Cut(form) => (form, 0),
        // Each type meets one of the three, over both ways.
        Fault::Redirect(status) => return status == [302, 307, 308][turn % 3],
        _ => return true,
    };
    let place = Form::ALL.iter().position(|other| *other == form).unwrap();
    turn == 0 || (turn + shift) % Form::ALL.len() == place
}

fn secret(name: &str, values: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": values})
}

/// The address of a Provider. Where the module may see the path it names a repository or the like, which is no secret
/// (ARCHITECTURE.md, "What must stay true", 3), so there the path is that of the case.
fn address(kind: &Kind, origin: &str, user: &str) -> String {
    // That of some types is the name of a project or the like, which is no secret either.
    if let Some(name) = kind.spec["address"].as_str().filter(|text| !text.contains([':', '/'])) {
        return name.to_owned();
    }
    let (scheme, host) = origin.split_once("://").unwrap();
    if kind.is_nats() {
        return format!("nats://{user}@{host}");
    }
    let path = match (kind.sees_path, kind.spec["address"].as_str()) {
        (true, Some(address)) => reqwest::Url::parse(address)
            .map_or("/acme/fleet".to_owned(), |url| url.path().to_owned()),
        _ => format!("/hooks/{}", in_url("path")),
    };
    format!("{scheme}://{user}@{host}{path}?key={}", in_url("query"))
}

/// The key of an account of Google's, whose tokens are got from here.
fn key_file(origin: &str) -> String {
    json!({
        "type": "service_account", "client_email": "flux@p.example", "private_key": private_key(),
        "token_uri": format!("{origin}/token"),
    })
    .to_string()
}

fn private_key() -> String {
    std::fs::read_to_string(root().join("tests/fixtures/keys/rsa-pkcs8.pem")).unwrap()
}

fn connection_string(origin: &str) -> String {
    let host = origin.split_once("://").unwrap().1;
    let key = planted("key of a hub");
    format!("Endpoint=sb://{host}/;SharedAccessKeyName=flux;SharedAccessKey={key};EntityPath=hub")
}

/// Every fault in every form, by the ways in which it can be met.
fn faults() -> Vec<(Fault, Way)> {
    let mut faults = vec![
        (Fault::Refused, Way::Spec),
        (Fault::Refused, Way::Proxy),
        (Fault::Slow, Way::Spec),
        (Fault::Slow, Way::Proxy),
        (Fault::PlainOnTls, Way::Spec),
        (Fault::Dns, Way::Secret),
        (Fault::ProxyRefuses, Way::Proxy),
    ];
    faults.extend(echoes());
    faults
}

/// The faults that end at once and have an answer.
fn echoes() -> Vec<(Fault, Way)> {
    let mut faults = vec![(Fault::Echo(200, Form::Plain, Part::Url), Way::Secret)];
    for status in [302, 307, 308] {
        faults.push((Fault::Redirect(status), Way::Spec));
        faults.push((Fault::Redirect(status), Way::Proxy));
    }
    for form in Form::ALL {
        for (status, part) in [(400, Part::Url), (401, Part::Headers), (500, Part::Body)] {
            faults.push((Fault::Echo(status, form, part), Way::Proxy));
        }
        faults.push((Fault::Echo(404, form, Part::Url), Way::Secret));
        faults.push((Fault::Echo(503, form, Part::Headers), Way::LoneUser));
        faults.push((Fault::Echo(407, form, Part::Headers), Way::PlainProxy));
        faults.push((Fault::Cut(form), Way::Spec));
    }
    faults
}

fn event() -> String {
    let mut event = kustomization("storefront", "error", "HealthCheckFailed", "it is down");
    event["metadata"]["event.toolkit.fluxcd.io/change_request"] = json!("7");
    event.to_string()
}

fn needles(servers: &Servers) -> Needles {
    let mut needles = Needles::default();
    for (place, value) in PLANTED {
        needles.add(place, value);
    }
    // A receiver that encodes a whole request encodes these as the URL has them.
    for place in ["path", "query"] {
        needles.add(place, &in_url(place));
    }
    // Keys a line at a time, as a line break may become anything; the first lines of a long one are enough.
    for (name, key) in [("tls.key", &servers.client.1), ("private_key", &private_key())] {
        for line in key.lines().filter(|line| !line.starts_with("-----")).take(4) {
            needles.add(name, line);
        }
    }
    // What was made with keys; each Provider has its own, and some are enough.
    let seen = String::from_utf8_lossy(&servers.seen()).into_owned();
    for name in ["assertion=", "&sig="] {
        for rest in seen.split(name).skip(1).take(3) {
            let is_in = |c: &char| c.is_ascii_alphanumeric() || "-_.%".contains(*c);
            needles.add(name, &rest.chars().take_while(is_in).collect::<String>());
        }
    }
    needles
}

/// Nothing of this test may leave the machine: types that send to a site of their own meet a proxy that is not there.
fn at_home(command: &mut Command) -> &mut Command {
    command
        .env("HTTPS_PROXY", "http://127.0.0.1:9")
        .env("NO_PROXY", "127.0.0.1,localhost,.invalid")
        .env_remove("HTTP_PROXY")
        .env_remove("ALL_PROXY")
}

async fn get(url: String) -> String {
    let response = client().get(url).send().await.unwrap();
    #[expect(clippy::disallowed_methods, reason = "the test reads its own server")]
    response.text().await.unwrap()
}

/// The files of the data folder as one text each.
fn files(dir: &Path, when: &str) -> Vec<(String, Vec<u8>)> {
    let listed = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    listed
        .filter(|path| path.is_file())
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (format!("{name} {when}"), std::fs::read(path).unwrap())
        })
        .collect()
}

/// How the metric begins that counts the attempts of a type.
fn counted(kind: &Kind) -> String {
    format!("herald_attempts_total{{type=\"{}\"", kind.name)
}

/// The number of attempts so far, over all types and outcomes.
fn attempts(metrics: &str) -> usize {
    metrics
        .lines()
        .filter(|line| line.starts_with("herald_attempts_total{"))
        .map(|line| line.rsplit(' ').next().unwrap().parse::<usize>().unwrap())
        .sum()
}

/// With every `step`th type and `generic`.
async fn serve_shows_no_secret(encoding: &str, step: usize) {
    let servers = Servers::start(&faults()).await;
    // It takes headers of the Secret.
    let kinds = kinds().into_iter().enumerate();
    let kinds: Vec<Kind> = kinds
        .filter(|(turn, kind)| turn % step == 0 || kind.name == "generic")
        .map(|(_, kind)| kind)
        .collect();
    let (text, providers) = manifests(&kinds, &servers, &faults());
    let dir = tempfile::tempdir().unwrap();
    let (config, data) = (dir.path().join("config"), dir.path().join("data"));
    std::fs::create_dir(&config).unwrap();
    std::fs::write(config.join("all.yaml"), &text).unwrap();
    let mut command = serve(
        &config,
        &data,
        &["--log-level", "trace", "--log-encoding", encoding, "--shutdown-grace", "0s"],
    );
    at_home(&mut command);
    let herald = Herald::spawn(command, &data).await;
    let posted = client().post(herald.events()).body(event()).send().await.unwrap();
    assert_eq!(posted.status().as_u16(), 202);

    let end = Instant::now() + Duration::from_secs(300);
    let mut metrics = String::new();
    // A type whose module takes long to compile comes late, when others have been tried again.
    let met = |metrics: &str| kinds.iter().all(|kind| metrics.contains(&counted(kind)));
    while attempts(&metrics) < providers || !met(&metrics) {
        assert!(Instant::now() < end, "{} of {providers} attempts", attempts(&metrics));
        tokio::time::sleep(Duration::from_millis(200)).await;
        metrics = get(herald.address("metrics") + "/metrics").await;
    }
    // An edit with a mistake is told as well, and the last good state kept.
    std::fs::write(
        config.join("all.yaml"),
        text.replacen("\"timeout\":\"1s\"", "\"timeout\":\"1x\"", 1),
    )
    .unwrap();
    herald_tests::eventually("the edit is told", Duration::from_secs(30), || {
        herald.log().contains("last good")
    })
    .await;
    // So is a file that is no YAML, behind a secret that a quotation of the place would show.
    let broken = json!({"kind": "Secret", "stringData": {"token": planted("token")}}).to_string();
    std::fs::write(config.join("broken.yaml"), broken.strip_suffix('}').unwrap()).unwrap();
    herald_tests::eventually("the broken file is told", Duration::from_secs(30), || {
        herald.log().contains("broken.yaml")
    })
    .await;
    let readyz = get(herald.address("health") + "/readyz").await;
    let asked = ask_for_deliveries(&data).await;
    let log = |herald: &Herald| herald.log().into_bytes();
    let mut outputs = files(&data, "while it runs");
    outputs.push(("/metrics".to_owned(), metrics.clone().into_bytes()));
    outputs.push(("/readyz".to_owned(), readyz.into_bytes()));
    outputs.push(("log".to_owned(), log(&herald)));
    outputs.extend(asked);
    let log_path = data.with_extension("log");
    assert_eq!(herald.stop().await, Some(0));
    outputs.extend(ask_for_deliveries(&data).await);
    outputs.extend(files(&data, "after the stop"));
    outputs.push(("whole log".to_owned(), std::fs::read(&log_path).unwrap()));
    assert!(outputs.iter().any(|(name, _)| name.starts_with("journal.db-wal")), "there is a -wal");
    assert!(
        outputs
            .iter()
            .any(|(name, bytes)| name == "journal.db after the stop" && bytes.len() > 4096)
    );
    needles(&servers).assert_absent(&outputs);
    each_type_was_met(&kinds, &servers, &metrics);
    let text = std::fs::read_to_string(&log_path).unwrap();
    for line in text.lines() {
        assert!(is_ours(line, encoding), "a line of another crate below `warn`: {line}");
    }
}

/// What `herald deliveries` and the socket say of every delivery.
async fn ask_for_deliveries(data: &Path) -> Vec<(String, Vec<u8>)> {
    let data = data.to_str().unwrap().to_owned();
    let asked = tokio::task::spawn_blocking(move || {
        let ask = |args: &[&str]| {
            let args = [&["deliveries"], args, &["--data-dir", &data]].concat();
            run(&args.into_iter().map(str::to_owned).collect::<Vec<_>>())
        };
        let mut outputs = vec![ask(&["list", "--limit", "5000"])];
        let json = Command::new(binary())
            .args([
                "deliveries",
                "list",
                "--limit",
                "5000",
                "--output",
                "json",
                "--data-dir",
                &data,
            ])
            .output()
            .unwrap();
        let listed: Vec<Value> = serde_json::from_slice(&json.stdout).unwrap();
        assert!(listed.len() > 50, "only {} deliveries are listed", listed.len());
        outputs.push(("herald deliveries list as JSON".to_owned(), json.stdout));
        // A process for each would take too long; all have the same form.
        for delivery in listed.iter().step_by(listed.len() / 20) {
            let id = delivery["id"].as_str().unwrap();
            outputs.push(ask(&["show", id]));
            outputs.push(ask(&["show", id, "--output", "json"]));
        }
        outputs
    });
    let outputs = asked.await.unwrap();
    assert!(outputs.iter().all(|(_, bytes)| bytes.len() > 500));
    outputs
}

/// Whether a line comes from Herald, or is a warning.
fn is_ours(line: &str, encoding: &str) -> bool {
    if encoding == "json" {
        let line: Value = serde_json::from_str(line).unwrap();
        let target = line["target"].as_str().unwrap();
        return target.starts_with("herald")
            || matches!(line["level"].as_str(), Some("WARN" | "ERROR"));
    }
    [" herald", " WARN ", " ERROR "].iter().any(|part| line.contains(part))
}

/// The faults are real ones: each type had an answer, and where it could, its requests held the secrets.
fn each_type_was_met(kinds: &[Kind], servers: &Servers, metrics: &str) {
    for kind in kinds {
        assert!(metrics.contains(&counted(kind)), "{} made no attempt", kind.name);
    }
    let seen = servers.seen();
    let all = String::from_utf8_lossy(&seen).into_owned();
    // What the requests hold shows that the search could have found something.
    for place in ["path", "query", "token", "header"] {
        let forms = needles::forms(planted(place));
        assert!(forms.iter().any(|form| all.contains(form)), "no request held the {place}");
    }
    for (kind, part) in [("googlepubsub", "assertion="), ("azureeventhub", "&sig=")] {
        let is_met = kinds.iter().any(|other| other.name == kind);
        assert!(!is_met || all.contains(part), "no request held what {kind} signs");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn serve_shows_no_secret_in_text() {
    serve_shows_no_secret("text", 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn serve_shows_no_secret_in_json() {
    // How a line is written does not depend on the type.
    serve_shows_no_secret("json", 5).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_show_no_secret() {
    let servers = Servers::start(&echoes()).await;
    let kinds = kinds();
    let dir = tempfile::tempdir().unwrap();
    let (provider, posted) = (dir.path().join("provider.yaml"), dir.path().join("event.json"));
    let (text, _) = manifests(&kinds, &servers, &echoes());
    // Without Alerts every Provider gets the event.
    let documents = text.split("\n---\n").filter(|document| !document.contains("\"Alert\""));
    std::fs::write(&provider, documents.collect::<Vec<_>>().join("\n---\n")).unwrap();
    std::fs::write(&posted, event()).unwrap();
    // What every Provider holds: a script answers each of them the same, and one need not know the secrets of another.
    let echo = ["token", "password", "header", "query"].map(planted);
    let answer = dir.path().join("1.response.json");
    let headers = [["Location", &format!("https://h.example/?{}", in_url("query"))]];
    let body = json!({"status": 400, "headers": headers, "body": {"text": echo.join("\n")}});
    std::fs::write(&answer, body.to_string()).unwrap();

    let mut outputs = Vec::new();
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    let files = ["--provider".to_owned(), path(&provider), "--event".to_owned(), path(&posted)];
    let response = ["--response".to_owned(), path(&answer)];
    for (command, format, flags) in [
        ("send", "text", &["--allow-loopback".to_owned()][..]),
        ("send", "json", &["--allow-loopback".to_owned()]),
        ("send", "text", &[]),
        ("render", "text", &response),
        ("render", "json", &response),
    ] {
        let mut args = vec![command.to_owned(), "--output".to_owned(), format.to_owned()];
        args.extend(files.iter().chain(flags).cloned());
        let ran = tokio::task::spawn_blocking(move || run(&args)).await.unwrap();
        assert!(ran.1.len() > 1000, "{}", String::from_utf8_lossy(&ran.1));
        outputs.push(ran);
    }
    let args = ["modules".to_owned()];
    outputs.push(tokio::task::spawn_blocking(move || run(&args)).await.unwrap());
    needles(&servers).assert_absent(&outputs);
}

/// Standard output and error of a command.
fn run(args: &[String]) -> (String, Vec<u8>) {
    let mut command = Command::new(binary());
    let ran = at_home(command.args(args)).stdin(Stdio::null()).output().unwrap();
    (format!("herald {}", args.join(" ")), [ran.stdout, ran.stderr].concat())
}

#[test]
fn the_search_finds_every_form() {
    let value = planted("token");
    let mut needles = Needles::default();
    needles.add("token", value);
    for form in Form::ALL {
        for before in ["", "a", "ab"] {
            let text = form.of(format!("{before}{value} and more").as_bytes());
            let found = needles.found_in(text.as_bytes());
            assert!(!found.is_empty(), "{form:?} after {before:?} is not found: {text}");
        }
    }
    assert!(needles.found_in(b"nothing here").is_empty());
}

/// What the receivers keep is the one place where secrets must be.
#[tokio::test]
async fn the_receivers_see_what_is_searched_for() {
    let servers = Servers::start(&[(Fault::Echo(400, Form::Base64, Part::Url), Way::Spec)]).await;
    let url = format!("http://127.0.0.1:{}/{}", servers.first_port(), in_url("path"));
    let answered = get(url).await;
    let needles = needles(&servers);
    assert!(!needles.found_in(answered.as_bytes()).is_empty(), "{answered}");
    assert!(!needles.found_in(&servers.seen()).is_empty());
}
