//! The way out: the only room that knows the values of secrets and that opens connections to receivers.
//!
//! A module's [`Request`](herald_core::formatter::Request) becomes a [`Prepared`] request in [`fill`]: every check that
//! needs no network is made there, then the secrets are filled in. [`Network`] sends it, by [`HttpTransport`] or over
//! NATS: it resolves names, checks every address that it dials, keeps connections, and caps what it reads. [`Mask`] takes
//! secrets out of whatever comes back. Nothing here knows modules, lanes, the journal or where Providers come from.

mod client;
mod fill;
#[cfg(test)]
pub(crate) mod fixture;
mod lookups;
mod mask;
pub(crate) mod nats;
mod network;
mod proxy;
mod resolver;
mod send;
mod signature;
mod url;

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use herald_core::formatter::Response;
use herald_core::provider::Provider;
use reqwest::Method;
use reqwest::header::HeaderMap;
use thiserror::Error;

pub use client::HttpTransport;
pub(crate) use fill::{AGENT, WITHHELD};
pub use fill::{Draft, PrepareError, Unauthorized, prepare};
pub use mask::{AddressSeen, Mask};
pub use network::Network;
pub(crate) use proxy::proxy_of;
pub use resolver::{Resolver, SystemResolver};
pub use send::MAX_ANSWER_BYTES;
pub(crate) use send::{MAX_HOPS, redirect_target};
pub(crate) use signature::sign;

/// A request that is ready for the wire. It holds secrets, so it has no `Debug`.
#[derive(Clone)]
pub struct Prepared {
    /// The HTTP method, or `PUBLISH` for a message to NATS.
    pub method: Method,
    /// The whole URL, without userinfo; the path of one of NATS is the subject.
    pub url: ::url::Url,
    /// In the order of the module; values that came from secrets are marked sensitive.
    pub headers: HeaderMap,
    /// Exactly as it is sent.
    pub body: Bytes,
}

/// Sends prepared requests: over the network in `serve`, from files in `render`.
pub trait Transport: Send + Sync {
    /// Sends one request with the provider's proxy and TLS settings, and reads the whole answer, all within a time.
    ///
    /// The answer is as the receiver sent it; whoever shows it to a module or a person masks it first.
    fn send(
        &self,
        provider: &Provider,
        request: Prepared,
        within: Duration,
    ) -> impl Future<Output = Result<Response, SendError>> + Send;
}

/// Why no answer came back. No variant holds a URL beyond its host.
#[derive(Debug, Error)]
pub enum SendError {
    /// The policy forbids the address.
    #[error("the address is not allowed")]
    Denied(#[source] herald_core::policy::Denied),
    /// The name does not resolve.
    #[error("cannot resolve {host}")]
    Resolve {
        /// The host of the URL or of the proxy.
        host: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// No connection, a TLS failure, or the connection broke.
    #[error("cannot reach {host}: {reason}")]
    Connect {
        /// The host of the URL.
        host: String,
        /// The innermost cause, without URLs.
        reason: String,
    },
    /// The attempt's time is up.
    #[error("{host} did not answer within {seconds:.1} s")]
    Timeout {
        /// The host of the URL.
        host: String,
        /// How long it was waited for.
        seconds: f64,
    },
    /// The answer is longer than Herald reads.
    #[error("{host} answered with more than {limit} bytes")]
    TooLong {
        /// The host of the URL.
        host: String,
        /// The limit in bytes.
        limit: usize,
    },
    /// The proxy or TLS settings of the Provider cannot be used.
    #[error("the Provider's connection settings cannot be used: {0}")]
    Settings(String),
    /// The server does not take the user, or not there.
    #[error("{host} refuses it: {reason}")]
    Refused {
        /// The host of the URL.
        host: String,
        /// What to change, and what the server said.
        reason: String,
    },
    /// The server takes no message of that length.
    #[error("{host} takes messages of at most {limit} bytes, and this one is longer")]
    TooLarge {
        /// The host of the URL.
        host: String,
        /// The limit in bytes.
        limit: usize,
    },
    /// More redirects than Herald follows.
    #[error("{host} redirects in a loop")]
    Redirects {
        /// The host of the URL.
        host: String,
    },
}

impl SendError {
    /// Whether only a change of the Provider can help.
    #[must_use]
    pub fn is_misconfiguration(&self) -> bool {
        match self {
            SendError::Denied(_) | SendError::Settings(_) | SendError::Refused { .. } => true,
            SendError::Resolve { .. }
            | SendError::Connect { .. }
            | SendError::Timeout { .. }
            | SendError::TooLong { .. }
            | SendError::TooLarge { .. }
            | SendError::Redirects { .. } => false,
        }
    }

    /// Whether this message can never be sent there.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self, SendError::TooLarge { .. })
    }

    /// A label from a closed set.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            SendError::Denied(_) => "denied",
            SendError::Resolve { .. } => "dns",
            SendError::Connect { .. } => "connect",
            SendError::Timeout { .. } => "timeout",
            SendError::TooLong { .. } => "too-long",
            SendError::Settings(_) => "settings",
            SendError::Refused { .. } => "refused",
            SendError::TooLarge { .. } => "too-large",
            SendError::Redirects { .. } => "redirects",
        }
    }
}
