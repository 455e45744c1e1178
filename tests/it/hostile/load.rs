//! Modules that must not be loaded: at start each is a mistake, and while the service runs the old module goes on.

use std::fs;
use std::path::Path;

use herald_tests::components::{by_hand, costly, hostile, hostile_with_wasi};
use herald_tests::eventually;
use herald_tests::herald::{Herald, output, serve};
use herald_tests::receiver::Receiver;

use super::cases::Case;
use super::{IN_TIME, SOON, TOKEN, manifests, post, start};

/// The file, and what is said of it.
const BAD: &[(&str, &str)] = &[
    ("wrong-exports", "it does not export `herald:provider/formatter@"),
    ("missing-function", "#next`"),
    ("other-types", "types: its functions"),
    ("later-version", "it is made for version 0.2.0 of the interface"),
    ("wants-address", "it asks for full-address"),
    ("wants-secrets", "it asks for secret-values"),
    ("unknown-interface", "it imports `evil:host/shell@1.0.0`, which this host does not have"),
    ("unknown-function", "`read` has the wrong type"),
    ("overreaching", "credential:github-app"),
    ("loop-in-start", "instantiated: the module ran for longer than 250 ms"),
    ("loop-in-describe", "describe itself: the module ran for longer than 250 ms"),
    ("trap-in-describe", "it fails to describe itself"),
    ("empty-description", "the summary must be one line"),
    ("handles", "more than 1000 handles"),
    ("memory-from-the-start", "exceeds the limit of 0x4000000 bytes"),
    ("empty-file", "an empty file"),
    ("garbage", "a file of another format"),
    ("garbage-behind-a-good-head", "it cannot be compiled"),
    ("truncated", "it cannot be compiled"),
    ("core-module", "it does not export `herald:provider/formatter@"),
    ("core-module-with-imports", "a core module that cannot be made a component"),
];

fn bytes(name: &str) -> Vec<u8> {
    match name {
        "empty-file" => Vec::new(),
        "garbage" => b"#!/bin/sh\necho pwned\n".to_vec(),
        "garbage-behind-a-good-head" => [&hostile()[..8], &[0xa5; 4096]].concat(),
        "truncated" => {
            let mut whole = hostile_with_wasi();
            whole.truncate(whole.len() / 2);
            whole
        }
        "core-module" => wat::parse_str("(module (func (export \"run\")))").unwrap(),
        "core-module-with-imports" => {
            wat::parse_str("(module (import \"env\" \"system\" (func)))").unwrap()
        }
        name => by_hand(name),
    }
}

/// Puts a file in place at once, as a careful writer does.
fn put(dir: &Path, name: &str, bytes: &[u8]) {
    let fresh = dir.join(".fresh");
    fs::write(&fresh, bytes).unwrap();
    fs::rename(fresh, dir.join(name)).unwrap();
}

#[test]
fn at_start_every_bad_module_is_a_mistake_with_its_reason() {
    let (config, modules) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for (name, _) in BAD {
        put(modules.path(), &format!("{name}.wasm"), &bytes(name));
    }
    let data = config.path().join("data");
    let flags = ["--modules-dir", modules.path().to_str().unwrap()];
    let ended = output(&mut serve(config.path(), &data, &flags));
    let text = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(64), "{text}");
    for (name, said) in BAD {
        let line = text.lines().find(|line| line.contains(&format!("/{name}.wasm")));
        assert!(line.is_some_and(|line| line.contains(said)), "{name}: no {said:?} in\n{text}");
    }
}

#[tokio::test]
async fn a_bad_module_does_not_take_the_place_of_a_good_one() {
    let cases = [Case::sends("nothing", "delivered", super::cases::Sent::ForEachEvent)];
    let (healthy, receiver) = (Receiver::start().await, Receiver::start().await);
    let config = manifests(&cases, &healthy, &receiver, TOKEN);
    let modules = super::modules(&cases);
    let work = tempfile::tempdir().unwrap();
    let herald = start(config.path(), modules.path(), &work.path().join("data")).await;
    for (number, (name, said)) in BAD.iter().enumerate() {
        let before = herald.log().len();
        put(modules.path(), "hostile.wasm", &bytes(name));
        let told = || {
            let log = herald.log();
            let new = log.get(before..).unwrap_or_default();
            new.lines().any(|line| line.contains("\"ERROR\"") && line.contains(said))
        };
        eventually(&format!("{name}: {said}"), SOON, told).await;
        post(&herald, number).await;
        eventually("the old module goes on", SOON, || receiver.count() > number).await;
    }
    assert_eq!(herald.stop().await, Some(0));
}

