//! Each host rule for requests and secrets, by its own test. The names follow the lists in `wit/README.md`.

use herald_core::formatter::{Encoding, Hash, Hmac, Placement, Places, Purpose, Url};
use herald_core::secret::text_of;

use super::*;
use crate::egress::fixture::provider;

fn description(secrets: &[(&str, &[Place])]) -> Description {
    Description {
        summary: "x".to_owned(),
        purpose: Purpose::Message,
        hosts: vec!["api.lab.example".to_owned()],
        secrets: secrets
            .iter()
            .map(|(key, places)| Placement {
                key: (*key).to_owned(),
                places: places.iter().copied().collect::<Places>(),
            })
            .collect(),
        credentials: vec!["github-app".to_owned()],
        config_schema: String::new(),
    }
}

fn text(text: &str) -> Fragment {
    Fragment::Text(text.to_owned())
}

fn secret(key: &str) -> Fragment {
    Fragment::Secret(key.to_owned())
}

fn request(headers: Vec<(&str, Vec<Fragment>)>, body: Vec<Fragment>) -> Request {
    Request {
        method: "POST".to_owned(),
        url: Url { base: Base::Address, path: Vec::new(), query: Vec::new() },
        headers: headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        body,
    }
}

const ADDRESS: &str = "https://h.example/hook";

fn filled(
    request: &Request,
    declared: &[(&str, &[Place])],
    secrets: &[(&str, &str)],
) -> Result<Prepared, PrepareError> {
    whole(request, declared, &provider(ADDRESS, secrets))
}

/// The request of a module that wants no credential.
fn whole(
    request: &Request,
    declared: &[(&str, &[Place])],
    provider: &Provider,
) -> Result<Prepared, PrepareError> {
    match prepare(request, &description(declared), provider)? {
        Draft::Whole(prepared) => Ok(prepared),
        Draft::Lacking { credential, .. } => panic!("it lacks {credential}"),
    }
}

fn header(prepared: &Prepared, name: &str) -> String {
    String::from_utf8(
        prepared.headers.get(name).map(|value| value.as_bytes().to_vec()).unwrap_or_default(),
    )
    .unwrap()
}

fn refusal(result: Result<Prepared, PrepareError>) -> PrepareError {
    result.err().expect("it is refused")
}

/// Rules S1, S3.
#[test]
fn a_secret_is_filled_in_only_where_it_was_declared() {
    let asked = request(vec![("x-key", vec![text("Key "), secret("token")])], Vec::new());
    let done = filled(&asked, &[("token", &[Place::Header])], &[("token", "fake\n")]).unwrap();
    assert_eq!(
        header(&done, "x-key"),
        "Key fake",
        "the line break of `echo` is dropped in a header"
    );
    assert!(done.headers["x-key"].is_sensitive());
    let undeclared = PrepareError::Undeclared { key: "token".to_owned(), place: Place::Header };
    assert_eq!(refusal(filled(&asked, &[], &[("token", "fake")])), undeclared);
    assert_eq!(
        refusal(filled(&asked, &[("token", &[Place::Body])], &[("token", "fake")])),
        undeclared
    );
    let missing = PrepareError::MissingSecret("token".to_owned());
    assert_eq!(refusal(filled(&asked, &[("token", &[Place::Header])], &[])), missing);
    assert_eq!(refusal(filled(&asked, &[("token", &[Place::Header])], &[("token", "")])), missing);
}

/// Rule S1.
#[test]
fn a_star_declares_every_header_of_the_secret() {
    let asked = request(vec![("x-team", vec![secret("headers/X-Team")])], Vec::new());
    let done =
        filled(&asked, &[("headers/*", &[Place::Header])], &[("headers/X-Team", "blue")]).unwrap();
    assert_eq!(header(&done, "x-team"), "blue");
}

/// Rule S2.
#[test]
fn some_keys_are_never_placed_whatever_is_declared() {
    for key in WITHHELD {
        let asked = request(vec![("x", vec![secret(key)])], Vec::new());
        let refused = refusal(filled(&asked, &[(key, &[Place::Header])], &[(key, "fake")]));
        assert_eq!(refused, PrepareError::Undeclared { key: key.to_owned(), place: Place::Header });
    }
}

