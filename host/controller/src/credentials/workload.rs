//! The ServiceAccount whose identity a Provider uses: what stands on it, and a token that says to one audience who it is.
//!
//! It must not know how a cluster is asked, nor which cloud the token is for.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use herald_core::provider::Provider;
use herald_core::secret::SecretText;
use tokio::time::{Instant, timeout_at};

use super::exchange::Exchange;
use super::{ObtainError, misconfigured};
use crate::egress::Transport;
use crate::service_accounts::{NoIdentityError, ServiceAccounts};

/// A ServiceAccount that a Provider may use.
pub(super) struct Workload<'a> {
    accounts: &'a dyn ServiceAccounts,
    namespace: &'a str,
    name: &'a str,
    /// What stood on it when it was asked for.
    read: OnceLock<BTreeMap<String, String>>,
}

impl<'a> Workload<'a> {
    /// The one that a Provider names, or else the one for those that name none; none when there is neither.
    pub(super) fn of(
        provider: &'a Provider,
        accounts: Option<&'a dyn ServiceAccounts>,
    ) -> Result<Option<Self>, ObtainError> {
        let named = provider.service_account.as_deref();
        let Some(accounts) = accounts else {
            return match named {
                None => Ok(None),
                Some(name) => Err(misconfigured(format!(
                    "no cluster is followed that could give the identity of the ServiceAccount {name}: put credentials \
                     into the Provider's Secret"
                ))),
            };
        };
        let name = named.or_else(|| accounts.default_name());
        let namespace = &provider.namespace;
        Ok(name.map(|name| Self { accounts, namespace, name, read: OnceLock::new() }))
    }

    /// Its annotations.
    pub(super) async fn annotations(
        &self,
        deadline: Instant,
    ) -> Result<&BTreeMap<String, String>, ObtainError> {
        let asked = self.accounts.annotations(self.namespace, self.name);
        let annotations = in_time(timeout_at(deadline, asked).await)?;
        Ok(self.read.get_or_init(|| annotations))
    }

    /// The annotations that were asked for; none if they were not.
    pub(super) fn seen(self) -> Option<BTreeMap<String, String>> {
        self.read.into_inner()
    }

    /// Whether these stand on it still; also when that is not to be had now.
    pub(super) async fn has(
        &self,
        annotations: &BTreeMap<String, String>,
        deadline: Instant,
    ) -> bool {
        self.annotations(deadline).await.map_or(true, |now| now == annotations)
    }

    /// A token for an audience. The mask knows it.
    pub(super) async fn token<T: Transport>(
        &self,
        exchange: &Exchange<'_, '_, T>,
        audience: &str,
    ) -> Result<SecretText, ObtainError> {
        let asked = self.accounts.token(self.namespace, self.name, audience);
        let token = in_time(timeout_at(exchange.deadline, asked).await)?;
        exchange.mask().hide(&token);
        Ok(token)
    }

    /// That something about it has to be changed first. No change of the Provider would mend it, so none is waited for.
    pub(super) fn wrong(&self, what: &str) -> ObtainError {
        let reason = format!("the ServiceAccount {}/{} {what}", self.namespace, self.name);
        ObtainError::Later { reason, after: None }
    }
}

/// What asking has come to.
fn in_time<T, E>(asked: Result<Result<T, NoIdentityError>, E>) -> Result<T, ObtainError> {
    let reason = match asked {
        Ok(Ok(answer)) => return Ok(answer),
        Ok(Err(err)) => err.to_string(),
        Err(_) => "the API server gave no identity before the time was up".to_owned(),
    };
    Err(ObtainError::Later { reason, after: None })
}