#[test]
fn each_thing_beyond_headers_and_signatures_needs_its_own_grant() {
    const ALL: [&str; 5] = [
        "host:api.x.example",
        "secrets-in-path",
        "secrets-in-query",
        "secrets-in-body",
        "credential:github-app",
    ];
    let (config, modules) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    put(modules.path(), "overreaching.wasm", &by_hand("overreaching"));
    let check = |granted: &[&str], digest: &str, missing: Option<&str>| {
        let grants = format!("overreaching:\n  {digest}\n  grants: {granted:?}\n");
        put(modules.path(), "grants.yaml", grants.as_bytes());
        let mut command = std::process::Command::new(herald_tests::herald::binary());
        command.arg("modules").arg("--modules-dir").arg(modules.path());
        let ended = output(&mut command);
        let text = String::from_utf8_lossy(&ended.stderr).into_owned();
        let code = if missing.is_some() { Some(64) } else { Some(0) };
        assert_eq!(ended.status.code(), code, "{granted:?} {digest}: {text}");
        assert!(missing.is_none_or(|missing| text.contains(missing)), "{granted:?}: {text}");
    };
    check(&ALL, "", None);
    for missing in ALL {
        let others: Vec<&str> = ALL.into_iter().filter(|grant| *grant != missing).collect();
        check(&others, "", Some(missing));
    }
    check(&ALL, &format!("digest: sha256:{}", "0".repeat(64)), Some("digest"));
    drop(config);
}

/// Additions that take 650 MB and 5 s to compile, in a file of 3 MB.
const COSTLY: usize = 1_000_000;

#[test]
fn compiling_a_module_ends_at_its_limits() {
    let modules = tempfile::tempdir().unwrap();
    put(modules.path(), "costly.wasm", &costly(COSTLY));
    let check = |flag: &str, value: &str, said: &str| {
        let mut command = std::process::Command::new(herald_tests::herald::binary());
        command.arg("modules").arg("--modules-dir").arg(modules.path()).args([flag, value]);
        let ended = output(&mut command);
        let text = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(64), "{text}");
        assert!(text.contains("costly.wasm: not loaded: compile: "), "{text}");
        assert!(text.contains(said), "{flag} {value}: no {said:?} in {text}");
    };
    check("--module-compile-memory-mib", "256", "needs more than 256 MiB");
    // What nobody sets.
    put(modules.path(), "costly.wasm", &costly(2 * COSTLY));
    check("--module-compile-cpu-time", "2m", "needs more than 1024 MiB");
    put(modules.path(), "costly.wasm", &costly(COSTLY));
    check("--module-compile-cpu-time", "1s", "more than 1 s of CPU time");
}

/// The service goes on while a file is compiled, and takes no memory for it.
#[tokio::test]
async fn a_module_that_cannot_be_compiled_costs_the_service_nothing() {
    let cases = [Case::sends("nothing", "delivered", super::cases::Sent::ForEachEvent)];
    let (healthy, receiver) = (Receiver::start().await, Receiver::start().await);
    let config = manifests(&cases, &healthy, &receiver, TOKEN);
    let modules = super::modules(&cases);
    let work = tempfile::tempdir().unwrap();
    let flags = ["--modules-dir", modules.path().to_str().unwrap(), "--log-encoding", "json"];
    let flags = [&flags[..], &["--module-compile-memory-mib", "256"]].concat();
    let herald = Herald::start(config.path(), &work.path().join("data"), &flags).await;
    let before = herald.peak_memory();
    put(modules.path(), "hostile.wasm", &costly(COSTLY));
    let mut number = 0;
    while !herald.log().contains("needs more than 256 MiB") {
        post(&herald, number).await;
        number += 1;
        eventually("the old module goes on", IN_TIME, || receiver.count() >= number).await;
    }
    if let (Some(before), Some(after)) = (before, herald.peak_memory()) {
        let grown = after.saturating_sub(before) >> 20;
        assert!(grown < 64, "{grown} MiB more");
    }
    assert_eq!(herald.stop().await, Some(0));
}

#[tokio::test]
async fn a_module_that_fails_to_check_a_provider_is_a_mistake_of_that_provider() {
    for (channel, said) in
        [("loop in check", "ran for longer than 250 ms"), ("trap in check", "panicked")]
    {
        let cases = [Case::sends(channel, "delivered", super::cases::Sent::ForEachEvent)];
        let (healthy, receiver) = (Receiver::start().await, Receiver::start().await);
        let config = manifests(&cases, &healthy, &receiver, TOKEN);
        let modules = super::modules(&cases);
        let work = tempfile::tempdir().unwrap();
        let flags = ["--modules-dir", modules.path().to_str().unwrap()];
        let ended = output(&mut serve(config.path(), &work.path().join("data"), &flags));
        let text = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(64), "{text}");
        assert!(text.contains(&cases[0].name()) && text.contains(said), "{text}");
    }
}
