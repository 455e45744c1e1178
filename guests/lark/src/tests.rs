use herald_provider::testing::{delivery, event, provider, render, response, url};
use herald_provider::{Delivery, Response, json};

use super::*;

fn ready(keys: &[&str]) -> Delivery {
    delivery(provider(url("https", "open.larksuite.com"), keys))
}

/// What the module says, in short.
fn said(delivery: Delivery) -> String {
    match Lark::next(delivery) {
        Ok(Action::Ask(question)) => render(&question.request),
        Ok(Action::Done(conclusion)) => format!("{:?}", conclusion.outcome),
        Ok(Action::Finish(_)) => "finish".to_owned(),
        Err(Failure::Later(later)) => format!("later {:?}: {}", later.after, later.reason),
        Err(Failure::Misconfigured(why)) => format!("misconfigured: {why}"),
        Err(Failure::Rejected(why)) => format!("rejected: {why}"),
        Err(Failure::Unsendable(why)) => format!("unsendable: {why}"),
    }
}

const CARD: &str = r#""msg_type":"interactive","card":{"config":{"wide_screen_mode":true},"header":{"title":{"tag":"plain_text","content":"💫 gitrepository/webapp.gitops-system"},"template":"turquoise"},"elements":[{"tag":"div","text":{"tag":"lark_md","content":"**message**\n\ntest: metadata\n"}}]}}"#;

#[test]
fn an_event_is_one_card() {
    let expected = ["POST {address}\ncontent-type: application/json\n\n{", CARD].concat();
    assert_eq!(said(ready(&[])), expected);
}

