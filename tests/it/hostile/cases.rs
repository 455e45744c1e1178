//! The table of misbehaviors: which module, which of its ways, how an attempt ends, and what the receiver gets.

use super::Attempt;

/// What arrives at the receiver.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sent {
    /// Not one request, ever.
    Nothing,
    /// So many requests for each attempt.
    ForEachAttempt(usize),
    /// One request for each event, however many attempts it took.
    ForEachEvent,
}

/// One misbehavior.
#[derive(Clone, Copy, Debug)]
pub(super) struct Case {
    /// The file of the module and the type of its Provider.
    pub(super) module: &'static str,
    /// Which of the module's ways to misbehave.
    pub(super) channel: &'static str,
    /// How an attempt ends.
    pub(super) outcome: &'static str,
    /// What stands in its reason.
    pub(super) reason: &'static str,
    /// How attempts before it end, for a module that misbehaves once.
    pub(super) before: Option<&'static str>,
    /// The label of the metric, when the module gave no answer.
    pub(super) failure: Option<&'static str>,
    pub(super) sent: Sent,
}

impl Case {
    /// The module is stopped, and tried again later.
    const fn stopped(channel: &'static str, failure: &'static str, reason: &'static str) -> Self {
        Self { failure: Some(failure), ..Self::refused(channel, "retry", reason) }
    }

    /// It misbehaves on the first attempt and then no more: the delivery arrives, and once.
    const fn once(channel: &'static str, failure: &'static str, before: &'static str) -> Self {
        Self {
            failure: Some(failure),
            before: Some(before),
            ..Self::sends(channel, "delivered", Sent::ForEachEvent)
        }
    }

    /// The host refuses what the module asks for, before anything is sent.
    const fn refused(channel: &'static str, outcome: &'static str, reason: &'static str) -> Self {
        let (module, sent) = ("hostile", Sent::Nothing);
        Self { module, channel, outcome, reason, before: None, failure: None, sent }
    }

    /// Something is sent, and that is right.
    pub(super) const fn sends(channel: &'static str, outcome: &'static str, sent: Sent) -> Self {
        Self { sent, ..Self::refused(channel, outcome, "") }
    }

    /// The same with this in its reason.
    const fn because(self, reason: &'static str) -> Self {
        Self { reason, ..self }
    }

    /// The same with another module.
    const fn of(self, module: &'static str) -> Self {
        Self { module, ..self }
    }

    /// The name of its Provider.
    pub(super) fn name(&self) -> String {
        format!("{} {}", self.module, self.channel).trim().replace(' ', "-")
    }

    /// Where its receiver listens.
    pub(super) fn path(&self) -> String {
        format!("/{}", self.name())
    }

    /// Whether an attempt ended as the case says.
    pub(super) fn ends(&self, attempt: &Attempt) -> bool {
        attempt.outcome == self.outcome && attempt.reason.contains(self.reason)
    }

    /// Whether an attempt may have ended like this. On a busy machine a loop may get so little of a CPU that the longer
    /// of the two timeouts ends it.
    pub(super) fn may_end(&self, attempt: &Attempt) -> bool {
        let retried = |reason: &str| attempt.outcome == "retry" && attempt.reason.contains(reason);
        let loops = self.failure == Some("deadline");
        self.ends(attempt)
            || self.before.is_some_and(retried)
            || (loops && retried("did not end within"))
    }
}

const RAN: &str = "ran for longer than 250 ms";
const MEMORY: &str = "more than 67108864 bytes of memory";
const ANSWER: &str = "more than 4194304 bytes of answer";
const CONTROL: &str = "would contain a control character";
const HEADER: &str = "which is not allowed or stands twice";
const NO_HOST: &str = "which its description does not name as a host";
const UNDECLARED: &str = "which its description does not declare";
const METHOD: &str = "which Herald does not send";
const DOTS: &str = "the path segment . or ..";
/// What the host leaves of an answer that holds a secret, the address's path, and control characters.
const MASKED: &str = "told [2J  forged=line Bearer ***** Bearer ***** at /***** end";

