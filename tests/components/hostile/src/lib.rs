//! A provider module that misbehaves in the way that its Provider's channel names.
//!
//! With ` once` after the name it does so on the first attempt alone and behaves from then on. Compiled for
//! `wasm32-wasip2` it also tries what an operating system would allow.

mod limits;
mod requests;
#[cfg(target_os = "wasi")]
mod system;
mod talk;

use herald_provider::{
    Action, Delivery, Description, Failure, Fragment, Module, Places, Provider, Purpose, Request,
    Url, bearer, module, place,
};

struct Hostile;
module!(Hostile);

impl Module for Hostile {
    fn describe() -> Description {
        Description {
            // What needs no grant. Everything else that it places is undeclared.
            secrets: vec![place("token", Places::HEADER)],
            ..Description::new("Misbehaves in the way that the channel names", Purpose::Message)
        }
    }

    fn check(provider: &Provider) -> Vec<String> {
        match provider.channel.as_str() {
            "loop in check" => limits::forever(),
            "trap in check" => panic!("in check"),
            _ => Vec::new(),
        }
    }

    fn next(delivery: Delivery) -> Result<Action, Failure> {
        let channel = delivery.provider.channel.clone();
        let name = match channel.strip_suffix(" once") {
            Some(_) if attempt(&delivery) != Some("1") => return Ok(good(&delivery).finish()),
            Some(name) => name,
            None => &channel,
        };
        limits::next(name, &delivery)
            .or_else(|| requests::next(name, &delivery))
            .or_else(|| talk::next(name, &delivery))
            .or_else(|| system(name, &delivery))
            .unwrap_or_else(|| Err(Failure::unsendable(format!("no misbehavior is named {name}"))))
    }
}

#[cfg(target_os = "wasi")]
use system::next as system;

#[cfg(not(target_os = "wasi"))]
fn system(_: &str, _: &Delivery) -> Option<Result<Action, Failure>> {
    None
}

/// The number of this attempt, as the host says it.
fn attempt(delivery: &Delivery) -> Option<&str> {
    let fact = delivery.facts.iter().find(|(name, _)| name == "attempt");
    fact.map(|(_, value)| value.as_str())
}

/// What a good module sends: the event's message, and the token in a header.
fn good(delivery: &Delivery) -> Request {
    Request::post_json(Url::address(), String::new())
        .with_header("authorization", bearer("token"))
        .with_body(vec![Fragment::Text(delivery.event.message.clone())])
}

/// A request with another part than a good one has.
trait With {
    fn with_body(self, body: Vec<Fragment>) -> Self;
    /// The same with one more header, whatever others there are.
    fn and_header(self, name: &str, value: Vec<Fragment>) -> Self;
    fn with_segments(self, segments: Vec<Vec<Fragment>>) -> Self;
}

impl With for Request {
    fn with_body(self, body: Vec<Fragment>) -> Self {
        Self { body, ..self }
    }

    fn and_header(mut self, name: &str, value: Vec<Fragment>) -> Self {
        self.headers.push((name.to_owned(), value));
        self
    }

    fn with_segments(mut self, segments: Vec<Vec<Fragment>>) -> Self {
        self.url.path = segments;
        self
    }
}
