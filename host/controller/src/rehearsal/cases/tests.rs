use super::*;
use crate::modules;

fn files(outcome: &str) -> Files {
    let file = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    Files::from([
        file("provider.yaml", "kind: Provider\n"),
        file("event.json", "{}"),
        file("outcome.txt", outcome),
    ])
}

fn cases(names: &[&str]) -> Cases {
    Cases(names.iter().map(|name| ((*name).to_owned(), files("delivered\n"))).collect())
}

/// A component with a core module inside, which has a section of the same name.
fn component() -> Vec<u8> {
    let mut inner = b"\0asm\x01\0\0\0".to_vec();
    let section = CustomSection { name: SECTION.into(), data: b"of the core module".into() };
    section.append_to_component(&mut inner);
    let mut wasm = b"\0asm\x0d\0\x01\0\x01".to_vec();
    wasm.push(u8::try_from(inner.len()).unwrap());
    wasm.extend(inner);
    wasm
}

fn with_section(wasm: &[u8], data: &[u8]) -> Vec<u8> {
    let mut wasm = wasm.to_vec();
    CustomSection { name: SECTION.into(), data: data.into() }.append_to_component(&mut wasm);
    wasm
}

#[test]
fn what_is_put_in_comes_out_and_the_module_stays_as_it_is() {
    for wasm in [component(), b"\0asm\x01\0\0\0".to_vec()] {
        assert_eq!(Cases::of_wasm(&wasm).unwrap(), None);
        let first = cases(&["a", "b"]).embed(&wasm).unwrap();
        assert_eq!(Cases::of_wasm(&first).unwrap(), Some(cases(&["a", "b"])));
        assert!(first.starts_with(&wasm));
        let followed = {
            let mut followed = first.clone();
            let other = CustomSection { name: "other".into(), data: b"x".into() };
            other.append_to_component(&mut followed);
            followed
        };
        let second = cases(&["c"]).embed(&followed).unwrap();
        assert_eq!(Cases::of_wasm(&second).unwrap(), Some(cases(&["c"])));
        assert_eq!(without(&second).unwrap().len(), followed.len() - (first.len() - wasm.len()));
    }
}

#[test]
fn the_built_in_modules_are_whole_with_cases_and_without() {
    let wasm = modules::built_in("generic").unwrap();
    let with = cases(&["a"]).embed(wasm).unwrap();
    assert_eq!(without(&with).unwrap(), wasm);
}

#[test]
fn a_section_that_is_malformed_says_so() {
    let check = |data: &[u8], says: &str| {
        let error = Cases::of_wasm(&with_section(&component(), data)).unwrap_err();
        let text = crate::telemetry::report(&error);
        assert!(text.contains(says), "{text}");
    };
    check(b"", "not of the form");
    check(b"[]", "not of the form");
    check(br#"{"a": {"event.json": 1}}"#, "not of the form");
    check(br#"{"a": {"event.jsn": "{}"}}"#, "event.jsn is no file of the case a");
    check(br#"{"a": {"01.request.json": "{}"}}"#, "01.request.json is no file of the case a");
    check(br#"{"a": {"event.json": "{}"}}"#, "provider.yaml is missing");
    let answer = br#"{"a": {"event.json": "{}", "provider.yaml": "", "1.response.json": "ok"}}"#;
    check(answer, "1.response.json is no answer");
    let request = br#"{"a": {"event.json": "{}", "provider.yaml": "", "1.request.json": "ok"}}"#;
    check(request, "1.request.json is no JSON");
    check(&vec![b' '; MAX_SECTION_BYTES + 1], "room for 4194304");
    let twice = with_section(&with_section(&component(), b"{}"), b"{}");
    assert!(matches!(Cases::of_wasm(&twice), Err(CasesError::Twice)));
    assert!(matches!(Cases::of_wasm(b"#!/bin/sh"), Err(CasesError::NotWasm(_))));
}

#[test]
fn there_is_room_for_so_many() {
    let names: Vec<String> = (0..=MAX_CASES).map(|number| number.to_string()).collect();
    let many = cases(&names.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(matches!(many.checked(), Err(CasesError::TooMany(257))));
    let mut long = cases(&["a"]);
    long.0.get_mut("a").unwrap().insert("event.json".to_owned(), " ".repeat(MAX_SECTION_BYTES));
    assert!(matches!(long.embed(&component()), Err(CasesError::TooLong(_))));
}

#[test]
fn a_folder_of_case_folders_is_read_without_what_is_for_people() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(Cases::read(dir.path()), Err(CasesError::None(_))));
    for case in ["a", "b"] {
        fs::create_dir(dir.path().join(case)).unwrap();
        for (name, text) in files("delivered\n") {
            fs::write(dir.path().join(case).join(name), text).unwrap();
        }
    }
    fs::write(dir.path().join("README.md"), "text").unwrap();
    fs::write(dir.path().join("a/README.md"), "text").unwrap();
    let read = Cases::read(dir.path()).unwrap();
    assert_eq!(read, cases(&["a", "b"]));
    assert_eq!(read.clone().only("b"), Some(cases(&["b"])));
    assert_eq!(read.clone().only("c"), None);
    assert_eq!(read.and(cases(&["c"])), cases(&["a", "b", "c"]));
    fs::write(dir.path().join("a/outcome.text"), "delivered\n").unwrap();
    assert!(matches!(Cases::read(dir.path()), Err(CasesError::Name { .. })));
    assert!(matches!(Cases::read(&dir.path().join("none")), Err(CasesError::Read { .. })));
}
