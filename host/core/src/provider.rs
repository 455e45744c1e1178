//! A Provider as the rest of the host uses it: its settings, its Secret's values, and what a module may see of them.
//!
//! It must not know how a Provider is read from a cluster or a folder, nor which type it is for what: `kind` is a name.

use std::fmt;
use std::time::Duration;

use crate::address::{Address, WrittenAddress};
use crate::commit_status::CommitStatusExpr;
use crate::formatter::ProviderView;
use crate::object_json::ObjectJson;
use crate::secret::{SecretText, SecretValues};

/// How long an attempt may take when `spec.timeout` is unset.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(15);

/// The annotation that says how many attempts may be under way to a Provider at a time.
pub const CONCURRENCY: &str = "herald.dev/concurrency";

/// The annotation that says which form an event may take when no module of the Provider's type can format it.
pub const FALLBACK: &str = "herald.dev/fallback";

/// The most attempts under way to one Provider that can be set.
pub const MAX_CONCURRENCY: u8 = 64;

/// One Provider with what its references led to.
pub struct Provider {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// `spec.type`.
    pub kind: String,
    /// `spec.channel`, empty when unset.
    pub channel: String,
    /// `spec.username`, empty when unset; a `username` in the Secret beats it.
    pub username: String,
    /// The Secret's `address` or else `spec.address`, trimmed, empty when there is none. It may be a credential. The
    /// connection string of a namespace of Event Hubs has the channel as its hub.
    pub address: WrittenAddress,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// How many attempts may be under way to it at a time, where it says so itself.
    pub concurrency: Option<u8>,
    /// What formats an event when no module of its type can; none lets it wait for a better module.
    pub fallback: Option<Fallback>,
    /// Whether nothing is to be sent.
    pub suspend: bool,
    /// What its Secret holds.
    pub secret: SecretValues,
    /// The proxy that its requests go through.
    pub proxy: Option<ProxySettings>,
    /// Certificates of its own.
    pub tls: Option<TlsSettings>,
    /// The ServiceAccount of its namespace whose identity it uses where its Secret has no credentials.
    pub service_account: Option<String>,
    /// `spec.commitStatusExpr`.
    pub commit_status_expr: Option<CommitStatusExpr>,
    /// `spec.config`, an object.
    pub config: serde_json::Value,
    /// The object as expressions see it, with nothing from Secrets.
    pub json: ObjectJson,
    /// Why it cannot be used, such as a missing Secret; empty when it can.
    pub problems: Vec<String>,
    /// Differs after every change of the Provider or of what it refers to.
    pub generation: u64,
}

/// A proxy for outgoing requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxySettings {
    /// Its URL, which may hold a user and a password.
    pub url: SecretText,
}

/// Certificates of a Provider, as PEM texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsSettings {
    /// Trusted instead of the system's own roots.
    pub ca: Option<SecretText>,
    /// The certificate and key to show to the receiver.
    pub identity: Option<(SecretText, SecretText)>,
}

impl Provider {
    /// What a module may see of it.
    ///
    /// An address that cannot be read is left out: `problems` says what is wrong with it.
    #[must_use]
    pub fn view(&self) -> ProviderView {
        ProviderView {
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            uid: self.uid.clone(),
            channel: self.channel.clone(),
            username: self.username().to_owned(),
            address: self.address.known().map(Address::public),
            secret_keys: self.secret.keys_with_value().map(str::to_owned).collect(),
            config: if self.config.is_null() { "{}".to_owned() } else { self.config.to_string() },
        }
    }

    fn username(&self) -> &str {
        match self.secret.get("username") {
            Some(username) if !username.is_empty() => username.expose(),
            _ => &self.username,
        }
    }
}

// The address may be a credential and `json` holds `spec.address`, so both are left out.
impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider")
            .field("namespace", &self.namespace)
            .field("name", &self.name)
            .field("uid", &self.uid)
            .field("kind", &self.kind)
            .field("suspend", &self.suspend)
            .field("problems", &self.problems)
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}

/// A module that may stand in for those of a Provider's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fallback {
    /// The built-in module of the type.
    BuiltIn,
    /// That of the type `generic`: the event as it is.
    Generic,
}

