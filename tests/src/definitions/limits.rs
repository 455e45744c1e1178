//! What no JSON Schema can say: lengths in other units, sums over members, and parts that are encoded.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::library::library;
use super::request::{Body, Request};

fn json(request: &Request) -> &Value {
    match &request.body {
        Body::Json(value) => value,
        Body::Empty | Body::Form(_) | Body::Envelope(_) | Body::Bytes(_) => &Value::Null,
    }
}

/// The sum over all embeds (<https://docs.discord.com/developers/resources/message#embed-object-embed-limits>), and the
/// limits of each part under Slack's names, which Discord reads as those of an embed.
pub(super) fn discord_embeds(request: &Request) -> Vec<String> {
    let body = json(request);
    let (mut total, mut problems) = (0, Vec::new());
    let mut measure = |value: &Value, name: &str, limit: usize| {
        let n_chars = value.as_str().unwrap_or_default().chars().count();
        if n_chars > limit {
            problems.push(format!("{name} has {n_chars} characters, and {limit} are taken"));
        }
        total += n_chars;
    };
    let embeds: Vec<&Value> = ["attachments", "embeds"]
        .iter()
        .flat_map(|name| body[name].as_array().into_iter().flatten())
        .collect();
    for embed in &embeds {
        measure(&embed["title"], "a title", 256);
        for text in ["text", "description"] {
            measure(&embed[text], "a text", 4096);
        }
        measure(&embed["author_name"], "an author", 256);
        measure(&embed["author"]["name"], "an author", 256);
        measure(&embed["footer"]["text"], "a footer", 2048);
        for field in embed["fields"].as_array().into_iter().flatten() {
            let name = if field["name"].is_null() { &field["title"] } else { &field["name"] };
            measure(name, "the name of a field", 256);
            measure(&field["value"], "the value of a field", 1024);
        }
    }
    for embed in &embeds {
        let fields = embed["fields"].as_array().map_or(&[][..], Vec::as_slice);
        if fields.len() > 25 {
            problems.push(format!("{} fields, and 25 are taken", fields.len()));
        }
        for field in fields {
            let name = if field["name"].is_null() { &field["title"] } else { &field["name"] };
            for text in [name, &field["value"]] {
                if text.as_str().unwrap_or_default().trim().is_empty() {
                    problems.push("a field without a name or a value".to_owned());
                }
            }
        }
    }
    if embeds.len() > 10 {
        problems.push(format!("{} embeds, and 10 are taken", embeds.len()));
    }
    if total > 6000 {
        problems.push(format!("{total} characters in all embeds, and 6000 are taken"));
    }
    problems
}

/// Each card against the schema of the version that it names.
pub(super) fn adaptive_cards(request: &Request) -> Vec<String> {
    let mut problems = Vec::new();
    for attachment in json(request)["attachments"].as_array().into_iter().flatten() {
        let card = &attachment["content"];
        let version = card["version"].as_str().unwrap_or_default();
        let definition = match version {
            "1.5" => "msteams/1.5",
            // Each version has what those before it have.
            "1.0" | "1.1" | "1.2" | "1.3" | "1.4" => "msteams/1.4",
            _ => {
                problems.push(format!("a card of version {version:?}: Teams shows up to 1.5"));
                continue;
            }
        };
        problems.extend(library().check(definition, card));
    }
    problems
}

/// An event has 65,536 bytes as canonical JSON, which escapes hardly anything, with what the server adds: sender, room,
/// hashes, signatures (<https://spec.matrix.org/latest/client-server-api/#size-limits>).
pub(super) fn matrix_event(request: &Request) -> Vec<String> {
    let n_bytes = json(request).to_string().len();
    let problem = format!("{n_bytes} bytes, and 62000 leave room for what the server adds");
    if n_bytes > 62_000 { vec![problem] } else { Vec::new() }
}

/// The longest text (<https://developer.webex.com/docs/api/v1/messages/create-a-message>), in bytes.
pub(super) fn webex_text(request: &Request) -> Vec<String> {
    let long = ["text", "markdown"].into_iter().filter_map(|name| {
        let n_bytes = json(request)[name].as_str().unwrap_or_default().len();
        (n_bytes > 7439).then(|| format!("{name} has {n_bytes} bytes, and 7439 are taken"))
    });
    long.collect()
}

/// The whole payload (<https://docs.github.com/rest/repos/repos#create-a-repository-dispatch-event>), which is an event.
pub(super) fn dispatch_payload(request: &Request) -> Vec<String> {
    let payload = &json(request)["client_payload"];
    let mut problems = library().check("event", payload);
    let n_chars = payload.to_string().chars().count();
    if n_chars > 65_535 {
        problems.push(format!("the payload has {n_chars} characters, and 65535 are taken"));
    }
    problems
}

/// All keys and values of `details` together (<https://docs.opsgenie.com/docs/alert-api#create-alert>).
pub(super) fn opsgenie_details(request: &Request) -> Vec<String> {
    let details = json(request)["details"].as_object();
    let n_chars: usize = details
        .into_iter()
        .flatten()
        .map(|(key, value)| key.chars().count() + value.as_str().map_or(0, |v| v.chars().count()))
        .sum();
    let problem = format!("details have {n_chars} characters, and 8000 are taken");
    if n_chars > 8000 { vec![problem] } else { Vec::new() }
}

