use herald_provider::json::Value;
use herald_provider::testing::{delivery, provider, render, response, url};
use herald_provider::{Delivery, Outcome, Response};

use super::*;

const CONNECTOR: &str = "acme.webhook.office.com";
const WORKFLOW: &str = "default0a.b1.environment.api.powerplatform.com";

fn to(host: &str, config: &str) -> Delivery {
    let mut delivery = delivery(provider(url("https", host), &[]));
    delivery.provider.config = config.to_owned();
    delivery
}

fn sent(delivery: Delivery) -> String {
    match MsTeams::next(delivery) {
        Ok(Action::Ask(question)) => render(&question.request),
        other => panic!("not one question: {other:?}"),
    }
}

fn body(delivery: Delivery) -> (usize, Value) {
    let sent = sent(delivery);
    let body = sent.split_once("\n\n").map(|(_, body)| body).expect("there is a body");
    (body.len(), body.parse().expect("it is JSON"))
}

/// What the container of an adaptive card holds.
fn items(delivery: Delivery) -> Vec<Value> {
    let (_, body) = body(delivery);
    let items = &body["attachments"][0]["content"]["body"][0]["items"];
    items.as_array().expect("there are items").clone()
}

#[test]
fn an_event_is_an_adaptive_card() {
    assert_eq!(
        sent(to(WORKFLOW, "{}")),
        r#"POST {address}
content-type: application/json

{"type":"message","attachments":[{"contentType":"application/vnd.microsoft.card.adaptive","content":{"$schema":"http://adaptivecards.io/schemas/adaptive-card.json","type":"AdaptiveCard","version":"1.4","body":[{"type":"Container","items":[{"type":"TextBlock","text":"gitrepository/webapp.gitops-system","size":"large","weight":"bolder","wrap":true},{"type":"TextBlock","text":"message","wrap":true},{"type":"FactSet","facts":[{"title":"test","value":"metadata"}]}]}],"msteams":{"width":"Full"}}}]}"#
    );
}

#[test]
fn an_event_is_a_message_card_for_a_connector() {
    let mut delivery = to(CONNECTOR, "{}");
    delivery.event.severity = "error".to_owned();
    assert_eq!(
        sent(delivery),
        r#"POST {address}
content-type: application/json

{"@type":"MessageCard","@context":"http://schema.org/extensions","themeColor":"FF0000","summary":"gitrepository/webapp.gitops-system","sections":[{"activityTitle":"message","activitySubtitle":"gitrepository/webapp.gitops-system","facts":[{"name":"test","value":"metadata"}]}]}"#
    );
}

