use herald_provider::testing::{delivery, provider, url};
use herald_provider::{Delivery, Response, Timestamp};

use super::*;

fn ready() -> Delivery {
    delivery(provider(url("http", "collector.example"), &[]))
}

fn request(delivery: Delivery) -> Request {
    match Otel::next(delivery) {
        Ok(Action::Ask(question)) => question.request,
        other => panic!("not a question: {other:?}"),
    }
}

fn body(delivery: Delivery) -> Vec<u8> {
    match request(delivery).body.as_slice() {
        [Fragment::Bytes(body)] => body.clone(),
        other => panic!("not bytes: {other:?}"),
    }
}

fn contains(body: &[u8], part: &[u8]) -> bool {
    body.windows(part.len()).any(|window| window == part)
}

/// What Flux sent for such an event. Only the span's id and its end are set here: they are random there and the time of
/// the recording.
#[test]
fn a_span_has_the_bytes_of_flux() {
    const EXPECTED: &[u8] = b"\
        \x0a\xda\x03\x0a\x80\x01\x0a=\x0a\x13service.instance.id\x12&\x0a$a1e47000-0000-4000\
        -8000-00000000cafe\x0a \x0a\x0cservice.name\x12\x10\x0a\x0enotify/on-otel\x0a\x1d\
        \x0a\x11service.namespace\x12\x08\x0a\x06notify\x12\xab\x02\x0a\x1e\x0a\x1cflux:noti\
        fication-controller\x12\x88\x02\x0a\x10l)f\x85*X\xe6 Tx\xf4\xe8G\xd6\x011\x12\x08\
        \xb1\xdd\xc7\xa8z-\xc4\xa6*\x14Bucket: infra/models0\x019\x00\x00\xbc\xd7}\xc0\x9c\
        \x18A\xb6\xc4\x08\xbf\xefb\xea\x18J\x10\x0a\x0aobject.uid\x12\x02\x0a\x00J\x17\x0a\
        \x0bobject.kind\x12\x08\x0a\x06BucketJ\x17\x0a\x0bobject.name\x12\x08\x0a\x06modelsJ\
        \x1b\x0a\x10object.namespace\x12\x07\x0a\x05infraJU\x0a\x08revision\x12I\x0aGsha256:\
        0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0fz\x02\x18\x01\x85\
        \x01\x01\x03\x00\x00\x1a'https://opentelemetry.io/schemas/1.34.0";
    let mut delivery = ready();
    delivery.id = "b1ddc7a87a2dc4a60000000000000000".to_owned();
    delivery.alert.namespace = "notify".to_owned();
    delivery.alert.name = "on-otel".to_owned();
    delivery.alert.uid = "a1e47000-0000-4000-8000-00000000cafe".to_owned();
    let event = &mut delivery.event;
    event.involved_object.kind = "Bucket".to_owned();
    event.involved_object.namespace = "infra".to_owned();
    event.involved_object.name = "models".to_owned();
    event.involved_object.uid = String::new();
    event.severity = "trace".to_owned();
    event.timestamp = Some(time(1_773_504_000));
    event.metadata = vec![("revision".to_owned(), ["sha256:", &"0f".repeat(32)].concat())];
    delivery.now = time(1_795_356_183);
    let found = body(delivery);
    // The nanoseconds of the end.
    let end = 1_795_356_183_302_292_662_u64.to_le_bytes();
    let at = EXPECTED.windows(8).position(|window| window == end).expect("there is an end");
    let mut expected = EXPECTED.to_vec();
    expected[at..at + 8].copy_from_slice(&1_795_356_183_000_000_000_u64.to_le_bytes());
    assert_eq!(found, expected);
}

fn time(seconds: i64) -> Timestamp {
    Timestamp { seconds, rfc3339: String::new() }
}

#[test]
fn a_failure_says_why() {
    let mut delivery = ready();
    delivery.event.severity = "error".to_owned();
    assert!(contains(&body(delivery.clone()), b"\x7a\x0b\x12\x07message\x18\x02\x85\x01"));
    delivery.event.message = String::new();
    assert!(contains(&body(delivery.clone()), b"\x7a\x02\x18\x02\x85\x01"));
    delivery.event.severity = "info".to_owned();
    assert!(contains(&body(delivery), b"\x7a\x02\x18\x01\x85\x01"));
}

#[test]
fn a_trace_is_of_one_alert_and_revision() {
    let check = |metadata: &[(&str, &str)], expected: &str| {
        let mut delivery = ready();
        delivery.alert.uid = "test-alert-uid".to_owned();
        delivery.event.metadata =
            metadata.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
        let body = body(delivery);
        let id: Vec<u8> = (0..16)
            .map(|at| {
                let digits = expected.get(2 * at..2 * at + 2).expect("there are 32 digits");
                u8::from_str_radix(digits, 16).expect("they are hexadecimal")
            })
            .collect();
        assert!(contains(&body, &[&b"\x0a\x10"[..], &id].concat()), "{metadata:?}");
    };
    let main = "main@sha1:a1afe267b54f38b46b487f6e938a6fd508278c07";
    check(&[("revision", main)], "758fede4265ff26a6475b06a828af1ca");
    check(&[("app-version", "1"), ("revision", main)], "758fede4265ff26a6475b06a828af1ca");
    // The SHA-256 of `test-alert-uid:1@sha256:ab` and of `test-alert-uid:unknown`.
    check(
        &[("app-version", "1"), ("oci-digest", "sha256:ab"), ("revision", main)],
        "3584ee305d99376a80fcdfce96de42ac",
    );
    check(&[], "3eaf3a945a299ef553aea7b5bdcec0d6");
}

