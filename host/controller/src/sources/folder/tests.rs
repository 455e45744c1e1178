//! What a folder gives: the mistakes in it, line by line, and what changes when its files do.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

use herald_core::formatter::ProviderAddress;
use herald_core::matching::Labels;
use herald_core::provider::Provider;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::catalog::ProviderKey;

mod annotations;
mod broken;
mod good;

/// Loads one text as the file `m.yaml`.
fn load(text: &str) -> Loaded {
    from_texts(&[("m.yaml", text)])
}

/// A manifest of a Provider with this `spec`, which begins in line 4.
fn provider(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: notification.toolkit.fluxcd.io/v1beta3\nkind: Provider\nmetadata: {{name: {name}}}\nspec:\n{}",
        indented(spec)
    )
}

/// A manifest of an Alert with this `spec`, which begins in line 4.
fn alert(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: notification.toolkit.fluxcd.io/v1beta3\nkind: Alert\nmetadata: {{name: {name}}}\nspec:\n{}",
        indented(spec)
    )
}

/// A manifest of a Secret with this `stringData`, which begins in line 4.
fn secret(name: &str, data: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}}}\nstringData:\n{}",
        indented(data)
    )
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

/// The Provider `default/NAME`.
fn named<'a>(loaded: &'a Loaded, name: &str) -> &'a Provider {
    loaded.catalog.provider(&ProviderKey::new("default", name)).expect("the Provider is there")
}

fn lines(loaded: &Loaded) -> Vec<String> {
    loaded.mistakes.iter().map(ToString::to_string).collect()
}

/// The names of the Providers, sorted.
fn names(loaded: &Loaded) -> Vec<String> {
    let mut names: Vec<String> = loaded.catalog.providers.keys().map(ToString::to_string).collect();
    names.sort();
    names
}

const SLACK: &str = "type: slack\naddress: https://hooks.example/a";

#[test]
fn nothing_changed_is_nothing_new() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a.yaml"), provider("slack", SLACK)).unwrap();
    let (mut folder, loaded) = Folder::read(dir.path()).unwrap();
    assert_eq!(names(&loaded), ["default/slack"]);
    assert!(folder.reread().is_none());
    fs::write(dir.path().join("a.yaml"), provider("slack", SLACK)).unwrap();
    assert!(folder.reread().is_none(), "the same text again is no change");
    fs::write(dir.path().join("notes.txt"), "not a manifest").unwrap();
    fs::write(dir.path().join(".a.yaml.swp"), "not: [a manifest").unwrap();
    fs::write(dir.path().join("kustomization.yaml"), "resources: [a.yaml]").unwrap();
    assert!(folder.reread().is_none());
}

#[test]
fn files_come_change_and_go() {
    let dir = tempfile::tempdir().unwrap();
    let (mut folder, loaded) = Folder::read(dir.path()).unwrap();
    assert!(names(&loaded).is_empty());

    fs::create_dir_all(dir.path().join("team/prod")).unwrap();
    fs::write(dir.path().join("team/prod/a.yml"), provider("slack", SLACK)).unwrap();
    let loaded = folder.reread().unwrap();
    assert_eq!(names(&loaded), ["default/slack"]);
    let key = ProviderKey::new("default", "slack");
    assert_eq!(loaded.origin(&key), Some(("team/prod/a.yml".to_owned(), 1)));
    let generation = named(&loaded, "slack").generation;

    // As long as before, and written within the same tick of the clock.
    let other = SLACK.replace("example/a", "example/b");
    fs::write(dir.path().join("team/prod/a.yml"), provider("slack", &other)).unwrap();
    let loaded = folder.reread().unwrap();
    assert_eq!(&*named(&loaded, "slack").address, "https://hooks.example/b");
    assert_ne!(named(&loaded, "slack").generation, generation);

    fs::remove_dir_all(dir.path().join("team")).unwrap();
    assert!(names(&folder.reread().unwrap()).is_empty());
}

#[test]
fn a_file_that_breaks_keeps_its_last_good_objects() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.yaml");
    fs::write(&path, provider("slack", SLACK)).unwrap();
    fs::write(dir.path().join("b.yaml"), provider("webex", SLACK)).unwrap();
    let (mut folder, _) = Folder::read(dir.path()).unwrap();

    for broken in [
        "apiVersion: [".to_owned(),
        provider("slack", "type: slack\ntimeout: 1h"),
        format!("{}---\n{}", provider("slack", "type: discord"), provider("second", "chanel: x")),
        String::new(),
    ] {
        fs::write(&path, &broken).unwrap();
        let loaded = folder.reread().unwrap();
        assert!(!loaded.mistakes.is_empty(), "{broken}");
        assert_eq!(names(&loaded), ["default/slack", "default/webex"], "{broken}");
        assert_eq!(named(&loaded, "slack").kind, "slack", "{broken}");
        assert!(named(&loaded, "slack").problems.is_empty(), "{broken}");
        assert_eq!(folder.kept().collect::<Vec<_>>(), ["a.yaml"]);
    }
    fs::write(&path, provider("slack", "type: discord")).unwrap();
    let loaded = folder.reread().unwrap();
    assert_eq!(lines(&loaded), [""; 0]);
    assert_eq!(named(&loaded, "slack").kind, "discord");
    assert_eq!(folder.kept().count(), 0);
}

