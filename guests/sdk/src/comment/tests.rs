use super::*;
use crate::Url;
use crate::testing::{delivery, provider, render, response, url};

struct Example {
    is_app: bool,
}

impl Forge for Example {
    const NAME: &'static str = "Example";
    const MARKER: &'static str = "key";
    const LIMIT: usize = 200;

    fn whoami(&self) -> Option<Request> {
        (!self.is_app).then(|| Request::get(Url::address()))
    }

    fn account<'a>(&self, answer: &'a Value) -> Option<&'a str> {
        answer["name"].as_str()
    }

    fn list(&self, number: &str, page: usize) -> Request {
        Request::get(Url::address().with_query("of", number).with_query("page", &page.to_string()))
    }

    fn author<'a>(&self, comment: &'a Value) -> Option<&'a str> {
        comment["by"].as_str()
    }

    fn may_be_own(&self, author: &str) -> bool {
        author == "app"
    }

    fn disarm(&self, text: String) -> String {
        text.replace("boom", "b-m")
    }

    fn create(&self, _number: &str, body: String) -> Request {
        Request::post_json(Url::address(), body)
    }

    fn update(&self, _number: &str, id: &str, body: String) -> Request {
        Request::post_json(Url::address().with_query("id", id), body)
    }
}

const MARKER: &str =
    "<!-- key:0c9c2e41-d2f9-4f9b-9c41-bebc1984d67a/GitRepository/gitops-system/webapp -->";
const REPORT: &str = "\n\n## Flux Status\n\n\u{2139}\u{fe0f} GitRepository/gitops-system/webapp\n\nb-m\n\nMetadata:\n";

fn about(number: &str) -> Delivery {
    let mut delivery = delivery(provider(url("https", "forge.example"), &["token"]));
    delivery.event.message = "boom".to_owned();
    delivery.event.metadata = vec![("change_request".to_owned(), number.to_owned())];
    delivery
}

/// What comes of a delivery, in one text.
fn outcome(is_app: bool, delivery: &Delivery) -> String {
    match next(&Example { is_app }, delivery) {
        Ok(Action::Ask(question)) => ["ask ", &render(&question.request)].concat(),
        Ok(Action::Finish(request)) => ["finish ", &render(&request)].concat(),
        Ok(Action::Done(conclusion)) => format!("{:?}", conclusion.outcome),
        Err(failure) => format!("{failure:?}"),
    }
}

/// A page of comments, each given as id, author and body.
fn page(comments: &[(u64, &str, &str)], has_next: bool) -> Response {
    let listed: Vec<String> = comments
        .iter()
        .map(|(id, by, body)| {
            json::object(64, |o| {
                o.number("id", i64::try_from(*id).expect("it is small"));
                o.text("by", by).text("body", body);
            })
        })
        .collect();
    let mut page = response(&["[", &listed.join(","), "]"].concat());
    if has_next {
        let link = r#"<https://forge.example/?page=1>; rel="first", <x>; rel="next""#;
        page.headers.push(("link".to_owned(), link.to_owned()));
    }
    page
}

