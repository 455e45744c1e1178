//! Rules of the tree that the compiler cannot see: which room may name which, where secrets are opened, and how files
//! are kept.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// In this room (a file, a folder or both), these paths must not be named.
const ROOMS: &[(&str, &[&str])] = &[
    (
        "host/core/src",
        &[
            "tokio",
            "wasmtime",
            "kube",
            "k8s_openapi",
            "reqwest",
            "hyper",
            "rusqlite",
            "std::env",
            "std::fs",
            "std::net::TcpStream",
        ],
    ),
    (
        "host/engine/src",
        &["kube", "k8s_openapi", "reqwest", "hyper", "rusqlite", "std::fs", "std::net"],
    ),
    (
        "host/journal/src",
        &[
            "kube",
            "k8s_openapi",
            "reqwest",
            "hyper",
            "wasmtime",
            "std::net",
            "herald_core",
            "herald_engine",
        ],
    ),
    (
        "host/controller/src/server",
        &[
            "reqwest",
            "crate::sources",
            "crate::delivery",
            "crate::egress",
            "crate::modules",
            "crate::catalog",
            "crate::app",
        ],
    ),
    (
        "host/controller/src/router",
        &["reqwest", "hyper", "crate::sources", "crate::server", "crate::egress", "crate::app"],
    ),
    (
        "host/controller/src/delivery",
        &["reqwest", "hyper", "crate::sources", "crate::server", "crate::router", "crate::app"],
    ),
    (
        "host/controller/src/egress",
        &[
            "herald_engine",
            "herald_journal",
            "crate::delivery",
            "crate::server",
            "crate::sources",
            "crate::catalog",
            "crate::credentials",
            "crate::modules",
            "crate::app",
        ],
    ),
    (
        "host/controller/src/credentials",
        &[
            "hyper",
            "herald_engine",
            "herald_journal",
            "crate::delivery",
            "crate::server",
            "crate::sources",
            "crate::catalog",
            "crate::modules",
            "crate::app",
        ],
    ),
    (
        "host/controller/src/service_accounts",
        &[
            "reqwest",
            "hyper",
            "crate::credentials",
            "crate::sources",
            "crate::delivery",
            "crate::egress",
            "crate::server",
            "crate::router",
            "crate::modules",
            "crate::app",
        ],
    ),
    (
        "host/controller/src/modules",
        &[
            "reqwest",
            "hyper",
            "crate::delivery",
            "crate::server",
            "crate::sources",
            "crate::router",
            "crate::registry",
            "crate::rehearsal",
            "crate::app",
        ],
    ),
    (
        "host/controller/src/registry",
        &[
            "reqwest",
            "hyper",
            "herald_engine",
            "herald_journal",
            "crate::modules",
            "crate::sources",
            "crate::delivery",
            "crate::egress",
            "crate::server",
            "crate::app",
        ],
    ),
    (
        "host/controller/src/sources",
        &[
            "reqwest",
            "hyper",
            "herald_engine",
            "herald_journal",
            "crate::delivery",
            "crate::egress",
            "crate::credentials",
            "crate::server",
            "crate::router",
            "crate::modules",
            "crate::app",
        ],
    ),
    (
        "host/controller/src/catalog",
        &[
            "crate::sources",
            "crate::delivery",
            "crate::egress",
            "crate::server",
            "crate::router",
            "crate::modules",
            "crate::app",
        ],
    ),
    (
        "host/controller/src/notices",
        &[
            "reqwest",
            "hyper",
            "crate::sources",
            "crate::delivery",
            "crate::egress",
            "crate::server",
            "crate::router",
            "crate::modules",
            "crate::app",
        ],
    ),
    (
        "host/controller/src/clock",
        &["crate::catalog", "crate::delivery", "crate::egress", "crate::server", "crate::app"],
    ),
    (
        "host/controller/src/telemetry",
        &["crate::catalog", "crate::delivery", "crate::egress", "crate::server", "crate::app"],
    ),
    (
        "host/controller/src/desk",
        &[
            "reqwest",
            "hyper",
            "axum",
            "crate::sources",
            "crate::delivery",
            "crate::egress",
            "crate::server",
            "crate::modules",
            "crate::catalog",
            "crate::app",
        ],
    ),
    ("host/controller/src/rehearsal", &["crate::server", "crate::app", "herald_journal"]),
    (
        "host/controller/src/migration",
        &["reqwest", "hyper", "crate::server", "crate::delivery", "crate::egress", "crate::app"],
    ),
];