#[test]
fn a_span_is_the_same_when_it_is_sent_again() {
    let mut delivery = ready();
    let first = body(delivery.clone());
    assert!(contains(&first, b"\x12\x08\x01\x23\x45\x67\x89\xab\xcd\xef"));
    delivery.facts = vec![("attempt".to_owned(), "2".to_owned())];
    assert_eq!(body(delivery), first);
}

#[test]
fn a_span_does_not_end_before_it_begins() {
    let mut delivery = ready();
    delivery.now = time(100);
    delivery.event.timestamp = Some(time(200));
    let both = |start: u64, end: u64| {
        [&b"\x39"[..], &start.to_le_bytes(), b"\x41", &end.to_le_bytes()].concat()
    };
    let second = 1_000_000_000;
    assert!(contains(&body(delivery.clone()), &both(200 * second, 200 * second)));
    delivery.event.timestamp = None;
    assert!(contains(&body(delivery.clone()), &both(100 * second, 100 * second)));
    delivery.event.timestamp = Some(time(-5));
    assert!(contains(&body(delivery), &both(0, 100 * second)));
}

#[test]
fn attributes_are_at_most_128_and_unique() {
    let mut delivery = ready();
    delivery.event.metadata =
        (0..130).map(|at| (format!("key{at:03}"), "value".to_owned())).collect();
    delivery.event.metadata.push(("object.name".to_owned(), "mine".to_owned()));
    let body = body(delivery);
    assert!(contains(&body, b"key123") && !contains(&body, b"key124"));
    assert!(contains(&body, b"\x50\x06\x7a"), "six are said to be dropped");
    assert!(contains(&body, b"\x0a\x0bobject.name\x12\x06\x0a\x04mine"));
    assert!(!contains(&body, b"\x0a\x06webapp"));
}

#[test]
fn credentials_go_into_one_header() {
    let check = |username: &str, keys: &[&str], expected: Option<&str>| {
        let mut delivery = ready();
        delivery.provider.username = username.to_owned();
        delivery.provider.secret_keys = keys.iter().copied().map(str::to_owned).collect();
        let headers = request(delivery).headers;
        let found: Vec<String> = headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("authorization"))
            .map(|(_, value)| format!("{value:?}"))
            .collect();
        assert_eq!(found.len(), usize::from(expected.is_some()), "{username} {keys:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.contains(expected), "{found}");
        }
    };
    check("", &[], None);
    check("", &["token"], Some("\"token\""));
    check("", &["password"], Some("Bearer"));
    check("", &["password", "token"], Some("\"token\""));
    check("user", &["password", "token"], Some("user:"));
    check("user", &["token"], Some("\"token\""));
    check("user", &["headers/Authorization", "password"], Some("headers/Authorization"));
    check("", &["headers/X-Scope-OrgID", "token"], Some("\"token\""));
}

#[test]
fn an_answer_is_judged_by_what_it_kept() {
    let check = |content_type: &str, body: &[u8], expected: &str| {
        let mut delivery = ready();
        delivery.responses.push(Response {
            status: 200,
            headers: vec![("content-type".to_owned(), content_type.to_owned())],
            body: body.to_vec(),
        });
        let found = match Otel::next(delivery) {
            Ok(Action::Done(_)) => "done".to_owned(),
            Err(Failure::Rejected(why)) => why,
            Err(Failure::Later(_)) => "later".to_owned(),
            other => format!("{other:?}"),
        };
        assert_eq!(found, expected, "{content_type} {body:?}");
    };
    let protobuf = "application/x-protobuf";
    check(protobuf, b"", "done");
    check(protobuf, b"\x0a\x00", "done");
    check(protobuf, b"\x0a\x09\x12\x07warning", "done");
    check(protobuf, b"\x0a\x06\x08\x01\x12\x02no", "the receiver refused the span: no");
    check(protobuf, b"\x0a\x02\x08\x01", "the receiver refused the span and gives no reason");
    check(protobuf, b"not a message", "done");
    check("", b"\x0a\x02\x08\x01", "the receiver refused the span and gives no reason");
    let json = "application/json; charset=utf-8";
    check(json, b"{}", "done");
    check(json, br#"{"partialSuccess":{}}"#, "done");
    check(json, br#"{"partialSuccess":{"rejectedSpans":"0","errorMessage":"warning"}}"#, "done");
    let refusal = br#"{"partialSuccess":{"rejectedSpans":"1","errorMessage":"no"}}"#;
    check(json, refusal, "the receiver refused the span: no");
    check(
        json,
        br#"{"partialSuccess":{"rejectedSpans":1}}"#,
        "the receiver refused the span and gives no reason",
    );
    check("text/html", b"<html>login</html>", "later");
    check("text/plain", b"ok", "done");
}

#[test]
fn a_helm_repository_is_in_no_trace() {
    let mut delivery = ready();
    delivery.event.involved_object.kind = "HelmRepository".to_owned();
    assert!(matches!(Otel::next(delivery), Ok(Action::Done(_))));
}

#[test]
fn only_a_url_is_ready() {
    let check = |address, n_problems: usize| {
        assert_eq!(Otel::check(&provider(address, &["password"])).len(), n_problems);
    };
    check(url("http", "collector.example"), 0);
    check(url("grpc", "collector.example"), 1);
    check(None, 1);
}
