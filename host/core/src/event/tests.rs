use proptest::prelude::*;
use serde_json::json;

use super::*;

fn parse(body: &str) -> Event {
    Event::parse(body.as_bytes()).unwrap()
}

fn message(body: &[u8]) -> String {
    Event::parse(body).unwrap().message
}

/// The error and what caused it, in one line.
fn check_error(body: &str, expected: &str) {
    let error = Event::parse(body.as_bytes()).unwrap_err();
    let text = match std::error::Error::source(&error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    assert_eq!(text, expected, "{body}");
}

fn check_timestamp(text: &str, expected: Option<&str>) {
    let event = Event::parse(json!({ "timestamp": text }).to_string().as_bytes());
    let read = event.ok().and_then(|event| event.timestamp).map(rfc3339_seconds);
    assert_eq!(read.as_deref(), expected, "{text}");
}

#[test]
fn the_recorded_event_with_odd_keys_is_read_as_the_peer_does() {
    let event = parse(
        r#"{"InvolvedObject":{"Kind":"Kustomization","NAMESPACE":"apps","name":"x",
            "apiVersion":"kustomize.toolkit.fluxcd.io/v1","extra":1},"Severity":"info",
            "timestamp":"2026-03-14T09:26:53.987654321+05:30","MESSAGE":"case folded <ok>","reason":"R",
            "unknown":{"a":[1,2]},"metadata":null,"reportingController":"c"}"#,
    );
    let expected = json!({
        "involvedObject": {
            "kind": "Kustomization", "namespace": "apps", "name": "x", "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        },
        "severity": "info", "timestamp": "2026-03-14T03:56:53Z", "message": "case folded <ok>", "reason": "R",
        "reportingController": "c",
    });
    assert_eq!(event.to_json(), expected);
}

#[test]
fn the_recorded_event_without_a_timestamp_has_null_for_it() {
    let body = r#"{"involvedObject":{"kind":"Kustomization","namespace":"apps","name":"x"},"severity":"info","message":"m"}"#;
    let expected = json!({
        "involvedObject": { "kind": "Kustomization", "namespace": "apps", "name": "x" },
        "severity": "info", "timestamp": null, "message": "m", "reason": "", "reportingController": "",
    });
    assert_eq!(parse(body).to_json(), expected);
}

#[test]
fn all_parts_are_read_and_written() {
    let whole = json!({
        "involvedObject": {
            "kind": "GitRepository", "namespace": "gitops-system", "name": "webapp", "uid": "1234",
            "apiVersion": "source.toolkit.fluxcd.io/v1", "resourceVersion": "7", "fieldPath": "spec.x",
        },
        "severity": "error", "timestamp": "2020-01-01T00:00:00Z", "message": "message", "reason": "reason",
        "metadata": { "a": "1", "b": "" }, "reportingController": "source-controller",
        "reportingInstance": "source-controller-xyz",
    });
    let event = parse(&whole.to_string());
    assert_eq!(event.to_json(), whole);
    assert_eq!(event.involved_object.group(), "source.toolkit.fluxcd.io");
    assert!(event.is_error());
}

