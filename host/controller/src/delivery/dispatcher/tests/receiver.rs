//! A receiver that is played: it answers by the time and by what it is sent.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use herald_core::formatter::Response;
use herald_core::provider::Provider;
use jiff::Timestamp;
use serde_json::Value;

use crate::clock::Clock;
use crate::egress::{Prepared, SendError, Transport};

/// What it does with a request.
pub(super) enum Answer {
    Status(u16, Vec<(&'static str, String)>),
    /// Nothing, until the attempt's time is up.
    Hang,
    /// No connection.
    Refuse,
}

impl Answer {
    pub(super) fn status(status: u16) -> Self {
        Answer::Status(status, Vec::new())
    }
}

type Play = Box<dyn Fn(Timestamp, &str) -> Answer + Send>;

pub(super) struct Receiver {
    clock: Clock,
    play: Mutex<Play>,
    /// Object and message of each event that it answered with success.
    taken: Mutex<Vec<(String, u32)>>,
    /// The bodies of the same, as they came.
    bodies: Mutex<Vec<Value>>,
    sent: AtomicUsize,
    /// Requests that wait for the clock.
    inside: AtomicUsize,
}

impl Receiver {
    /// A receiver that takes everything.
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            clock,
            play: Mutex::new(Box::new(|_, _| Answer::status(200))),
            taken: Mutex::default(),
            bodies: Mutex::default(),
            sent: AtomicUsize::new(0),
            inside: AtomicUsize::new(0),
        }
    }

    /// Answers from now on by the time and the message of an event.
    pub(super) fn answer(&self, play: impl Fn(Timestamp, &str) -> Answer + Send + 'static) {
        *self.play.lock().unwrap() = Box::new(play);
    }

    pub(super) fn taken(&self) -> Vec<(String, u32)> {
        self.taken.lock().unwrap().clone()
    }

    pub(super) fn bodies(&self) -> Vec<Value> {
        self.bodies.lock().unwrap().clone()
    }

    pub(super) fn sent(&self) -> usize {
        self.sent.load(Ordering::SeqCst)
    }

    pub(super) fn inside(&self) -> usize {
        self.inside.load(Ordering::SeqCst)
    }
}

impl Transport for std::sync::Arc<Receiver> {
    async fn send(
        &self,
        _: &Provider,
        request: Prepared,
        within: Duration,
    ) -> Result<Response, SendError> {
        self.sent.fetch_add(1, Ordering::SeqCst);
        let host = "receiver.example".to_owned();
        let event: Value = serde_json::from_slice(&request.body).unwrap();
        // As `generic` says it, or `rocket`.
        let message =
            event["message"].as_str().or(event["attachments"][0]["text"].as_str()).unwrap();
        let now = self.clock.now();
        let answer = (self.play.lock().unwrap())(now, message);
        match answer {
            Answer::Refuse => Err(SendError::Connect { host, reason: "refused".to_owned() }),
            Answer::Hang => {
                self.inside.fetch_add(1, Ordering::SeqCst);
                // By the attempt's own time, which passes a little on the way here.
                let seconds = within.as_secs_f64().ceil();
                self.clock.sleep_until(now + Duration::from_secs_f64(seconds)).await;
                self.inside.fetch_sub(1, Ordering::SeqCst);
                Err(SendError::Timeout { host, seconds })
            }
            Answer::Status(status, headers) => {
                if status == 200 {
                    self.bodies.lock().unwrap().push(event.clone());
                    if let Some(object) = event["involvedObject"]["name"].as_str()
                        && let Ok(number) = message.parse()
                    {
                        self.taken.lock().unwrap().push((object.to_owned(), number));
                    }
                }
                let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value));
                Ok(Response { status, headers: headers.collect(), body: Vec::new() })
            }
        }
    }
}
