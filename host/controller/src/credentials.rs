//! Credentials that the host obtains: a module names one, and it is put into the `authorization` header of its request.
//!
//! This room knows how each is obtained ([`github`], [`google`], [`azure`], [`event_hubs`]) from what the Provider's
//! Secret has, or else from a ServiceAccount of the cluster ([`workload`]) or the process's [`Environment`], where each
//! may go ([`audience`]), and how long it is kept ([`kept`]). Its own requests leave through the [`Transport`] of the delivery, with the Provider's proxy and
//! certificates; what it obtains is told to the Provider's [`Mask`] before anyone else sees it. It must not know modules,
//! deliveries, the journal or where Providers come from.

mod audience;
mod azure;
mod environment;
mod event_hubs;
mod exchange;
mod github;
mod google;
mod jwt;
mod kept;
mod oauth;
mod workload;

use std::sync::Arc;
use std::time::Duration;

use herald_core::provider::Provider;
use herald_core::secret::SecretText;
use jiff::Timestamp;
use reqwest::Method;
use reqwest::header::HeaderValue;
use thiserror::Error;
use tokio::time::Instant;
use url::Url;

use crate::egress::{Mask, SendError, Transport};
use crate::service_accounts::ServiceAccounts;
use crate::telemetry::{Metrics, TokenRequest};
pub use environment::Environment;
use exchange::Exchange;
pub use google::{GkeCluster, ParseGkeClusterError};
use kept::{Kept, Key, Minted};
use workload::Workload;

/// The most of a delivery's time that goes into asking whether a ServiceAccount is what it was.
const CONFIRMATION: Duration = Duration::from_secs(1);

/// The credentials that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Credential {
    GithubApp,
    GithubAppJwt,
    Google,
    AzureEventHubs,
    AzureDevops,
}

impl Credential {
    const ALL: [Self; 5] = [
        Self::GithubApp,
        Self::GithubAppJwt,
        Self::Google,
        Self::AzureEventHubs,
        Self::AzureDevops,
    ];

    /// What modules and people call it.
    fn name(self) -> &'static str {
        match self {
            Self::GithubApp => "github-app",
            Self::GithubAppJwt => "github-app-jwt",
            Self::Google => "google",
            Self::AzureEventHubs => "azure-event-hubs",
            Self::AzureDevops => "azure-devops",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|credential| credential.name() == name)
    }
}

/// A credential that is not to be had. No text holds a secret; what receivers said is masked by whoever shows it.
#[derive(Clone, Debug, Error)]
pub enum CredentialError {
    /// A later version may know it.
    #[error(
        "the credential {0} is not supported by this version of Herald; use a token in the Provider's Secret"
    )]
    Unknown(String),
    /// The module would send it where it does not belong.
    #[error("the credential {name} is for {audience} and not for {host}")]
    Audience {
        /// Its name.
        name: &'static str,
        /// Where it may go.
        audience: String,
        /// Where it would have gone.
        host: String,
    },
    /// It could not be obtained.
    #[error("cannot obtain the credential {name}")]
    Obtain {
        /// Its name.
        name: &'static str,
        /// Why.
        #[source]
        failure: Arc<ObtainError>,
    },
}

/// Why a credential could not be obtained.
#[derive(Debug, Error)]
pub enum ObtainError {
    /// The Provider, its Secret or the process must be changed first; the text says what.
    #[error("{0}")]
    Misconfigured(String),
    /// Another attempt may succeed.
    #[error("{reason}")]
    Later {
        /// What happened.
        reason: String,
        /// The wait that was asked for.
        after: Option<Duration>,
    },
    /// No answer came.
    #[error(transparent)]
    Send(SendError),
}

/// A request that wants a credential, and the means to obtain it.
pub struct Asking<'a, T> {
    /// Whose credential it is.
    pub provider: &'a Provider,
    /// The method of the request.
    pub method: &'a Method,
    /// Where the request goes.
    pub url: &'a Url,
    /// Sends requests for tokens.
    pub transport: &'a T,
    /// Learns what is secret.
    pub mask: &'a Mask,
    /// When the attempt began.
    pub now: Timestamp,
    /// When the attempt has to end.
    pub deadline: Instant,
}

/// A header's value with a credential in it.
pub struct Authorization {
    minted: Arc<Minted>,
    key: Key,
    /// Whether it was obtained just now, so that a receiver which refuses it will refuse the next one as well.
    pub is_new: bool,
}

impl Authorization {
    /// What the header `authorization` holds.
    #[must_use]
    pub fn value(&self) -> HeaderValue {
        self.minted.header.clone()
    }
}

/// Obtains credentials and keeps them.
#[derive(Default)]
pub struct Credentials {
    kept: Kept,
    environment: Environment,
    accounts: Option<Arc<dyn ServiceAccounts>>,
    metrics: Option<Metrics>,
}

impl Credentials {
    /// Of Providers' Secrets, and of this environment where a Secret has none.
    #[must_use]
    pub fn new(environment: Environment) -> Self {
        Self { environment, ..Self::default() }
    }

    /// The same with the ServiceAccounts of a cluster, where Providers may use them.
    #[must_use]
    pub fn with_accounts(self, accounts: Option<Arc<dyn ServiceAccounts>>) -> Self {
        Self { accounts, ..self }
    }