/// Rule S1.
#[test]
fn base64_counts_as_what_it_holds() {
    let pieces = vec![
        Plain::Secret("username".to_owned()),
        Plain::Text(":".to_owned()),
        Plain::Secret("password".to_owned()),
    ];
    let asked = request(
        vec![("authorization", vec![text("Basic "), Fragment::Base64(pieces)])],
        Vec::new(),
    );
    let secrets = [("username", "ann"), ("password", "fake")];
    let declared: &[(&str, &[Place])] =
        &[("username", &[Place::Header]), ("password", &[Place::Header])];
    assert_eq!(
        header(&filled(&asked, declared, &secrets).unwrap(), "authorization"),
        "Basic YW5uOmZha2U="
    );
    let half: &[(&str, &[Place])] = &[("username", &[Place::Header])];
    assert!(matches!(refusal(filled(&asked, half, &secrets)), PrepareError::Undeclared { .. }));
}

/// Rule S4.
#[test]
fn a_secret_is_escaped_as_its_place_asks() {
    let value = "a\"b\\c&d é";
    let declared: &[(&str, &[Place])] = &[("k", &[Place::Body, Place::Query, Place::Path])];
    let in_body = |content_type: &str| {
        let asked = request(vec![("content-type", vec![text(content_type)])], vec![secret("k")]);
        String::from_utf8(filled(&asked, declared, &[("k", value)]).unwrap().body.to_vec()).unwrap()
    };
    assert_eq!(in_body("application/json"), "a\\\"b\\\\c&d é");
    assert_eq!(in_body("application/x-www-form-urlencoded"), "a%22b%5Cc%26d%20%C3%A9");
    assert_eq!(in_body("text/plain"), value);
    let mut asked = request(Vec::new(), Vec::new());
    asked.url.path = vec![vec![text("bot"), secret("k")]];
    asked.url.query = vec![("q".to_owned(), vec![secret("k")])];
    let done = filled(&asked, declared, &[("k", "1:A/b?c")]).unwrap();
    assert_eq!(done.url.as_str(), "https://h.example/hook/bot1:A%2Fb%3Fc?q=1:A%2Fb%3Fc");
}

/// Rule S4.
#[test]
fn a_secret_cannot_become_a_dot_segment() {
    let mut asked = request(Vec::new(), Vec::new());
    asked.url.path = vec![vec![secret("k")]];
    assert_eq!(
        refusal(filled(&asked, &[("k", &[Place::Path])], &[("k", "..")])),
        PrepareError::DotSegment
    );
}

/// Rule S3.
#[test]
fn a_signature_covers_the_body_as_it_is_sent() {
    let sign = |message| {
        Fragment::Hmac(Hmac {
            hash: Hash::Sha256,
            key: vec![Plain::Secret("token".to_owned())],
            message,
            encoding: Encoding::Hex,
        })
    };
    let body = r#"{"involvedObject":{"kind":"GitRepository","namespace":"gitops-system","name":"webapp","uid":"1234","apiVersion":"source.toolkit.fluxcd.io/v1"},"severity":"info","timestamp":"2020-01-01T00:00:00Z","message":"message","reason":"reason","metadata":{"test":"metadata"},"reportingController":"source-controller","reportingInstance":"source-controller-xyz"}"#;
    let asked = request(
        vec![("x-signature", vec![text("sha256="), sign(vec![Signed::Body])])],
        vec![text(body)],
    );
    let declared: &[(&str, &[Place])] = &[("token", &[Place::Signature])];
    let done = filled(&asked, declared, &[("token", "secret")]).unwrap();
    assert_eq!(
        header(&done, "x-signature"),
        "sha256=86998c89223f4c574e9742ad240095eb074655614190904d41ba825c481687cd"
    );
    let inside = request(Vec::new(), vec![sign(vec![Signed::Body])]);
    assert_eq!(
        refusal(filled(&inside, declared, &[("token", "secret")])),
        PrepareError::BodyInBody
    );
    let keyless = Fragment::Hmac(Hmac {
        hash: Hash::Sha1,
        key: Vec::new(),
        message: Vec::new(),
        encoding: Encoding::Hex,
    });
    assert_eq!(
        refusal(filled(&request(vec![("x", vec![keyless])], Vec::new()), &[], &[])),
        PrepareError::EmptyKey
    );
}