/// A name that belongs to one place, and the places that may use it.
const OWNED: &[(&str, &[&str])] = &[
    ("rusqlite", &["host/journal/src"]),
    ("wasmtime", &["host/engine/src"]),
    ("wasmtime_wasi", &["host/engine/src"]),
    ("bindgen", &["host/engine/src/since_v0_1_0.rs"]),
    ("kube", &["host/controller/src/sources/cluster", "host/controller/src/sources/cluster.rs"]),
    (
        "k8s_openapi",
        &["host/controller/src/sources/cluster", "host/controller/src/sources/cluster.rs"],
    ),
    ("oci_client", &["host/controller/src/registry", "host/controller/src/registry.rs"]),
    // What signs: the tokens of credentials and the logins to NATS; and what looks at signatures of modules.
    (
        "ring",
        &[
            "host/controller/src/credentials/jwt.rs",
            "host/controller/src/egress/nats/key.rs",
            "host/controller/src/registry/signature.rs",
        ],
    ),
    ("webpki", &["host/controller/src/registry/certificate.rs"]),
];

/// Where the value of a secret may be looked at.
const EXPOSE: &[&str] = &[
    "host/core/src/secret.rs",
    "host/core/src/provider.rs",
    "host/controller/src/credentials",
    "host/controller/src/credentials.rs",
    "host/controller/src/egress",
    "host/controller/src/sources",
    "host/controller/src/modules/disclosure.rs",
];

/// Files with unsafe code, each with its reason beside it.
const UNSAFE: &[&str] = &["host/engine/src/unchecked.rs", "guests/alloc/src"];

/// Above this a file has two subjects. Tests may be longer.
const MAX_LINES: usize = 500;