    /// The same, counted.
    #[must_use]
    pub fn counted_by(self, metrics: Metrics) -> Self {
        Self { metrics: Some(metrics), ..self }
    }

    /// What modules are told of the environment with each delivery (`wit/README.md`, "Facts").
    #[must_use]
    pub fn facts(&self) -> Vec<(String, String)> {
        self.environment.facts()
    }

    /// The credential of this name for a request.
    ///
    /// It is obtained once for all who wait for it, kept until shortly before it ends, and known to the mask.
    ///
    /// # Errors
    /// There is none of this name, it must not go where the request goes, or it cannot be obtained.
    pub async fn authorization<T: Transport>(
        &self,
        name: &str,
        asking: &Asking<'_, T>,
    ) -> Result<Authorization, CredentialError> {
        let credential =
            Credential::named(name).ok_or_else(|| CredentialError::Unknown(name.to_owned()))?;
        let name = credential.name();
        let not_obtained = |failure| CredentialError::Obtain { name, failure };
        audience::check(credential, asking)?;
        let key = Key::new(asking.provider, credential);
        let generation = asking.provider.generation;
        let mint = |deadline| self.mint(credential, asking, deadline);
        let is_wanted = async |minted: &Minted| self.is_wanted(asking, minted).await;
        let got =
            self.kept.get(&key, generation, asking.now, asking.deadline, mint, is_wanted).await;
        self.count(asking.provider, got.as_ref().ok().map(|(_, is_new)| *is_new));
        let (minted, is_new) = got.map_err(not_obtained)?;
        // A mask that was made anew has to learn it again.
        for secret in &minted.secrets {
            asking.mask.hide(secret);
        }
        Ok(Authorization { minted, key, is_new })
    }

    /// A receiver refused it. Whether another try may get a better one: a token that was kept may have been revoked, one
    /// of this moment was not.
    pub async fn refused(&self, authorization: &Authorization, now: Timestamp) -> bool {
        !authorization.is_new
            && self.kept.forget(&authorization.key, &authorization.minted, now).await
    }

    async fn mint<T: Transport>(
        &self,
        credential: Credential,
        asking: &Asking<'_, T>,
        deadline: Instant,
    ) -> Result<Minted, ObtainError> {
        let exchange = Exchange { asking, deadline };
        let environment = &self.environment;
        let workload = match credential {
            Credential::GithubApp | Credential::GithubAppJwt => None,
            Credential::Google | Credential::AzureEventHubs | Credential::AzureDevops => {
                self.workload(asking.provider)?
            }
        };
        let identity = workload.as_ref();
        let minted = match credential {
            Credential::GithubApp => github::token(&exchange).await,
            Credential::GithubAppJwt => github::own_token(&exchange),
            Credential::Google => google::token(&exchange, identity, environment).await,
            Credential::AzureEventHubs => {
                event_hubs::token(&exchange, identity, &environment.azure).await
            }
            Credential::AzureDevops => {
                azure::token(&exchange, identity, &environment.azure, azure::DEVOPS).await
            }
        }?;
        let annotations = workload.and_then(Workload::seen);
        tracing::debug!(
            provider.namespace = %asking.provider.namespace,
            provider.name = %asking.provider.name,
            credential = credential.name(),
            ends = %minted.ends,
            "obtained a credential"
        );
        Ok(Minted { annotations, ..minted })
    }

    /// Whether the ServiceAccount that it was obtained for, if there was one, still is what it was.
    async fn is_wanted<T: Transport>(&self, asking: &Asking<'_, T>, minted: &Minted) -> bool {
        let Some(annotations) = &minted.annotations else { return true };
        let Ok(Some(workload)) = self.workload(asking.provider) else { return true };
        workload.has(annotations, asking.deadline.min(Instant::now() + CONFIRMATION)).await
    }

    /// Counts a request; `is_new` unless it failed.
    fn count(&self, provider: &Provider, is_new: Option<bool>) {
        let Some(metrics) = &self.metrics else { return };
        let request = match is_new {
            Some(true) => TokenRequest::Obtained,
            Some(false) => TokenRequest::Kept,
            None => TokenRequest::Failed,
        };
        metrics.token_requested(&provider.namespace, &provider.name, request);
        if request != TokenRequest::Kept {
            let (n_kept, n_evicted) = self.kept.numbers();
            metrics.tokens_kept(n_kept, n_evicted);
        }
    }

    /// The ServiceAccount that a Provider uses where its Secret has no credentials.
    fn workload<'a>(&'a self, provider: &'a Provider) -> Result<Option<Workload<'a>>, ObtainError> {
        Workload::of(provider, self.accounts.as_deref())
    }
}

/// What an owner has to change.
fn misconfigured(text: impl Into<String>) -> ObtainError {
    ObtainError::Misconfigured(text.into())
}

/// The value of a key of the Provider's Secret, trimmed; none when there is nothing.
fn secret<'a>(provider: &'a Provider, key: &str) -> Option<&'a str> {
    provider.secret.get(key).map(SecretText::expose).map(str::trim).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_credential_is_found_by_its_name_and_documented() {
        let documented = include_str!("../../../wit/README.md");
        for credential in Credential::ALL {
            assert_eq!(Credential::named(credential.name()), Some(credential));
            let row = ["| `", credential.name(), "` |"].concat();
            assert!(documented.contains(&row), "{row} is missing in wit/README.md");
        }
        assert_eq!(Credential::named("github"), None);
    }
}