#[test]
fn null_leaves_a_part_as_it_is_or_empty() {
    assert_eq!(parse("null"), Event::default());
    assert_eq!(parse(" { } "), Event::default());
    assert_eq!(
        parse(r#"{"involvedObject":null,"severity":null,"timestamp":null,"metadata":null}"#),
        Event::default()
    );
    let metadata = parse(r#"{"metadata":{"a":"1","a":null}}"#).metadata;
    assert_eq!(metadata, BTreeMap::from([("a".to_owned(), String::new())]));
}

#[test]
fn a_later_duplicate_wins_part_by_part() {
    let event = parse(
        r#"{"message":"a","MESSAGE":"b","message":null,"involvedObject":{"kind":"A","name":"x"},
            "InvolvedObject":{"kind":"B"},"involvedobject":null,"metadata":{"a":"1","b":"2"},"metadata":{"b":"3"},
            "timestamp":"2020-01-01T00:00:00Z","Timestamp":null}"#,
    );
    assert_eq!(event.message, "b");
    assert_eq!(
        (event.involved_object.kind.as_str(), event.involved_object.name.as_str()),
        ("B", "x")
    );
    assert_eq!(event.timestamp, None);
    let metadata = [("a", "1"), ("b", "3")].map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(event.metadata, BTreeMap::from(metadata));
    assert!(parse(r#"{"metadata":{"a":"1"},"metadata":null}"#).metadata.is_empty());
}

#[test]
fn keys_fold_as_in_go_and_metadata_keys_do_not() {
    let event = parse(
        "{\"meſſage\":\"long s\",\"involvedObject\":{\"\u{212A}ind\":\"kelvin\"},\"metadata\":{\"A\":\"1\",\"a\":\"2\"}}",
    );
    assert_eq!(event.message, "long s");
    assert_eq!(event.involved_object.kind, "kelvin");
    assert_eq!(event.metadata.len(), 2);
}

#[test]
fn broken_text_becomes_the_replacement_character() {
    assert_eq!(message(b"{\"message\":\"a\xff\xe2\x82b\"}"), "a\u{FFFD}\u{FFFD}\u{FFFD}b");
    assert_eq!(message(br#"{"message":"\ud83d\ude00"}"#), "😀");
    assert_eq!(message(br#"{"message":"\ud83d"}"#), "\u{FFFD}");
    assert_eq!(
        message(br#"{"message":"\uDE00\ud83dx\ud83d\uD83D\uDE00"}"#),
        "\u{FFFD}\u{FFFD}x\u{FFFD}😀"
    );
    assert_eq!(message(br#"{"message":"\\ud83d"}"#), "\\ud83d");
}

#[test]
fn unknown_parts_may_be_nested_at_will() {
    let deep = format!("{{\"x\":{}{},\"message\":\"m\"}}", "[".repeat(5000), "]".repeat(5000));
    assert_eq!(message(deep.as_bytes()), "m");
}

#[test]
fn a_wrong_type_names_its_place() {
    for (body, expected) in [
        ("1", "the event must be an object, not a number"),
        ("[]", "the event must be an object, not an array"),
        (r#""x""#, "the event must be an object, not a string"),
        (r#"{"involvedObject":true}"#, "involvedObject must be an object, not a boolean"),
        (
            r#"{"involvedObject":{"KIND":{}}}"#,
            "involvedObject.kind must be a string, not an object",
        ),
        (r#"{"message":[[1],{"a":2}]}"#, "message must be a string, not an array"),
        (r#"{"metadata":"x"}"#, "metadata must be an object, not a string"),
        (r#"{"metadata":{"a.b/c":1.5}}"#, "metadata[\"a.b/c\"] must be a string, not a number"),
        (r#"{"timestamp":0}"#, "timestamp must be a string, not a number"),
        (r#"{"severity":-1,"message":2}"#, "severity must be a string, not a number"),
        (
            r#"{"timestamp":"yesterday"}"#,
            "timestamp is not in RFC 3339: expected a form like 2020-01-01T00:00:00Z or 2020-01-01T02:00:00+02:00",
        ),
    ] {
        check_error(body, expected);
    }
    let long = format!("{{\"metadata\":{{\"{}\":1}}}}", "k".repeat(1000));
    check_error(&long, &format!("metadata[\"{}\"] must be a string, not a number", "k".repeat(64)));
}

#[test]
fn what_is_not_one_json_document_is_refused() {
    for body in [
        "",
        " ",
        "{",
        "{}x",
        "{}{}",
        "null null",
        "{'a':1}",
        "{\"a\":01}",
        "{\"a\":1,}",
        "{\"message\":\"\n\"}",
        "{\"message\":\"\\x\"}",
        "\u{FEFF}{}",
        // A wrong type does not hide that the rest is broken.
        "{\"message\":1",
    ] {
        let error = Event::parse(body.as_bytes()).unwrap_err();
        assert_eq!(error.kind(), "syntax", "{body:?}");
    }
    assert!(Event::parse(b"\xff{}").is_err());
    // The recorded one.
    assert!(Event::parse(br#"{"involvedObject":{"kind":"Kustomization""#).is_err());
}

#[test]
fn timestamps_are_read_as_go_does_and_cut_to_seconds() {
    check_timestamp("2020-01-01T00:00:00Z", Some("2020-01-01T00:00:00Z"));
    check_timestamp("2020-01-01T02:00:00.999+02:00", Some("2020-01-01T00:00:00Z"));
    check_timestamp("2020-01-01T00:00:00,5Z", Some("2020-01-01T00:00:00Z"));
    check_timestamp("2020-01-01T5:00:00-24:60", Some("2020-01-02T06:00:00Z"));
    check_timestamp("1969-12-31T23:59:58.5Z", Some("1969-12-31T23:59:58Z"));
    check_timestamp("2024-02-29T00:00:00Z", Some("2024-02-29T00:00:00Z"));
    check_timestamp("0001-01-01T01:00:00+01:00", None);
    check_timestamp("9999-12-31T23:59:59Z", Some("9999-12-30T22:00:00Z"));
    for text in [
        "",
        "2020-01-01",
        "2020-01-01T00:00:00",
        "2020-01-01 00:00:00Z",
        "2020-01-01t00:00:00z",
        "2020-01-01T00:00:60Z",
        "2020-01-01T24:00:00Z",
        "2023-02-29T00:00:00Z",
        "2020-13-01T00:00:00Z",
        "2020-01-01T00:00:00.Z",
        "2020-01-01T00:00:00+0200",
        "2020-01-01T00:00:00+25:00",
        "2020-01-01T00:00:00Zx",
        "+020-01-01T00:00:00Z",
        "２020-01-01T00:00:00Z",
    ] {
        let body = json!({ "timestamp": text }).to_string();
        assert_eq!(Event::parse(body.as_bytes()).unwrap_err().kind(), "timestamp", "{text}");
    }
}

#[test]
fn a_moment_is_written_in_whole_seconds() {
    let check =
        |text: &str, expected: &str| assert_eq!(rfc3339_seconds(text.parse().unwrap()), expected);
    check("2020-01-01T00:00:00.9Z", "2020-01-01T00:00:00Z");
    check("1969-12-31T23:59:58.1Z", "1969-12-31T23:59:58Z");
    check("0099-01-01T00:00:00Z", "0099-01-01T00:00:00Z");
}

#[test]
fn the_group_is_what_stands_before_the_only_slash() {
    let group = |api_version: &str| {
        let reference =
            ObjectReference { api_version: api_version.to_owned(), ..ObjectReference::default() };
        reference.group().to_owned()
    };
    assert_eq!(group("apps/v1"), "apps");
    for core in ["", "v1", "/v1", "/", "a/b/v1"] {
        assert_eq!(group(core), "", "{core}");
    }
}

fn any_event() -> impl Strategy<Value = Event> {
    let texts = prop::collection::vec(any::<String>(), 12);
    let metadata = prop::collection::btree_map(any::<String>(), any::<String>(), 0..5);
    // From year 2 on, since the first moment of year 1 stands for none.
    let timestamp = prop::option::of(-62_100_000_000..253_402_000_000_i64);
    (texts, metadata, timestamp).prop_map(|(texts, metadata, timestamp)| {
        let mut texts = texts.into_iter();
        let mut text = || texts.next().unwrap();
        Event {
            involved_object: ObjectReference {
                api_version: text(),
                kind: text(),
                namespace: text(),
                name: text(),
                uid: text(),
                resource_version: text(),
                field_path: text(),
            },
            severity: text(),
            timestamp: timestamp.map(|second| Timestamp::from_second(second).unwrap()),
            message: text(),
            reason: text(),
            metadata,
            reporting_controller: text(),
            reporting_instance: text(),
        }
    })
}

proptest! {
    #[test]
    fn any_bytes_are_an_event_or_an_error(body in any::<Vec<u8>>()) {
        let _event = Event::parse(&body);
    }

    #[test]
    fn a_body_with_holes_is_an_event_or_an_error(event in any_event(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut body = event.to_json().to_string().into_bytes();
        *at.get_mut(&mut body) = byte;
        let _event = Event::parse(&body);
    }

    #[test]
    fn what_is_written_is_read_back(event in any_event()) {
        let body = event.to_json().to_string();
        prop_assert_eq!(Event::parse(body.as_bytes()).unwrap(), event);
    }
}