/// Why a text is no fallback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be built-in, generic or none")]
pub struct ParseFallbackError;

/// Reads which module may stand in.
///
/// # Errors
///
/// When it is none of the words for that.
pub fn parse_fallback(text: &str) -> Result<Option<Fallback>, ParseFallbackError> {
    match text {
        "built-in" => Ok(Some(Fallback::BuiltIn)),
        "generic" => Ok(Some(Fallback::Generic)),
        "none" => Ok(None),
        _ => Err(ParseFallbackError),
    }
}

/// Why a text is no number of attempts under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a number from 1 to {MAX_CONCURRENCY}, such as 8")]
pub struct ParseConcurrencyError;

/// Reads how many attempts may be under way at a time.
///
/// # Errors
///
/// When it is no number from 1 to [`MAX_CONCURRENCY`].
pub fn parse_concurrency(text: &str) -> Result<u8, ParseConcurrencyError> {
    match text.parse() {
        Ok(number @ 1..=MAX_CONCURRENCY) => Ok(number),
        _ => Err(ParseConcurrencyError),
    }
}

/// Why a text is no timeout.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseTimeoutError {
    /// It is written in another way.
    #[error(
        "the timeout is not written as numbers with the unit `ms`, `s` or `m`, such as `15s`, `500ms` or `1m30s`"
    )]
    Form,
    /// It is zero, so that every attempt would end at once.
    #[error("the timeout is zero; give a time above it, such as `15s`")]
    Zero,
    /// It is longer than can be counted.
    #[error("the timeout is too long; give a shorter one, such as `15s`")]
    TooLong,
}

/// Reads `spec.timeout`: `^([0-9]+(\.[0-9]+)?(ms|s|m))+$`, above zero.
///
/// # Errors
///
/// When it has another form, is zero or cannot be counted.
pub fn parse_timeout(text: &str) -> Result<Duration, ParseTimeoutError> {
    let mut rest = text.as_bytes();
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return Err(ParseTimeoutError::Form);
    }
    while !rest.is_empty() {
        let whole = digits(&mut rest).ok_or(ParseTimeoutError::Form)?;
        let fraction = match rest {
            [b'.', after @ ..] => {
                rest = after;
                digits(&mut rest).ok_or(ParseTimeoutError::Form)?
            }
            _ => &[],
        };
        let nanos_per_unit = match rest {
            [b'm', b's', after @ ..] => {
                rest = after;
                1_000_000
            }
            [b's', after @ ..] => {
                rest = after;
                1_000_000_000
            }
            [b'm', after @ ..] => {
                rest = after;
                60_000_000_000
            }
            _ => return Err(ParseTimeoutError::Form),
        };
        let part = nanos(whole, fraction, nanos_per_unit).ok_or(ParseTimeoutError::TooLong)?;
        // A count above 292 years is refused, as it does not fit into a signed number of nanoseconds elsewhere.
        total = total.saturating_add(Duration::from_nanos(part));
        if total.as_nanos() > i64::MAX as u128 {
            return Err(ParseTimeoutError::TooLong);
        }
    }
    if total.is_zero() { Err(ParseTimeoutError::Zero) } else { Ok(total) }
}

/// Takes the digits at the front of `rest`; none if there are none.
fn digits<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let n_digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (taken, after) = rest.split_at(n_digits);
    *rest = after;
    (n_digits > 0).then_some(taken)
}

/// `whole.fraction` units in nanoseconds, rounded down; none when there are too many.
fn nanos(whole: &[u8], fraction: &[u8], nanos_per_unit: u64) -> Option<u64> {
    let mut total: u64 = 0;
    for digit in whole {
        total = total.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
    }
    total = total.checked_mul(nanos_per_unit)?;
    // Sixteen digits are more than any unit can show, and keep the sum within 128 bits.
    let (mut numerator, mut denominator) = (0_u128, 1_u128);
    for digit in fraction.iter().take(16) {
        numerator = numerator * 10 + u128::from(digit - b'0');
        denominator *= 10;
    }
    let part = u64::try_from(u128::from(nanos_per_unit) * numerator / denominator).ok()?;
    total.checked_add(part)
}

#[cfg(test)]
mod tests;
