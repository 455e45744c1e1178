//! Breaks the rules of the conversation: asks without end, keeps what it must not keep, repeats what it was told.

use std::sync::atomic::{AtomicU32, Ordering};

use herald_provider::{
    Action, Conclusion, Delivery, Failure, Fragment, Outcome, Postponement, Url,
};

use crate::{With, good};

/// How often this instance was called.
static CALLS: AtomicU32 = AtomicU32::new(0);

pub(crate) fn next(name: &str, delivery: &Delivery) -> Option<Result<Action, Failure>> {
    let calls = CALLS.fetch_add(1, Ordering::Relaxed) + 1;
    Some(match name {
        "asks for ever" => Ok(good(delivery).ask()),
        "counts its calls" => {
            Ok(good(delivery).with_body(vec![Fragment::Text(calls.to_string())])).map(|request| {
                if delivery.responses.is_empty() { request.ask() } else { request.finish() }
            })
        }
        "remembers too much" => match &delivery.remembered {
            None => Ok(Action::Done(Conclusion {
                outcome: Outcome::Delivered,
                remember: Some("x".repeat(4097)),
            })),
            // It must not come to this.
            Some(_) => Ok(good(delivery).finish()),
        },
        "traps after an answer" => match delivery.responses.first() {
            None => Ok(good(delivery).ask()),
            Some(response) => panic!("{}", String::from_utf8_lossy(&response.body)),
        },
        "repeats an answer as skipped" => with_answer(delivery, |text| Ok(Action::skipped(text))),
        "repeats an answer as misconfigured" => {
            with_answer(delivery, |text| Err(Failure::misconfigured(text)))
        }
        "repeats an answer as unsendable" => {
            with_answer(delivery, |text| Err(Failure::unsendable(text)))
        }
        "repeats an answer as rejected" => {
            with_answer(delivery, |text| Err(Failure::rejected(text)))
        }
        "repeats an answer as later" => with_answer(delivery, |text| {
            Err(Failure::Later(Postponement { reason: text.to_owned(), after: Some(u32::MAX) }))
        }),
        "long text" => Err(Failure::unsendable("long ".repeat(100_000))),
        "at once again" => {
            Err(Failure::Later(Postponement { reason: "at once".to_owned(), after: Some(0) }))
        }
        "remembers what it was told" => match (&delivery.remembered, delivery.responses.first()) {
            (Some(text), _) => Err(Failure::unsendable(text)),
            (None, None) => Ok(good(delivery).ask()),
            (None, Some(response)) => Ok(Action::Done(Conclusion {
                outcome: Outcome::Delivered,
                remember: Some(String::from_utf8_lossy(&response.body).into_owned()),
            })),
        },
        "puts an answer into a query" => match delivery.responses.first() {
            None => Ok(good(delivery).ask()),
            Some(response) => {
                let mut request = good(delivery);
                let text = String::from_utf8_lossy(&response.body);
                request.url = Url::address().with_query("told", &text);
                Ok(request.finish())
            }
        },
        _ => return None,
    })
}

/// Asks, and makes an end of the answer's headers and body with control characters around them.
fn with_answer(
    delivery: &Delivery,
    end: impl Fn(&str) -> Result<Action, Failure>,
) -> Result<Action, Failure> {
    let Some(response) = delivery.responses.first() else {
        return Ok(good(delivery).ask());
    };
    let body = String::from_utf8_lossy(&response.body);
    let header = response.header("x-echo").unwrap_or_default();
    end(&format!("told\u{1b}[2J\r\nforged=line {header} {body}\u{0}end"))
}
