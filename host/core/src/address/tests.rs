use proptest::prelude::*;

use super::*;

#[track_caller]
fn check_url(raw: &str, expected: &str) {
    match parse(raw) {
        Ok(Some(Address::Url { url })) => assert_eq!(url.as_str(), expected, "{raw:?}"),
        other => panic!("{raw:?} is read as {other:?}"),
    }
}

#[track_caller]
fn check_error(raw: &str, expected: ParseAddressError) {
    assert_eq!(parse(raw), Err(expected), "{raw:?}");
}

#[test]
fn urls_are_read_as_they_are() {
    check_url("https://h/p?q", "https://h/p?q");
    check_url("\n https://from-secret.lab.example/y \n", "https://from-secret.lab.example/y");
    check_url("https://h", "https://h/");
    check_url("https://h:443/p", "https://h/p");
    check_url("http://h:9093/api/v2/alerts/", "http://h:9093/api/v2/alerts/");
    check_url("https://user:pw@h.example/x", "https://user:pw@h.example/x");
    check_url("https://h/a?b=1#fragment", "https://h/a?b=1");
    check_url(
        "https://dev.azure.com/Acme/Fleet%20Project/_git/f",
        "https://dev.azure.com/Acme/Fleet%20Project/_git/f",
    );
    check_url("nats://nats.example:4222", "nats://nats.example:4222");
    check_url("nats://a:4222, nats://b:4222", "nats://a:4222");
    check_url("ftp://hooks.lab.example/x", "ftp://hooks.lab.example/x");
    check_url("https://h/?x;SharedAccessKey=k", "https://h/?x;SharedAccessKey=k");
}

#[test]
fn a_list_of_nats_servers_keeps_its_order() {
    let check = |raw: &str, expected: Result<&[&str], ParseAddressError>| {
        let servers = nats_servers(raw)
            .map(|servers| servers.iter().map(|url| url.to_string()).collect::<Vec<_>>());
        let expected =
            expected.map(|urls| urls.iter().map(|&url| url.to_owned()).collect::<Vec<_>>());
        assert_eq!(servers, expected, "{raw:?}");
    };
    check("nats://a.example:4222", Ok(&["nats://a.example:4222"]));
    check("tls://a.example , b.example:4223,", Ok(&["tls://a.example", "nats://b.example:4223"]));
    check("nats://u:p@a,nats://t@[::1]:1", Ok(&["nats://u:p@a", "nats://t@[::1]:1"]));
    check("nats://a,https://b", Err(ParseAddressError::NotNats));
    check("nats://a,nats://", Err(ParseAddressError::NoHost));
    check_error("nats://a,https://b", ParseAddressError::NotNats);
    check_error("nats://", ParseAddressError::NoHost);
}

/// Rule R4.
#[test]
fn git_addresses_of_other_forms_read_as_https_without_their_user() {
    check_url("ssh://git@h/o/r", "https://h/o/r");
    check_url("ssh://git@h:22/o/r", "https://h:22/o/r");
    check_url("SSH://git:pw@h.example/o/r.git", "https://h.example/o/r.git");
    check_url("ssh://h/o/r", "https://h/o/r");
    check_url("git@h:o/r", "https://h/o/r");
    check_url("git@h:/o/r.git", "https://h/o/r.git");
    check_url("git@[::1]:o/r", "https://[::1]/o/r");
    check_url(
        "git@ssh.dev.azure.com:v3/acme-lab/proj/repo",
        "https://ssh.dev.azure.com/v3/acme-lab/proj/repo",
    );
}

/// Rule R4.
#[test]
fn connection_strings_read_as_the_hub() {
    let raw = "Endpoint=sb://ns.servicebus.windows.net/;SharedAccessKeyName=send;SharedAccessKey=a2V5PQ==;EntityPath=hub";
    check_url(raw, "https://ns.servicebus.windows.net/hub");
    let hubs = EventHubs::parse(raw).unwrap().unwrap();
    assert_eq!((hubs.key_name.as_str(), hubs.key.expose()), ("send", "a2V5PQ=="));
    assert!(!format!("{hubs:?}").contains("a2V5"), "{hubs:?}");
    let address = parse(raw).unwrap().unwrap();
    assert!(!address.full().contains("a2V5") && address.userinfo().is_none());

    check_url(
        "sharedaccesskey=k; SHAREDACCESSKEYNAME=n; entitypath=h; endpoint=sb://x.servicebus.windows.net",
        "https://x.servicebus.windows.net/h",
    );
    assert_eq!(EventHubs::parse("https://h/?Endpoint=sb://x"), None);
    assert_eq!(EventHubs::parse("hub"), None);
}

