//! What is said to a server, without one: keys, logins, lines and messages.

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::key::UserKey;
use super::protocol::{Complaint, Info, Line, Message};
use super::*;
use crate::egress::fixture::provider;

/// The first test vector of RFC 8032, as a seed of NATS.
const SEED: &str = "SUAJ2YNRTXX72WTAXKCEV5ES5QWMIRCJYVUXWMTJDFYDXLADDSXH6YALCA";
const PUBLIC: &str = "UDLVVGABQKYQVN6VJP7NHSLEA45A5YLS6PNKMIZFV4BBU2HXA5IRUVAL";
/// What it signs nothing with.
const SIGNATURE: &str =
    "5VZDAMNgrHKQhuLMgG6CioSHfx645dl02HPgZSJJAVVfuIIVkKM7rMYeOXAc-bRr0lv18FlbviRlUUFDjnoQCw";

fn creds(jwt: &str, seed: &str) -> String {
    format!(
        "-----BEGIN NATS USER JWT-----\r\n{jwt}\r\n------END NATS USER JWT------\r\n\r\n*** IMPORTANT ***\r\n\r\n-----BEGIN USER NKEY SEED-----\r\n{seed}\r\n------END USER NKEY SEED------\r\n"
    )
}

#[test]
fn a_key_signs_as_the_rfc_says() {
    let key = UserKey::of_seed(SEED).unwrap();
    assert_eq!(key.public(), PUBLIC);
    assert_eq!(key.sign(""), SIGNATURE);
}

#[test]
fn only_the_seed_of_a_user_is_a_key() {
    let account = "SAAJ2YNRTXX72WTAXKCEV5ES5QWMIRCJYVUXWMTJDFYDXLADDSXH6YHY3Q";
    let mistyped = SEED.replace("J2", "J3");
    for text in
        ["", "fake", PUBLIC, account, &mistyped, &SEED.to_lowercase(), SEED.get(..40).unwrap()]
    {
        assert!(UserKey::of_seed(text).is_none(), "{text}");
    }
}

/// What tells who logs in.
fn login(address: &str, secrets: &[(&str, &str)]) -> Result<Value, SendError> {
    let provider = provider(address, secrets);
    let servers = servers(&provider)?;
    let line = String::from_utf8(servers[0].login.line("", false)).unwrap();
    let json = line.strip_prefix("CONNECT ").and_then(|rest| rest.strip_suffix("\r\n")).unwrap();
    let Value::Object(mut said) = serde_json::from_str(json).unwrap() else { panic!("{json}") };
    said.retain(|key, _| {
        ["user", "pass", "auth_token", "jwt", "nkey", "sig"].contains(&key.as_str())
    });
    Ok(Value::Object(said))
}

#[test]
fn the_strongest_credential_logs_in() {
    let check = |address: &str, secrets: &[(&str, &str)], expected: Value| {
        assert_eq!(login(address, secrets).unwrap(), expected, "{address} {secrets:?}");
    };
    let file = creds("fake.jwt", SEED);
    let jwt = json!({"jwt": "fake.jwt", "sig": SIGNATURE});
    let pair = [("username", "ann"), ("password", "fake")];
    let all = [("creds", file.as_str()), ("nkey", SEED), pair[0], pair[1]];
    check("nats://h", &[], json!({}));
    check("nats://h", &all, jwt.clone());
    check("nats://h", &all[1..], json!({"nkey": PUBLIC, "sig": SIGNATURE}));
    check("nats://h", &[("nkey", &format!("{SEED}\n"))], json!({"nkey": PUBLIC, "sig": SIGNATURE}));
    check("nats://h", &pair, json!({"user": "ann", "pass": "fake"}));
    check("nats://h", &pair[..1], json!({}));
    check("nats://h", &pair[1..], json!({}));
    check(
        "nats://h",
        &[("creds", " \n"), pair[0], pair[1]],
        json!({"user": "ann", "pass": "fake"}),
    );
    check("nats://u:p%40@h", &[], json!({"user": "u", "pass": "p@"}));
    check("nats://t%2F1@h", &[], json!({"auth_token": "t/1"}));
    check("nats://u:p@h", &all[1..], json!({"user": "u", "pass": "p"}));
    let mut both = jwt;
    both["user"] = json!("u");
    both["pass"] = json!("p");
    check("nats://u:p@h", &all, both);
}

#[test]
fn credentials_that_cannot_be_read_are_named_and_not_shown() {
    let check = |key: &str, value: &str| {
        let err = login("nats://h", &[(key, value)]).unwrap_err();
        assert!(err.is_misconfiguration());
        let text = err.to_string();
        assert!(text.contains(&format!("`{key}`")) && !text.contains("fake"), "{text}");
    };
    check("creds", "fake");
    check("creds", &creds("fake.jwt", "fake"));
    check("creds", SEED);
    check("nkey", "fake");
    check("nkey", PUBLIC);
}

