//! What a module is given: one delivery, with nothing in it that is secret.

use jiff::Timestamp;

use crate::delivery::DeliveryId;
use crate::event::Event;

/// One event on its way to one provider.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// The same for every attempt and different for every other delivery.
    pub id: DeliveryId,
    /// When this attempt began.
    pub now: Timestamp,
    /// The event, its metadata merged with the Alert's.
    pub event: Event,
    /// The Alert that asked for this delivery.
    pub alert: AlertRef,
    /// Where it goes.
    pub provider: ProviderView,
    /// The name of this status on a commit; set for modules whose purpose is a commit status.
    pub commit_status: Option<String>,
    /// What the module last asked to remember about this object and provider.
    pub remembered: Option<String>,
    /// The answers to the questions already asked in this attempt, oldest first.
    pub responses: Vec<Response>,
    /// What else the host knows, sorted by name; `wit/README.md` lists the names.
    pub facts: Vec<(String, String)>,
}

/// The identity of an Alert.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertRef {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid, which stays the same while it exists.
    pub uid: String,
}

/// The part of a Provider that a module may see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProviderView {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// `spec.channel`, empty when unset.
    pub channel: String,
    /// From the Secret or, without one there, from `spec.username`.
    pub username: String,
    /// The public part of its address.
    pub address: Option<ProviderAddress>,
    /// The keys of its Secret that have a value, sorted; an entry of the Secret's `headers` is `headers/<name>`.
    pub secret_keys: Vec<String>,
    /// `spec.config` as JSON text, `{}` when unset.
    pub config: String,
}

/// The public part of a provider's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProviderAddress {
    /// Scheme, host and port; the rest may be a credential.
    Url(Origin),
    /// No URL but the name of a project, a hub or the like.
    Name(String),
}

/// Where a URL leads, without userinfo, path or query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// In lower case, such as `https`.
    pub scheme: String,
    /// In lower case; an IPv6 address stands in brackets.
    pub host: String,
    /// Only when it is written in the URL.
    pub port: Option<u16>,
}

/// What a receiver answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status code.
    pub status: u16,
    /// Names in lower case, without `set-cookie`.
    pub headers: Vec<(String, String)>,
    /// The whole body, the provider's secrets masked.
    pub body: Vec<u8>,
}

impl Response {
    /// The first header of this lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}