#[test]
fn the_host_or_the_owner_decides_on_the_form() {
    let check = |host: &str, config: &str, expected: &str| {
        let (_, body) = body(to(host, config));
        let version = &body["attachments"][0]["content"]["version"];
        assert_eq!(version.as_str().unwrap_or("message card"), expected, "{host} {config}");
    };
    check(CONNECTOR, "{}", "message card");
    check("acme.webhook.office.com.", "{}", "message card");
    check("webhook.office.com", "{}", "1.4");
    check("webhook.office.com.evil.example", "{}", "1.4");
    check("prod-00.westeurope.logic.azure.com", "{}", "1.4");
    check(WORKFLOW, "{}", "1.4");
    check(CONNECTOR, r#"{"format":"auto"}"#, "message card");
    check(CONNECTOR, r#"{"format":"adaptiveCard"}"#, "1.4");
    check(CONNECTOR, r#"{"format":"adaptiveCard","cardVersion":"1.2"}"#, "1.2");
    check(WORKFLOW, r#"{"format":"messageCard"}"#, "message card");
    check(WORKFLOW, r#"{"cardVersion":"1.5"}"#, "1.5");
}

#[test]
fn the_schema_names_the_options() {
    let schema: Value = MsTeams::describe().config_schema.parse().expect("it is JSON");
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(schema["properties"]["format"]["default"], "auto");
    assert_eq!(schema["properties"]["cardVersion"]["default"], "1.4");
}

#[test]
fn what_is_empty_is_left_out() {
    let check = |message: &str, metadata: &[(&str, &str)], expected: &[&str]| {
        let mut delivery = to(WORKFLOW, "{}");
        delivery.event.message = message.to_owned();
        delivery.event.metadata =
            metadata.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
        let types: Vec<Value> = items(delivery).iter().map(|item| item["type"].clone()).collect();
        assert_eq!(types, expected, "{message:?} {metadata:?}");
    };
    check("", &[], &["TextBlock"]);
    check("m", &[], &["TextBlock", "TextBlock"]);
    check("", &[("k", "")], &["TextBlock", "FactSet"]);
    check("m", &[("k", "v")], &["TextBlock", "TextBlock", "FactSet"]);
}

#[test]
fn a_summary_is_the_first_fact_of_an_adaptive_card() {
    let check = |host: &str, name: &str, expected: &[&str]| {
        let mut delivery = to(host, "{}");
        delivery.event.metadata = ["cluster", "revision", "summary", "zone"]
            .map(|key| (key.to_owned(), "value".to_owned()))
            .to_vec();
        let (_, body) = body(delivery);
        let facts = match name {
            "name" => &body["sections"][0]["facts"],
            _ => &body["attachments"][0]["content"]["body"][0]["items"][2]["facts"],
        };
        let names: Vec<&Value> =
            facts.as_array().expect("facts").iter().map(|fact| &fact[name]).collect();
        assert_eq!(names, expected, "{host}");
    };
    check(WORKFLOW, "title", &["summary", "cluster", "revision", "zone"]);
    check(CONNECTOR, "name", &["cluster", "revision", "summary", "zone"]);
}

#[test]
fn a_body_is_never_longer_than_what_teams_takes() {
    let many = |value: &str| -> Vec<(String, String)> {
        (0..400).map(|at| (format!("key-{at:03}"), value.to_owned())).collect()
    };
    let check = |host: &str, limit: usize| {
        let texts = ["x", "🦀", "\"", "\n", "<", "\u{1}"];
        for text in texts {
            for metadata in [Vec::new(), many(text), many(&text.repeat(3000))] {
                let mut delivery = to(host, "{}");
                delivery.event.message = text.repeat(30_000);
                delivery.event.metadata = metadata;
                let (length, _) = body(delivery);
                assert!((limit - 1000..=limit).contains(&length), "{host} {text:?}: {length}");
            }
            let mut delivery = to(host, "{}");
            delivery.event.involved_object.name = text.repeat(30_000);
            delivery.event.metadata = many(text);
            let (length, _) = body(delivery);
            assert!(length <= limit, "{host} {text:?}: {length}");
        }
    };
    check(WORKFLOW, 20_000);
    check(CONNECTOR, 14_000);
}

#[test]
fn what_is_cut_has_a_mark() {
    let mut delivery = to(WORKFLOW, "{}");
    delivery.event.message = "x".repeat(30_000);
    delivery.event.metadata =
        (0..400).map(|at| (format!("key-{at:03}"), "value".to_owned())).collect();
    let items = items(delivery);
    assert!(items[1]["text"].as_str().is_some_and(|text| text.ends_with("x…")));
    let facts = items[2]["facts"].as_array().expect("facts");
    let last = facts.last().expect("one");
    assert_eq!(last["title"], "…");
    assert_eq!(last["value"], format!("{} more", 401 - facts.len()));
}

fn judged(host: &str, status: u16, body: &str, headers: &[(&str, &str)]) -> String {
    let mut delivery = to(host, "{}");
    let headers = headers.iter().map(|&(name, value)| (name.to_owned(), value.to_owned()));
    delivery.responses.push(Response { status, headers: headers.collect(), ..response(body) });
    match MsTeams::next(delivery) {
        Ok(Action::Done(conclusion)) => match conclusion.outcome {
            Outcome::Delivered => "delivered".to_owned(),
            Outcome::Skipped(why) => why,
        },
        Err(Failure::Misconfigured(why)) => format!("misconfigured: {why}"),
        Err(Failure::Rejected(why)) => format!("rejected: {why}"),
        Err(Failure::Later(later)) => format!("later {:?}: {}", later.after, later.reason),
        other => format!("{other:?}"),
    }
}

#[test]
fn a_connector_is_judged_by_its_text() {
    let check = |body: &str, expected: &str| {
        let found = judged(CONNECTOR, 200, body, &[]);
        assert!(found.starts_with(expected), "{body}: {found}");
    };
    let failed = |what: &str| ["Webhook message delivery failed with error: ", what].concat();
    let teams =
        |status: &str| failed(&["Microsoft Teams endpoint returned HTTP error ", status].concat());
    check("1", "delivered");
    check(" 1\n", "delivered");
    check(&teams("429 with ContextId tcid=0"), "later None: the connector answered: Webhook");
    check(&teams("503"), "later None: ");
    check(&teams("413 with ContextId tcid=0"), "rejected: the connector answered: Webhook");
    check(&teams("400"), "rejected: ");
    check(&teams("404"), "misconfigured: ");
    check(&teams(""), "later None: the connector answered: ");
    check(&failed("Error contacting Microsoft Teams endpoint"), "later None: the connector");
    check("", "later None: the answer is not one of Teams'");
    check("<html>login</html>", "later None: the answer is not one of Teams'");
    let found = judged(CONNECTOR, 200, &teams("429"), &[("retry-after", "17")]);
    assert!(found.starts_with("later Some(17): "), "{found}");
}

#[test]
fn a_workflow_is_judged_by_its_status() {
    let check = |status: u16, body: &str, expected: &str| {
        let found = judged(WORKFLOW, status, body, &[]);
        assert!(found.starts_with(expected), "{status} {body}: {found}");
    };
    check(202, "", "delivered");
    check(200, "anything", "delivered");
    check(
        400,
        r#"{"error":{"code":"WorkflowTriggerIsNotEnabled","message":"Could not execute"}}"#,
        "misconfigured: the receiver answered 400: WorkflowTriggerIsNotEnabled: Could not execute: turn",
    );
    check(
        400,
        r#"{"error":{"code":"TriggerInputSchemaMismatch","message":"The input body is …"}}"#,
        "misconfigured: ",
    );
    check(400, r#"{"error":{"code":"InvalidRequestContent"}}"#, "rejected: ");
    check(400, "<html>", "rejected: the receiver answered 400: no code");
    check(
        401,
        r#"{"error":{"code":"DirectApiAuthorizationRequired","message":"No scheme."}}"#,
        "misconfigured: the receiver answered 401: DirectApiAuthorizationRequired: No scheme: copy",
    );
    check(401, "", "misconfigured: the receiver answered 401: no code: no message: copy");
}

#[test]
fn an_address_is_all_it_needs() {
    assert!(MsTeams::check(&provider(url("https", WORKFLOW), &[])).is_empty());
    assert_eq!(MsTeams::check(&provider(None, &[])).len(), 1);
}
