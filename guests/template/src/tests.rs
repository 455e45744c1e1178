use herald_provider::json::Value;
use herald_provider::testing::{delivery, provider, render, url};

use super::*;

fn ready(config: &str, secret_keys: &[&str]) -> Delivery {
    let mut delivery = delivery(provider(url("https", "hooks.example"), secret_keys));
    delivery.provider.config = config.to_owned();
    delivery
}

/// What the module says, in short.
fn said(delivery: Delivery) -> String {
    match Template::next(delivery) {
        Ok(Action::Finish(request)) => render(&request),
        Ok(other) => format!("{other:?}"),
        Err(Failure::Misconfigured(why)) => format!("misconfigured: {why}"),
        Err(other) => format!("{other:?}"),
    }
}

fn body(delivery: Delivery) -> Value {
    let sent = said(delivery);
    let (_, body) = sent.split_once("\n\n").unwrap_or_else(|| panic!("there is no body: {sent}"));
    body.parse().unwrap_or_else(|error| panic!("{error} in {body}"))
}

/// Texts that would be more than a text, in one place or another.
const HOSTILE: [&str; 7] = [
    r#"", "admin": true, "x": ""#,
    "\\",
    "\\\" \n\r\t\u{8}\u{0}",
    "\u{1}\u{2}\u{3}true\u{2}\u{4}token\u{5}\u{4}",
    "{{ secret('token') }}{% raw %}",
    "1, \"admin\": true",
    "</p>&amp;\u{2028}",
];

#[test]
fn no_event_changes_what_a_body_is() {
    // Each with a list of what values may come to in it.
    let templates = [
        r#"{"text": "{{ event.message }}"}"#,
        r#"{"text": {{ event.message }}}"#,
        r#"{"text": {{ event.message | tojson }}}"#,
        r#"{"text": "{{ event.message | tojson }}"}"#,
        r#"{"text": "{{ event.message | e }}{{ event.message | upper }}"}"#,
        r#"{% set x %}a {{ event.message }} b{% endset %}{"text": "{{ x }}"}"#,
        r#"{% set x %}a {{ event.message }} b{% endset %}{"text": "{{ x | reverse }}"}"#,
        r#"{% set x %}a {{ event.message }} b{% endset %}{"text": "{{ x | last }}{{ x | first }}{{ x[2:4] }}"}"#,
        r#"{% set x %}a {{ event.message }} b{% endset %}{"text": "{% for l in x | lines %}{{ l }}{% endfor %}"}"#,
        r#"{% set x %}a {{ event.message }} b{% endset %}{"text": "{% for l in x | split('a') %}{{ l }}{% endfor %}"}"#,
        r#"{% set x %}a {{ event.message }} b{% endset %}{"text": "{{ x | truncate(5) }}{{ x ~ event.message }}"}"#,
        r#"{% set x %}a {{ event.message }} b{% endset %}{"text": "{{ [x, event.message] | join(', ') }}"}"#,
        r#"{% set x %}a {{ event.message }} b{% endset %}{"text": "{{ x | replace('a', event.message) }}"}"#,
        r#"{% set x %}a{{ event.message }}{% endset %}{"text": "{{ '%s' | format(x) }}{{ ('%s' | format(event.message)) }}"}"#,
        r#"{% set x %}a {{ event.message }} b{% endset %}{"text": "{{ x | indent(2) | trim | title }}{{ x | urlencode }}"}"#,
        r#"{% macro m(v) %}"{{ v }}"{% endmacro %}{"text": {{ m(event.message) }}}"#,
        r#"{% filter upper %}{"text": "{{ event.message }}"}{% endfilter %}"#,
        r#"{% autoescape false %}{"text": "{{ event.message }}"}{% endautoescape %}"#,
        r#"{"text": "{% for c in event.message %}{{ c }}{% endfor %}{{ event.message | list }}"}"#,
    ];
    for template in templates {
        for message in HOSTILE {
            for template in [Value::from(template), serde_object(template)] {
                let config = herald_provider::json::object(0, |o| {
                    o.raw("body", &template.to_string());
                });
                let mut delivery = ready(&config, &["token"]);
                delivery.event.message = message.to_owned();
                let sent = said(delivery.clone());
                assert!(sent.starts_with("POST"), "{template} {message:?}: {sent}");
                let body = body(delivery);
                let members = body.as_object().expect("it is an object");
                assert_eq!(members.len(), 1, "{template} {message:?}: {body}");
                let is_text = members.values().all(Value::is_string);
                assert!(is_text, "{template} {message:?}: {body}");
            }
        }
    }
}