#[test]
fn secret_bytes_are_the_base64_after_a_prefix() {
    let fragment = Fragment::Base64(vec![Plain::SecretBytes("k".to_owned())]);
    let asked = request(vec![("x", vec![fragment])], Vec::new());
    let declared: &[(&str, &[Place])] = &[("k", &[Place::Header])];
    assert_eq!(header(&filled(&asked, declared, &[("k", "whsec_AAEC")]).unwrap(), "x"), "AAEC");
    assert_eq!(
        refusal(filled(&asked, declared, &[("k", "?")])),
        PrepareError::NotBase64("k".to_owned())
    );
}

#[test]
fn a_secret_that_is_no_text_goes_where_bytes_can_stand() {
    let mut provider = provider(ADDRESS, &[]);
    provider.secret.insert_bytes("k", text_of(b"\x8eab\n".to_vec()).unwrap_err());
    let declared: &[(&str, &[Place])] = &[("k", &[Place::Header, Place::Body])];
    let asked = request(vec![("x", vec![secret("k")])], Vec::new());
    let filled = whole(&asked, declared, &provider).unwrap();
    assert_eq!(filled.headers["x"].as_bytes(), b"\x8eab");

    let asked = request(vec![("content-type", vec![text("application/json")])], vec![secret("k")]);
    let refused = refusal(whole(&asked, declared, &provider));
    assert_eq!(refused, PrepareError::NotText("k".to_owned()));
}

/// Rules R1, R2.
#[test]
fn headers_of_the_connection_and_repeated_ones_are_refused() {
    for name in CONNECTION_HEADERS.into_iter().chain([
        "Host",
        "proxy-authorization",
        "Proxy-Connection",
        "a b",
        "",
    ]) {
        let refused =
            refusal(filled(&request(vec![(name, vec![text("x")])], Vec::new()), &[], &[]));
        assert_eq!(refused, PrepareError::Header(name.to_owned()), "{name}");
    }
    let twice = request(vec![("X-A", vec![text("1")]), ("x-a", vec![text("2")])], Vec::new());
    assert_eq!(refusal(filled(&twice, &[], &[])), PrepareError::Header("x-a".to_owned()));
    let many: Vec<String> = (0..=MAX_HEADERS).map(|number| format!("x-{number}")).collect();
    let many =
        request(many.iter().map(|name| (name.as_str(), vec![text("1")])).collect(), Vec::new());
    assert_eq!(refusal(filled(&many, &[], &[])), PrepareError::TooManyHeaders);
}

/// Rule S3.
#[test]
fn control_characters_in_headers_are_refused_without_showing_the_value() {
    for value in ["a\r\nb: c", "a\nb", "a\0b"] {
        let asked = request(vec![("x-key", vec![secret("k")])], Vec::new());
        let refused = refusal(filled(&asked, &[("k", &[Place::Header])], &[("k", value)]));
        assert_eq!(refused, PrepareError::HeaderValue("x-key".to_owned()));
        assert!(!refused.to_string().contains('a') || !refused.to_string().contains("b: c"));
    }
}

/// Rule R1.
#[test]
fn methods_and_sizes_are_bounded() {
    let mut asked = request(Vec::new(), Vec::new());
    asked.method = "CONNECT".to_owned();
    assert_eq!(refusal(filled(&asked, &[], &[])), PrepareError::Method("CONNECT".to_owned()));
    let long = request(Vec::new(), vec![Fragment::Bytes(vec![0; MAX_BODY_BYTES + 1])]);
    assert_eq!(refusal(filled(&long, &[], &[])), PrepareError::TooLong);
}

fn publication(address: &str, base: Base, path: &[&str]) -> Result<Prepared, PrepareError> {
    let mut asked = request(vec![("Nats-Msg-Id", vec![text("0af7")])], vec![text("{}")]);
    asked.method = "PUBLISH".to_owned();
    asked.url.base = base;
    asked.url.path = path.iter().map(|&segment| vec![text(segment)]).collect();
    whole(&asked, &[], &provider(address, &[]))
}

