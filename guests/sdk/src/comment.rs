//! One comment on a change request for each object and Provider, kept up to date.
//!
//! Knows how Flux finds it again: by its author, and by a marker at its beginning that no reader sees. How a forge is
//! asked and answers, the modules know.

use crate::json::{self, Value};
use crate::{Action, Delivery, Event, Failure, Request, Response, markdown_report, text};

/// The key of the metadata that holds the number of the change request.
const NUMBER: &str = "change_request";

/// How many questions the host sends in one attempt.
const MAX_QUESTIONS: usize = 8;

/// How many comments a page of the list has: the most that GitHub and GitLab give.
pub const PAGE: &str = "100";

/// A forge with change requests, and the one repository on it that comments go to.
pub trait Forge {
    /// For people.
    const NAME: &'static str;
    /// What the marker begins with.
    const MARKER: &'static str;
    /// The longest comment, in characters.
    const LIMIT: usize;

    /// Answers besides 2xx to the questions of this forge that [`Forge::refusal`] judges.
    const REFUSALS: &'static [u16] = &[];

    /// What such an answer means; none for any other.
    fn refusal(&self, _response: &Response) -> Option<Failure> {
        None
    }

    /// Asks whose credentials these are; none where that cannot be asked.
    fn whoami(&self) -> Option<Request>;

    /// The name of the account in the answer to [`Forge::whoami`].
    fn account<'a>(&self, answer: &'a Value) -> Option<&'a str>;

    /// Asks for a page of the comments, the oldest first; pages count from 1.
    fn list(&self, number: &str, page: usize) -> Request;

    /// The name of the account that wrote this comment.
    fn author<'a>(&self, comment: &'a Value) -> Option<&'a str>;

    /// Whether an author may be this Provider where [`Forge::whoami`] cannot be asked.
    fn may_be_own(&self, _author: &str) -> bool {
        false
    }

    /// The text without what this forge would do rather than show.
    fn disarm(&self, text: String) -> String {
        text
    }

    /// Adds a comment with this body, which is JSON.
    fn create(&self, number: &str, body: String) -> Request;

    /// Rewrites the comment with this id.
    fn update(&self, number: &str, id: &str, body: String) -> Request;
}

/// Asks who writes and which comments there are, then adds or rewrites one, unless it says the same already.
///
/// # Errors
///
/// The event names no change request, or an answer is not the forge's.
pub fn next<F: Forge>(forge: &F, delivery: &Delivery) -> Result<Action, Failure> {
    let number = number(&delivery.event)?;
    if let Some(refusal) = delivery.responses.last().and_then(|answer| forge.refusal(answer)) {
        return Err(refusal);
    }
    let mut pages = delivery.responses.as_slice();
    let account = match forge.whoami() {
        None => None,
        Some(question) => {
            let Some((answer, rest)) = pages.split_first() else {
                return Ok(question.ask_expecting(F::REFUSALS));
            };
            pages = rest;
            let answer = answer.json().unwrap_or_default();
            let name = forge.account(&answer).filter(|name| !name.is_empty());
            Some(name.ok_or_else(not_its_own::<F>)?.to_owned())
        }
    };
    // In the pages before the last one it was not found.
    let Some(page) = pages.last() else {
        return Ok(forge.list(&number, 1).ask_expecting(F::REFUSALS));
    };
    let Some(Value::Array(listed)) = page.json() else { return Err(not_its_own::<F>()) };

    let marker = marker::<F>(delivery);
    let is_own = |comment: &&Value| {
        // Flux takes the marker anywhere; here a comment about one object cannot pass for that about another.
        body_of(comment).trim_start().starts_with(&marker)
            && forge.author(comment).is_some_and(|author| match &account {
                Some(account) => account == author,
                None => forge.may_be_own(author),
            })
    };
    let own = listed.iter().find(is_own);
    if own.is_none() && has_next(page) && delivery.responses.len() < MAX_QUESTIONS {
        return Ok(forge.list(&number, pages.len() + 1).ask_expecting(F::REFUSALS));
    }

    let report = forge.disarm(markdown_report(&delivery.event));
    let text = [&marker, "\n\n", &report].concat();
    let text = text::truncate(&text, F::LIMIT);
    let body = || {
        json::object(text.len() + 64, |o| {
            o.text("body", &text);
        })
    };
    let Some(own) = own else { return Ok(forge.create(&number, body()).finish()) };
    if same(body_of(own), &text) {
        return Ok(Action::skipped("the change request has this comment already"));
    }
    let id = own["id"].as_u64().ok_or_else(not_its_own::<F>)?.to_string();
    Ok(forge.update(&number, &id, body()).finish())
}

/// The number of the change request that the event is about.
fn number(event: &Event) -> Result<String, Failure> {
    let value = event.metadata_value(NUMBER).ok_or_else(|| {
        Failure::unsendable(
            "the event's metadata has no change_request, so there is nowhere to comment",
        )
    })?;
    match value.parse::<u64>() {
        Ok(number) if number > 0 => Ok(number.to_string()),
        _ => Err(Failure::unsendable(
            ["the event's change_request `", value, "` is not the number of a change request"]
                .concat(),
        )),
    }
}

/// Stands at the beginning of the comment about this object by this Provider.
fn marker<F: Forge>(delivery: &Delivery) -> String {
    let object = &delivery.event.involved_object;
    let name = [object.kind.as_str(), &object.namespace, &object.name].join("/");
    ["<!-- ", F::MARKER, ":", &delivery.provider.uid, "/", &name, " -->"].concat()
}

fn body_of(comment: &Value) -> &str {
    comment["body"].as_str().unwrap_or_default()
}

/// Whether two texts are the same but for line breaks, which a forge may keep in another form.
fn same(one: &str, other: &str) -> bool {
    one.trim_end().lines().eq(other.trim_end().lines())
}

/// Whether there are comments after these, by the header that GitHub, GitLab and Gitea share.
fn has_next(page: &Response) -> bool {
    page.header("link").is_some_and(|link| link.contains(r#"rel="next""#))
}

fn not_its_own<F: Forge>() -> Failure {
    let why = ["the answer is not one of ", F::NAME, "'s: is a proxy in between?"];
    Failure::later(why.concat())
}

#[cfg(test)]
mod tests;