#[test]
fn a_signature_covers_the_time_and_stands_in_the_body() {
    let Ok(Action::Ask(question)) = Lark::next(ready(&["secret"])) else {
        panic!("not one question");
    };
    let [Fragment::Text(before), Fragment::Hmac(hmac), Fragment::Text(after)] =
        question.request.body.as_slice()
    else {
        panic!("not three pieces: {:?}", question.request.body);
    };
    assert_eq!(before, r#"{"timestamp":"1577836800","sign":""#);
    assert_eq!(after, &["\",", CARD].concat());
    let [Plain::Text(time), Plain::Secret(key)] = hmac.key.as_slice() else {
        panic!("not two pieces: {:?}", hmac.key);
    };
    assert_eq!((time.as_str(), key.as_str()), ("1577836800\n", "secret"));
    assert!(hmac.message.is_empty());
    assert!(matches!((hmac.hash, hmac.encoding), (Hash::Sha256, Encoding::Base64)));
    assert_eq!(Lark::describe().secrets.len(), 1);
}

#[test]
fn version_two_has_no_markup_to_escape() {
    let mut event = event();
    event.severity = "error".to_owned();
    event.message = "<at id=all></at> **x**".to_owned();
    let check = |event: &herald_provider::Event, elements: &str| {
        assert_eq!(
            card::message(event, Version::Two),
            [
                r#"{"msg_type":"interactive","card":{"schema":"2.0","config":{"update_multi":true},"header":{"title":{"tag":"plain_text","content":"🚨 gitrepository/webapp.gitops-system"},"template":"red"},"body":{"elements":["#,
                elements,
                "]}}}"
            ]
            .concat()
        );
    };
    check(
        &event,
        r#"{"tag":"div","text":{"tag":"plain_text","content":"\u003cat id=all\u003e\u003c/at\u003e **x**"}},{"tag":"div","text":{"tag":"plain_text","content":"test: metadata"}}"#,
    );
    event.metadata.clear();
    event.message = "m".to_owned();
    check(&event, r#"{"tag":"div","text":{"tag":"plain_text","content":"m"}}"#);
    event.message.clear();
    check(&event, "");
}

#[test]
fn markup_of_an_event_is_text() {
    let check = |text: &str, expected: &str| {
        let mut event = event();
        event.message = text.to_owned();
        event.metadata = vec![(text.to_owned(), text.to_owned())];
        let body: json::Value = card::message(&event, Version::One).parse().expect("it is JSON");
        assert_eq!(
            body["card"]["elements"][0]["text"]["content"],
            ["**", expected, "**\n\n", expected, ": ", expected, "\n"].concat()
        );
    };
    check("<at id=all></at>", "&#60;at id=all>&#60;/at>");
    check("**/*.yaml", "&#42;&#42;/&#42;.yaml");
    check("[a](https://b.example)", "&#91;a](https://b.example)");
    check("~~x~~", "&#126;&#126;x&#126;&#126;");
    check("plain_text-1.2 (a & b) `c` \"d\" > e", "plain_text-1.2 (a & b) `c` \"d\" > e");
}

#[test]
fn a_body_stays_below_the_limit() {
    let check = |version: Version, text: &str, keys: usize| {
        let long = text.repeat(30_000 / text.len());
        let mut event = event();
        event.message.clone_from(&long);
        event.metadata = (0..keys).map(|key| (key.to_string(), long.clone())).collect();
        let body = card::message(&event, version);
        // Time and signature come on top.
        let length = body.len() + r#""timestamp":"1577836800","sign":"","#.len() + 44;
        assert!(length <= 20_000, "{version:?} {text:?} {keys}: {length}");
        assert!(length > 19_000, "{version:?} {text:?} {keys}: {length}");
        let is_marked = keys > 2;
        assert_eq!(body.contains(" more"), is_marked, "{version:?} {text:?} {keys}");
    };
    for version in [Version::One, Version::Two] {
        for text in ["x", "é", "🦀", "<*\n", "\u{1}"] {
            for keys in [0, 1, 4] {
                check(version, text, keys);
            }
        }
    }
}

#[test]
fn an_answer_is_judged_by_its_code() {
    let check = |status: u16, body: &str, expected: &str| {
        let mut delivery = ready(&[]);
        delivery.responses.push(Response { status, ..response(body) });
        let said = said(delivery);
        assert!(said.starts_with(expected), "{status} {body}: {said}");
    };
    check(200, r#"{"code":0,"msg":"success","data":{}}"#, "Outcome::Delivered");
    check(200, r#"{"StatusCode":0,"StatusMessage":"success"}"#, "Outcome::Delivered");
    check(200, r#"{"StatusCode":0,"code":19021,"msg":"no"}"#, "misconfigured: Lark answered 19021");
    for code in [19_001, 19_021, 19_022, 19_024] {
        for status in [200, 400] {
            let body = format!(r#"{{"code":{code},"msg":"no"}}"#);
            check(status, &body, &format!("misconfigured: Lark answered {code}: no: "));
        }
    }
    for code in [11_232, 11_233, 99_991_400, 2_200, 9_499] {
        for status in [200, 400, 429] {
            let body = format!(r#"{{"code":{code},"msg":"too many request"}}"#);
            check(status, &body, &format!("later None: Lark answered {code}"));
        }
    }
    for status in [200, 400] {
        check(status, r#"{"code":9499,"msg":"Bad Request"}"#, "rejected: Lark answered 9499");
        check(status, r#"{"code":19002,"msg":"no"}"#, "rejected: Lark answered 19002: no");
        check(status, r#"{"code":-1}"#, "rejected: Lark answered -1: no message");
    }
    check(400, r#"{"code":0}"#, "rejected: Lark answered 0");
    check(429, r#"{"code":1,"msg":"x"}"#, "later None: Lark answered 1");
    for body in ["", "<html></html>", "{}", "[]", r#"{"code":"0"}"#] {
        check(200, body, "later None: the answer is not one of Lark's");
        check(400, body, "rejected: the receiver answered 400");
        check(429, body, "later None: the receiver answered 429");
    }
}

#[test]
fn a_limit_says_when_to_come_back() {
    let check = |headers: &[(&str, &str)], expected: &str| {
        let mut delivery = ready(&[]);
        let headers =
            headers.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        let body = br#"{"code":99991400,"msg":"x"}"#.to_vec();
        delivery.responses.push(Response { status: 429, headers, body });
        assert_eq!(said(delivery), [expected, ": Lark answered 99991400: x"].concat());
    };
    check(&[], "later None");
    check(&[("x-ogw-ratelimit-reset", "52")], "later Some(52)");
    check(&[("x-ogw-ratelimit-reset", "52"), ("retry-after", "3")], "later Some(52)");
    check(&[("x-ogw-ratelimit-reset", "soon"), ("retry-after", "3")], "later Some(3)");
    check(&[("retry-after", "3")], "later Some(3)");
}

#[test]
fn a_provider_is_checked_without_an_event() {
    assert!(Lark::check(&provider(url("https", "open.feishu.cn"), &[])).is_empty());
    assert!(Lark::check(&provider(url("https", "open.feishu.cn"), &["secret"])).is_empty());
    assert_eq!(Lark::check(&provider(None, &[])).len(), 1);
}

#[test]
fn the_schema_of_the_options_is_json() {
    let schema: json::Value = Lark::describe().config_schema.parse().expect("it is JSON");
    assert_eq!(schema["properties"]["format"]["default"], "card");
    assert_eq!(schema["additionalProperties"], false);
}
