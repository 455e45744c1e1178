//! The ServiceAccount whose identity a Provider uses: what stands on it, and a token that says to one audience who it is.
//!
//! It must not know how a cluster is asked, nor which cloud the token is for.

use std::collections::BTreeMap;

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
        Ok(name.map(|name| Self { accounts, namespace: &provider.namespace, name }))
    }

    /// Its annotations, asked for anew.
    pub(super) async fn annotations(
        &self,
        deadline: Instant,
    ) -> Result<BTreeMap<String, String>, ObtainError> {
        let asked = self.accounts.annotations(self.namespace, self.name);
        in_time(timeout_at(deadline, asked).await)
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
