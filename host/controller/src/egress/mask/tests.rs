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
