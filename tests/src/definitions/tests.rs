//! Each rule is seen to fail: a request that is taken, one thing changed, and what is said of it.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use super::*;

/// What is done to a request. A place is a JSON pointer, `?` the whole query, or `header: NAME`.
enum Edit {
    Set(&'static str, Value),
    Remove(&'static str),
}

use Edit::{Remove, Set};

/// A request of a case as `type/case/number`, a change, and a part of what is said.
fn rows() -> Vec<(&'static str, Edit, &'static str)> {
    let long = |n: usize| json!("x".repeat(n));
    vec![
        // Whoever gets it.
        ("slack/smoke/1", Set("/url", json!("no url")), "is no URL"),
        ("slack/smoke/1", Set("/body", json!({"text": "{"})), "says that it is JSON and is none"),
        ("slack/smoke/1", Set("/body", json!({"base64": "/w=="})), "is not UTF-8"),
        ("slack/smoke/1", Set("/method", json!("PUT")), "takes PUT"),
        ("slack/smoke/1", Set("header: x-new", json!("a\u{7}")), "control character"),
        ("slack/smoke/1", Set("header: x-new", json!(" a")), "blank at an end"),
        ("slack/smoke/1", Remove("header: content-type"), "without a content type"),
        ("slack/smoke/1", Set("header: content-type", json!("text/plain")), "is not taken"),
        ("webex/smoke/1", Set("header: authorization", json!("Bearer")), "names a scheme"),
        ("zulip/smoke/1", Set("/body/text", json!("content=%zz")), "percent-encoded"),
        ("zulip/smoke/1", Set("/body/text", json!("content=%ff")), "percent-encoded"),
        ("zulip/smoke/1", Set("/body/text", json!("content=\u{e9}")), "percent-encoded"),
        // Whole events.
        ("generic/smoke/1", Set("/body/json/metadata", json!({})), "less than 1 property"),
        ("generic/smoke/1", Set("/body/json/metadata/n", json!(1)), "not of type \"string\""),
        ("generic/smoke/1", Set("/body/json/extra", json!(1)), "('extra' was"),
        ("generic/smoke/1", Set("/body/json/timestamp", json!("soon")), "is not a \"date-time\""),
        ("generic/smoke/1", Remove("/body/json/reason"), "\"reason\" is a required"),
        ("generic/smoke/1", Set("/body/json/involvedObject/uid", json!("")), "shorter than 1"),
        ("generic/smoke/1", Set("header: webhook-id", json!("a.b")), "has a dot"),
        ("generic/smoke/1", Set("header: webhook-timestamp", json!("x")), "number of seconds"),
        ("generic/smoke/1", Set("header: webhook-signature", json!("v1,eA==")), "32 bytes"),
        ("generic/option-cloudevents/1", Remove("/body/json/id"), "\"id\" is a required"),
        (
            "generic/option-cloudevents/1",
            Set("/body/json/specversion", json!("2")),
            "\"1.0\" was expected",
        ),
        ("generic/option-cloudevents/1", Set("/body/json/data/x", json!(1)), "('x' was"),
        ("generic-hmac/smoke/1", Set("header: x-signature", json!("sha256=0")), "64 hex"),
        ("githubdispatch/smoke/1", Set("/body/json/event_type", long(101)), "longer than 100"),
        (
            "githubdispatch/smoke/1",
            Remove("/body/json/client_payload/reason"),
            "\"reason\" is a required",
        ),
        ("githubdispatch/smoke/1", Set("/body/json/client_payload/message", long(65_536)), "65535"),
        ("azureeventhub/smoke/1", Remove("header: authorization"), "authorization is missing"),
        (
            "azureeventhub/smoke/1",
            Set("header: authorization", json!("SharedAccessSignature sr=x&sig=y")),
            "does not match",
        ),
        ("azureeventhub/smoke/1", Set("header: content-type", json!("text/xml")), "is not taken"),
        (
            "azureeventhub/smoke/1",
            Set("header: content-length", json!("1048577")),
            "1048576 are taken",
        ),
        ("azureeventhub/smoke/1", Set("header: herald-delivery-id", json!("x")), "does not match"),
        ("azureeventhub/smoke/1", Set("/body/text", json!("{}")), "is a required"),
        (
            "azureeventhub/ordering-object/1",
            Set("header: brokerproperties", json!("{\"PartitionKey\":\"\u{e9}\"}")),
            "is not of type",
        ),
        (
            "azureeventhub/client-in-the-secret/1",
            Set(
                "/body/text",
                json!("grant_type=client_credentials&client_id=c&scope=x%2F.default"),
            ),
            "\"client_secret\" is a required",
        ),
        ("googlepubsub/smoke/2", Set("/body/json/messages/0/data", json!("e30=")), "is a required"),
        (
            "googlepubsub/smoke/2",
            Set("/body/json/messages/0/data", json!("{}")),
            "no event in base64",
        ),
        (
            "googlepubsub/smoke/2",
            Set("/body/json/messages/0/attributes/googclient", json!("x")),
            "is not taken",
        ),
        (
            "googlepubsub/smoke/2",
            Set("/body/json/messages/0/attributes/long", long(1_025)),
            "is not taken",
        ),
        ("googlepubsub/smoke/2", Set("/body/json/messages", json!([])), "0 messages"),
        ("googlepubsub/smoke/2", Set("/body/json/topic", json!("x")), "Unevaluated properties"),
        ("googlepubsub/smoke/2", Remove("header: authorization"), "authorization is missing"),
        ("googlepubsub/smoke/2", Set("header: content-length", json!("10485761")), "are taken"),
        (
            "googlepubsub/smoke/1",
            Set("/body/text", json!("grant_type=password&assertion=jwt")),
            "was expected",
        ),
        (
            "googlepubsub/identity-external-account/1",
            Set("/body/text", json!("grant_type=x")),
            "is a required",
        ),
        (
            "googlepubsub/identity-external-account-impersonating/2",
            Set("/body/json/lifetime", json!("1h")),
            "does not match",
        ),
        // Chats.
        ("slack/smoke/1", Set("/body/json/attachments/0/color", json!("green")), "does not match"),
        (
            "slack/smoke/1",
            Set("/body/json/attachments/0/fields/0/short", json!(1)),
            "not of type \"boolean\"",
        ),
        ("slack/smoke/1", Set("/body/json/text", long(40_001)), "longer than 40000"),
        ("slack/smoke/1", Remove("/body/json/attachments"), "is a required"),
        ("slack/app-gov/1", Set("/body/json/channel", json!("")), "shorter than 1"),
        ("slack/app-gov/1", Remove("header: authorization"), "authorization is missing"),
        (
            "slack/option-blocks/1",
            Set("/body/json/blocks", json!([{"type": "x"}])),
            "/blocks/0/type",
        ),
        ("discord/smoke/1", Set("/body/json/attachments/0/color", json!("good")), "does not match"),
        ("discord/smoke/1", Set("/body/json/attachments/0/text", long(4_097)), "4096"),
        ("discord/smoke/1", Set("/body/json/username", long(81)), "longer than 80"),
        ("discord/smoke/1", Set("/body/json/attachments/0/fields/0/name", long(257)), "256"),
        ("discord/smoke/1", Set("/body/json/attachments/0/fields/0/value", long(1_025)), "1024"),
        ("discord/smoke/1", Set("/body/json/attachments/0/fields/0/value", json!("")), "without a"),
        ("discord/option-embeds/1", Set("/body/json/embeds/0/color", json!("red")), "integer"),
        ("discord/option-embeds/1", Set("/body/json/embeds/0/description", long(4_097)), "4096"),
        (
            "discord/option-embeds/1",
            Set(
                "/body/json/embeds/1",
                json!({"description": "x".repeat(4_000), "title": "a",
                "footer": {"text": "x".repeat(2_000)}}),
            ),
            "6000",
        ),
        ("rocket/smoke/1", Set("/body/json/attachments/0/color", json!("red")), "does not match"),
        ("rocket/smoke/1", Set("/body/json/blocks", json!([])), "('blocks' was"),
        ("msteams/smoke/1", Set("/body/json/attachments", json!([])), "less than 1 item"),
        (
            "msteams/smoke/1",
            Set("/body/json/attachments/0/content/version", json!("2")),
            "up to 1.5",
        ),
        (
            "msteams/smoke/1",
            Remove("/body/json/attachments/0/content/body/0/items/2/facts"),
            "\"facts\" is a required",
        ),
        (
            "msteams/smoke/1",
            Remove("/body/json/attachments/0/content/body/0/items/1/text"),
            "\"text\" is a required",
        ),
        ("msteams/smoke/1", Set("header: content-length", json!("28673")), "28672 are taken"),
        (
            "msteams/format-message-card-for-workflow/1",
            Remove("/body/json/@context"),
            "\"@context\" is a required",
        ),
        (
            "msteams/format-message-card-for-workflow/1",
            Set("/body/json/themeColor", json!("#1")),
            "does not match",
        ),
        (
            "googlechat/smoke/1",
            Set("/body/json/cards/0/title", json!("x")),
            "Unevaluated properties",
        ),
        ("googlechat/smoke/1", Set("header: content-length", json!("32001")), "32000 are taken"),
        ("script/a-failure/1", Remove("/body/json/summary"), "is a required"),
        ("script/a-failure/1", Set("/body/json/other", json!("x")), "Additional properties"),
        ("template/a-failure/1", Remove("/body/json/title"), "is a required"),
        ("template/a-failure/1", Set("/body/json/other", json!("x")), "Additional properties"),
        ("webex/smoke/1", Remove("/body/json/roomId"), "is a required"),
        ("webex/smoke/1", Set("/body/json/markdown", long(7_440)), "7439 are taken"),
        ("webex/smoke/1", Set("/body/json/html", json!("x")), "Unevaluated properties"),
        ("webex/peer-no-room-no-token/1", Set("/body/json/roomId", json!("x")), "('roomId' was"),
        ("nats/smoke/1", Set("/url", json!("nats://h.example/a.*.b")), "does not match"),
        ("nats/smoke/1", Set("header: Nats-Msg-Id", json!("x")), "does not match"),
        ("telegram/smoke/1", Set("/body/json/text", json!("a.b")), "reserved"),
        ("telegram/smoke/1", Set("/body/json/text", json!("*a")), "does not end"),
        ("telegram/smoke/1", Set("/body/json/text", json!("a\\")), "escapes nothing"),
        ("telegram/smoke/1", Set("/body/json/text", json!("\u{1f980}".repeat(2_049))), "4098"),
        ("telegram/smoke/1", Set("/body/json/text", json!("**")), "text is empty"),
        ("telegram/smoke/1", Set("/body/json/chat_id", json!("")), "shorter than 1"),
        ("telegram/topic/1", Set("/body/json/message_thread_id", json!("42")), "integer"),
        ("telegram/option-html/1", Set("/body/json/text", json!("a & b")), "stands alone"),
        ("telegram/option-html/1", Set("/body/json/text", json!("<b>a")), "do not end"),
        ("telegram/option-html/1", Set("/body/json/text", json!("<h1>a</h1>")), "no tag"),
        ("lark/smoke/1", Set("/body/json/card/header/template", json!("pink")), "is not one of"),
        ("lark/smoke/1", Set("/body/json/sign", json!("x")), "does not match"),
        ("lark/smoke/1", Set("header: content-length", json!("20481")), "20480 are taken"),
        ("matrix/smoke/1", Set("/body/json/msgtype", json!("text")), "is not one of"),
        ("matrix/smoke/1", Set("/body/json/formatted_body", json!("x")), "format"),
        ("matrix/smoke/1", Set("/body/json/body", long(62_000)), "leave room"),
        ("matrix/smoke/1", Remove("header: authorization"), "authorization is missing"),
        (
            "matrix/smoke/1",
            Set(
                "/url",
                json!("https://h.example/_matrix/client/r0/rooms/%23a/send/m.room.message/1"),
            ),
            "does not match",
        ),
        (
            "matrix/smoke/1",
            Set("/url", json!("https://h.example//_matrix/client/r0/rooms/!a/send/m.room.message")),
            "takes PUT",
        ),
        (
            "zulip/smoke/1",
            Set("/body/text", json!("type=stream&to=a&topic=b&content=")),
            "shorter than 1",
        ),
        (
            "zulip/smoke/1",
            Set("/body/text", json!("type=x&to=a&topic=b&content=c")),
            "is not one of",
        ),
        ("zoom/smoke/1", Remove("/body/json/content/body"), "\"body\" is a required"),
        ("zoom/smoke/1", Remove("header: authorization"), "authorization is missing"),
        // Alerts and observability.
        ("opsgenie/smoke/1", Set("/body/json/message", long(131)), "longer than 130"),
        ("opsgenie/smoke/1", Set("/body/json/description", long(15_001)), "longer than 15000"),
        ("opsgenie/smoke/1", Set("/body/json/details/a", long(8_000)), "8000 are taken"),
        ("opsgenie/smoke/1", Set("/body/json/details/a", json!(1)), "not of type \"string\""),
        (
            "alertmanager/smoke/1",
            Set("/body/json/0/labels/app-version", json!("1")),
            "does not match",
        ),
        (
            "alertmanager/smoke/1",
            Remove("/body/json/0/labels/alertname"),
            "\"alertname\" is a required",
        ),
        (
            "alertmanager/smoke/1",
            Set("/body/json/0/endsAt", json!("never")),
            "is not a \"date-time\"",
        ),
        ("alertmanager/smoke/1", Set("/body/json", json!([])), "less than 1 item"),
        ("grafana/smoke/1", Set("/body/json/time", json!(1_773_480_413)), "less than the minimum"),
        ("grafana/smoke/1", Remove("/body/json/text"), "\"text\" is a required"),
        ("grafana/smoke/1", Set("/body/json/tags", json!(["a: x".repeat(30)])), "more than 100"),
        (
            "grafana/smoke/1",
            Set("/body/json/tags", json!(vec!["a".repeat(99); 5])),
            "500 are taken",
        ),
        ("grafana/graphite/1", Remove("/body/json/what"), "\"what\" is a required"),
        (
            "pagerduty/error-severity/1",
            Set("/body/json/payload/severity", json!("x")),
            "is not one of",
        ),
        (
            "pagerduty/error-severity/1",
            Set("/body/json/payload/summary", long(1_025)),
            "longer than 1024",
        ),
        ("pagerduty/error-severity/1", Set("/body/json/dedup_key", long(256)), "longer than 255"),
        ("pagerduty/error-severity/1", Set("/body/json/routing_key", json!("")), "shorter than 1"),
        ("pagerduty/smoke/1", Remove("/body/json/dedup_key"), "\"dedup_key\" is a required"),
        ("pagerduty/smoke/2", Remove("/body/json/payload/summary"), "\"summary\" is a required"),
        ("incident.io/smoke/1", Set("/body/json/status", json!("ok")), "is not one of"),
        (
            "incident.io/smoke/1",
            Remove("/body/json/deduplication_key"),
            "\"deduplication_key\" is a required",
        ),
        ("datadog/smoke/1", Set("/body/json/text", long(4_001)), "longer than 4000"),
        ("datadog/smoke/1", Set("/body/json/date_happened", json!("1")), "not of type \"integer\""),
        ("datadog/smoke/1", Remove("header: dd-api-key"), "dd-api-key is missing"),
        ("sentry/smoke/1", Set("/body/envelope/2/tags/a b", json!("x")), "does not match"),
        ("sentry/smoke/1", Set("/body/envelope/2/tags/a", json!("")), "shorter than 1"),
        ("sentry/smoke/1", Set("/body/envelope/1/length", json!(5)), "the item says 5"),
        (
            "sentry/smoke/1",
            Set("/body/envelope/0/event_id", json!("0".repeat(32))),
            "differ in their event",
        ),
        ("sentry/smoke/1", Set("/body/envelope/1/type", json!("event")), "differ in their type"),
        ("sentry/smoke/1", Remove("/body/envelope/2/contexts"), "\"contexts\" is a required"),
        ("sentry/smoke/1", Set("/body/envelope/2/exception", json!([])), "object"),
        ("sentry/smoke/1", Remove("header: x-sentry-auth"), "x-sentry-auth is missing"),
        ("otel/smoke/1", Set("/body/base64", json!("CvUD")), "ends in the middle"),
        ("otel/smoke/1", Set("/body/base64", json!("")), "\"resourceSpans\" is a required"),
        // An empty list of spans, and a field that there is not.
        ("otel/smoke/1", Set("/body/base64", json!("CgISAA==")), "is a required"),
        ("otel/smoke/1", Set("/body/base64", json!("EgA=")), "has no field 2"),
        // Commit statuses and comments.
        ("github/smoke-new-status/2", Set("/body/json/description", long(141)), "longer than 140"),
        ("github/smoke-new-status/2", Set("/body/json/state", json!("ok")), "is not one of"),
        (
            "github/smoke-new-status/1",
            Set("/url", json!("https://api.github.com/repos/a/b/commits/c/statuses?per_page=x")),
            "not of type \"integer\"",
        ),
        (
            "github/smoke-new-status/1",
            Set("/url", json!("https://api.github.com/repos/a/b/commits/c/statuses?n=1")),
            "the query n is not known",
        ),
        ("github/smoke-new-status/1", Set("/body", json!({"json": {}})), "no body is taken"),
        ("gitlab/smoke/2", Set("/body/json/state", json!("failure")), "is not one of"),
        ("gitlab/smoke/2", Set("/body/json/description", long(256)), "longer than 255"),
        ("gitlab/smoke/2", Set("/body/json/name", json!("")), "shorter than 1"),
        ("gitlab/smoke/1", Remove("header: private-token"), "private-token is missing"),
        ("gitea/smoke/2", Set("/body/json/state", json!("failed")), "is not one of"),
        ("gitea/smoke/2", Set("/body/json/context", json!("")), "shorter than 1"),
        ("gitea/smoke/1", Remove("header: authorization"), "authorization is missing"),
        ("bitbucket/new-build/2", Set("/body/json/state", json!("OK")), "is not one of"),
        ("bitbucket/new-build/2", Set("/body/json/key", long(41)), "longer than 40"),
        ("bitbucket/new-build/2", Remove("/body/json/url"), "\"url\" is a required"),
        ("bitbucket/new-build/1", Remove("header: authorization"), "authorization is missing"),
        ("bitbucketserver/new-build/2", Set("/body/json/state", json!("OK")), "is not one of"),
        ("bitbucketserver/new-build/2", Set("/body/json/key", long(256)), "longer than 255"),
        ("bitbucketserver/new-build/2", Set("/body/json/url", json!("no url")), "is not a \"uri\""),
        ("azuredevops/smoke/2", Set("/body/json/state", json!("success")), "is not one of"),
        ("azuredevops/smoke/2", Remove("/body/json/context/name"), "\"name\" is a required"),
        ("azuredevops/smoke/2", Set("/body/json/genre", json!("x")), "('genre' was"),
        (
            "azuredevops/smoke/2",
            Set("/url", json!("https://h.example/o/p/_apis/git/repositories/r/commits/c/statuses")),
            "no version",
        ),
        (
            "azuredevops/identity-federated/1",
            Set("/body/text", json!("grant_type=client_credentials&client_id=c&client_secret=s")),
            "\"scope\" is a required",
        ),
        (
            "githubpullrequestcomment/smoke/3",
            Set("/body/json/body", long(65_537)),
            "longer than 65536",
        ),
        ("gitlabmergerequestcomment/smoke/3", Set("/body/json/body", long(1_000_001)), "1000000"),
        ("gitlabmergerequestcomment/smoke/1", Remove("header: private-token"), "is missing"),
        ("giteapullrequestcomment/smoke/3", Set("/body/json/body", json!("")), "shorter than 1"),
    ]
}

#[test]
fn every_rule_is_seen_to_fail() {
    let mut wrong = Vec::new();
    for (at, edit, expected) in rows() {
        let (kind, file) = at.split_once('/').unwrap();
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join(format!("fixtures/providers/{at}.request.json"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|err| panic!("{at}: {err}"));
        let mut request: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(problems(kind, &request), [""; 0], "{kind}/{file} is taken as it is");
        apply(&mut request, &edit);
        let found = problems(kind, &request);
        if !found.iter().any(|problem| problem.contains(expected)) {
            wrong.push(format!("{at}, {expected}: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn apply(request: &mut Value, edit: &Edit) {
    let (place, value) = match edit {
        Set(place, value) => (*place, Some(value.clone())),
        Remove(place) => (*place, None),
    };
    if let Some(name) = place.strip_prefix("header: ") {
        let headers = request["headers"].as_array_mut().unwrap();
        headers.retain(|header| header[0] != name);
        headers.extend(value.map(|value| json!([name, value])));
        return;
    }
    let (parent, member) = place.rsplit_once('/').unwrap();
    match (request.pointer_mut(parent).unwrap_or_else(|| panic!("no {parent}")), value) {
        (Value::Object(members), Some(value)) => drop(members.insert(member.to_owned(), value)),
        (Value::Object(members), None) => assert!(members.remove(member).is_some(), "{place}"),
        (Value::Array(elements), Some(value)) => {
            let at: usize = member.parse().unwrap();
            elements.truncate(at);
            elements.push(value);
        }
        (other, _) => panic!("{place} is in {other}"),
    }
}

#[test]
fn every_type_of_the_table_is_seen_to_fail() {
    let seen: BTreeSet<&str> =
        rows().iter().map(|(at, _, _)| at.split('/').next().unwrap()).collect();
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/providers");
    for entry in std::fs::read_dir(dir).unwrap() {
        let kind = entry.unwrap().file_name().into_string().unwrap();
        assert!(seen.contains(&*kind), "no rule of {kind} is seen to fail: add rows");
        assert!(has(&kind), "{kind} is not in the table");
    }
    assert!(!has("unknown"));
    assert_eq!(
        problems(
            "unknown",
            &json!({"method": "GET", "url": "https://h.example/a", "headers": [], "body": null})
        ),
        ["nothing in the table for unknown takes GET /a"]
    );
}