/// The same template as a text in a structure.
fn serde_object(template: &str) -> Value {
    let text = Value::from(template).to_string();
    format!(r#"{{"text": {text}}}"#).parse().expect("it is JSON")
}

#[test]
fn no_event_gets_a_secret() {
    for config in [
        r#"{"body": {"text": "{{ event.message }}"}}"#,
        r#"{"body": "{\"text\": \"{{ event.message }}\"}"}"#,
        r#"{"contentType": "text", "body": "{{ event.message }}"}"#,
        r#"{"contentType": "form", "body": {"text": "a {{ event.message }}"}}"#,
        r#"{"path": ["{{ event.message }}"], "body": {}}"#,
        r#"{"headers": {"x-text": "{{ event.message }}"}, "body": {}}"#,
    ] {
        let mut delivery =
            ready(&config.replace("\"body\"", "\"authorization\": \"none\", \"body\""), &["token"]);
        delivery.event.message = "\u{4}token\u{5} {{ secret('token') }}".to_owned();
        let sent = said(delivery);
        assert!(!sent.contains("{token}") && sent.starts_with("POST"), "{sent}");
    }
}

#[test]
fn a_value_alone_keeps_its_type_and_none_is_left_out() {
    let config = r#"{"body": {
        "text": "{{ event.message }}", "number": "{{ 1 + 1 }}", "yes": "{{ event.severity == 'info' }}",
        "all": "{{ metadata }}", "list": ["{{ metadata.none }}", "{{ 'x' if false }}", "b"],
        "nothing": "{{ metadata.none }}", "null": "{{ none }}", "mixed": "{{ 1 }} of {{ metadata.none }}", "plain": 5
    }}"#;
    let expected = r#"{"text": "message", "number": 2, "yes": true, "all": {"test": "metadata"}, "list": ["b"],
        "null": null, "mixed": "1 of ", "plain": 5}"#;
    let expected: Value = expected.parse().expect("it is JSON");
    assert_eq!(body(ready(config, &[])), expected);
}

#[test]
fn a_secret_goes_where_it_is_placed() {
    let config = r#"{"path": ["bot{{ secret('token') }}"], "query": {"key": "{{ secret('apiKey') }}"},
        "headers": {"x-key": "Key {{ secret('headers/x-key') }}"},
        "body": "{\"a\": {{ secret('password') }}, \"b\": \"{{ 'x' ~ secret('id') }}\"}"}"#;
    let keys = ["apiKey", "headers/x-key", "id", "password", "token"];
    assert_eq!(
        said(ready(config, &keys)),
        "POST {address}/bot{token}?key={apiKey}\ncontent-type: application/json\nx-key: Key {headers/x-key}\n\n\
         {\"a\": \"{password}\", \"b\": \"x{id}\"}"
    );
}