/// Rule R8.
#[test]
fn a_publication_has_a_subject_and_no_header_but_its_own() {
    let check = |address: &str, subject: &str, expected: &str| {
        let done = publication(address, Base::Origin, &[subject]).unwrap();
        assert_eq!((done.method.as_str(), done.url.as_str()), ("PUBLISH", expected));
        let names: Vec<&str> = done.headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["nats-msg-id"]);
    };
    check("nats://h.example:4222", "flux.events", "nats://h.example:4222/flux.events");
    check("tls://ann:fake@h.example", "flux", "tls://h.example/flux");
    check("nats://h.example/x?y=z", "a/b?c#d", "nats://h.example/a%2Fb%3Fc%23d");
    check("nats://a.example,nats://b.example", "flux", "nats://a.example/flux");
    for path in [
        &[][..],
        &[""],
        &["."],
        &[".."],
        &["flux events"],
        &["a\r\nPUB b 0"],
        &["a\tb"],
        &["a", "b"],
    ] {
        let refused = refusal(publication("nats://h.example", Base::Address, path));
        assert!(matches!(refused, PrepareError::Subject | PrepareError::DotSegment), "{path:?}");
    }
}

/// Rule R8.
#[test]
fn a_publication_goes_to_nats_alone() {
    for address in ["https://h.example/hook", "ws://h.example"] {
        let refused = refusal(publication(address, Base::Origin, &["flux"]));
        assert_eq!(refused, PrepareError::NotNats, "{address}");
    }
    let site = Base::Site("https://api.lab.example".to_owned());
    let refused = refusal(publication("nats://h.example", site, &["flux"]));
    assert_eq!(refused, PrepareError::NotNats);
    assert_eq!(refusal(publication("hub", Base::Origin, &["flux"])), PrepareError::NoUrl);
}

/// Rule R4.
#[test]
fn userinfo_becomes_basic_unless_the_module_authorizes() {
    let address = "https://user:fake%20pw@h.example/x";
    let plain = whole(&request(Vec::new(), Vec::new()), &[], &provider(address, &[])).unwrap();
    assert_eq!(plain.url.as_str(), "https://h.example/x");
    assert_eq!(header(&plain, "authorization"), "Basic dXNlcjpmYWtlIHB3");
    let own = request(vec![("Authorization", vec![text("Bearer x")])], Vec::new());
    let own = whole(&own, &[], &provider(address, &[])).unwrap();
    assert_eq!(header(&own, "authorization"), "Bearer x");
}

#[test]
fn userinfo_is_only_for_requests_to_the_address_itself() {
    let check = |base: Base, is_sent: bool| {
        let mut asked = request(Vec::new(), Vec::new());
        asked.url.base = base;
        let address = "https://user:fake@h.example/x";
        let done = whole(&asked, &[], &provider(address, &[])).unwrap();
        assert_eq!(done.headers.contains_key(AUTHORIZATION), is_sent, "{:?}", asked.url.base);
    };
    check(Base::Address, true);
    check(Base::AddressEnding, true);
    check(Base::AddressOr, true);
    check(Base::Origin, false);
    check(Base::Site("https://api.lab.example".to_owned()), false);
}