/// Those that need nothing but a module.
pub(super) const CASES: &[Case] = &[
    // Limits of a call.
    Case::stopped("endless loop", "deadline", RAN),
    Case::stopped("endless loop in the host", "deadline", RAN),
    Case::stopped("growing memory", "limit-memory", MEMORY),
    Case::stopped("", "limit-tables", "more than 20000 elements in a table").of("table-growth"),
    Case::stopped("deep recursion", "trap", "out of bounds memory access"),
    Case::stopped("deep recursion without memory", "trap", "call stack exhausted"),
    Case::stopped("trap", "trap", "wasm `unreachable` instruction executed"),
    Case::stopped("panic", "trap", "limits.rs:30:20: giving up on [31mevent"),
    Case::stopped("giant body", "limit-output", ANSWER),
    Case::stopped("giant text", "limit-output", ANSWER),
    Case::stopped("many pieces", "limit-output", ANSWER),
    Case::stopped("", "bad-answer", "what the interface does not allow").of("invalid-utf8"),
    Case::stopped("", "bad-answer", "what the interface does not allow").of("outside-of-memory"),
    Case::stopped("", "bad-answer", "what the interface does not allow").of("unknown-case"),
    // Stopped once, tried again, and then delivered: once.
    Case::once("endless loop once", "deadline", RAN),
    Case::once("growing memory once", "limit-memory", MEMORY),
    Case::once("deep recursion once", "trap", "out of bounds memory access"),
    Case::once("trap once", "trap", "wasm `unreachable`"),
    Case::once("panic once", "trap", "giving up on"),
    Case::once("giant body once", "limit-output", ANSWER),
    // Rules for requests.
    Case::refused("unknown method", "retry", METHOD),
    Case::refused("method with a line break", "retry", METHOD),
    Case::refused("thousands of headers", "retry", "more than 64 headers"),
    Case::refused("header with a line break", "misconfigured", CONTROL),
    Case::refused("header with a control character", "misconfigured", CONTROL),
    Case::refused("header name with a line break", "retry", HEADER),
    Case::refused("header name with a space", "retry", HEADER),
    Case::refused("header twice", "retry", HEADER),
    Case::refused("host header", "retry", HEADER),
    Case::refused("content-length header", "retry", HEADER),
    Case::refused("transfer-encoding header", "retry", HEADER),
    Case::refused("proxy header", "retry", HEADER),
    Case::refused("dot segment", "retry", DOTS),
    Case::refused("dot segment of pieces", "retry", DOTS),
    Case::refused("undeclared site", "retry", NO_HOST),
    Case::refused("site on this machine", "retry", NO_HOST),
    // Rules for secrets.
    Case::refused("undeclared secret", "retry", UNDECLARED),
    Case::refused("withheld secret", "retry", UNDECLARED),
    Case::refused("secret in the path", "retry", UNDECLARED),
    Case::refused("secret in the query", "retry", UNDECLARED),
    Case::refused("secret in the body", "retry", UNDECLARED),
    Case::refused("secret in base64 in the body", "retry", UNDECLARED),
    Case::refused("secret in a signature", "retry", UNDECLARED),
    Case::refused("secret as a signing key", "retry", UNDECLARED),
    Case::refused("undeclared credential", "retry", "may not stand"),
    Case::refused("body signed inside the body", "misconfigured", "signs the body inside the body"),
    // The conversation.
    Case::sends("asks for ever", "retry", Sent::ForEachAttempt(8)).because("more than 8 questions"),
    Case::sends("remembers too much", "delivered", Sent::Nothing),
    Case::stopped("traps after an answer", "trap", "Bearer *****").sends_for_each_attempt(),
    Case::sends("repeats an answer as skipped", "skipped", Sent::ForEachEvent).because(MASKED),
    Case::sends("repeats an answer as misconfigured", "misconfigured", Sent::ForEachEvent)
        .because(MASKED),
    Case::sends("repeats an answer as unsendable", "dead", Sent::ForEachEvent).because(MASKED),
    Case::sends("repeats an answer as rejected", "dead", Sent::ForEachEvent).because(MASKED),
    Case::sends("repeats an answer as later", "retry", Sent::ForEachEvent).because(MASKED),
    Case::sends("puts an answer into a query", "delivered", Sent::ForEachAttempt(2)),
    Case::refused("long text", "dead", "long long"),
    Case::refused("at once again", "retry", "at once"),
];

impl Case {
    const fn sends_for_each_attempt(self) -> Self {
        Self { sent: Sent::ForEachAttempt(1), ..self }
    }
}

/// Those that become much where the host makes the request.
pub(super) const MUCH: &[Case] = &[
    Case::refused("secret many times", "retry", "longer than"),
    Case::refused("secret many times in base64", "retry", "longer than"),
    Case::refused("body signed many times over", "retry", "longer than"),
];

/// Makes the host look for a panic's text where there are millions of beginnings.
pub(super) const NOISE: &[Case] = &[Case::stopped("trap in noise", "trap", "the module trapped")];

/// Those that need WASI.
pub(super) const SYSTEM: &[Case] = &[
    Case::refused("reads a file", "dead", "refused:").of("hostile-wasi"),
    Case::refused("writes a file", "dead", "refused:").of("hostile-wasi"),
    Case::refused("lists a folder", "dead", "refused:").of("hostile-wasi"),
    Case::refused("lists its own folder", "dead", "refused:").of("hostile-wasi"),
    Case::refused("connects", "dead", "refused:").of("hostile-wasi"),
    Case::refused("listens", "dead", "refused:").of("hostile-wasi"),
    Case::refused("sends a datagram", "dead", "refused:").of("hostile-wasi"),
    Case::refused("resolves a name", "dead", "refused:").of("hostile-wasi"),
    Case::refused("reads the environment", "dead", "refused: empty").of("hostile-wasi"),
    Case::refused("reads standard input", "dead", "refused:").of("hostile-wasi"),
    Case::stopped("sleeps", "timeout", "did not end within 5000 ms").of("hostile-wasi"),
    Case::stopped("exits", "trap", "exit with status 0").of("hostile-wasi"),
    Case::stopped("floods standard error", "deadline", RAN).of("hostile-wasi"),
    Case::stopped("endless loop", "deadline", RAN).of("hostile-wasi"),
    Case::stopped("growing memory", "limit-memory", MEMORY).of("hostile-wasi"),
    Case::stopped("deep recursion", "trap", "the module").of("hostile-wasi"),
    Case::stopped("panic", "trap", "giving up on").of("hostile-wasi"),
];