#[test]
fn rooms_do_not_name_what_they_must_not_know() {
    let mut found = Vec::new();
    for (room, forbidden) in ROOMS {
        let files = room_files(room);
        assert!(!files.is_empty(), "{room} is no room: correct the table");
        for (place, code) in files.iter().flat_map(|file| code_lines(file)) {
            for name in forbidden.iter().filter(|name| names(&code, name)) {
                found.push(format!("{place}: {name} is not allowed in {room}"));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn what_belongs_to_one_room_is_used_there_alone() {
    let mut found = Vec::new();
    for (name, homes) in OWNED {
        for file in rust_files(&root().join("host")) {
            if homes.iter().any(|home| file.starts_with(root().join(home))) {
                continue;
            }
            for (place, code) in code_lines(&file).into_iter().filter(|(_, code)| names(code, name))
            {
                found.push(format!("{place}: {name} belongs to {}: {code}", homes.join(", ")));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn secrets_are_opened_only_where_they_are_filled_in() {
    let mut found = Vec::new();
    for file in rust_files(&root().join("host")) {
        if EXPOSE.iter().any(|place| file.starts_with(root().join(place))) || is_test(&file) {
            continue;
        }
        found.extend(
            code_lines(&file)
                .into_iter()
                .filter(|(_, code)| code.contains(".expose()"))
                .map(|(place, _)| place),
        );
    }
    assert!(found.is_empty(), "a secret is opened at\n{}", found.join("\n"));
}

#[test]
fn unsafe_code_stands_in_its_two_places() {
    let mut found = Vec::new();
    for file in
        rust_files(&root().join("host")).into_iter().chain(rust_files(&root().join("guests")))
    {
        if UNSAFE.iter().any(|place| file.starts_with(root().join(place))) {
            continue;
        }
        let uses = |code: &str| {
            code.contains("unsafe {") || code.contains("unsafe fn") || code.contains("unsafe impl")
        };
        found.extend(
            code_lines(&file).into_iter().filter(|(_, code)| uses(code)).map(|(place, _)| place),
        );
    }
    assert!(found.is_empty(), "unsafe code at\n{}", found.join("\n"));
}

#[test]
fn files_have_a_head_and_one_subject() {
    let mut found = Vec::new();
    for part in ["host", "guests", "tests"] {
        for file in rust_files(&root().join(part)) {
            let text = fs::read_to_string(&file).unwrap();
            if !text.starts_with("//!") && !is_test(&file) {
                found.push(format!("{}: begins without //! and what the file knows", shown(&file)));
            }
            if text.lines().count() > MAX_LINES && !is_test(&file) {
                found.push(format!(
                    "{}: more than {MAX_LINES} lines; look for the second subject",
                    shown(&file)
                ));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_guest_has_cases_a_member_line_and_its_own_name() {
    let guests: BTreeSet<String> = folders(&root().join("guests"))
        .into_iter()
        .filter(|name| !["alloc", "sdk"].contains(&name.as_str()))
        .filter(|name| root().join("guests").join(name).join("Cargo.toml").is_file())
        .collect();
    // Those that lie there as components.
    let mut types = guests.clone();
    types.extend(
        folders(&root().join("guests"))
            .into_iter()
            .filter(|name| root().join("guests").join(name).join(format!("{name}.wasm")).is_file()),
    );
    assert_eq!(types, folders(&root().join("tests/fixtures/providers")));
    let workspace = fs::read_to_string(root().join("guests/Cargo.toml")).unwrap();
    for guest in guests {
        assert!(
            workspace.contains(&format!("\"{guest}\"")),
            "{guest} is no member of guests/Cargo.toml"
        );
        let manifest =
            fs::read_to_string(root().join("guests").join(&guest).join("Cargo.toml")).unwrap();
        let package = format!("name = \"{}\"", guest.replace('.', "-"));
        assert!(manifest.contains(&package), "the package of guests/{guest} is not {package}");
    }
}

#[test]
fn documents_name_only_what_exists() {
    let mut found = Vec::new();
    for document in [
        "README.md",
        "deploy/README.md",
        "host/ARCHITECTURE.md",
        "CHANGELOG.md",
        "guests/README.md",
        "guests/TUTORIAL.md",
        "guests/TUTORIAL-JAVASCRIPT.md",
        "guests/TUTORIAL-PYTHON.md",
        "wit/README.md",
        "wit/host-rules.md",
    ] {
        let text = fs::read_to_string(root().join(document))
            .unwrap_or_else(|err| panic!("{document}: {err}"));
        for quoted in text.split('`').skip(1).step_by(2) {
            let is_path = ["host/", "guests/", "wit/", "deploy/", "tests/"]
                .iter()
                .any(|top| quoted.starts_with(top));
            let is_plain = quoted.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
            if is_path && is_plain && !root().join(quoted).exists() {
                found.push(format!("{document} names {quoted}, which does not exist"));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_rule_of_the_host_names_its_tests_and_they_name_it() {
    let text = fs::read_to_string(root().join("wit/host-rules.md")).unwrap();
    let code: Vec<String> = ["host", "tests/it"]
        .iter()
        .flat_map(|part| rust_files(&root().join(part)))
        .map(|file| fs::read_to_string(file).unwrap())
        .collect();
    let mut found = Vec::new();
    for row in text.lines().filter(|line| line.starts_with("| S") || line.starts_with("| R")) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let (rule, tests) = (cells[0], cells[cells.len() - 1]);
        if rule == "Rule" {
            continue;
        }
        let names: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        if names.is_empty() {
            found.push(format!("rule {rule} has no test"));
        }
        for name in names {
            let head = code
                .iter()
                .find_map(|text| text.split_once(&format!("fn {name}(")).map(|(head, _)| head));
            let says = head.is_some_and(|head| {
                let comment =
                    head.lines().rev().take(4).find(|line| line.trim().starts_with("/// Rule"));
                comment
                    .is_some_and(|line| line.split([' ', ',', '.', '/']).any(|word| word == rule))
            });
            if !says {
                found.push(format!("rule {rule} names {name}, which is not there or does not say `/// Rule {rule}.`"));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Whether `code` names `path` as a path of its own: `kube::` but not `my_kube::`.
fn names(code: &str, path: &str) -> bool {
    code.match_indices(path).any(|(at, _)| {
        let before = code.get(..at).and_then(|text| text.chars().next_back());
        let after = code.get(at + path.len()..).unwrap_or_default();
        let begins =
            !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':' || c == '"');
        begins && (after.starts_with("::") || after.starts_with(';') || after.starts_with('!'))
    })
}

/// The lines of a file without comments, each with its place.
fn code_lines(file: &Path) -> Vec<(String, String)> {
    let text = fs::read_to_string(file).unwrap();
    (1..)
        .zip(text.lines())
        .map(|(number, line)| {
            let code = line.split("//").next().unwrap_or_default();
            (format!("{}:{number}", shown(file)), code.to_owned())
        })
        .collect()
}

/// The files of a room, its tests aside: they may use whatever helps them.
fn room_files(room: &str) -> Vec<PathBuf> {
    let dir = root().join(room);
    let mut files: Vec<PathBuf> =
        Some(dir.with_extension("rs")).filter(|file| file.is_file()).into_iter().collect();
    files.extend(rust_files(&dir));
    files.retain(|file| !is_test(file));
    files
}

fn is_test(file: &Path) -> bool {
    let inside = file.strip_prefix(root()).unwrap_or(file);
    inside.components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "tests.rs")
}

fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn folders(dir: &Path) -> BTreeSet<String> {
    fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name != "target")
        .collect()
}

fn shown(file: &Path) -> String {
    file.strip_prefix(root()).unwrap_or(file).display().to_string()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}