/// Rule S5.
#[test]
fn a_credential_stands_alone_in_its_header() {
    let credential = |name: &str| Fragment::Authorization(name.to_owned());
    let check = |headers, expected: PrepareError| {
        assert_eq!(refusal(filled(&request(headers, Vec::new()), &[], &[])), expected);
    };
    let asked = request(vec![("authorization", vec![credential("github-app")])], Vec::new());
    let with_user = provider("https://user:fake@h.example/x", &[]);
    let Draft::Lacking { credential: name, request: lacking } =
        prepare(&asked, &description(&[]), &with_user).unwrap()
    else {
        panic!("it lacks a credential")
    };
    assert_eq!((name.as_str(), lacking.url().as_str()), ("github-app", "https://h.example/x"));
    let done = lacking.authorized(HeaderValue::from_static("Bearer fake"));
    assert_eq!(
        header(&done, "authorization"),
        "Bearer fake",
        "and the user of the address is not sent"
    );
    for twice in [
        vec![("authorization", vec![credential("github-app")]), ("Authorization", vec![text("x")])],
        vec![("authorization", vec![text("x")]), ("Authorization", vec![credential("github-app")])],
    ] {
        check(twice, PrepareError::Header("Authorization".to_owned()));
    }
    check(
        vec![("x-auth", vec![credential("github-app")])],
        PrepareError::Credential("github-app".to_owned()),
    );
    check(
        vec![("authorization", vec![credential("google")])],
        PrepareError::Credential("google".to_owned()),
    );
    check(
        vec![("authorization", vec![text("x"), credential("github-app")])],
        PrepareError::Credential("github-app".to_owned()),
    );
}

/// Rule S8.
#[test]
fn a_signature_needs_a_declaration_of_its_own() {
    let signature = Fragment::Hmac(Hmac {
        hash: Hash::Sha256,
        key: vec![Plain::Text("chosen by the module".to_owned())],
        message: vec![Signed::Secret("token".to_owned())],
        encoding: Encoding::Hex,
    });
    let asked = request(vec![("x-sum", vec![signature])], Vec::new());
    let secrets = [("token", "fake")];
    let refused = refusal(filled(&asked, &[("token", &[Place::Header])], &secrets));
    assert_eq!(
        refused,
        PrepareError::Undeclared { key: "token".to_owned(), place: Place::Signature }
    );
    assert!(filled(&asked, &[("token", &[Place::Signature])], &secrets).is_ok());
}

/// Rule S3.
#[test]
fn the_line_break_of_echo_is_dropped_in_headers_and_urls_alone() {
    let everywhere: &[(&str, &[Place])] =
        &[("k", &[Place::Header, Place::Path, Place::Body, Place::Signature])];
    let signature = Fragment::Hmac(Hmac {
        hash: Hash::Sha256,
        key: vec![Plain::Secret("k".to_owned())],
        message: Vec::new(),
        encoding: Encoding::Hex,
    });
    let basic = Fragment::Base64(vec![Plain::Secret("k".to_owned())]);
    let mut asked = request(
        vec![("x", vec![secret("k")]), ("y", vec![basic]), ("z", vec![signature])],
        vec![secret("k")],
    );
    asked.url.path = vec![vec![secret("k")]];
    let (with, without) = (
        filled(&asked, everywhere, &[("k", "fake\n")]).unwrap(),
        filled(&asked, everywhere, &[("k", "fake")]).unwrap(),
    );
    assert_eq!(
        (header(&with, "x"), header(&with, "y")),
        (header(&without, "x"), header(&without, "y"))
    );
    assert_eq!(with.url, without.url);
    assert_eq!(with.body, "fake\n");
    assert_ne!(header(&with, "z"), header(&without, "z"), "a key is used as it is");
}

/// Rule R1.
#[test]
fn few_words_cannot_ask_for_more_than_a_request_may_take() {
    let long = "k".repeat(1 << 20);
    let everywhere: &[(&str, &[Place])] =
        &[("k", &[Place::Header, Place::Path, Place::Body, Place::Signature])];
    let many = |fragment: &Fragment| vec![fragment.clone(); 1000];
    let basic = Fragment::Base64(vec![Plain::Secret("k".to_owned())]);
    let signature = Fragment::Hmac(Hmac {
        hash: Hash::Sha256,
        key: vec![Plain::Secret("k".to_owned())],
        message: vec![Signed::Secret("k".to_owned())],
        encoding: Encoding::Hex,
    });
    for fragment in [secret("k"), basic, signature] {
        let mut in_path = request(Vec::new(), Vec::new());
        in_path.url.path = vec![many(&fragment)];
        for asked in [
            request(Vec::new(), many(&fragment)),
            request(vec![("x", many(&fragment))], Vec::new()),
            in_path,
        ] {
            assert_eq!(refusal(filled(&asked, everywhere, &[("k", &long)])), PrepareError::TooMuch);
        }
    }
}