/// Messages whose data is an event, and attributes within <https://cloud.google.com/pubsub/quotas#resource_limits>.
pub(super) fn pubsub_messages(request: &Request) -> Vec<String> {
    let mut problems = Vec::new();
    let messages = json(request)["messages"].as_array().map_or(&[][..], Vec::as_slice);
    if messages.is_empty() || messages.len() > 1000 {
        problems.push(format!("{} messages, and 1 to 1000 are taken", messages.len()));
    }
    for message in messages {
        let data = STANDARD.decode(message["data"].as_str().unwrap_or_default());
        match data.ok().and_then(|data| serde_json::from_slice::<Value>(&data).ok()) {
            Some(event) => problems.extend(library().check("event", &event)),
            None => problems.push("the data of a message is no event in base64".to_owned()),
        }
        let attributes = message["attributes"].as_object().into_iter().flatten();
        let mut n_attributes = 0;
        for (key, value) in attributes {
            n_attributes += 1;
            let value = value.as_str().unwrap_or_default();
            if key.is_empty() || key.len() > 256 || value.len() > 1024 || key.starts_with("goog") {
                problems.push(format!("the attribute {key:?} is not taken"));
            }
        }
        if n_attributes > 100 {
            problems.push(format!("{n_attributes} attributes, and 100 are taken"));
        }
    }
    problems
}

/// The version of the interface stands in the query or among the types that are accepted
/// (<https://learn.microsoft.com/azure/devops/integrate/concepts/rest-api-versioning>).
pub(super) fn azure_version(request: &Request) -> Vec<String> {
    let is_in_query = request.query.iter().any(|(key, _)| key == "api-version");
    if is_in_query || request.header("accept").is_some_and(|kinds| kinds.contains("api-version=")) {
        return Vec::new();
    }
    vec!["no version of the interface is named".to_owned()]
}

/// A tag's two sides fit into Grafana's database
/// (<https://github.com/grafana/grafana/blob/main/pkg/services/sqlstore/migrations/tag_mig.go>), and all tags as JSON into
/// what it takes unless configured
/// (<https://grafana.com/docs/grafana/latest/setup-grafana/configure-grafana/#tags_length>).
pub(super) fn grafana_tags(request: &Request) -> Vec<String> {
    let tags = &json(request)["tags"];
    let mut problems = Vec::new();
    for tag in tags.as_array().into_iter().flatten().filter_map(Value::as_str) {
        if tag.splitn(2, ':').any(|side| side.trim().chars().count() > 100) {
            problems.push(format!("a side of the tag {tag:?} has more than 100 characters"));
        }
    }
    let n_bytes = tags.to_string().len();
    if n_bytes > 500 {
        problems.push(format!("the tags take {n_bytes} bytes, and 500 are taken"));
    }
    problems
}

/// A span ends after it began.
pub(super) fn span_times(request: &Request) -> Vec<String> {
    let nanos = |value: &Value| match value {
        Value::String(text) => text.parse::<u64>().ok(),
        other => other.as_u64(),
    };
    let spans = json(request)["resourceSpans"].as_array().into_iter().flatten();
    let spans = spans.flat_map(|resource| resource["scopeSpans"].as_array().into_iter().flatten());
    let spans = spans.flat_map(|scope| scope["spans"].as_array().into_iter().flatten());
    spans
        .filter(|span| nanos(&span["startTimeUnixNano"]) > nanos(&span["endTimeUnixNano"]))
        .map(|span| format!("the span {} ends before it begins", span["spanId"]))
        .collect()
}

/// The body is signed, by what stands in the header.
pub(super) fn signature(request: &Request) -> Vec<String> {
    let signature = request.header("x-signature").unwrap_or_default();
    let digits = signature.strip_prefix("sha256=").unwrap_or_default();
    if digits.len() == 64 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return Vec::new();
    }
    vec!["x-signature is no sha256= and 64 hexadecimal digits".to_owned()]
}

/// None or all of the headers of Standard Webhooks
/// (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>).
pub(super) fn standard_webhook(request: &Request) -> Vec<String> {
    let header = |name: &str| request.header(name);
    let (id, time, signature) =
        (header("webhook-id"), header("webhook-timestamp"), header("webhook-signature"));
    if (id, time, signature) == (None, None, None) {
        return Vec::new();
    }
    let mut problems = Vec::new();
    if id.is_none_or(|id| id.is_empty() || id.contains('.')) {
        problems.push("webhook-id is missing, empty or has a dot".to_owned());
    }
    if time.is_none_or(|time| time.parse::<u64>().is_err()) {
        problems.push("webhook-timestamp is no number of seconds".to_owned());
    }
    let digest =
        signature.and_then(|signature| STANDARD.decode(signature.strip_prefix("v1,")?).ok());
    if digest.is_none_or(|digest| digest.len() != 32) {
        problems.push("webhook-signature is no v1 and 32 bytes in base64".to_owned());
    }
    problems
}
