use herald_core::secret::text_of;

use super::*;
use crate::egress::fixture::provider;

const ADDRESS: &str =
    "https://user:fake-pw@hooks.lab.example/services/T0000/not-a-real-hook-path?key=fake-query-key";

fn check(text: &str, expected: &str) {
    let provider =
        provider(ADDRESS, &[("token", "fake \"token\"/1"), ("username", "flux"), ("short", "abc")]);
    assert_eq!(Mask::new(&provider, AddressSeen::Origin).text(text), expected);
}

/// Rule S6.
#[test]
fn a_secret_is_found_in_every_form_in_which_it_may_come_back() {
    check(r#"raw fake "token"/1 end"#, "raw ***** end");
    check("url fake%20%22token%22%2F1 end", "url ***** end");
    check(r#"json fake \"token\"/1 end"#, "json ***** end");
    check("base64 ZmFrZSAidG9rZW4iLzE= end", "base64 ***** end");
    check("base64 without padding ZmFrZSAidG9rZW4iLzE end", "base64 without padding ***** end");
    check("hex 66616b652022746f6b656e222f31 end", "hex ***** end");
}

/// Rule S6.
#[test]
fn writers_escape_differently() {
    check("lower fake%20%22token%22%2f1 end", "lower ***** end");
    check("browser fake%20%22token%22/1 end", "browser ***** end");
    check("form fake+%22token%22%2F1 end", "form ***** end");
    check(r#"slash fake \"token\"\/1 end"#, "slash ***** end");
    check(r"go fake \u0022token\u0022/1 end", "go ***** end");
    check("html fake &quot;token&#34;/1 end", "html ***** end");
    check("twice fake%2520%2522token%2522%252F1 end", "twice ***** end");
    check("base64 in a URL ZmFrZSAidG9rZW4iLzE%3D end", "base64 in a URL ***** end");
}

/// Rule S6.
#[test]
fn a_secret_within_a_longer_base64_text_is_found_at_each_place() {
    // `Basic` of the user and the token, and the same with one and two more characters before.
    for longer in
        ["user:fake \"token\"/1", "a user:fake \"token\"/1!", "ab user:fake \"token\"/1!!"]
    {
        let text = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, longer);
        let provider = provider(ADDRESS, &[("token", "fake \"token\"/1")]);
        let shown = Mask::new(&provider, AddressSeen::Origin).text(&text);
        assert!(shown.contains("*****") && shown.len() < text.len() - 10, "{shown}");
    }
}

/// Rule S6.
#[test]
fn each_credential_of_nats_is_found_by_itself() {
    let creds = "-----BEGIN NATS USER JWT-----\nfake.jwt.of-a-user\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\nSUFAKESEEDOFAUSER\n------END USER NKEY SEED------\n";
    let provider = provider(
        "nats://ann:fake-first@a.example,bob:fake-second@b.example:4222",
        &[("creds", creds)],
    );
    let check = |text: &str, expected: &str| {
        assert_eq!(Mask::new(&provider, AddressSeen::Origin).text(text), expected);
    };
    check("jwt fake.jwt.of-a-user end", "jwt ***** end");
    check("seed SUFAKESEEDOFAUSER end", "seed ***** end");
    check("BEGIN USER NKEY SEED", "BEGIN USER NKEY SEED");
    check("nats://ann:fake-first@a.example", "nats://*****@a.example");
    check("b.example takes no fake-second", "b.example takes no *****");
}

#[test]
fn overlapping_secrets_leave_no_tail() {
    let provider = provider("", &[("a", "fake-one-two"), ("b", "two-three")]);
    let shown = Mask::new(&provider, AddressSeen::Origin).text("x fake-one-two-three y");
    assert_eq!(shown, "x ***** y");
}

#[test]
fn the_credential_in_a_header_is_secret_without_its_scheme() {
    let secrets =
        [("headers/Authorization", "Bearer fake-bearer"), ("headers/X", "Basic YW5uOmZha2UtcHc=")];
    let provider = provider("", &secrets);
    let shown =
        Mask::new(&provider, AddressSeen::Origin).text("no fake-bearer for ann with fake-pw");
    assert_eq!(shown, "no ***** for ann with *****");
}

#[test]
fn a_user_without_a_password_is_a_credential() {
    let provider = provider("https://fake-user-token@github.com/acme/platform", &[]);
    let shown = Mask::new(&provider, AddressSeen::Whole).text("fake-user-token for acme/platform");
    assert_eq!(shown, "***** for acme/platform");
}

/// Rule S6.
#[test]
fn a_query_is_secret_also_where_the_path_is_not() {
    let provider = provider("https://git.example/acme/platform?key=fake%2Fquery", &[]);
    let mask = Mask::new(&provider, AddressSeen::Whole);
    assert_eq!(mask.text("acme/platform fake%2Fquery fake/query"), "acme/platform ***** *****");
}

#[test]
fn the_key_of_a_connection_string_is_secret_by_itself() {
    let address = "Endpoint=sb://ns.example/;SharedAccessKeyName=n;SharedAccessKey=ZmFrZS1rZXk=;EntityPath=hub";
    let shown =
        Mask::new(&provider(address, &[]), AddressSeen::Origin).text("key ZmFrZS1rZXk= of hub");
    assert_eq!(shown, "key ***** of hub");
}

/// Rule S6.
#[test]
fn the_address_beyond_its_host_is_secret() {
    check(
        "no hook at hooks.lab.example/services/T0000/not-a-real-hook-path",
        "no hook at hooks.lab.example/*****",
    );
    check("token not-a-real-hook-path is unknown", "token ***** is unknown");
    check("key fake-query-key, password fake-pw", "key *****, password *****");
}

/// Rule S6.
#[test]
fn bytes_that_are_no_text_are_found_however_they_are_read() {
    let mut provider = provider("https://h.example/x", &[]);
    provider.secret.insert_bytes("token", text_of(b"fake\x8etoken\n".to_vec()).unwrap_err());
    let mask = Mask::new(&provider, AddressSeen::Origin);
    let check = |echoed: &[u8]| {
        let shown = mask.bytes([b"<", echoed, b">"].concat());
        assert_eq!(shown, b"<*****>", "{}", String::from_utf8_lossy(echoed));
    };
    check(b"fake\x8etoken");
    check("fake\u{fffd}token".as_bytes());
    check("fake\u{8e}token".as_bytes());
    check(b"fake%8Etoken");
    // `fake`, the byte, `token`.
    check(b"ZmFrZY50b2tlbg==");
}

/// Rule S6.
#[test]
fn what_is_no_secret_is_left() {
    check("flux said abc at hooks.lab.example", "flux said abc at hooks.lab.example");
}

/// Rule S6.
#[test]
fn a_module_that_sees_the_address_may_compare_with_its_path() {
    let provider = provider(
        "https://ann:fake-pw@github.com/acme/platform-kubernetes",
        &[("token", "fake-token")],
    );
    let seen = |seen| {
        Mask::new(&provider, seen).text("kustomization/platform-kubernetes by fake-pw fake-token")
    };
    assert_eq!(seen(AddressSeen::Whole), "kustomization/platform-kubernetes by ***** *****");
    assert_eq!(seen(AddressSeen::Origin), "kustomization/***** by ***** *****");
}

#[test]
fn a_value_without_its_last_character_is_as_good_as_whole() {
    let provider = provider(ADDRESS, &[("token", "fake-hmac-key")]);
    let mask = Mask::new(&provider, AddressSeen::Origin);
    assert_eq!(mask.text("key fake-hmac-ke… and fake-hmac-key"), "key *****… and *****");
}

/// Rule S6.
#[test]
fn texts_are_one_line_and_bounded() {
    check("a\r\nb\tc", "a  b c");
    let long = "é".repeat(2000);
    let provider = provider(ADDRESS, &[]);
    let shown = Mask::new(&provider, AddressSeen::Origin).text(&long);
    assert_eq!(shown.chars().filter(|c| *c == 'é').count(), 512);
    assert!(shown.ends_with('…'));
}

/// Rule S6.
#[test]
fn answers_lose_cookies_and_secrets_and_keep_the_rest() {
    let provider = provider(ADDRESS, &[("token", "fake-token")]);
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let answer = Response {
        status: 400,
        headers: vec![
            header("set-cookie", "a=b"),
            header("x-echo", "fake-token"),
            header("x-id", "7"),
        ],
        body: b"bad fake-token".to_vec(),
    };
    let masked = Mask::new(&provider, AddressSeen::Origin).response(answer);
    assert_eq!(masked.headers, [header("x-echo", "*****"), header("x-id", "7")]);
    assert_eq!(masked.body, b"bad *****");
}

#[test]
fn a_secret_as_long_as_a_key_is_found_whole() {
    let mixed: String =
        (0..2000_u64).map(|n| format!("{:08x}", n * 2_654_435_761 % (1 << 32))).collect();
    for long in ["a".repeat(16_000), mixed] {
        let mask = Mask::new(&provider(ADDRESS, &[("token", &long)]), AddressSeen::Origin);
        assert_eq!(mask.text(&format!("key {long} end")), "key ***** end");
    }
}

/// Rule S6.
#[test]
fn what_was_obtained_is_masked_like_what_was_given() {
    let provider = provider("https://h.example/x", &[("token", "fake-token")]);
    let mask = Mask::new(&provider, AddressSeen::Origin);
    let said = "fake-token ghs_fake/1 Z2hzX2Zha2UvMQ== ghs_fake%2f1 end";
    assert_eq!(mask.text(said), "***** ghs_fake/1 Z2hzX2Zha2UvMQ== ghs_fake%2f1 end");
    mask.hide(&SecretText::from("ghs_fake/1"));
    assert_eq!(mask.text(said), "***** ***** ***** ***** end");
    for number in 0..8 {
        assert_eq!(mask.text("ghs_fake/1"), "*****", "{number}");
        mask.hide(&SecretText::new(format!("fake-newer-{number}")));
        mask.hide(&SecretText::new(format!("fake-newer-{number}")));
    }
    assert_eq!(mask.text("ghs_fake/1 fake-newer-0 fake-newer-7"), "ghs_fake/1 ***** *****");
}

#[test]
fn a_proof_has_a_name_where_secrets_are_shown() {
    let mask = Mask::new(&provider("", &[]), AddressSeen::Origin);
    mask.hide_proof(&SecretText::from("eyJ.eyJ.sig"));
    mask.hide(&SecretText::from("fake-obtained"));
    assert_eq!(mask.text("Bearer eyJ.eyJ.sig fake-obtained"), "Bearer ***** *****");
    let shown = mask.without_proofs("assertion=eyJ.eyJ.sig fake-obtained");
    assert_eq!(shown, "assertion=(an RS256 JWT) fake-obtained");
}
