use serde_json::json;

use super::*;
use crate::formatter::{Origin, ProviderAddress};

fn provider() -> Provider {
    Provider {
        namespace: "apps".to_owned(),
        name: "chat".to_owned(),
        uid: "0c9c2e41".to_owned(),
        kind: "slack".to_owned(),
        channel: "general".to_owned(),
        username: "spec-user".to_owned(),
        address: "https://h.example/services/hidden".into(),
        timeout: DEFAULT_TIMEOUT,
        concurrency: None,
        fallback: None,
        suspend: false,
        secret: SecretValues::default(),
        proxy: Some(ProxySettings { url: SecretText::from("http://u:proxy-pw@p.example") }),
        tls: None,
        service_account: None,
        commit_status_expr: None,
        config: json!({}),
        json: ObjectJson::new(&json!({"spec": {"address": "https://h.example/services/hidden"}})),
        problems: Vec::new(),
        generation: 7,
    }
}

#[test]
fn view_shows_the_origin_and_the_keys_alone() {
    let mut provider = provider();
    provider.secret = [("token", "s3cret"), ("headers/X-Team", "a"), ("empty", "")]
        .map(|(k, v)| (k, v.into()))
        .into_iter()
        .collect();
    provider.config = json!({"color": "red"});
    let view = provider.view();
    assert_eq!(
        view.address,
        Some(ProviderAddress::Url(Origin {
            scheme: "https".to_owned(),
            host: "h.example".to_owned(),
            port: None
        }))
    );
    assert_eq!(view.secret_keys, ["headers/X-Team", "token"]);
    assert_eq!(view.config, r#"{"color":"red"}"#);
    assert_eq!(view.username, "spec-user");
    let shown = format!("{view:?}");
    assert!(!shown.contains("hidden") && !shown.contains("s3cret"), "{shown}");
}

#[test]
fn a_username_of_the_secret_wins_unless_it_is_empty() {
    let mut provider = provider();
    provider.secret.insert("username", "".into());
    assert_eq!(provider.view().username, "spec-user");
    provider.secret.insert("username", "secret-user".into());
    assert_eq!(provider.view().username, "secret-user");
}

#[test]
fn view_leaves_out_an_address_that_cannot_be_read() {
    let mut provider = provider();
    for address in ["", "/only/path", "hooks.slack.com/services/x"] {
        provider.address = address.into();
        assert_eq!(provider.view().address, None, "{address}");
    }
    provider.config = serde_json::Value::Null;
    assert_eq!(provider.view().config, "{}");
}

#[test]
fn debug_shows_neither_address_nor_proxy_nor_the_object() {
    let shown = format!("{:#?}", provider());
    assert!(shown.contains("chat"), "{shown}");
    assert!(!shown.contains("hidden") && !shown.contains("proxy-pw"), "{shown}");
}

#[test]
fn timeouts_are_read_as_the_pattern_says() {
    #[track_caller]
    fn check(text: &str, expected: Result<u64, ParseTimeoutError>) {
        assert_eq!(parse_timeout(text), expected.map(Duration::from_micros), "{text:?}");
    }
    check("15s", Ok(15_000_000));
    check("500ms", Ok(500_000));
    check("1m30s", Ok(90_000_000));
    check("1.5m", Ok(90_000_000));
    check("0.5s", Ok(500_000));
    check("1s1s", Ok(2_000_000));
    check("1m0.25s10ms", Ok(60_260_000));
    check("0.00000000000000000001m1s", Ok(1_000_000));
    for text in [
        "", "s", "15", "1h", "1.s", ".5s", "-1s", "+1s", " 1s", "1s ", "1 s", "1S", "1us", "1m30",
        "1..5s", "１s",
    ] {
        check(text, Err(ParseTimeoutError::Form));
    }
    for text in ["0s", "0m0.0s", "0.0000001ms"] {
        check(text, Err(ParseTimeoutError::Zero));
    }
    for text in ["999999999999m", "99999999999999999999999ms", "153722867m153722867m"] {
        check(text, Err(ParseTimeoutError::TooLong));
    }
}

#[test]
fn the_error_names_the_accepted_form() {
    let text = parse_timeout("1h").unwrap_err().to_string();
    assert!(text.contains("`15s`") && text.contains("`1m30s`"), "{text}");
}
