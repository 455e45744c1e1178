//! What a module answers: the next thing to do, or why it cannot go on.

use super::Request;

/// The next thing to do for a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send this and the delivery is over: the host judges the answer.
    Finish(Request),
    /// Send this and call the module again with the answer.
    Ask(Question),
    /// Nothing is left to send.
    Done(Conclusion),
}

/// A request whose answer the module wants to see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// What to send.
    pub request: Request,
    /// Answers besides 2xx that the module wants to see; the host judges every other one.
    pub expects: Vec<u16>,
}

/// How a delivery ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conclusion {
    /// What became of it.
    pub outcome: Outcome,
    /// Kept for the next delivery about the same object to the same provider; none leaves what is kept.
    pub remember: Option<String>,
}

/// What became of a delivery in the module's view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver has it.
    Delivered,
    /// There was nothing to say, and why.
    Skipped(String),
}

/// Why a delivery cannot go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The Provider must be changed first.
    Misconfigured(String),
    /// This event cannot be sent to this kind of receiver.
    Unsendable(String),
    /// The receiver refused it for good.
    Rejected(String),
    /// The receiver asks for another attempt.
    Later(Postponement),
}

/// A wish for another attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Postponement {
    /// Why.
    pub reason: String,
    /// Seconds to wait; none leaves it to the host.
    pub after: Option<u32>,
}