#[test]
fn the_author_is_asked_for_then_the_comments() {
    let mut delivery = about("42");
    assert_eq!(outcome(false, &delivery), "ask GET {address}");
    assert_eq!(outcome(true, &delivery), "ask GET {address}?of=42&page=1");
    delivery.responses = vec![response(r#"{"name":"bot"}"#)];
    assert_eq!(outcome(false, &delivery), "ask GET {address}?of=42&page=1");
}

#[test]
fn the_comment_is_found_by_its_author_and_its_beginning() {
    let older = [MARKER, "\n\nolder"].concat();
    let quoted = ["> ", MARKER, "\n\nquoted"].concat();
    let check = |is_app: bool, comments: &[(u64, &str, &str)], expected: &str| {
        let mut delivery = about("42");
        if !is_app {
            delivery.responses.push(response(r#"{"name":"bot"}"#));
        }
        delivery.responses.push(page(comments, false));
        let outcome = outcome(is_app, &delivery);
        assert!(outcome.starts_with(expected), "{comments:?}: {outcome}");
    };
    let create = "finish POST {address}\n";
    check(false, &[], create);
    check(false, &[(1, "someone", &older), (2, "bot", &quoted)], create);
    check(
        false,
        &[(1, "someone", &older), (2, "bot", &older), (3, "bot", &older)],
        "finish POST {address}?id=2\n",
    );
    check(true, &[(1, "bot", &older), (2, "app", &older)], "finish POST {address}?id=2\n");
}

#[test]
fn a_comment_that_says_the_same_is_left() {
    let mut delivery = about("42");
    let check = |delivery: &mut Delivery, body: &str, expected: &str| {
        delivery.responses = vec![page(&[(7, "app", body)], false)];
        assert_eq!(outcome(true, delivery), expected);
    };
    let text = [MARKER, REPORT].concat();
    let skipped = r#"Outcome::Skipped("the change request has this comment already")"#;
    check(&mut delivery, &text, skipped);
    check(&mut delivery, text.trim_end(), skipped);
    check(&mut delivery, &text.replace('\n', "\r\n"), skipped);
    let body = json::object(64, |o| {
        o.text("body", &text);
    });
    check(
        &mut delivery,
        &text.replace("b-m", "else"),
        &["finish POST {address}?id=7\ncontent-type: application/json\n\n", &body].concat(),
    );
}

#[test]
fn pages_are_turned_as_far_as_questions_allow() {
    let check = |n_pages: usize, has_next: bool, expected: &str| {
        let mut delivery = about("42");
        delivery.responses = vec![response(r#"{"name":"bot"}"#)];
        delivery.responses.extend((0..n_pages).map(|_| page(&[(1, "bot", "other")], has_next)));
        let outcome = outcome(false, &delivery);
        assert!(outcome.starts_with(expected), "{n_pages}: {outcome}");
    };
    check(1, true, "ask GET {address}?of=42&page=2");
    check(6, true, "ask GET {address}?of=42&page=7");
    check(7, true, "finish POST");
    check(2, false, "finish POST");
}

#[test]
fn a_long_comment_is_cut_behind_its_marker() {
    let mut delivery = about("42");
    delivery.event.message = "x".repeat(300);
    delivery.responses = vec![page(&[], false)];
    let outcome = outcome(true, &delivery);
    let body = outcome.split_once("\n\n").map(|(_, body)| body).expect("there is a body");
    let body = body.parse::<Value>().expect("it is JSON");
    let text = body["body"].as_str().expect("it is a text");
    assert_eq!(text.chars().count(), 200);
    assert!(text.starts_with(MARKER) && text.ends_with("x…"), "{text}");
}

#[test]
fn the_number_is_one() {
    let check = |number: &str, expected: &str| {
        let outcome = outcome(true, &about(number));
        assert!(outcome.starts_with(expected), "{number}: {outcome}");
    };
    check("7", "ask GET {address}?of=7&");
    check("+007", "ask GET {address}?of=7&");
    for number in ["", "0", "-7", "12a", " 7", "99999999999999999999"] {
        check(number, "Failure::Unsendable(\"the event's change_request `");
    }
    let mut delivery = about("7");
    delivery.event.metadata.clear();
    assert!(outcome(true, &delivery).starts_with("Failure::Unsendable(\"the event's metadata has"));
}

#[test]
fn an_answer_of_someone_else_is_asked_for_again() {
    let check = |is_app: bool, body: &str| {
        let mut delivery = about("42");
        delivery.responses = vec![response(body)];
        let outcome = outcome(is_app, &delivery);
        assert!(outcome.contains("the answer is not one of Example's"), "{body}: {outcome}");
    };
    for body in ["", "<html></html>", "null", "{}", r#"{"name":""}"#] {
        check(false, body);
        check(true, body);
    }
    check(true, &format!(r#"[{{"by":"app","body":"{MARKER}"}}]"#));
}