#[test]
fn lines_of_a_server_are_told_apart() {
    let check = |line: &str, expected: Line| assert_eq!(Line::parse(line.as_bytes()), expected);
    check("PING\r\n", Line::Ping);
    check("pong\r\n", Line::Pong);
    check("+OK\r\n", Line::Ok);
    check("-ERR 'Stale Connection'\r\n", Line::Error("Stale Connection".to_owned()));
    check("HTTP/1.1 400 Bad Request\r\n", Line::Unknown);
    check("INFO none\r\n", Line::Unknown);
    check("\r\n", Line::Unknown);
    check("INFO {\"server_id\":\"x\"}\r\n", Line::Info(Info::default()));
    let info = Info {
        nonce: "n".to_owned(),
        max_payload: 8,
        tls_available: true,
        headers: true,
        leaving: true,
        ..Info::default()
    };
    check(
        r#"INFO {"nonce":"n","max_payload":8,"tls_available":true,"headers":true,"ldm":true,"connect_urls":["x:1"]}"#,
        Line::Info(info),
    );
}

#[test]
fn complaints_are_judged_by_what_would_help() {
    let check = |said: &str, expected| assert_eq!(Complaint::of(said), expected, "{said}");
    check("Authorization Violation", Complaint::Login);
    check("User Authentication Expired", Complaint::Login);
    check("account authentication revoked", Complaint::Login);
    check("Permissions Violation for Publish to \"flux\"", Complaint::Permission);
    check("Invalid Publish Subject", Complaint::Subject);
    check("Authentication Timeout", Complaint::Other);
    check("maximum connections exceeded", Complaint::Other);
    check("Stale Connection", Complaint::Other);
}

fn message(url: &str, headers: &[(&'static str, &'static str)], body: &'static str) -> Message {
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
        .collect();
    Message::of(&Prepared {
        method: Method::from_bytes(PUBLISH.as_bytes()).unwrap(),
        url: Url::parse(url).unwrap(),
        headers,
        body: Bytes::from_static(body.as_bytes()),
    })
}

#[test]
fn a_message_is_written_with_its_ping() {
    let check = |message: &Message, with_headers, expected: &str| {
        let wire = String::from_utf8(message.with_ping(with_headers)).unwrap();
        assert_eq!(wire, expected);
    };
    let plain = message("nats://h/a%2Fb.%C3%A4", &[], "{}");
    check(&plain, true, "PUB a/b.ä 2\r\n{}\r\nPING\r\n");
    let with_id = message("nats://h/flux", &[("nats-msg-id", "7"), ("x-y", "z")], "é");
    check(
        &with_id,
        true,
        "HPUB flux 36 38\r\nNATS/1.0\r\nNats-Msg-Id: 7\r\nX-Y: z\r\n\r\né\r\nPING\r\n",
    );
    check(&with_id, false, "PUB flux 2\r\né\r\nPING\r\n");
    assert_eq!((with_id.len(true), with_id.len(false)), (38, 2));
}

#[test]
fn names_and_literals_are_what_certificates_have() {
    let check = |host: &str, expected: Option<&str>| {
        let name = tls::name(host).map(|name| name.to_str().into_owned());
        assert_eq!(name.as_deref(), expected);
    };
    check("nats.example", Some("nats.example"));
    check("NATS.example", Some("nats.example"));
    check("127.0.0.1", Some("127.0.0.1"));
    check("[::1]", Some("::1"));
    check("a b", None);
}

#[test]
fn an_address_of_something_else_or_a_proxy_is_a_mistake() {
    let check = |provider: &Provider, expected: &str| {
        let err = check_provider(provider).unwrap_err();
        assert!(err.is_misconfiguration() && err.to_string().contains(expected), "{err}");
    };
    check(&provider("nats://a,https://b", &[]), "not of NATS");
    let mut behind = provider("nats://a", &[]);
    behind.proxy = Some(herald_core::provider::ProxySettings { url: "http://p.example".into() });
    check(&behind, "not reached through a proxy");
}

#[test]
fn both_kinds_of_addresses_are_judged() {
    let policy = AddressPolicy { allow_loopback: false, allow_private: true };
    let check = |url: &str, allowed| {
        assert_eq!(check_url(&policy, &Url::parse(url).unwrap()).is_ok(), allowed, "{url}");
    };
    check("nats://nats.example", true);
    check("tls://10.0.0.7", true);
    check("https://h.example", true);
    check("ftp://h.example", false);
    for host in ["127.0.0.1", "localhost", "[::1]", "2130706433", "169.254.169.254"] {
        check(&format!("nats://{host}:4222/flux"), false);
    }
}
