//! What the receiver's answer means: it says 200 also when it kept nothing of what it was sent
//! (<https://opentelemetry.io/docs/specs/otlp/#partial-success-1>).

use herald_provider::{Action, Failure, Response, json};

use crate::protobuf::{self, Field};

/// Judges an answer with a 2xx status; the host has judged all others.
pub(crate) fn judge(response: &Response) -> Result<Action, Failure> {
    let content_type = response.header("content-type").unwrap_or_default();
    let refusal = if content_type.contains("json") {
        response.json().as_ref().and_then(refusal_in_json)
    } else if content_type.contains("html") {
        return Err(Failure::later("the answer is not one of OTLP's: is a proxy in between?"));
    } else {
        refusal_in_protobuf(&response.body)
    };
    match refusal.as_deref() {
        Some("") => Err(Failure::rejected("the receiver refused the span and gives no reason")),
        Some(why) => Err(Failure::rejected(["the receiver refused the span: ", why].concat())),
        None => Ok(Action::delivered()),
    }
}

/// Why the span was refused; none when it was not.
fn refusal_in_protobuf(answer: &[u8]) -> Option<String> {
    let partial = protobuf::read(answer)?.into_iter().find_map(|field| match field {
        (1, Field::Bytes(partial)) => protobuf::read(partial),
        _ => None,
    })?;
    let (mut is_refused, mut why) = (false, String::new());
    for field in partial {
        match field {
            (1, Field::Varint(n_spans)) => is_refused = n_spans > 0,
            (2, Field::Bytes(text)) => why = String::from_utf8_lossy(text).into_owned(),
            _ => {}
        }
    }
    is_refused.then_some(why)
}

fn refusal_in_json(answer: &json::Value) -> Option<String> {
    let partial = &answer["partialSuccess"];
    // A number of 64 bits is a text in this form of JSON; some write it as a number.
    let is_refused = match &partial["rejectedSpans"] {
        json::Value::String(n_spans) => n_spans != "0",
        n_spans => n_spans.as_u64().is_some_and(|n_spans| n_spans > 0),
    };
    is_refused.then(|| partial["errorMessage"].as_str().unwrap_or_default().to_owned())
}
