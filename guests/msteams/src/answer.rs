//! What answers mean: a connector says 200 to everything, and a workflow 400 when it is turned off.

use herald_provider::{Action, Failure, Response, text};

/// What a workflow answers besides 2xx that needs a second look.
pub(crate) const EXPECTED_OF_WORKFLOW: [u16; 2] = [400, 401];

/// How much of an answer is shown.
const SHOWN: usize = 200;

/// Judges an answer of a connector with a 2xx status; the host has judged all others.
///
/// The body is the number of messages that were sent, or else a sentence about what went wrong
/// (<https://github.com/MicrosoftDocs/msteams-docs/issues/9698>).
pub(crate) fn of_connector(response: &Response) -> Result<Action, Failure> {
    let said = String::from_utf8_lossy(&response.body);
    let said = said.trim();
    if said.parse::<u32>().is_ok() {
        return Ok(Action::delivered());
    }
    let reason = ["the connector answered: ", &text::truncate(said, SHOWN)].concat();
    Err(match status_of_teams(said) {
        Some(429) => Failure::later_after(reason, response.retry_after()),
        Some(408 | 500..=599) => Failure::later(reason),
        Some(401 | 403 | 404 | 410) => Failure::misconfigured(
            [&reason, ": give the Provider the address of a workflow instead"].concat(),
        ),
        Some(_) => Failure::rejected(reason),
        None if said.starts_with("Webhook message delivery failed") => Failure::later(reason),
        // A page of a proxy is not Teams' word that the message was sent; at worst it appears twice.
        None => Failure::later("the answer is not one of Teams': is a proxy in between?"),
    })
}

/// The status in `Microsoft Teams endpoint returned HTTP error 429 with ContextId …`
/// (<https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using#rate-limiting-for-connectors>).
fn status_of_teams(said: &str) -> Option<u16> {
    let (_, rest) = said.split_once("Microsoft Teams endpoint returned HTTP error ")?;
    let end = rest.find(|char: char| !char.is_ascii_digit()).unwrap_or(rest.len());
    rest.get(..end)?.parse().ok()
}

/// Judges an answer of a workflow with a 2xx status, 400 or 401; the host has judged all others.
pub(crate) fn of_workflow(response: &Response) -> Result<Action, Failure> {
    let status = match response.status {
        400 => "400",
        401 => "401",
        // As a rule 202: the card is posted later, and the host counts the message as accepted.
        _ => return Ok(Action::delivered()),
    };
    let answer = response.json().unwrap_or_default();
    let error = &answer["error"];
    let code = error["code"].as_str().unwrap_or("no code");
    let message = text::truncate(error["message"].as_str().unwrap_or("no message"), SHOWN);
    let said = ["the receiver answered ", status, ": ", code, ": ", &message].concat();
    let advice = match (status, code) {
        // The only credential is a part of the address.
        ("401", _) => "copy the workflow's address again, with all that follows the question mark",
        (_, "WorkflowTriggerIsNotEnabled") => {
            "turn the workflow on, or give the Provider the address of another one"
        }
        (_, "TriggerInputSchemaMismatch") => {
            "let the workflow begin with `When a Teams webhook request is received`"
        }
        _ => return Err(Failure::rejected(said)),
    };
    Err(Failure::misconfigured([said.trim_end_matches('.'), ": ", advice].concat()))
}