#[test]
fn connection_strings_name_the_part_that_is_missing() {
    let missing = |part| ParseAddressError::ConnectionString { part };
    check_error(
        "Endpoint=sb://fake.servicebus.windows.net/;SharedAccessKeyName=fake;SharedAccessKey=ZmFrZQ==",
        ParseAddressError::NoHub,
    );
    check_error("Endpoint=sb://x/;EntityPath=h;SharedAccessKey=k", missing("SharedAccessKeyName"));
    check_error(
        "Endpoint=sb://x/;EntityPath=h;SharedAccessKeyName=n;SharedAccessKey=",
        missing("SharedAccessKey"),
    );
    check_error("SharedAccessKeyName=n;SharedAccessKey=k;EntityPath=h", missing("Endpoint"));
    let rest = "SharedAccessKeyName=n;SharedAccessKey=k";
    check_error(&format!("Endpoint=x;EntityPath=h;{rest}"), ParseAddressError::NoScheme);
    check_error(&format!("Endpoint=sb://x/path;EntityPath=h;{rest}"), ParseAddressError::Unclear);
    check_error(&format!("Endpoint=sb://u@x;EntityPath=h;{rest}"), ParseAddressError::Unclear);
    check_error(&format!("Endpoint=sb:///x;EntityPath=h;{rest}"), ParseAddressError::NoHost);
    for hub in ["../h", "..", "a b", "a/b", "ä"] {
        check_error(
            &format!("Endpoint=sb://x;EntityPath={hub};{rest}"),
            ParseAddressError::HubName,
        );
    }
}

/// Rule R4.
#[test]
fn a_connection_string_without_a_hub_takes_that_of_the_channel() {
    const NAMESPACE: &str = "Endpoint=sb://ns.example/;SharedAccessKeyName=n;SharedAccessKey=k";
    let check = |address: &str, channel: &str, expected: Result<&str, ParseAddressError>| {
        let read = parse(&with_hub(address, channel)).map(|address| match address {
            Some(Address::Url { url }) => url.to_string(),
            other => panic!("it is read as {other:?}"),
        });
        assert_eq!(read, expected.map(str::to_owned), "{address:?} and {channel:?}");
    };
    for end in ["", ";", ";EntityPath="] {
        check(&[NAMESPACE, end].concat(), "events", Ok("https://ns.example/events"));
        check(&[NAMESPACE, end].concat(), " ", Err(ParseAddressError::NoHub));
    }
    check(&[NAMESPACE, ";EntityPath=hub"].concat(), "ns", Ok("https://ns.example/hub"));
    check(NAMESPACE, "a;Endpoint=sb://evil.example", Err(ParseAddressError::NoHub));
    check(NAMESPACE, "../other", Err(ParseAddressError::HubName));
    check("https://h.example/x", "events", Ok("https://h.example/x"));
    assert_eq!(with_hub("hub", "ns"), "hub");
    let unsigned = "Endpoint=sb://ns.example/;EntityPath=h";
    assert_eq!(with_hub(unsigned, "ns"), unsigned, "what is missing besides is told of as before");
}

#[test]
fn a_text_without_scheme_and_separators_is_a_name() {
    for name in ["projects-name", "fake-project", "hub_1", "metadata.google.internal"] {
        assert_eq!(parse(name), Ok(Some(Address::Name(name.to_owned()))));
    }
    let name = parse(" my-hub\n").unwrap().unwrap();
    assert_eq!(name.public(), ProviderAddress::Name("my-hub".to_owned()));
    assert_eq!((name.full(), name.userinfo()), ("my-hub".to_owned(), None));
}

#[test]
fn an_empty_address_is_none() {
    for raw in ["", " ", "\n\t"] {
        assert_eq!(parse(raw), Ok(None), "{raw:?}");
    }
}