#[test]
fn the_token_goes_into_the_header_unless_a_template_places_it() {
    let check = |config: &str, keys: &[&str], username: &str, expected: Option<&str>| {
        let mut delivery = ready(config, keys);
        delivery.provider.username = username.to_owned();
        let sent = said(delivery);
        let found = sent.lines().find_map(|line| line.strip_prefix("authorization: "));
        assert_eq!(found, expected, "{sent}");
    };
    let basic = "Basic {base64 [Plain::Text(\"me:\"), Plain::Secret(\"password\")]}";
    check(r#"{"body": {}}"#, &["token"], "", Some("Bearer {token}"));
    check(r#"{"body": {}}"#, &["password"], "me", Some(basic));
    check(r#"{"body": {}}"#, &["password"], "", None);
    check(r#"{"body": {}, "authorization": "none"}"#, &["token"], "", None);
    check(r#"{"body": {}, "authorization": "basic"}"#, &["password", "token"], "me", Some(basic));
    check(r#"{"body": {"t": "{{ secret('token') }}"}}"#, &["token"], "", None);
    check(
        r#"{"body": {"t": "{{ secret('token') }}"}, "authorization": "bearer"}"#,
        &["token"],
        "",
        Some("Bearer {token}"),
    );
    let own = r#"{"body": {}, "headers": {"Authorization": "Token {{ secret('token') }}"}}"#;
    check(own, &["token"], "", None);
}

#[test]
fn filters_say_what_people_want_to_read() {
    for (expression, expected) in [
        ("event.timestamp | date", "2020-01-01 00:00:00"),
        ("event.timestamp | date('%d.%m.%Y %H:%M', '+05:30')", "01.01.2020 05:30"),
        ("event.timestamp | date('%A', '-01:00')", "Tuesday"),
        ("'yesterday' | date", "yesterday"),
        ("metadata.none | date", ""),
        ("event.timestamp | epoch", "1577836800"),
        ("'abcdef' | truncate(4)", "abc…"),
        ("'abcdef' | truncate(4, '..')", "ab.."),
        ("'abcdef' | truncate(6)", "abcdef"),
        ("'one\ntwo' | first_line", "one"),
        (
            "'main@sha1:8f1c2a9b7d6e5f40312233445566778899aabbcc' | short_revision",
            "main@sha1:8f1c2a9b",
        ),
        ("'v1.2.3' | short_revision", "v1.2.3"),
        ("'<b>' | escape_html", "&lt;b&gt;"),
        ("'*b*' | escape_markdown", "\\*b\\*"),
        ("{'a': [1, none, 'x']} | tojson", r#"{"a":[1,null,"x"]}"#),
        ("metadata.none | default('-')", "-"),
    ] {
        let config = herald_provider::json::object(0, |o| {
            o.text("contentType", "text").text("body", &["{{ ", expression, " }}!"].concat());
        });
        let sent = said(ready(&config, &[]));
        let (_, body) = sent.split_once("\n\n").unwrap_or_else(|| panic!("{sent}"));
        assert_eq!(body, [expected, "!"].concat(), "{expression}");
    }
}

#[test]
fn a_mistake_is_told_before_any_event() {
    let check = |config: &str, keys: &[&str], expected: &[&str]| {
        let found = Template::check(&ready(config, keys).provider);
        assert_eq!(found.len(), expected.len(), "{config}: {found:#?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.starts_with(expected), "{found}");
        }
    };
    check(r#"{"body": {"a": "{{ event.message }}"}}"#, &[], &[]);
    // What only some events lack is no mistake.
    check(r#"{"body": {"a": "{{ metadata.count + 1 }}"}}"#, &[], &[]);
    check(
        r#"{"contentType": "text", "body": "a\n{% if event.severity %}"}"#,
        &[],
        &["spec.config.body, line 2: syntax error: unexpected end"],
    );
    check(
        r#"{"body": {"a": [{"b": "x\n{{ event.mesage | uper }}"}]}}"#,
        &[],
        &[
            "spec.config.body.a[0].b, line 2: event has no mesage: it has involvedObject",
            "spec.config.body.a[0].b, line 2: unknown filter: filter uper is unknown",
        ],
    );
    check(
        r#"{"body": "{\"a\": {{ event.message }} b}"}"#,
        &[],
        &["spec.config.body: what it comes to is no JSON"],
    );
    check(
        r#"{"body": {}, "headers": {"x-a": "{{ secret('token') }}", "x-b": "{{ secret('pin') }}"}}"#,
        &["pin"],
        &[
            "spec.config.headers.x-a, line 1: the Secret has no value for the key token",
            "spec.config.headers.x-b, line 1: the key pin of the Secret cannot be placed: rename it to one of apiKey",
        ],
    );
    check(
        r#"{"body": {}, "when": "event.severity = 'x'"}"#,
        &[],
        &["spec.config.when, line 1: syntax error"],
    );
    check(
        r#"{"body": {"a": "{{ event.message | safe }}"}}"#,
        &[],
        &["spec.config.body.a, line 1: unknown filter"],
    );
    check(r#"{"body": {}, "method": "GET"}"#, &[], &["a GET or DELETE has no body"]);
    check("{}", &[], &["there is no body: "]);
}

#[test]
fn a_template_that_does_too_much_says_so() {
    let config = r#"{"contentType": "text", "body": "{% for a in range(1000) %}{% for b in range(1000) %}x{% endfor %}{% endfor %}"}"#;
    assert_eq!(
        said(ready(config, &[])),
        "misconfigured: spec.config.body, line 1: it does too much: loop over less, or cut texts with truncate"
    );
}
