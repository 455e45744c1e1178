use herald_provider::testing::{delivery, provider, render, url};

use super::*;

fn sent(keys: &[&str]) -> String {
    match GenericHmac::next(delivery(provider(url("https", "hooks.example"), keys))) {
        Ok(Action::Finish(request)) => render(&request),
        other => panic!("not one request: {other:?}"),
    }
}

#[test]
fn the_signature_is_of_the_body() {
    let sent = sent(&["token"]);
    let (head, body) = sent.split_once("\n\n").expect("there is a body");
    let signature = head.lines().last().expect("there are headers");
    assert_eq!(
        signature,
        r#"x-signature: sha256={Hmac { hash: Hash::Sha256, key: [Plain::Secret("token")], message: [Signed::Body], encoding: Encoding::Hex }}"#
    );
    assert!(body.starts_with(r#"{"involvedObject":{"kind":"GitRepository","#));
}

#[test]
fn no_header_of_the_user_stands_in_for_the_signature() {
    let sent = sent(&["headers/Content-Type", "headers/X-Signature", "token"]);
    assert!(!sent.contains("{headers/X-Signature}"), "{sent}");
    assert!(sent.contains("Content-Type: {headers/Content-Type}"), "{sent}");
}

#[test]
fn without_a_key_nothing_is_sent() {
    let action = GenericHmac::next(delivery(provider(url("https", "hooks.example"), &[])));
    assert!(matches!(action, Err(Failure::Misconfigured(why)) if why == NO_KEY));
}

#[test]
fn an_address_and_a_key_make_it_ready() {
    let n_problems = |address, keys: &[&str]| GenericHmac::check(&provider(address, keys)).len();
    assert_eq!(n_problems(url("https", "hooks.example"), &["token"]), 0);
    assert_eq!(n_problems(url("https", "hooks.example"), &[]), 1);
    assert_eq!(n_problems(None, &["token"]), 1);
    assert_eq!(n_problems(None, &[]), 2);
}