#[test]
fn what_is_wrong_with_an_address_is_told_apart() {
    check_error("/only/path", ParseAddressError::OnlyPath);
    check_error("hooks.slack.com/services/x", ParseAddressError::NoScheme);
    check_error("h.example:8080/x", ParseAddressError::NoScheme);
    check_error("user:pw@h.example/x", ParseAddressError::NoScheme);
    check_error("https:/h/x", ParseAddressError::NoScheme);
    check_error("://h/x", ParseAddressError::NoScheme);
    check_error("https://", ParseAddressError::NoHost);
    check_error("file:///etc/passwd", ParseAddressError::NoHost);
    check_error("ssh://git@/o/r", ParseAddressError::NoHost);
    check_error("ssh:///o/r", ParseAddressError::NoHost);
    check_error("https:///services/x", ParseAddressError::NoHost);
    check_error("https://\\services/x", ParseAddressError::NoHost);
    check_error("https://h:99999/", ParseAddressError::Url(url::ParseError::InvalidPort));
    check_error("https://h\nX: y/", ParseAddressError::Unclear);
    check_error("token@host", ParseAddressError::Unclear);
    check_error("my project", ParseAddressError::Unclear);
    let long = format!("https://h/{}", "a".repeat(MAX_BYTES));
    check_error(&long, ParseAddressError::TooLong { n_bytes: MAX_BYTES + 10 });
    let text = parse("hooks.slack.com/services/x").unwrap_err().to_string();
    assert!(text.contains("no scheme") && text.contains("`https://`"), "{text}");
}

#[test]
fn only_the_origin_is_public() {
    #[track_caller]
    fn check(raw: &str, scheme: &str, host: &str, port: Option<u16>) {
        let origin = Origin { scheme: scheme.to_owned(), host: host.to_owned(), port };
        assert_eq!(parse(raw).unwrap().unwrap().public(), ProviderAddress::Url(origin), "{raw}");
    }
    check("HTTPS://u:p@Hooks.Example:8443/secret?key=1", "https", "hooks.example", Some(8443));
    check("https://h:443/", "https", "h", None);
    check("nats://u:p@NATS.example:4222", "nats", "nats.example", Some(4222));
    check("http://[::1]:80/x", "http", "[::1]", None);
    check("ssh://git@h:22/o/r", "https", "h", Some(22));
}

#[test]
fn userinfo_is_decoded_and_left_out_of_the_full_address() {
    let address = parse("https://us%40er:p%2Fw@h.example/x?y=1").unwrap().unwrap();
    assert_eq!(address.userinfo(), Some(("us@er".to_owned(), "p/w".to_owned())));
    assert_eq!(address.full(), "https://h.example/x?y=1");
    assert_eq!(address.with_userinfo(), "https://us%40er:p%2Fw@h.example/x?y=1");
    let key = parse("https://public@o0.ingest.sentry.example/42").unwrap().unwrap();
    assert_eq!(key.userinfo(), Some(("public".to_owned(), String::new())));
    assert_eq!(parse("https://h/x").unwrap().unwrap().userinfo(), None);
}

#[test]
fn debug_and_errors_show_nothing_of_the_address_but_its_origin() {
    let address = parse("https://user:hidden@h.example/hidden?hidden").unwrap().unwrap();
    assert_eq!(format!("{address:?}"), "Url(https://h.example/…)");
    for raw in [
        "hidden.example/hidden",
        "/hidden",
        "https://hidden:99999/hidden",
        "hidden@x",
        "https://[hidden/",
        "Endpoint=hidden",
    ] {
        let error = parse(raw).unwrap_err();
        let source = std::error::Error::source(&error).map(ToString::to_string);
        let shown = format!("{error} {error:?} {source:?}");
        assert!(!shown.contains("hidden"), "{shown}");
    }
}

proptest! {
    #[test]
    fn parse_never_panics(raw in "\\PC*") {
        drop(parse(&raw));
    }

    #[test]
    fn parse_never_panics_near_known_forms(
        start in "(https?|ssh|nats|sb|git\\+ssh|)(://)?",
        rest in "[a-z0-9@:/?#;=%,.\\[\\]\\\\é-]{0,24}",
    ) {
        for raw in [format!("{start}{rest}"), format!("Endpoint={start}{rest};EntityPath={rest};SharedAccessKeyName=n;SharedAccessKey=k")] {
            if let Ok(Some(address)) = parse(&raw) {
                drop((address.public(), address.full(), address.userinfo(), format!("{address:?}")));
            }
        }
    }
}
