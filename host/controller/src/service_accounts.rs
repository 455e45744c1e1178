//! The identities that a cluster gives its workloads: credentials ask for them, and a source that knows ServiceAccounts
//! gives them.
//!
//! Nothing here knows how an identity is obtained or what is had for it.

use std::collections::BTreeMap;

use futures_util::future::BoxFuture;
use herald_core::secret::SecretText;
use thiserror::Error;

/// Whoever speaks for the ServiceAccounts of a cluster.
pub trait ServiceAccounts: Send + Sync {
    /// The name of the one whose identity a Provider uses that names none.
    fn default_name(&self) -> Option<&str>;

    /// The annotations of a ServiceAccount.
    fn annotations<'a>(
        &'a self,
        namespace: &'a str,
        name: &'a str,
    ) -> BoxFuture<'a, Result<BTreeMap<String, String>, NoIdentityError>>;

    /// A token that says to this audience, for some minutes, that its bearer is the ServiceAccount.
    fn token<'a>(
        &'a self,
        namespace: &'a str,
        name: &'a str,
        audience: &'a str,
    ) -> BoxFuture<'a, Result<SecretText, NoIdentityError>>;
}

/// Why an identity is not to be had. The text names the ServiceAccount and says what to change.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct NoIdentityError(pub String);