#[test]
fn a_tolerated_mistake_keeps_nothing_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.yaml");
    let spec = "providerRef: {name: x}\neventSources: [{kind: Kustomization, name: '*'}]\n";
    fs::write(&path, alert("a", spec)).unwrap();
    let (mut folder, _) = Folder::read(dir.path()).unwrap();
    fs::write(&path, alert("b", &format!("{spec}exclusionList: ['(']"))).unwrap();
    let loaded = folder.reread().unwrap();
    assert!(loaded.mistakes.iter().any(|mistake| mistake.tolerated));
    let names: Vec<&str> = loaded.catalog.alerts.iter().map(|alert| alert.name.as_str()).collect();
    assert_eq!(names, ["b"]);
}

#[test]
fn a_file_that_was_never_good_gives_what_is_right_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let text = format!("{}---\n{}", provider("slack", SLACK), provider("webex", "timeout: 1s"));
    fs::write(dir.path().join("a.yaml"), text).unwrap();
    let (_, loaded) = Folder::read(dir.path()).unwrap();
    assert!(named(&loaded, "slack").problems.is_empty());
    assert_eq!(
        named(&loaded, "webex").problems,
        ["spec.type: is missing; name the type of receiver, such as `slack`"]
    );
}

#[test]
fn a_mounted_config_map_is_read_through_its_links_and_once() {
    let dir = tempfile::tempdir().unwrap();
    for (version, name) in [("..v1", "slack"), ("..v2", "webex")] {
        fs::create_dir(dir.path().join(version)).unwrap();
        fs::write(dir.path().join(version).join("a.yaml"), provider(name, SLACK)).unwrap();
    }
    symlink("..v1", dir.path().join("..data")).unwrap();
    symlink("..data/a.yaml", dir.path().join("a.yaml")).unwrap();
    let (mut folder, loaded) = Folder::read(dir.path()).unwrap();
    assert_eq!(names(&loaded), ["default/slack"]);
    assert_eq!(lines(&loaded), [""; 0]);

    symlink("..v2", dir.path().join("..data_tmp")).unwrap();
    fs::rename(dir.path().join("..data_tmp"), dir.path().join("..data")).unwrap();
    assert_eq!(names(&folder.reread().unwrap()), ["default/webex"]);
}

#[test]
fn a_link_in_a_circle_is_followed_once() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("sub")).unwrap();
    fs::write(dir.path().join("sub/a.yaml"), provider("slack", SLACK)).unwrap();
    fs::write(dir.path().join("b.yaml"), provider("webex", SLACK)).unwrap();
    symlink("..", dir.path().join("sub/up")).unwrap();
    let (_, loaded) = Folder::read(dir.path()).unwrap();
    assert_eq!(names(&loaded), ["default/slack", "default/webex"]);
    assert_eq!(lines(&loaded), [""; 0]);
}

#[test]
fn what_cannot_be_read_keeps_its_objects() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.yaml");
    fs::write(&path, provider("slack", SLACK)).unwrap();
    let (mut folder, _) = Folder::read(dir.path()).unwrap();
    fs::remove_file(&path).unwrap();
    symlink("nowhere", &path).unwrap();
    let loaded = folder.reread().unwrap();
    assert_eq!(names(&loaded), ["default/slack"]);
    let shown = lines(&loaded).join("\n");
    assert!(shown.starts_with("a.yaml: cannot be read: "), "{shown}");
    assert!(folder.reread().is_none(), "the same trouble is no news");
}

#[test]
fn a_folder_that_is_not_there_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("missing");
    let error = Folder::read(&missing).err().unwrap();
    assert!(error.to_string().contains("missing"), "{error}");
}

#[tokio::test]
async fn following_hands_over_what_changed() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, _) = Folder::read(dir.path()).unwrap();
    let (changes, mut changed) = mpsc::unbounded_channel();
    let ending = CancellationToken::new();
    let following = tokio::spawn(folder.follow(ending.clone(), move |loaded: Loaded| {
        changes.send(names(&loaded)).unwrap();
        std::future::ready(())
    }));
    fs::write(dir.path().join("a.yaml"), provider("slack", SLACK)).unwrap();
    let names = tokio::time::timeout(Duration::from_secs(20), changed.recv())
        .await
        .expect("a new file is seen within 20 s");
    assert_eq!(names, Some(vec!["default/slack".to_owned()]));
    ending.cancel();
    following.await.unwrap();
}
