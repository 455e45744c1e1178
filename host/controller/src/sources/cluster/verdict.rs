//! What Herald finds when it looks at a Provider or an Alert: one reason of a closed list, and a text for people.
//!
//! It must not know how a verdict is shown.

/// Why an object is ready or not. The names stand in conditions, so they never change their meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Reason {
    /// Everything is in order.
    Succeeded,
    /// It was not looked at in full yet.
    Progressing,
    /// A field of the object is wrong.
    InvalidSpec,
    /// There is no module for the type.
    UnknownType,
    /// A Secret that it names is not there.
    SecretNotFound,
    /// The API server does not give a Secret that it names.
    SecretUnreadable,
    /// The ServiceAccount that it names is not there.
    ServiceAccountNotFound,
    /// The API server does not give the identity of the ServiceAccount that it names.
    ServiceAccountUnreadable,
    /// A Secret that it names lacks a key or has a wrong value.
    InvalidSecret,
    /// The module of the type finds fault with it.
    ValidationFailed,
    /// The Provider that an Alert names is not there.
    ProviderNotFound,
    /// The Provider that an Alert names is not ready.
    ProviderNotReady,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) reason: Reason,
    pub(super) message: String,
}

/// How long a message may become; the rest is in the log.
const MAX_MESSAGE_CHARS: usize = 2000;

impl Reason {
    /// Its name in a condition.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Succeeded => "Succeeded",
            Self::Progressing => "Progressing",
            Self::InvalidSpec => "InvalidSpec",
            Self::UnknownType => "UnknownType",
            Self::SecretNotFound => "SecretNotFound",
            Self::SecretUnreadable => "SecretUnreadable",
            Self::ServiceAccountNotFound => "ServiceAccountNotFound",
            Self::ServiceAccountUnreadable => "ServiceAccountUnreadable",
            Self::InvalidSecret => "InvalidSecret",
            Self::ValidationFailed => "ValidationFailed",
            Self::ProviderNotFound => "ProviderNotFound",
            Self::ProviderNotReady => "ProviderNotReady",
        }
    }

    /// Whether nothing gets better until somebody changes the object or its Secret. Others depend on what may come by
    /// itself, such as a Secret that is applied a moment later.
    pub(super) fn is_stalled(self) -> bool {
        match self {
            Self::InvalidSpec
            | Self::UnknownType
            | Self::InvalidSecret
            | Self::ValidationFailed => true,
            Self::Succeeded
            | Self::Progressing
            | Self::SecretNotFound
            | Self::SecretUnreadable
            | Self::ServiceAccountNotFound
            | Self::ServiceAccountUnreadable
            | Self::ProviderNotFound
            | Self::ProviderNotReady => false,
        }
    }
}

impl Verdict {
    /// That everything is in order.
    pub(super) fn ready(message: &str) -> Self {
        Self { reason: Reason::Succeeded, message: message.to_owned() }
    }

    /// Everything that is wrong for one reason.
    pub(super) fn of_problems(reason: Reason, problems: &[String]) -> Self {
        let whole = problems.join("; ");
        let mut message: String = whole.chars().take(MAX_MESSAGE_CHARS).collect();
        if message.len() < whole.len() {
            message.push('…');
        }
        Self { reason, message }
    }

    /// Whether everything is in order.
    pub(super) fn is_ready(&self) -> bool {
        self.reason == Reason::Succeeded
    }
}
