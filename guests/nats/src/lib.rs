//! `nats`: the whole event as JSON, to a subject of NATS.
//!
//! Knows what Flux publishes and how subjects are written: <https://docs.nats.io/nats-concepts/subjects>. How a
//! connection is made and who logs in there is the host's: no credential of NATS is ever placed in a message.

use herald_provider::{
    Action, Address, Base, Delivery, Description, Failure, Fragment, Module, Provider, Purpose,
    Request, Url, event_json, module,
};

/// By this header a stream drops what it has already, within two minutes unless it is configured otherwise:
/// <https://docs.nats.io/nats-concepts/jetstream/headers>. Other subscribers read the payload, which it is no part of.
const MESSAGE_ID: &str = "Nats-Msg-Id";

struct Nats;
module!(Nats);

impl Module for Nats {
    fn describe() -> Description {
        Description::new("The event as JSON, to a subject of NATS", Purpose::Forward)
    }

    fn check(provider: &Provider) -> Vec<String> {
        [address_problem(provider), subject_problem(&provider.channel), login_problem(provider)]
            .into_iter()
            .flatten()
            .collect()
    }

    fn next(delivery: Delivery) -> Result<Action, Failure> {
        let problems = Self::check(&delivery.provider);
        if !problems.is_empty() {
            return Err(Failure::misconfigured(problems.join("; ")));
        }
        let request = Request {
            method: "PUBLISH".to_owned(),
            url: Url::new(Base::Origin, [delivery.provider.channel.as_str()]),
            headers: vec![(MESSAGE_ID.to_owned(), vec![Fragment::Text(delivery.id)])],
            body: vec![Fragment::Text(event_json(&delivery.event))],
        };
        Ok(request.finish())
    }
}

fn address_problem(provider: &Provider) -> Option<String> {
    const CHANGE: &str = "set spec.address, or `address` in the Secret, to nats://HOST:4222 or, with TLS, tls://HOST:4222; several servers with commas between them";
    let wrong = match &provider.address {
        Some(Address::Url(origin)) => match origin.scheme.as_str() {
            "nats" | "tls" => return None,
            "ws" | "wss" => "NATS is not reached over WebSockets".to_owned(),
            scheme => ["the address begins with ", scheme, "://"].concat(),
        },
        Some(Address::Name(_)) => "the address is not a URL".to_owned(),
        None => "there is no address".to_owned(),
    };
    Some([wrong.as_str(), ": ", CHANGE].concat())
}

/// A subject is tokens with dots between them; blanks would end it in the protocol, and wildcards are for subscribers.
fn subject_problem(subject: &str) -> Option<String> {
    let problem = if subject.is_empty() {
        "there is no subject: set spec.channel to one, such as flux.events"
    } else if subject.contains(|c: char| c.is_whitespace() || c.is_control()) {
        "the subject in spec.channel holds a blank or a control character: take it out"
    } else if subject.split('.').any(str::is_empty) {
        "the subject in spec.channel has an empty part: write names with single dots between them"
    } else if subject.split('.').any(|token| matches!(token, "*" | ">")) {
        "the subject in spec.channel holds a wildcard, which is for subscribers: name one subject"
    } else {
        return None;
    };
    Some(problem.to_owned())
}

/// Half a pair of credentials would be left out, and the server would see nobody.
fn login_problem(provider: &Provider) -> Option<String> {
    if provider.first_secret(&["creds", "nkey"]).is_some() {
        return None;
    }
    let problem = match (!provider.username.is_empty(), provider.has_secret("password")) {
        (true, false) => "there is a user name and no password: put `password` in the Secret too",
        (false, true) => {
            "there is a password and no user name: put `username` in the Secret, or set spec.username"
        }
        (true, true) | (false, false) => return None,
    };
    Some(problem.to_owned())
}

#[cfg(test)]
mod tests;
